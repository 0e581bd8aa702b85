//! Two parts of one program that speak a line protocol over a pair of Unix-domain sockets. Over
//! a pair in memory it is the same program.
//!
//! ```sh
//! cargo run --example unix_pair
//! ```

use std::io;

use futures_lite::{AsyncRead, AsyncWrite, AsyncWriteExt, io::BufReader};
use roundelay_executor::{LineReader, UnixStream, duplex, run, spawn};

/// No line is longer, or its sender is told so.
const LIMIT: usize = 24;

fn main() -> io::Result<()> {
    run(async {
        let (ours, theirs) = UnixStream::pair()?;
        let (ours, theirs) = (ours.into_split(), theirs.into_split());
        talk(ours, theirs, "sockets").await?;
        let (ours, theirs) = duplex(64);
        let (ours, theirs) = (ours.into_split(), theirs.into_split());
        talk(ours, theirs, "memory").await
    })
}

async fn talk<R, W>(ours: (R, W), theirs: (R, W), over: &str) -> io::Result<()>
where
    R: AsyncRead + Unpin + 'static,
    W: AsyncWrite + Unpin + 'static,
{
    let server = spawn(serve(theirs.0, theirs.1));
    let mut answers = LineReader::new(BufReader::new(ours.0), 1000);
    let mut questions = ours.1;
    for question in ["hello", "a line that is longer than allowed", "good night"] {
        questions.write_all(format!("{question}\n").as_bytes()).await?;
        println!("over {over}: {}", answers.next_line().await?.unwrap_or_default());
    }
    questions.close().await?;
    server.await.map_err(io::Error::other)?
}

/// Answers every line in capitals, up to the end.
async fn serve(read: impl AsyncRead + Unpin, mut write: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut lines = LineReader::new(BufReader::new(read), LIMIT);
    loop {
        let answer = match lines.next_line().await {
            Ok(Some(line)) => line.to_uppercase(),
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => format!("no: {error}"),
            Err(error) => return Err(error),
        };
        write.write_all(format!("{answer}\n").as_bytes()).await?;
    }
}
