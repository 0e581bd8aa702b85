//! One pool for a whole service.
//!
//! ```text
//! cargo run -p roundelay-pools --example shared_pool
//! ```
//!
//! A small line server: each connection sends words and gets back their lengths and a checksum,
//! one line each. Every connection has a cheap thread that only reads and writes; what computes
//! goes to *one* pool that all share. So the work at one time is bounded however many clients
//! there are, and a client that the pool has no room for is told so at once, instead of making
//! all others slow. (One pool for each connection would be the opposite of a bound.)

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use roundelay_pools::{PoolError, ThreadPool};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = Arc::new(ThreadPool::builder().threads(2).capacity(64).name("service").build());
    let (address, server) = start_service(Arc::clone(&pool), 8)?;

    let clients: Vec<_> =
        (0..8).map(|client| thread::spawn(move || talk(address, client))).collect();
    for client in clients {
        print!("{}", client.join().expect("a client does not panic")?);
    }
    server.join().expect("the server does not panic")?;
    pool.shutdown();
    println!("{} jobs on at most 2 threads", pool.metrics().done);
    Ok(())
}

/// Serves as many connections as it is told to.
fn start_service(
    pool: Arc<ThreadPool>,
    connections: usize,
) -> io::Result<(SocketAddr, thread::JoinHandle<io::Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || {
        let mut served = Vec::new();
        for stream in listener.incoming().take(connections) {
            let (stream, pool) = (stream?, Arc::clone(&pool));
            served.push(thread::spawn(move || serve(stream, &pool)));
        }
        served.into_iter().try_for_each(|one| one.join().expect("a connection does not panic"))
    });
    Ok((address, server))
}

fn serve(stream: TcpStream, pool: &ThreadPool) -> io::Result<()> {
    let mut answers = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let word = line?;
        let answer = match pool.try_submit(move || checksum(&word)) {
            Ok(job) => job.wait().unwrap_or_else(|error| error.to_string()),
            Err(PoolError::QueueFull { .. }) => "busy, try again".to_owned(),
            Err(other) => other.to_string(),
        };
        writeln!(answers, "{answer}")?;
    }
    Ok(())
}

fn checksum(word: &str) -> String {
    let sum = word.bytes().fold(0_u32, |sum, byte| sum.rotate_left(5) ^ u32::from(byte));
    format!("{} bytes, sum {sum:08x}", word.len())
}

fn talk(address: SocketAddr, client: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    for n in 0..3 {
        writeln!(stream, "{}", "word".repeat(client + n))?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut said = String::new();
    for (n, line) in BufReader::new(stream).lines().enumerate() {
        said += &format!("client {client}, word {n}: {}\n", line?);
    }
    Ok(said)
}
