//! A server: a listener, a handler, and a task for each connection.
//!
//! ```text
//!   room?  --> accept --> a task of its own: handler(stream, peer)
//!     ^                         |
//!     +---- one has ended ------+
//! ```
//!
//! The limit is kept *before* accepting. Whoever is one too many waits in the system's line,
//! where waiting costs nobody anything, instead of in a task that does nothing.
//!
//! # Three ways to end
//! ```text
//!               new connections    those that are served
//!   close       refused            go on
//!   drain       refused            get so much time; then they are cut off
//!   abort       go on              cut off now
//! ```
//! Dropping the server is both: refused, and cut off.
//!
//! # Invariants
//! - Whatever one connection does, an error, a panic, nothing at all for hours, the server
//!   serves the others.
//! - Never more than the limit are served at once.
//! - A connection that is cut off has dropped its stream when the method that waits returns.
//!
//! Tutorial: chapter 12. Before this: `accept.rs`. After this: `../signals.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use roundelay_runtime::{Failure, FailureKind, Key};

use crate::combinators::select::select;
use crate::current::expect_tasks;
use crate::net::accept::{Accept, Shortage, Verdict, panic_of_the_listener};
use crate::net::readiness::is_time_to_give_way;
use crate::sync::notify::Notify;
use crate::sync::semaphore::{Permit, Semaphore};
use crate::task::{Task, TaskBuilder};
use crate::task_table::Tasks;
use crate::time::sleep::sleep;
use crate::time::timeout::timeout;
use crate::yield_now::yield_now;

/// Serves every connection of `listener` with `handler`, in a task of its own, at most 1,000
/// at once. For another limit see [`ServerBuilder`].
///
/// An error of the handler is reported as a warning with the peer's address, a panic as that
/// of any task that nobody awaits. Neither ends the server.
///
/// # Panics
/// Where no event loop runs.
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt, io::copy};
/// use roundelay_executor::{TcpListener, TcpStream, run, serve};
///
/// run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let address = listener.local_addr()?;
///     let server = serve(listener, async |stream: TcpStream, _peer| {
///         let (reader, mut writer) = stream.into_split();
///         copy(reader, &mut writer).await.map(drop)
///     });
///
///     let mut client = TcpStream::connect(address).await?;
///     client.write_all(b"echo").await?;
///     client.close().await?;
///     let mut answer = String::new();
///     client.read_to_string(&mut answer).await?;
///     assert_eq!(answer, "echo");
///     assert_eq!(server.drain(std::time::Duration::from_secs(1)).await, 0);
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "start_server")]
pub fn serve<L, H, E>(listener: L, handler: H) -> Server
where
    L: Accept + 'static,
    H: AsyncFn(L::Stream, L::Peer) -> Result<(), E> + 'static,
    E: fmt::Display + 'static,
{
    ServerBuilder::new().serve(listener, handler)
}

/// Settings of a server that is about to serve.
///
/// ```
/// use roundelay_executor::{ServerBuilder, TcpListener, run};
///
/// run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let server = ServerBuilder::new().max_connections(10).name("ten at a time");
///     let server = server.serve(listener, async |_stream, _peer| std::io::Result::Ok(()));
///     assert_eq!(server.connections(), 0);
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder serves nothing until `serve` is called"]
pub struct ServerBuilder {
    limit: usize,
    name: String,
}

impl ServerBuilder {
    /// At most 1,000 connections at once, and the name "server".
    pub fn new() -> ServerBuilder {
        ServerBuilder { limit: 1000, name: "server".to_owned() }
    }

    /// How many connections are served at once; the next ones wait in the system's line.
    ///
    /// # Panics
    /// If it is none.
    pub fn max_connections(mut self, limit: usize) -> ServerBuilder {
        assert!(limit > 0, "a server with room for no connection would never serve anybody");
        self.limit = limit;
        self
    }

    /// What reports call the server.
    pub fn name(mut self, name: impl Into<String>) -> ServerBuilder {
        self.name = name.into();
        self
    }

