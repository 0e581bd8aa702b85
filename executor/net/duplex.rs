//! A connection in memory: two pipes, crossed.
//!
//! ```text
//!   one end                                    other end
//!     writer --> [ up to `capacity` bytes ] --> reader
//!     reader <-- [ up to `capacity` bytes ] <-- writer
//! ```
//!
//! It behaves as a socket does, down to the half-close, and needs no operating system: for tests
//! of protocols, and for two parts of one program that speak one.
//!
//! Both ends stay on the thread of their loop. They could be made to travel, by a lock and by
//! wakers that hold the loop's door; but then a loop in which both sides wait for each other
//! would sleep for ever, and like this it says `Deadlock`, which is what a test wants to hear.
//!
//! # Invariants
//! - A reader waits only at an empty pipe, a writer only at a full one.
//! - The end comes after all that was written before it, and stays.
//!
//! Tutorial: chapter 14. Before this: `unix_datagram.rs`. After this: `line_reader.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::net::readiness::is_time_to_give_way;
use crate::task_table::Waiter;

/// Both ends of a connection in memory, each way with room for `capacity` bytes. They stay on
/// this thread.
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use roundelay_executor::{Runner, duplex, run, spawn};
/// use roundelay_runtime::RunError;
///
/// run(async {
///     let (mut here, mut there) = duplex(16);
///     let echo = spawn(async move {
///         let mut word = [0; 4];
///         there.read_exact(&mut word).await?;
///         there.write_all(&word).await
///     });
///     here.write_all(b"ping").await?;
///     let mut text = String::new();
///     here.read_to_string(&mut text).await?;
///     assert_eq!(text, "ping");
///     echo.await.unwrap()
/// })?;
///
/// // Two that wait for each other are found out.
/// let (mut here, _there) = duplex(16);
/// let stuck = Runner::new()?.run(async { here.read(&mut [0; 1]).await });
/// assert!(matches!(stuck, Err(RunError::Deadlock(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If `capacity` is zero: nothing could ever be written.
#[doc(alias = "memory_stream_pair")]
#[must_use]
#[track_caller]
pub fn duplex(capacity: usize) -> (DuplexStream, DuplexStream) {
    assert!(
        capacity > 0,
        "`duplex` needs room for at least one byte each way; with none nothing could be written"
    );
    let (there, back) = (pipe(capacity), pipe(capacity));
    (
        DuplexStream { reader: back.1, writer: there.0 },
        DuplexStream { reader: there.1, writer: back.0 },
    )
}

/// One end of a connection in memory: see [`duplex`].
///
/// Dropping it ends both ways: the other side reads what was written, and then the end; what
/// it writes from then on is an error (broken pipe). A poll that is pending has moved no byte.
#[derive(Debug)]
pub struct DuplexStream {
    reader: DuplexReader,
    writer: DuplexWriter,
}

impl DuplexStream {
    /// Two halves that different tasks may own.
    ///
    /// ```
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    /// use roundelay_executor::{duplex, run};
    ///
    /// run(async {
    ///     let (here, mut there) = duplex(16);
    ///     let (_reader, mut writer) = here.into_split();
    ///     writer.write_all(b"the end").await?;
    ///     drop(writer); // ends what we write, while we can still read
    ///     let mut text = String::new();
    ///     there.read_to_string(&mut text).await?;
    ///     assert_eq!(text, "the end");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn into_split(self) -> (DuplexReader, DuplexWriter) {
        (self.reader, self.writer)
    }
}

/// The half of a [`DuplexStream`] that reads. Dropped, it makes the other side's writes fail.
pub struct DuplexReader {
    pipe: Rc<RefCell<Pipe>>,
}

/// The half of a [`DuplexStream`] that writes. Dropped, it ends what the other side reads.
pub struct DuplexWriter {
    pipe: Rc<RefCell<Pipe>>,
}

/// One way.
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer has closed it, or is gone.
    ended: bool,
    /// The reader is gone.
    unread: bool,
    reader: Option<Waiter>,
    writer: Option<Waiter>,
}

fn pipe(capacity: usize) -> (DuplexWriter, DuplexReader) {
    let pipe = Rc::new(RefCell::new(Pipe {
        bytes: VecDeque::new(),
        capacity,
        ended: false,
        unread: false,
        reader: None,
        writer: None,
    }));
    (DuplexWriter { pipe: Rc::clone(&pipe) }, DuplexReader { pipe })
}

/// Wakes whoever waits on the side that `side` picks: after the borrow has ended.
fn wake(pipe: &RefCell<Pipe>, side: fn(&mut Pipe) -> &mut Option<Waiter>) {
    let waiter = side(&mut pipe.borrow_mut()).take();
    if let Some(waiter) = waiter {
        waiter.wake();
    }
}

/// Leaves whoever polls with `cx` to be woken, in the place of an earlier one.
fn leave_word(pipe: &RefCell<Pipe>, side: fn(&mut Pipe) -> &mut Option<Waiter>, cx: &Context<'_>) {
    let waiter = Waiter::of(cx);
    let earlier = side(&mut pipe.borrow_mut()).replace(waiter);
    drop(earlier);
}

fn reader(pipe: &mut Pipe) -> &mut Option<Waiter> {
    &mut pipe.reader
}

fn writer(pipe: &mut Pipe) -> &mut Option<Waiter> {
    &mut pipe.writer
}

impl AsyncRead for DuplexReader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let (is_empty, ended) = {
            let pipe = self.pipe.borrow();
            (pipe.bytes.is_empty(), pipe.ended)
        };
        if is_empty {
            if ended {
                return Poll::Ready(Ok(0));
            }
            leave_word(&self.pipe, reader, cx);
            return Poll::Pending;
        }
        if is_time_to_give_way() {
            Waiter::wake_poller(cx);
            return Poll::Pending;
        }
        let count = self.pipe.borrow_mut().bytes.read(buffer)?;
        wake(&self.pipe, writer);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for DuplexWriter {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let (room, refused) = {
            let pipe = self.pipe.borrow();
            (pipe.capacity - pipe.bytes.len(), pipe.unread || pipe.ended)
        };
        if refused {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if room == 0 {
            leave_word(&self.pipe, writer, cx);
            return Poll::Pending;
        }
        if is_time_to_give_way() {
            Waiter::wake_poller(cx);
            return Poll::Pending;
        }
        let count = room.min(bytes.len());
        self.pipe.borrow_mut().bytes.extend(&bytes[..count]);
        wake(&self.pipe, reader);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.borrow_mut().ended = true;
        wake(&self.pipe, reader);
        Poll::Ready(Ok(()))
    }
}

impl Drop for DuplexReader {
    fn drop(&mut self) {
        self.pipe.borrow_mut().unread = true;
        wake(&self.pipe, writer);
        // Whoever waited here waits no more.
        let waiter = self.pipe.borrow_mut().reader.take();
        drop(waiter);
    }
}

impl Drop for DuplexWriter {
    fn drop(&mut self) {
        self.pipe.borrow_mut().ended = true;
        wake(&self.pipe, reader);
        let waiter = self.pipe.borrow_mut().writer.take();
        drop(waiter);
    }
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.reader).poll_read(cx, buffer)
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_close(cx)
    }
}

impl Pipe {
    fn describe(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let mut text = f.debug_struct(name);
        text.field("bytes", &self.bytes.len()).field("capacity", &self.capacity);
        text.field("ended", &self.ended).finish()
    }
}

impl fmt::Debug for DuplexReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pipe.borrow().describe(f, "DuplexReader")
    }
}

impl fmt::Debug for DuplexWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pipe.borrow().describe(f, "DuplexWriter")
    }
}
