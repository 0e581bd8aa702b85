//! Blocking downloads on threads, from a server in the same program.
//!
//! ```text
//! cargo run -p roundelay-pools --example downloads
//! ```
//!
//! The classic of concurrent.futures: one thread for each connection that waits, and a table
//! that says which job was which address. A page that is missing is an error of its own job.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use roundelay_pools::{ThreadPool, as_completed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = start_server()?;
    let urls: Vec<String> =
        ["/a", "/bb", "/missing", "/dddd"].map(|path| format!("http://{server}{path}")).into();

    let pool = ThreadPool::builder().threads(4).name("download").build();
    let jobs = urls.iter().cloned().map(|url| pool.submit(move || download(&url)));
    let jobs = jobs.collect::<Result<Vec<_>, _>>()?;

    // The place in the input leads from the result back to its address: no map needed.
    let mut lines = Vec::new();
    for (index, outcome) in as_completed(jobs) {
        let path = urls[index].rsplit('/').next().unwrap_or_default();
        lines.push(match outcome? {
            Ok(page) => format!("/{path}: {} bytes", page.len()),
            Err(error) => format!("/{path}: {error}"),
        });
    }
    lines.sort(); // they came in any order
    lines.iter().for_each(|line| println!("{line}"));
    pool.shutdown();
    Ok(())
}

fn download(url: &str) -> io::Result<Vec<u8>> {
    let (address, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| io::Error::other(format!("not an address that we understand: {url}")))?;
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /{path} HTTP/1.0\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| io::Error::other("an answer without an end of its head"))?;
    let status = answer[..end].split(|byte| *byte == b'\r').next().unwrap_or_default();
    if !status.ends_with(b"200 OK") {
        return Err(io::Error::other(String::from_utf8_lossy(status)));
    }
    Ok(answer.split_off(end + 4))
}

/// A server that knows each path but one, until the program ends.
fn start_server() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = String::new();
    let mut lines = BufReader::new(stream.try_clone()?);
    lines.read_line(&mut request)?;
    while lines.read_line(&mut String::new())? > 2 {} // the head ends with an empty line
    let path = request.split(' ').nth(1).unwrap_or("/");
    if path == "/missing" {
        return stream.write_all(b"HTTP/1.0 404 Not Found\r\n\r\n");
    }
    let page = path.repeat(1000);
    write!(stream, "HTTP/1.0 200 OK\r\n\r\n{page}")
}
