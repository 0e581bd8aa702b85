//! The ends of the system's pipes, as streams.
//!
//! ```text
//!   PipeWriter --bytes--> [ the system's buffer, 64 KiB as a rule ] --bytes--> PipeReader
//!   full: the writer waits                    empty: the reader waits; writer gone: the end
//! ```
//!
//! A pipe connects two processes, or two threads, and goes one way. The standard streams of a
//! child process are such ends.
//!
//! # Invariants
//! - An end that is made here does not block: that is a property of the end, so whoever holds
//!   the other end does not notice.
//!
//! Tutorial: chapter 7. Before this: `signals.rs`. After this: `process/exit_watch.rs`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use roundelay_runtime::{Direction, WaitKey};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::net::readiness::Watched;

/// The end of a pipe that is read.
///
/// *Cancel safety: safe*, in the sense of the futures-io traits: a poll that is pending has moved
/// no byte.
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use roundelay_executor::{PipeReader, PipeWriter, run};
///
/// run(async {
///     let (reader, writer) = std::io::pipe()?;
///     let (mut reader, mut writer) = (PipeReader::new(reader)?, PipeWriter::new(writer)?);
///     writer.write_all(b"through the pipe").await?;
///     writer.close().await?;
///     let mut text = String::new();
///     reader.read_to_string(&mut text).await?;
///     assert_eq!(text, "through the pipe");
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "connect_read_pipe")]
pub struct PipeReader {
    watched: Watched<OwnedFd>,
    wait: Option<WaitKey>,
}

impl PipeReader {
    /// Takes over the end of a pipe, or anything else that the system can wait for, and makes it
    /// an end that does not block.
    ///
    /// Do not hand in the standard input of this process: it is shared with others, who would
    /// get one that does not block, either. [`stdin`](crate::stdin) is made for it.
    ///
    /// # Errors
    /// What the system says, for example about a regular file, which is always ready; no loop
    /// runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{PipeReader, run};
    ///
    /// run(async {
    ///     let folder = std::fs::File::open("/")?;
    ///     assert!(PipeReader::new(folder).is_err()); // nobody can wait for a folder
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(end: impl Into<OwnedFd>) -> io::Result<PipeReader> {
        Ok(PipeReader { watched: watch(end.into())?, wait: None })
    }
}

impl AsyncRead for PipeReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            // The system would be asked whether there is something, and we would wait for it.
            return Poll::Ready(Ok(0));
        }
        let this = &mut *self;
        let read = |end: &OwnedFd| Ok(rustix::io::read(end, &mut *buffer)?);
        this.watched.poll_io(&mut this.wait, cx, Direction::Read, read)
    }
}

impl AsFd for PipeReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.file.as_fd()
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.watched.cancel_wait(&mut self.wait);
    }
}

/// The end of a pipe that is written. Closing or dropping it is the end of what is read.
///
/// Writing when nobody reads any more gives `BrokenPipe`. *Cancel safety: safe*, as for
/// [`PipeReader`].
#[derive(Debug)]
#[doc(alias = "connect_write_pipe")]
pub struct PipeWriter {
    /// `None` when it was closed.
    watched: Option<Watched<OwnedFd>>,
    wait: Option<WaitKey>,
}

impl PipeWriter {
    /// Takes over the end of a pipe: see [`PipeReader::new`].
    ///
    /// # Errors
    /// As there.
    pub fn new(end: impl Into<OwnedFd>) -> io::Result<PipeWriter> {
        Ok(PipeWriter { watched: Some(watch(end.into())?), wait: None })
    }
}

impl AsyncWrite for PipeWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Some(watched) = &this.watched else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let write = |end: &OwnedFd| Ok(rustix::io::write(end, bytes)?);
        watched.poll_io(&mut this.wait, cx, Direction::Write, write)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }
}

impl PipeWriter {
    fn end(&mut self) {
        if let Some(watched) = self.watched.take() {
            watched.cancel_wait(&mut self.wait);
        }
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.end();
    }
}

fn watch(end: OwnedFd) -> io::Result<Watched<OwnedFd>> {
    fcntl_setfl(&end, fcntl_getfl(&end)? | OFlags::NONBLOCK)?;
    Watched::new(end)
}
