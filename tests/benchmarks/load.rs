//! The load: what a server's CPU time, or its memory, is measured under.
//!
//! Plain blocking sockets in waves: a message is written to every connection, then an
//! answer is read from each, and so on. With one connection that is ping and pong.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::slice;
use std::time::{Duration, Instant};

use crate::workloads::http::BODY;

/// Sends load to a port: through so many connections, so many messages in all. Returns how long
/// each wave took.
pub type Load = fn(u16, usize, usize) -> io::Result<Vec<Duration>>;

/// The size of a message.
pub const MESSAGE: usize = 64;

/// And of a large one.
pub const LARGE_MESSAGE: usize = 16 * 1024;

/// Sends messages, checks the answers, and closes.
///
/// # Errors
/// What the system says; an answer that is not what was sent.
pub fn echo(port: u16, connections: usize, messages: usize) -> io::Result<Vec<Duration>> {
    echo_through(&mut connect(port, connections)?, MESSAGE, messages)
}

/// The same with messages of 16 KiB.
///
/// # Errors
/// Those of [`echo`].
pub fn echo_16k(port: u16, connections: usize, messages: usize) -> io::Result<Vec<Duration>> {
    echo_through(&mut connect(port, connections)?, LARGE_MESSAGE, messages)
}

/// As [`echo`] through so many connections as `size` says.
///
/// # Errors
/// Those of [`echo`].
pub fn echo_growing(port: u16, _: usize, connections: usize) -> io::Result<Vec<Duration>> {
    let mut streams = connect_in_turn(port, connections)?;
    echo_through(&mut streams, MESSAGE, messages_for(connections))
}

/// How many messages the server and the load agree on.
#[must_use]
pub fn messages_for(connections: usize) -> usize {
    (10_000 / connections).max(4) * connections
}

/// One message through each of so many connections as `size` says; then all of them are closed
/// together.
///
/// # Errors
/// Those of [`echo`].
pub fn echo_once(port: u16, _: usize, connections: usize) -> io::Result<Vec<Duration>> {
    let mut streams = connect_in_turn(port, connections)?;
    echo_through(&mut streams, MESSAGE, connections)
}

/// Connects one by one, so that the server's line does not overflow: an answer now and then says
/// that all who came before have been accepted.
fn connect_in_turn(port: u16, connections: usize) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::new();
    for number in 0..connections {
        streams.append(&mut connect(port, 1)?);
        if number % 64 == 63 {
            echo_through(&mut streams[number..], MESSAGE, 1)?;
        }
    }
    Ok(streams)
}

/// Sends through 64 connections, spread evenly among all the others, which say nothing at all.
/// They are connected one by one, so that the server's line does not overflow.
///
/// # Errors
/// Those of [`echo`].
pub fn echo_among_idle(
    port: u16,
    connections: usize,
    messages: usize,
) -> io::Result<Vec<Duration>> {
    let step = connections / ACTIVE;
    let (mut active, mut idle) = (Vec::new(), Vec::new());
    for number in 0..connections {
        let is_active = number % step == 0 && active.len() < ACTIVE;
        let to = if is_active { &mut active } else { &mut idle };
        to.append(&mut connect(port, 1)?);
        if is_active {
            // The answer says that all who came before have been accepted.
            echo_through(to.last_mut().map(slice::from_mut).expect("it was added"), MESSAGE, 1)?;
        }
    }
    let times = echo_through(&mut active, MESSAGE, messages)?;
    drop(idle);
    Ok(times)
}

/// How many of many connections say anything.
const ACTIVE: usize = 64;

fn echo_through(
    streams: &mut [TcpStream],
    length: usize,
    messages: usize,
) -> io::Result<Vec<Duration>> {
    let mut times = Vec::new();
    let (mut message, mut answer) = (vec![0; length], vec![0; length]);
    for number in 0..messages / streams.len() {
        message[..8].copy_from_slice(&number.to_le_bytes());
        times.push(wave(streams, &message, &mut answer, |answer| answer == message)?);
    }
    Ok(times)
}

/// Sends requests, and closes.
///
/// # Errors
/// What the system says; an answer that is not hello.
pub fn http(port: u16, connections: usize, requests: usize) -> io::Result<Vec<Duration>> {
    let mut streams = connect(port, connections)?;
    // All answers are equally long.
    let mut answer = vec![0; ask(&mut streams[0])?];
    let is_hello =
        |answer: &[u8]| answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(BODY.as_bytes());
    let waves = 0..requests / connections;
    waves.map(|_| wave(&mut streams, REQUEST, &mut answer, is_hello)).collect()
}

/// Sends one request through each of so many connections, and closes them all together.
///
/// # Errors
/// What the system says; an answer that is not hello.
pub fn http_idle(port: u16, _: usize, connections: usize) -> io::Result<Vec<Duration>> {
    let start = Instant::now();
    let mut streams = Vec::new();
    for _ in 0..connections {
        // One after the other: so the server has accepted it before the next one comes.
        streams.append(&mut connect(port, 1)?);
        ask(streams.last_mut().expect("one has been added"))?;
    }
    Ok(vec![start.elapsed()])
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// One request; how long is the answer?
fn ask(stream: &mut TcpStream) -> io::Result<usize> {
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    while !answer.ends_with(BODY.as_bytes()) {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(answer.len())
}

fn connect(port: u16, connections: usize) -> io::Result<Vec<TcpStream>> {
    let connect = |_| {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    };
    (0..connections).map(connect).collect()
}

/// Writes a message to every connection, then reads an answer from each, as long as `answer`.
fn wave(
    streams: &mut [TcpStream],
    message: &[u8],
    answer: &mut [u8],
    is_right: impl Fn(&[u8]) -> bool,
) -> io::Result<Duration> {
    let start = Instant::now();
    for stream in &mut *streams {
        stream.write_all(message)?;
    }
    for stream in streams {
        stream.read_exact(answer)?;
        if !is_right(answer) {
            return Err(io::Error::other("that is not the answer"));
        }
    }
    Ok(start.elapsed())
}

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);
