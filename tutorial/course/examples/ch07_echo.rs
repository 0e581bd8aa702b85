//! An echo server and its client, over real sockets of this machine.

use std::io;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::{TcpListener, TcpStream, run, say, spawn};

async fn echo(mut stream: TcpStream) -> io::Result<usize> {
    let mut buffer = [0; 4];
    let mut total = 0;
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(total); // the client has closed its side
        }
        stream.write_all(&buffer[..count]).await?;
        total += count;
    }
}

fn main() -> io::Result<()> {
    run(async {
        let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?; // any free port
        let address = listener.local_addr()?;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await?;
            echo(stream).await
        });

        let mut client = TcpStream::connect(address).await?;
        client.write_all(b"one thread, many waits").await?;
        client.close().await?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await?;
        say!("the client hears: {answer}");
        say!("the server has echoed {} bytes", server.await.map_err(io::Error::other)??);
        Ok(())
    })
}
