//! Three loops on three threads serve one port; what they have in common goes through a door.
//!
//! Each loop listens for itself, and the system deals the connections out: no lock, no queue
//! between the threads, and each connection stays where it began. Only the tally lives on the
//! first thread, and is told of by its `Spawner`.
//!
//! ```sh
//! cargo run --example many_loops
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay_executor::{LoopThread, Runner, Spawner, TcpListener, TcpStream, spawn, try_gather};

const CONNECTIONS: usize = 90;

thread_local! {
    /// How many connections each loop has served. Only the first thread uses its own.
    static SERVED: RefCell<BTreeMap<usize, usize>> = RefCell::default();
}

fn main() -> Result<(), Box<dyn Error>> {
    let runner = Runner::new()?;
    let loops = [LoopThread::start()?, LoopThread::start()?, LoopThread::start()?];
    let mut address = SocketAddr::from(([127, 0, 0, 1], 0));
    for (number, home) in loops.iter().enumerate() {
        let door = runner.spawner();
        // The first one lets the system choose a port, the others join it.
        address = home.run(move || async move {
            let listener = TcpListener::bind_shared(address)?;
            let address = listener.local_addr()?;
            spawn(serve(listener, number, door)).detach();
            io::Result::Ok(address)
        })??;
    }
    runner.run(async {
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| spawn(ask(address))).collect();
        try_gather(clients).await
    })??;
    let served = SERVED.take();
    println!("{} connections, served by {} loops", served.values().sum::<usize>(), served.len());
    for home in loops {
        home.stop()?;
    }
    Ok(())
}

async fn serve(listener: TcpListener, number: usize, door: Spawner) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        spawn(echo(stream, number, door.clone())).detach();
    }
}

async fn echo(stream: TcpStream, number: usize, door: Spawner) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    futures_lite::io::copy(read, &mut write).await?;
    // Through the door: this runs on the first thread, and is awaited on this one.
    let count = door.spawn(move || async move {
        SERVED.with_borrow_mut(|served| *served.entry(number).or_default() += 1);
    });
    count.await.map_err(io::Error::other)?;
    write.close().await
}

async fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"hello").await?;
    stream.close().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert_eq!(answer, "hello");
    Ok(())
}
