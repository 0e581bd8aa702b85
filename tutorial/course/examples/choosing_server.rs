//! A small server with a limit for everything: connections, lines, silence, threads, and its end.

use std::io;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt, io::BufReader};
use roundelay::{
    Elapsed, LineReader, RunError, Runner, Semaphore, ServerBuilder, TcpListener, TcpStream, say,
    timeout, to_thread,
};

/// How many are served at once; who comes later waits in the system's line.
const CONNECTIONS: usize = 100;
/// How long a line may be, in bytes.
const LONGEST_LINE: usize = 80;
/// How long a client may say nothing.
const SILENCE: Duration = Duration::from_millis(300);
/// How long an answer may take, with the wait for a thread.
const ANSWER: Duration = Duration::from_secs(2);
/// How many threads may work for clients at once.
const THREADS: usize = 4;
/// How long the clients have to finish when the server is closed.
const FAREWELL: Duration = Duration::from_secs(1);

async fn serve_one(stream: TcpStream, threads: &Semaphore) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = LineReader::new(BufReader::new(reader), LONGEST_LINE);
    loop {
        let line = match timeout(SILENCE, lines.next_line()).await {
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                return farewell(&mut writer, "that is no line for me").await;
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => return farewell(&mut writer, "you say nothing").await,
        };
        match timeout(ANSWER, answer(line, threads)).await {
            Ok(answer) => writer.write_all(answer?.as_bytes()).await?,
            Err(Elapsed { .. }) => return farewell(&mut writer, "too busy").await,
        }
    }
}

/// The permit goes with the job: a client that is given up on leaves its thread busy.
async fn answer(line: String, threads: &Semaphore) -> io::Result<String> {
    let permit = threads.acquire().await;
    let length = to_thread(move || line.len()).holding(permit).await;
    length.map(|length| format!("{length} bytes\n")).map_err(io::Error::other)
}

async fn farewell(writer: &mut (impl AsyncWriteExt + Unpin), why: &str) -> io::Result<()> {
    writer.write_all(format!("closed: {why}\n").as_bytes()).await
}

/// Sends `text`, and gives all that the server says to it.
async fn client(address: std::net::SocketAddr, text: &[u8], leaves: bool) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(text).await?;
    if leaves {
        stream.close().await?;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.trim_end().replace('\n', ", "))
}

fn main() -> Result<(), RunError> {
    let runner = Runner::builder().patience(Duration::from_secs(5)).build()?;
    let served = runner.run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse().expect("an address"))?;
        let address = listener.local_addr()?;
        let threads = Semaphore::new(THREADS);
        let server = ServerBuilder::new().max_connections(CONNECTIONS).name("lengths");
        let server =
            server.serve(listener, async move |stream, _| serve_one(stream, &threads).await);

        say!("two lines: {}", client(address, b"tea\ncoffee\n", true).await?);
        say!("a line without end: {}", client(address, &[b'x'; 1000], false).await?);
        say!("silence: {}", client(address, b"tea\n", false).await?);
        say!("cut off at the end: {}", server.drain(FAREWELL).await);
        io::Result::Ok(())
    })?;
    if let Err(error) = served {
        say!("{error}");
    }
    Ok(())
}
