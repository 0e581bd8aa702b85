//! What a runtime must be able to do to take part.
//!
//! The methods return the peer's own futures, unwrapped: a wrapper would be measured, too.
//! So every peer keeps its own types of errors, and a workload only asks that they can be
//! printed.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::time::Duration;

use hyper::server::conn::http1;

/// How many threads or processes a pool gets, whoever's it is.
pub const WORKERS: usize = 2;

/// A runtime with one thread: the least.
pub trait Host: Sized + 'static {
    /// Runs `main` on a new runtime.
    fn run<T>(main: impl Future<Output = T>) -> T;

    /// Starts a task on this thread.
    fn spawn<F>(future: F) -> impl Future<Output = Result<F::Output, impl Debug>> + 'static
    where
        F: Future + 'static,
        F::Output: 'static;
}

/// One that lets tasks take turns, and has a clock.
pub trait Peer: Host {
    /// Lets the other tasks run.
    fn yield_now() -> impl Future<Output = ()>;

    /// Waits.
    fn sleep(delay: Duration) -> impl Future<Output = ()> + 'static;

    /// Waits for `future`, but not for longer than `limit`.
    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, impl Debug>>;

    /// Calls `callback` soon. A peer without callbacks spawns a task that calls it.
    fn call_soon(callback: impl FnOnce() + 'static);
}

/// One that brings one-shots and channels of its own.
pub trait Primitives: Peer {
    /// The half of a one-shot that sends.
    type Promise<T: 'static>: 'static;

    /// A one-shot of the peer's own.
    fn promise<T: 'static>()
    -> (Self::Promise<T>, impl Future<Output = Result<T, impl Debug>> + 'static);

    /// Sends through a one-shot.
    fn resolve<T: 'static>(promise: Self::Promise<T>, value: T);

    /// The sending end of a bounded channel.
    type Sender<T: 'static>: 'static;
    /// The receiving end of a bounded channel.
    type Receiver<T: 'static>: 'static;

    /// A bounded channel of the peer's own, the lighter one if it has two.
    fn channel<T: 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);

    /// Sends through a channel, waiting for room.
    fn send<T: 'static>(sender: &Self::Sender<T>, value: T) -> impl Future<Output = ()>;

    /// Receives from a channel.
    fn receive<T: 'static>(receiver: &mut Self::Receiver<T>) -> impl Future<Output = T>;
}

/// One that serves sockets.
///
/// The handlers are the peer's own, since not all of them read into memory that they are lent.
pub trait Server: Host {
    /// A TCP listener.
    type Listener: 'static;
    /// A TCP connection.
    type Stream: 'static;

    /// Listens on a free port of this machine, and says which. Called while the peer runs.
    fn listen() -> io::Result<(Self::Listener, u16)>;

    /// The next connection, with `TCP_NODELAY` set.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Sends back what comes until the other side is done, as one writes it in a tutorial: with a
    /// buffer of so many bytes that is the connection's own.
    fn echo<const BUFFER: usize>(
        stream: Self::Stream,
    ) -> impl Future<Output = io::Result<()>> + 'static;

    /// The same by a handler that keeps no buffer while it waits: one of [`PAGE`] lies on the
    /// stack while there is something to read.
    fn echo_without_buffer(stream: Self::Stream) -> impl Future<Output = io::Result<()>> + 'static;
}

/// Room for a short message, or many.
pub const PAGE: usize = 4096;

/// One that hyper runs on.
pub trait HttpServer: Server {
    /// A connection as hyper wants it.
    type HttpStream: hyper::rt::Read + hyper::rt::Write + Unpin + 'static;

    /// Gives a connection to hyper.
    fn http_stream(stream: Self::Stream) -> Self::HttpStream;

    /// HTTP/1 with the peer's own clock for hyper's limits.
    fn http_server() -> http1::Builder;
}

/// Runs `future` as a task of a new runtime.
///
/// The main future of a runtime is special to it (its waker rings a different bell); what
/// programs do, they do in tasks.
pub fn run_in_task<P: Host, T: 'static>(future: impl Future<Output = T> + 'static) -> T {
    P::run(async { P::spawn(future).await.expect("the workload does not panic") })
}
