//! Promises about sockets: every byte once and in order, every end an end, nothing left behind,
//! and a typed answer wherever a socket is used that is not its home.
//!
//! Contracts 11 and 12 of the house; bug classes B5, B23 to B32 and B34.
//!
//! Nearly everything runs in made-up time, which does not pass while somebody waits for the
//! operating system: so a wait that was forgotten is a test that hangs, and `must_end` tells.

#[path = "../support/mod.rs"]
mod support;

mod bytes;
mod ends;
mod halves;
mod connecting;
mod accepting;
mod left_behind;
mod away_from_home;
mod bad_company;

use std::cell::Cell;
use std::io;
use std::net;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_lite::{AsyncRead, AsyncWrite};
use roundelay::{Moment, Runner, TcpStream, WrongLoop, runtime::Event, sleep, spawn, yield_now};
use support::ms;
use support::sockets::{ANYWHERE, listen, on_a_loop};

/// Both ends of a connection, on this loop.
async fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen();
    let connecting = spawn(TcpStream::connect(address));
    let (here, _) = listener.accept().await.unwrap();
    (here, connecting.await.unwrap().unwrap())
}

/// One end on this loop, the other one of std's, which blocks.
async fn pair_with_std() -> (TcpStream, net::TcpStream) {
    let (listener, address) = listen();
    let there = net::TcpStream::connect(address).unwrap();
    (listener.accept().await.unwrap().0, there)
}

/// Ends only if nobody waits for the operating system: made-up time stands still for them.
async fn nobody_waits() {
    sleep(ms(3_600_000)).await;
}

fn poll_read(stream: &mut (impl AsyncRead + Unpin), waker: &Waker) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_read(&mut Context::from_waker(waker), &mut [0; 16])
}

fn poll_write(
    stream: &mut (impl AsyncWrite + Unpin),
    waker: &Waker,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_write(&mut Context::from_waker(waker), bytes)
}

/// Writes until there is no room left on either side, also when asked again.
async fn fill(stream: &mut (impl AsyncWrite + Unpin)) -> usize {
    let (mut written, mut refusals) = (0, 0);
    while refusals < 3 {
        match poll_write(stream, Waker::noop(), &[7; 65536]) {
            Poll::Ready(count) => {
                written += count.unwrap();
                refusals = 0;
            }
            Poll::Pending => {
                refusals += 1;
                yield_now().await;
            }
        }
    }
    written
}

/// Bytes that tell where they belong.
fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|n| ((n * 31 + seed) ^ (n >> 8)) as u8).collect()
}

/// What `error` says about the loops, if it is about loops.
fn wrong_loop(error: &io::Error) -> WrongLoop {
    let inner = error.get_ref().unwrap_or_else(|| panic!("no inner error in {error:?}"));
    *inner.downcast_ref().unwrap_or_else(|| panic!("not a WrongLoop: {error:?}"))
}

/// What happened to the sources of a loop.
#[derive(Default)]
struct Sources {
    registered: Cell<usize>,
    released: Cell<usize>,
    awaited: Cell<usize>,
    woken: Cell<usize>,
}

/// A runner in made-up time that counts what happens to its sources.
fn counting_runner() -> (Runner, Rc<Sources>) {
    let sources = Rc::new(Sources::default());
    let counts = Rc::clone(&sources);
    let runner = Runner::builder().virtual_clock().observer(move |_: Moment, event: &Event| {
        let count = match event {
            Event::SourceRegistered { .. } => &counts.registered,
            Event::SourceReleased { .. } => &counts.released,
            Event::SourceAwaited { .. } => &counts.awaited,
            Event::TaskWoken { .. } => &counts.woken,
            _ => return,
        };
        count.set(count.get() + 1);
    });
    (runner.build().unwrap(), sources)
}
