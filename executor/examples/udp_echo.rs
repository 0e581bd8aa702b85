//! An echo over UDP, and a client that asks again, since nobody promises that a datagram arrives.
//!
//! ```sh
//! cargo run --example udp_echo
//! ```

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use roundelay_executor::{UdpSocket, run, spawn, timeout};

fn main() -> io::Result<()> {
    run(async {
        let server = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = server.local_addr()?;
        let echo = spawn(serve(server));
        let client = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        client.connect(address)?;
        for word in ["one", "two", "three"] {
            println!("{word} -> {}", ask(&client, word).await?);
        }
        echo.cancel();
        Ok(())
    })
}

/// Sends back what comes. Every third datagram is lost on purpose, to have something to show.
async fn serve(socket: UdpSocket) -> io::Result<()> {
    let mut buffer = [0; 1500];
    for count in 1.. {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        if count % 3 != 0 {
            socket.send_to(&buffer[..length], from).await?;
        }
    }
    Ok(())
}

/// Asks until there is an answer.
async fn ask(socket: &UdpSocket, word: &str) -> io::Result<String> {
    let mut buffer = [0; 1500];
    loop {
        socket.send(word.as_bytes()).await?;
        match timeout(Duration::from_millis(50), socket.recv(&mut buffer)).await {
            Ok(length) => return Ok(String::from_utf8_lossy(&buffer[..length?]).into_owned()),
            Err(_) => println!("{word} ... lost, once more"),
        }
    }
}
