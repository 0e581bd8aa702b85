//! The load: what a server's CPU time is measured under.
//!
//! Plain blocking sockets in waves: a message is written to every connection, then an
//! answer is read from each, and so on. With one connection that is ping and pong.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// The size of a message.
pub const MESSAGE: usize = 64;

/// Sends `messages` in all through `connections`, checks the answers, and closes. Returns
/// how long each wave took.
///
/// # Errors
/// What the system says; an answer that is not what was sent.
pub fn echo(port: u16, connections: usize, messages: usize) -> io::Result<Vec<Duration>> {
    let connect = |_| {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    };
    let mut streams = (0..connections).map(connect).collect::<io::Result<Vec<_>>>()?;
    let mut times = Vec::new();
    let (mut message, mut answer) = ([0; MESSAGE], [0; MESSAGE]);
    for wave in 0..messages / connections {
        message[..8].copy_from_slice(&wave.to_le_bytes());
        let start = Instant::now();
        for stream in &mut streams {
            stream.write_all(&message)?;
        }
        for stream in &mut streams {
            stream.read_exact(&mut answer)?;
            if answer != message {
                return Err(io::Error::other("the answer is not what was sent"));
            }
        }
        times.push(start.elapsed());
    }
    Ok(times)
}

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);