    /// Begins to serve: see [`serve`], which has an example, too.
    ///
    /// # Panics
    /// Where no event loop runs.
    pub fn serve<L, H, E>(self, listener: L, handler: H) -> Server
    where
        L: Accept + 'static,
        H: AsyncFn(L::Stream, L::Peer) -> Result<(), E> + 'static,
        E: fmt::Display + 'static,
    {
        let house = Rc::new(House {
            name: self.name,
            tasks: expect_tasks("a server"),
            served: RefCell::default(),
            accepted: Cell::new(0),
            closed: Cell::new(false),
            broken: Cell::new(None),
            changed: Notify::new(),
        });
        let closing = Closing { house: Rc::clone(&house) };
        let accepting = accept_all(listener, Rc::new(handler), self.limit, closing);
        let accepting = TaskBuilder::new().name(house.name.as_str()).spawn(accepting);
        Server { accepting, house }
    }
}

impl Default for ServerBuilder {
    fn default() -> Self {
        ServerBuilder::new()
    }
}

/// Serves connections until it is closed. Dropping it closes it and cancels its connections.
///
/// ```
/// # use std::{future::pending, io};
/// # use roundelay_executor::{TcpListener, TcpStream, run, serve, yield_now};
/// run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let _client = TcpStream::connect(listener.local_addr()?).await?;
///     let server = serve(listener, async |_, _| pending::<io::Result<()>>().await);
///     while server.connections() == 0 { yield_now().await }
///     assert_eq!((server.accepted(), server.close()), (1, 1)); // it goes on
///     assert_eq!(server.abort_clients(), 1); // it is cut off
///     server.join().await
/// })?;
/// # Ok::<(), io::Error>(())
/// ```
#[must_use = "dropping a server ends it: keep it, and await `join` or `drain`"]
pub struct Server {
    accepting: Task<()>,
    house: Rc<House>,
}

impl Server {
    /// How many connections are being served.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.house.served.borrow().len()
    }

    /// How many connections there have been.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.house.accepted.get()
    }

    /// Waits until the server was closed, or its listener broke, and the last connection has
    /// ended. A server that nobody closes serves for ever.
    ///
    /// # Errors
    /// What broke the listener, a panic of its own included, to whoever asks first.
    ///
    /// *Cancel safety: safe.*
    #[doc(alias = "serve_forever")]
    #[doc(alias = "wait_closed")]
    pub async fn join(&self) -> io::Result<()> {
        self.house.closed_and_empty().await;
        self.house.broken.take().map_or(Ok(()), Err)
    }

    /// Accepts no more: in the next turn the listener is dropped, and whoever connects is
    /// refused. Says how many connections go on.
    pub fn close(&self) -> usize {
        self.accepting.cancel();
        self.connections()
    }

    /// Accepts no more, gives those that are served `limit` to end, then cuts them off and
    /// waits until each has let go of its stream. Says how many were cut off.
    ///
    /// *Cancel safety: safe.* The server stays closed; before `limit` has passed nobody is cut off.
    pub async fn drain(&self, limit: Duration) -> usize {
        self.close();
        let mut cut_off = 0;
        if timeout(limit, self.house.closed_and_empty()).await.is_err() {
            cut_off = self.abort_clients();
            self.house.closed_and_empty().await;
        }
        cut_off
    }

    /// Cancels every connection that is served: each drops its stream in its next step. The
    /// server goes on accepting. Says how many were cut off.
    pub fn abort_clients(&self) -> usize {
        self.house.abort()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.cancel();
        self.house.abort();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.house.name)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// What the server, its accepting task and its connections share.
struct House {
    name: String,
    tasks: Rc<Tasks>,
    /// The tasks of the connections that have not ended, by the connections' numbers.
    served: RefCell<BTreeMap<u64, Key>>,
    accepted: Cell<u64>,
    /// The listener is gone.
    closed: Cell<bool>,
    broken: Cell<Option<io::Error>>,
    /// A connection has ended, or the listener is gone.
    changed: Notify,
}

impl House {
    async fn closed_and_empty(&self) {
        while !self.closed.get() || !self.served.borrow().is_empty() {
            self.changed.notified().await;
        }
    }

