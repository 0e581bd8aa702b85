//! A chat: every line that one client sends goes to all the others.
//!
//! ```text
//!   cargo run -p roundelay-executor --example chat 127.0.0.1:7000
//!   nc 127.0.0.1 7000          (several times)
//! ```
//!
//! Each connection is two things at once: reading its client, and writing what others say. A
//! client that does not read falls behind, and is told how many lines it has missed: it can hold
//! up nobody, and the memory that it costs is bounded.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_lite::{AsyncBufRead, AsyncWriteExt, io::BufReader};
use roundelay_executor::{
    BroadcastError, BroadcastReceiver, BroadcastSender, LineReader, TcpListener, TcpStream,
    WriteHalf, broadcast, ctrl_c, run, select, serve,
};

/// How many lines a client may be behind.
const BACKLOG: usize = 64;
/// How long a line may be, in bytes.
const LONGEST_LINE: usize = 1000;

/// A line, and whose it is.
type Line = (SocketAddr, String);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    run(async {
        let listener = TcpListener::bind(address.parse().map_err(io::Error::other)?)?;
        println!("listening on {}", listener.local_addr()?);
        let (room, _) = broadcast::<Line>(BACKLOG);
        let server = serve(listener, async move |stream: TcpStream, peer| {
            let (reader, writer) = stream.into_split();
            let hear = hear(writer, peer, room.subscribe());
            let lines = LineReader::new(BufReader::new(reader), LONGEST_LINE);
            let speak = speak(lines, peer, &room);
            // Whichever ends first ends the other: the client has left.
            select(speak, hear).await.into_inner()
        });
        ctrl_c().await?;
        let cut_off = server.drain(Duration::from_secs(1)).await;
        println!("closed; cut off: {cut_off}");
        Ok(())
    })
}

/// Tells the room what one client says. A client without line breaks does not fill our memory: a
/// line that is too long, or no text, is left out.
async fn speak(
    mut lines: LineReader<impl AsyncBufRead + Unpin>,
    peer: SocketAddr,
    room: &BroadcastSender<Line>,
) -> io::Result<()> {
    loop {
        let line = match lines.next_line().await {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => continue,
            Err(error) => return Err(error),
        };
        // Nobody there to hear it is no error.
        let _ = room.send((peer, line.trim_end().to_owned()));
    }
}

/// Tells one client what the others say.
async fn hear(
    mut writer: WriteHalf,
    me: SocketAddr,
    mut room: BroadcastReceiver<Line>,
) -> io::Result<()> {
    loop {
        let text = match room.recv().await {
            Ok((speaker, _)) if speaker == me => continue,
            Ok((speaker, line)) => format!("{speaker}: {line}\n"),
            Err(BroadcastError::Lagged(missed)) => format!("({missed} lines missed)\n"),
            Err(_) => return Ok(()),
        };
        writer.write_all(text.as_bytes()).await?;
    }
}
