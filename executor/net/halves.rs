//! Two halves of one stream, for two tasks.
//!
//! ```text
//!   stream --into_split--> ReadHalf + WriteHalf --reunite--> stream
//!                              \        \
//!                               \        dropped: the other side reads our end
//!                                both dropped: the connection is closed
//! ```
//!
//! Tutorial: chapter 7. Before this: `stream.rs`. After this: `tcp.rs`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use roundelay_runtime::WaitKey;

use crate::net::readiness::Watched;
use crate::net::stream::{
    SocketStream, end_writing, poll_read, poll_read_vectored, poll_write, poll_write_vectored,
};

impl<S: AsFd> SocketStream<S> {
    /// Two halves that different tasks may own: one reads, one writes.
    ///
    /// The connection is closed when both are dropped; dropping the writing half alone ends
    /// what we write. [`ReadHalf::reunite`] makes them one again.
    ///
    /// ```
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    /// use roundelay_executor::{UnixStream, run, spawn};
    ///
    /// run(async {
    ///     let (here, mut there) = UnixStream::pair()?;
    ///     let (mut reader, mut writer) = here.into_split();
    ///     let writing = spawn(async move { writer.write_all(b"to you").await });
    ///     there.write_all(b"to me").await?;
    ///     let (mut to_me, mut to_you) = ([0; 5], [0; 6]);
    ///     reader.read_exact(&mut to_me).await?;
    ///     there.read_exact(&mut to_you).await?;
    ///     assert_eq!((&to_me, &to_you), (b"to me", b"to you"));
    ///     writing.await.unwrap()
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn into_split(self) -> (ReadHalf<S>, WriteHalf<S>) {
        let watched = Arc::new(self.watched);
        let read = ReadHalf { watched: Arc::clone(&watched), wait: self.read };
        (read, WriteHalf { watched, wait: self.write, ends: true })
    }
}

/// The half of a stream that reads; of a [`TcpStream`](crate::TcpStream), unless it says
/// another.
pub struct ReadHalf<S: AsFd = net::TcpStream> {
    watched: Arc<Watched<S>>,
    wait: Option<WaitKey>,
}

/// The half of a stream that writes; of a [`TcpStream`](crate::TcpStream), unless it says
/// another. Dropping it ends what we write.
pub struct WriteHalf<S: AsFd = net::TcpStream> {
    watched: Arc<Watched<S>>,
    wait: Option<WaitKey>,
    /// Dropping it ends what we write.
    ends: bool,
}

impl<S: AsFd> ReadHalf<S> {
    /// Makes two halves of one stream whole again. Nothing is lost: what one of them has not
    /// read or written yet, the whole will.
    ///
    /// # Errors
    /// [`ReuniteError`] with both halves, if they are not of one stream.
    ///
    /// ```
    /// use roundelay_executor::{UnixStream, run};
    ///
    /// run(async {
    ///     let (here, there) = UnixStream::pair()?;
    ///     let ((read, write), (stranger, _)) = (here.into_split(), there.into_split());
    ///     let refused = stranger.reunite(write).unwrap_err();
    ///     let whole = read.reunite(refused.write);
    ///     assert!(whole.is_ok());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reunite(mut self, mut write: WriteHalf<S>) -> Result<SocketStream<S>, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.watched, &write.watched) {
            return Err(ReuniteError { read: self, write });
        }
        write.ends = false;
        let waits = (self.wait.take(), write.wait.take());
        let watched = Arc::clone(&self.watched);
        drop((self, write));
        let watched = Arc::into_inner(watched).expect("a stream has two halves and no more");
        Ok(SocketStream { watched, read: waits.0, write: waits.1 })
    }
}

/// The two halves that [`ReadHalf::reunite`] was given are not of one stream.
#[derive(Debug)]
pub struct ReuniteError<S: AsFd = net::TcpStream> {
    /// The half that reads.
    pub read: ReadHalf<S>,
    /// The half that writes.
    pub write: WriteHalf<S>,
}

impl<S: AsFd> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the two halves belong to different streams; reunite those that one `into_split` gave",
        )
    }
}

impl<S: AsFd + fmt::Debug> std::error::Error for ReuniteError<S> {}

impl<S> AsyncRead for ReadHalf<S>
where
    S: AsFd,
    for<'a> &'a S: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        poll_read(&this.watched, &mut this.wait, cx, buffer)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        poll_read_vectored(&this.watched, &mut this.wait, cx, buffers)
    }
}

impl<S> AsyncWrite for WriteHalf<S>
where
    S: AsFd,
    for<'a> &'a S: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        poll_write(&this.watched, &mut this.wait, cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        poll_write_vectored(&this.watched, &mut this.wait, cx, slices)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(end_writing(&self.watched.file))
    }
}

impl<S: AsFd> Drop for ReadHalf<S> {
    fn drop(&mut self) {
        self.watched.cancel_wait(&mut self.wait);
    }
}

impl<S: AsFd> Drop for WriteHalf<S> {
    fn drop(&mut self) {
        self.watched.cancel_wait(&mut self.wait);
        if self.ends {
            // It fails if the connection is gone, and then nothing is left to end.
            let _ = end_writing(&self.watched.file);
        }
    }
}

impl<S: AsFd> Unpin for ReadHalf<S> {}
impl<S: AsFd> Unpin for WriteHalf<S> {}

impl<S: AsFd + fmt::Debug> fmt::Debug for ReadHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadHalf").field(&self.watched.file).finish()
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for WriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteHalf").field(&self.watched.file).finish()
    }
}
