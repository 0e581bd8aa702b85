//! A TCP echo: the loop asks the operating system.
//!
//! Tutorial: chapter 7. Before this: `by_hand.rs`. After this: `jobs.rs`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::{RunError, Runner, TaskBuilder, TcpListener, TcpStream, yield_now};

use super::Voice;

pub(super) fn one_line(runner: &Runner, voice: Voice) -> Result<(), RunError> {
    runner.run(async move { talk(voice).await })?.map_err(RunError::Io)
}

async fn talk(voice: Voice) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let server = TaskBuilder::new().name("server").spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut buffer = [0; 64];
        let count = stream.read(&mut buffer).await?;
        stream.write_all(&buffer[..count]).await
    });
    let mut stream = TcpStream::connect(address).await?;
    // Two turns, so that the server asks before there is anything to read.
    yield_now().await;
    yield_now().await;
    voice.say("I write");
    stream.write_all(b"round and round").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    voice.say(format_args!("the echo: {answer}"));
    server.await?
}