    fn abort(&self) -> usize {
        // Taken first: whoever observes the loop is told of each cancellation.
        let served: Vec<Key> = self.served.borrow().values().copied().collect();
        served.into_iter().filter(|&connection| self.tasks.cancel(connection)).count()
    }

    /// Tells of what nobody can take, but never stops the loop over it.
    fn warn(&self, who: impl Into<String>, error: &dyn fmt::Display) {
        self.tasks.loop_ref.warn(Failure::new(FailureKind::TaskFailed, who, error.to_string()));
    }
}

/// Accepts until it is cancelled or the listener breaks.
///
/// What is dropped last stands last among the arguments, for a task that is cancelled before
/// its first step; and first in the body, for all others.
async fn accept_all<L, H, E>(listener: L, handler: Rc<H>, limit: usize, closing: Closing)
where
    L: Accept + 'static,
    H: AsyncFn(L::Stream, L::Peer) -> Result<(), E> + 'static,
    E: fmt::Display + 'static,
{
    let closing = closing;
    let listener = listener;
    let house = &closing.house;
    let room = Semaphore::new(limit);
    let mut shortage = Shortage::default();
    loop {
        let place = room.acquire().await;
        // A listener of somebody else's may be ready each time.
        if is_time_to_give_way() {
            yield_now().await;
        }
        let error = match listener.accept().await {
            Ok((stream, peer)) => {
                shortage.success();
                begin(house, &handler, stream, peer, place);
                continue;
            }
            Err(error) => error,
        };
        let now = house.tasks.loop_ref.time();
        let pause = match Verdict::of(&error) {
            Verdict::NextOne => shortage.next_one(now),
            Verdict::Later => Some(shortage.later(now)),
            Verdict::Broken => {
                house.warn(&house.name, &format_args!("it stops accepting: {error}"));
                house.broken.set(Some(error));
                return;
            }
        };
        let Some(pause) = pause else { continue };
        if let Some(advice) = pause.advice {
            house.warn(&house.name, &format_args!("it pauses: {error}; {advice}"));
        }
        drop(place);
        // A connection that ends gives back a descriptor.
        let (over, one_ended) = (pin!(sleep(pause.length)), pin!(house.changed.notified()));
        select(over, one_ended).await;
    }
}

/// A task for one connection.
fn begin<S, P, H, E>(house: &Rc<House>, handler: &Rc<H>, stream: S, peer: P, place: Permit)
where
    S: 'static,
    P: fmt::Debug + 'static,
    H: AsyncFn(S, P) -> Result<(), E> + 'static,
    E: fmt::Display + 'static,
{
    let number = house.accepted.get() + 1;
    house.accepted.set(number);
    let who = format!("connection {number} of {}, from {peer:?}", house.name);
    let leaving = Leaving { house: Rc::clone(house), number, who: who.clone(), _place: place };
    let task = TaskBuilder::new().name(who).spawn(one(Rc::clone(handler), stream, peer, leaving));
    house.served.borrow_mut().insert(number, task.key);
    // From here on a panic is reported with the task's name.
    task.detach();
}

/// One connection. As in [`accept_all`], what is dropped last is named last.
async fn one<S, P, H, E>(handler: Rc<H>, stream: S, peer: P, leaving: Leaving)
where
    H: AsyncFn(S, P) -> Result<(), E>,
    E: fmt::Display,
{
    let leaving = leaving;
    if let Err(error) = handler(stream, peer).await {
        leaving.house.warn(&leaving.who, &error);
    }
}

/// Strikes a connection off the list when its task has let go of everything else.
struct Leaving {
    house: Rc<House>,
    number: u64,
    who: String,
    _place: Permit,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.house.served.borrow_mut().remove(&self.number);
        self.house.changed.notify_all();
    }
}

/// Says that the listener is gone.
struct Closing {
    house: Rc<House>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.house.broken.set(self.house.broken.take().or_else(panic_of_the_listener));
        self.house.closed.set(true);
        self.house.changed.notify_all();
    }
}
