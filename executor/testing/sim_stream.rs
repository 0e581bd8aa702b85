//! One end of a simulated connection.
//!
//! ```text
//!   stream here:  outgoing ==========> incoming  :stream there
//!                 incoming <========== outgoing
//! ```
//!
//! It is read and written through the futures-io traits, as a [`TcpStream`](crate::TcpStream) is,
//! so a program that is generic over its streams runs on it.
//!
//! # Invariants
//! - A poll that is pending has moved no byte.
//! - What a poll changes at the other end wakes it, after our borrow has ended.
//!
//! Tutorial: chapter 19. Before this: `sim_pipe.rs`. After this: `sim_net.rs`.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use roundelay_runtime::{Instant, current_loop};

use crate::task_table::Waiter;
use crate::testing::sim_pipe::{Pipe, Sky, Try};
use crate::time::sleep::{Sleep, now, sleep_until};

/// One end of a connection of a [`SimNet`](super::SimNet).
///
/// Closing it ends what it writes; the other direction stays open. Dropping it closes both: the
/// other end reads what is under way, then the end, and can write no more.
///
/// Reading and writing are *cancel safe*: a poll that is pending has moved no byte.
pub struct SimStream {
    local: Rc<str>,
    peer: Rc<str>,
    incoming: SharedPipe,
    outgoing: SharedPipe,
    /// Until the next byte is due.
    arrival: Option<Pin<Box<Sleep>>>,
}

/// One direction, as its two ends and the network share it.
pub(crate) type SharedPipe = Rc<RefCell<Pipe>>;

impl SimStream {
    /// Two ends of a new connection.
    pub(crate) fn pair(sky: &Sky, names: [Rc<str>; 2], is_cut: bool) -> [SimStream; 2] {
        let pipe = || Rc::new(RefCell::new(Pipe::new(sky.clone(), now(), is_cut)));
        let (there, back) = (pipe(), pipe());
        let [here, far] = names;
        let end =
            |local: &Rc<str>, peer: &Rc<str>, incoming: &SharedPipe, outgoing: &SharedPipe| {
                SimStream {
                    local: Rc::clone(local),
                    peer: Rc::clone(peer),
                    incoming: Rc::clone(incoming),
                    outgoing: Rc::clone(outgoing),
                    arrival: None,
                }
            };
        [end(&here, &far, &back, &there), end(&far, &here, &there, &back)]
    }

    /// The host at this end.
    #[must_use]
    pub fn local_name(&self) -> &str {
        &self.local
    }

    /// The host at the other end.
    ///
    /// ```
    /// use roundelay_executor::{run, testing::{SimNet, SimWeather}};
    ///
    /// run(async {
    ///     let net = SimNet::new(SimWeather::calm());
    ///     let listener = net.listen("server")?;
    ///     let client = net.connect("client", "server").await?;
    ///     assert_eq!((client.local_name(), client.peer_name()), ("client", "server"));
    ///     let (served, _) = listener.accept().await?;
    ///     assert_eq!((served.local_name(), served.peer_name()), ("server", "client"));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn peer_name(&self) -> &str {
        &self.peer
    }

    /// Resets the connection: from now on both ends read and write
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset), and what was under way is lost.
    ///
    /// ```
    /// use futures_lite::AsyncReadExt;
    /// use roundelay_executor::{run, testing::{SimNet, SimWeather}};
    ///
    /// run(async {
    ///     let net = SimNet::new(SimWeather::calm());
    ///     let listener = net.listen("server")?;
    ///     let mut client = net.connect("client", "server").await?;
    ///     let (served, _) = listener.accept().await?;
    ///     served.reset();
    ///     let error = client.read(&mut [0]).await.unwrap_err();
    ///     assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reset(&self) {
        for pipe in self.pipes() {
            alter(pipe, Pipe::reset);
        }
    }

    pub(crate) fn pipes(&self) -> [&SharedPipe; 2] {
        [&self.incoming, &self.outgoing]
    }

    fn attempt(
        &mut self,
        cx: &mut Context<'_>,
        reads: bool,
        mut attempt: impl FnMut(&mut Pipe, Instant) -> Try,
    ) -> Poll<io::Result<usize>> {
        if reads {
            self.arrival = None;
        }
        loop {
            let pipe = if reads { &self.incoming } else { &self.outgoing };
            let tried = attempt(&mut pipe.borrow_mut(), now());
            match tried {
                Try::Done(outcome) => {
                    let [reader, writer] = pipe.borrow_mut().take_waiters();
                    let (own, other) = if reads { (reader, writer) } else { (writer, reader) };
                    drop(own);
                    other.into_iter().for_each(Waiter::wake);
                    if outcome.is_err() && pipe.borrow().is_reset() {
                        // One direction is never reset alone.
                        self.reset();
                    }
                    return Poll::Ready(outcome);
                }
                // A waker is foreign: it is made and dropped while nothing is borrowed.
                Try::Wait => {
                    let waiter = Waiter::of(cx);
                    let earlier = pipe.borrow_mut().set_waiter(reads, waiter);
                    drop(earlier);
                    return Poll::Pending;
                }
                Try::At(due) => {
                    let waiter = Waiter::of(cx);
                    let earlier = pipe.borrow_mut().set_waiter(reads, waiter);
                    drop(earlier);
                    let mut arrival = Box::pin(sleep_until(due));
                    if arrival.as_mut().poll(cx).is_pending() {
                        self.arrival = Some(arrival);
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

/// Changes one direction, then wakes whoever waits at its ends.
pub(crate) fn alter(pipe: &SharedPipe, change: impl FnOnce(&mut Pipe)) {
    change(&mut pipe.borrow_mut());
    let waiting = pipe.borrow_mut().take_waiters();
    waiting.into_iter().flatten().for_each(Waiter::wake);
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.attempt(cx, true, |pipe, now| pipe.read(now, room))
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.attempt(cx, false, |pipe, now| pipe.write(now, bytes))
    }

    /// Bytes are under way as soon as they are written.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let now = now();
        alter(&self.outgoing, |pipe| pipe.close(now));
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        // Outside a loop there is no time any more, and nobody who reads.
        let last = current_loop().map(|home| home.time());
        alter(&self.incoming, Pipe::leave_as_reader);
        alter(&self.outgoing, |pipe| match last {
            Some(now) => pipe.close(now),
            None => pipe.reset(),
        });
    }
}

impl fmt::Debug for SimStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimStream")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
