//! The files of a folder, over HTTP/1.0.
//!
//! ```text
//!   cargo run -p roundelay-executor --example file_server FOLDER 127.0.0.1:7002
//!   curl http://127.0.0.1:7002/Cargo.toml
//! ```
//!
//! A toy: `GET`, one answer, goodbye. It shows two things that every real one has: a client gets
//! only so much time and room to say what it wants, and a path cannot leave the folder. Take a
//! crate for anything that is meant to be used.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_lite::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, io::BufReader};
use roundelay_executor::{TcpListener, TcpStream, ctrl_c, fs, run, serve, timeout};

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may be, in bytes.
const LONGEST_REQUEST: u64 = 8 * 1024;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or(".".into());
    let address = arguments.next().unwrap_or("127.0.0.1:0".into());
    run(async {
        let folder = fs::canonicalize(folder).await?;
        let listener = TcpListener::bind(address.parse().map_err(io::Error::other)?)?;
        println!("listening on {}", listener.local_addr()?);
        let server = serve(listener, async move |stream, _| answer(stream, &folder).await);
        ctrl_c().await?;
        println!("closed; cut off: {}", server.drain(Duration::from_secs(1)).await);
        Ok(())
    })
}

async fn answer(stream: TcpStream, folder: &Path) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut request = BufReader::new(reader.take(LONGEST_REQUEST));
    let line = timeout(PATIENCE, read_request(&mut request)).await??;
    let (status, body) = match line.split(' ').collect::<Vec<_>>()[..] {
        ["GET", path, ..] => match find(folder, path).await {
            Ok(body) => ("200 OK", body),
            Err(_) => ("404 Not Found", b"there is no such file\n".to_vec()),
        },
        _ => ("400 Bad Request", b"this server only knows GET\n".to_vec()),
    };
    let head = format!("HTTP/1.0 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    writer.write_all(head.as_bytes()).await?;
    writer.write_all(&body).await?;
    writer.close().await
}

/// Reads up to the empty line, and gives the first.
async fn read_request(
    request: &mut (impl futures_lite::AsyncBufRead + Unpin),
) -> io::Result<String> {
    let mut first = String::new();
    request.read_line(&mut first).await?;
    let mut line = String::new();
    while request.read_line(&mut line).await? > 2 {
        line.clear();
    }
    Ok(first.trim().to_owned())
}

/// A file below `folder`, or the list of a folder's files as links.
async fn find(folder: &Path, path: &str) -> io::Result<Vec<u8>> {
    let wanted: PathBuf = fs::canonicalize(folder.join(path.trim_start_matches('/'))).await?;
    // After every `..` and every link has been followed.
    if !wanted.starts_with(folder) {
        return Err(io::ErrorKind::NotFound.into());
    }
    if !fs::metadata(&wanted).await?.is_dir() {
        return fs::read(wanted).await;
    }
    let mut list = String::new();
    for entry in fs::read_dir(&wanted).await? {
        let link = entry.strip_prefix(folder).map_err(io::Error::other)?.display().to_string();
        list.push_str(&format!("<a href=\"/{link}\">{link}</a>\n"));
    }
    Ok(list.into_bytes())
}
