//! What hyper asks of a runtime: a stream, a way to start tasks, a clock.
//!
//! ```text
//!   hyper asks for     and gets         which is
//!   rt::Read, Write    HyperIo          any futures-io stream; and back again
//!   rt::Executor       HyperExecutor    `spawn`: futures need not be `Send`
//!   rt::Timer, Sleep   HyperTimer       `sleep_until`, on the loop's clock
//! ```
//!
//! hyper lends a buffer that may be uninitialized, and futures-io wants one that is not. Filling
//! hyper's with zeros at each read would cost more than most reads do, so we read into a buffer
//! of our own and copy what came. There is one for each thread, not for each connection: it is
//! in use only while a read is under way, and ten thousand idle connections share it.
//!
//! # Invariants
//! - While the stream below is polled, the thread's buffer is out of its place: a stream that
//!   holds a `HyperIo` itself (TLS on top of an upgraded connection) finds none and makes one.
//! - A timer counts from when hyper asks for it, not from its first poll.
//!
//! Tutorial: chapter 18. Before this: `../attributes.rs`. After this: `tracing.rs`.

use std::cell::Cell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt;
use pin_project_lite::pin_project;
use roundelay_runtime::Instant;

use crate::task::TaskBuilder;
use crate::time::sleep::{self, Sleep};

pin_project! {
    /// A stream, as hyper wants it; or one of hyper's, as everybody else does.
    ///
    /// Around a stream of futures-io (a [`TcpStream`](crate::TcpStream), TLS on top of one) it
    /// has hyper's `rt::Read` and `rt::Write`. Around one of hyper's (`hyper::upgrade::Upgraded`)
    /// it has futures-io's `AsyncRead` and `AsyncWrite`, for a WebSocket, say.
    ///
    /// It buffers nothing, so [`HyperIo::into_inner`] loses nothing. Connections that are to be
    /// *upgraded* must be `Send` for hyper, which those of this crate are.
    ///
    /// ```
    /// use std::{future::poll_fn, pin::Pin};
    /// use futures_lite::io::Cursor;
    /// use hyper::rt::Write;
    /// use roundelay_executor::{HyperIo, run};
    ///
    /// run(async {
    ///     let mut hypers = HyperIo::new(Cursor::new(Vec::new()));
    ///     poll_fn(|cx| Pin::new(&mut hypers).poll_write(cx, b"hello")).await?;
    ///     assert_eq!(hypers.into_inner().into_inner(), b"hello");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[derive(Debug, Clone, Copy)]
    pub struct HyperIo<T> {
        #[pin]
        stream: T,
    }
}

impl<T> HyperIo<T> {
    /// Wraps a stream.
    #[must_use]
    pub fn new(stream: T) -> HyperIo<T> {
        HyperIo { stream }
    }

    /// The stream itself.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.stream
    }

    /// The stream itself.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.stream
    }

    /// Gives the stream back.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.stream
    }
}

thread_local! {
    /// What is read lands here first.
    static LANDING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How much one read brings at the most.
const LANDING_SIZE: usize = 64 * 1024;

impl<T: AsyncRead> rt::Read for HyperIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut landing = LANDING.take();
        if landing.is_empty() {
            landing.resize(LANDING_SIZE, 0);
        }
        let room = into.remaining().min(LANDING_SIZE);
        let outcome = self.project().stream.poll_read(cx, &mut landing[..room]);
        let outcome = outcome.map_ok(|count| into.put_slice(&landing[..count]));
        LANDING.set(landing);
        outcome
    }
}

impl<T: AsyncWrite> rt::Write for HyperIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, bytes)
    }

    /// futures-io does not tell whether a stream writes several pieces at once, so hyper is told
    /// yes. A stream that does not writes the first piece only; for one of those, HTTP/1's
    /// `Builder::writev(false)` makes one piece of a head and its body.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write_vectored(cx, slices)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_close(cx)
    }
}

impl<T: rt::Read> AsyncRead for HyperIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut into = rt::ReadBuf::new(buffer);
        ready!(self.project().stream.poll_read(cx, into.unfilled()))?;
        Poll::Ready(Ok(into.filled().len()))
    }
}

impl<T: rt::Write> AsyncWrite for HyperIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write_vectored(cx, slices)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_shutdown(cx)
    }
}

/// Starts hyper's tasks on the loop that runs here: HTTP/2 has some for each connection.
///
/// The futures need not be `Send`, so handlers may hold an `Rc`. The tasks are called `hyper`.
/// They are detached: they end with their connection, or with the loop.
///
/// # Panics
/// When hyper asks for a task where no event loop runs.
///
/// ```
/// use hyper::rt::Executor;
/// use roundelay_executor::{HyperExecutor, promise, run};
///
/// run(async {
///     let (answer, question) = promise();
///     HyperExecutor::new().execute(async { answer.resolve("started").unwrap() });
///     assert_eq!(question.await, Ok("started"));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HyperExecutor {}

impl HyperExecutor {
    /// The executor of whatever loop runs where it is used.
    #[must_use]
    pub fn new() -> HyperExecutor {
        HyperExecutor {}
    }
}

impl<F> rt::Executor<F> for HyperExecutor
where
    F: Future + 'static,
    F::Output: 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        TaskBuilder::new().name("hyper").spawn(future).detach();
    }
}

/// The loop's clock for hyper: header time limits, keep-alive.
///
/// On a virtual clock hyper's time is virtual, too.
///
/// # Panics
/// When hyper asks for the time where no event loop runs.
///
/// ```
/// use std::time::Duration;
/// use hyper::rt::Timer;
/// use roundelay_executor::{HyperTimer, Runner, now};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// runner.run(async {
///     let begin = now();
///     HyperTimer::new().sleep(Duration::from_secs(30)).await;
///     assert_eq!(now() - begin, Duration::from_secs(30));
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HyperTimer {}

impl HyperTimer {
    /// The clock of whatever loop runs where it is used.
    #[must_use]
    pub fn new() -> HyperTimer {
        HyperTimer {}
    }
}

impl rt::Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        match self.now().checked_add(duration) {
            Some(deadline) => self.sleep_until(deadline),
            // Longer than any clock can hold: it never ends.
            None => Box::pin(sleep::sleep(duration)),
        }
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(sleep::sleep_until(deadline))
    }

    fn now(&self) -> Instant {
        sleep::now()
    }

    /// In place: keep-alive moves its deadline with every request.
    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(mut ours) => ours.set(sleep::sleep_until(deadline)),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

impl rt::Sleep for Sleep {}
