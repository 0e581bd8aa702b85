//! TCP echo, the server's half. The load comes from the process that started this one
//! (`load.rs`), so the CPU time of this process is the server's alone.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Ipv4Addr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::child::announce_port;
use crate::measure::{Memory, Meter, Sample};
use crate::peer::{Server, run_in_task};

/// Room for one read.
const BUFFER: usize = 4096;

/// Accepts `CONNECTIONS`, and echoes on each until it is closed. `size` is how many messages
/// the load will send; how many of the connections it uses is its own affair.
///
/// The peak of the memory is when all are there, and counts for each of them.
pub fn serve<P: Server, const CONNECTIONS: usize>(size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let (listener, port) = P::listen().expect("a free port");
        let memory = Memory::start();
        announce_port(port);
        let mut tasks = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = P::accept(&listener).await.expect("a connection");
            tasks.push(P::spawn(echo::<P>(stream)));
        }
        let meter = Meter::start();
        for task in tasks {
            task.await.expect("it does not panic").expect("the load closes in peace");
        }
        let sample = meter.stop(size);
        // Pages are counted, so a few connections say nothing.
        if CONNECTIONS < 1000 {
            return sample;
        }
        sample.with("bytes", memory.peak_per(CONNECTIONS))
    })
}

async fn echo<P: Server>(mut stream: P::Stream) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        let count = P::read(&mut stream, &mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        P::write_all(&mut stream, &buffer[..count]).await?;
    }
}

/// The limit: mio, a table, and no futures. A read is small enough to be written at once.
pub fn serve_by_hand<const CONNECTIONS: usize>(size: usize) -> Sample {
    serve_with_mio(CONNECTIONS, size).expect("the load closes in peace")
}

fn serve_with_mio(connections: usize, size: usize) -> io::Result<Sample> {
    const LISTENER: Token = Token(usize::MAX);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
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
                if accepted == connections {
                    meter = Some(Meter::start());
                }
            } else if let Some(stream) = streams.get_mut(&event.token())
                && !echo_what_is_there(stream)?
            {
                streams.remove(&event.token());
            }
        }
    }
    Ok(meter.expect("all have been accepted").stop(size))
}

/// `false` at the end of the stream.
fn echo_what_is_there(stream: &mut TcpStream) -> io::Result<bool> {
    let mut buffer = [0; BUFFER];
    while let Some(count) = unless_it_would_block(stream.read(&mut buffer))? {
        if count == 0 {
            return Ok(false);
        }
        stream.write_all(&buffer[..count])?;
    }
    Ok(true)
}

fn unless_it_would_block<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        outcome => outcome.map(Some),
    }
}
