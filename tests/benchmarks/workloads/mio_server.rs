//! Servers by hand: mio, a table, and no futures. What the kernel asks for, and hardly more.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Ipv4Addr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::child::announce_port;
use crate::load::{LARGE_MESSAGE, messages_for};
use crate::measure::{Memory, Meter, Sample};
use crate::peer::PAGE;
use crate::workloads::http::BODY;

/// The limit of the echo. A read is small enough to be written at once.
pub fn echo<const CONNECTIONS: usize>(size: usize) -> Sample {
    serve(CONNECTIONS, size, echo_what_is_there::<PAGE>)
}

/// The same for messages of 16 KiB. (The load reads nothing before it has written all, so there
/// must be room for an answer in the system's buffers, and there is.)
pub fn echo_16k<const CONNECTIONS: usize>(size: usize) -> Sample {
    serve(CONNECTIONS, size, echo_what_is_there::<LARGE_MESSAGE>)
}

/// The same for so many connections.
pub fn echo_growing(connections: usize) -> Sample {
    serve(connections, messages_for(connections), echo_what_is_there::<PAGE>)
}

/// The same for so many connections, each of which says one thing and stays.
pub fn idle(connections: usize) -> Sample {
    serve(connections, connections, echo_what_is_there::<PAGE>)
}

/// The limit of HTTP: one look for the end of a request, one answer that never changes.
pub fn http<const CONNECTIONS: usize>(size: usize) -> Sample {
    serve(CONNECTIONS, size, answer_what_is_there)
}

/// Deals with what a connection has to say; `false` at its end.
type Handler = fn(&mut TcpStream) -> io::Result<bool>;

fn serve(connections: usize, size: usize, handler: Handler) -> Sample {
    serve_with_mio(connections, size, handler).expect("the load closes in peace")
}

fn serve_with_mio(connections: usize, size: usize, handler: Handler) -> io::Result<Sample> {
    const LISTENER: Token = Token(usize::MAX);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let memory = Memory::start();
    announce_port(listener.local_addr()?.port());
    let mut streams = HashMap::new();
    let (mut accepted, mut meter) = (0, None);
    while accepted < connections || !streams.is_empty() {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Some((mut stream, _)) = unless_it_would_block(listener.accept())? {
                    stream.set_nodelay(true)?;
                    let token = Token(accepted);
                    poll.registry().register(&mut stream, token, Interest::READABLE)?;
                    streams.insert(token, stream);
                    accepted += 1;
                }
                if accepted == connections && meter.is_none() {
                    meter = Some(Meter::start());
                }
            } else if let Some(stream) = streams.get_mut(&event.token())
                && !handler(stream)?
            {
                streams.remove(&event.token());
            }
        }
    }
    let sample = meter.expect("all have been accepted").stop(size);
    if connections < 1000 {
        return Ok(sample);
    }
    Ok(sample.with("bytes", memory.peak_per(connections)))
}

fn echo_what_is_there<const BUFFER: usize>(stream: &mut TcpStream) -> io::Result<bool> {
    let mut buffer = [0; BUFFER];
    while let Some(count) = unless_it_would_block(stream.read(&mut buffer))? {
        if count == 0 {
            return Ok(false);
        }
        stream.write_all(&buffer[..count])?;
    }
    Ok(true)
}

/// The load sends a request when the last one has been answered, so a read is a whole one.
fn answer_what_is_there(stream: &mut TcpStream) -> io::Result<bool> {
    let mut buffer = [0; PAGE];
    while let Some(count) = unless_it_would_block(stream.read(&mut buffer))? {
        if count == 0 {
            return Ok(false);
        }
        assert!(buffer[..count].ends_with(b"\r\n\r\n"), "a whole request");
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\
                    date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
        stream.write_all([head.as_bytes(), BODY.as_bytes()].concat().as_slice())?;
    }
    Ok(true)
}

fn unless_it_would_block<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        outcome => outcome.map(Some),
    }
}
