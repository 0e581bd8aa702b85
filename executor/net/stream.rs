//! A stream over a socket: bytes in order, both ways.
//!
//! TCP and Unix-domain streams differ in how they are addressed and in nothing else, so they
//! are one type here, over the socket type of std.
//!
//! ```text
//!   TcpStream  = SocketStream<std::net::TcpStream>              tcp.rs, connect.rs
//!   UnixStream = SocketStream<std::os::unix::net::UnixStream>   unix.rs
//! ```
//!
//! A stream is read and written through the futures-io traits, so the helpers of
//! futures-lite and futures-util, and every protocol crate that asks for those traits, work
//! on it. It belongs to the loop on which it was made. It may be sent to another thread,
//! and dropped there; used there it answers with an error that names both loops.
//!
//! # Invariants
//! - A poll that is pending has moved no byte.
//! - One reader and one writer, because both are asked for by `&mut`: two tasks that read one
//!   stream do not compile.
//!
//! Tutorial: chapter 7. Before this: `readiness.rs`. After this: `halves.rs`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use roundelay_runtime::{Direction, WaitKey};
use rustix::io::Errno;
use socket2::{SockAddr, SockRef, Socket};

use crate::net::readiness::Watched;

/// A connection, for reading and for writing: a [`TcpStream`](crate::TcpStream) or a
/// [`UnixStream`](crate::UnixStream).
///
/// Dropping it closes the connection; what was written is still sent, unless something has come
/// that was not read: then TCP resets the connection, and what is still under way is lost. Who
/// answers and leaves closes writing first, and then reads to the end. Reading and writing are
/// *cancel safe* in the sense of the futures-io traits: a poll that is pending has moved no
/// byte. A read that is given up leaves its word with the loop until the next event; a virtual
/// clock stands still so long.
///
/// For options that have no method here, lend it to `socket2::SockRef::from(&stream)`: it is
/// [`AsFd`].
pub struct SocketStream<S> {
    pub(crate) watched: Watched<S>,
    pub(crate) read: Option<WaitKey>,
    pub(crate) write: Option<WaitKey>,
}

impl<S: AsFd> SocketStream<S> {
    /// Takes up a socket that does not block.
    pub(crate) fn new(socket: S) -> io::Result<SocketStream<S>> {
        Ok(SocketStream { watched: Watched::new(socket)?, read: None, write: None })
    }

    /// Connects `socket`, and waits until it has succeeded or failed.
    pub(crate) async fn connect_socket(socket: Socket, address: &SockAddr) -> io::Result<Self>
    where
        S: From<Socket>,
    {
        socket.set_nonblocking(true)?;
        begin_to_connect(&socket, address)?;
        // Registered after `connect`: a socket that is not connecting counts as hung up.
        let stream = SocketStream::new(S::from(socket))?;
        stream.watched.io(Direction::Write, is_connected).await?;
        Ok(stream)
    }

    /// Ends one direction, or both; the other side sees the end of what we write.
    ///
    /// # Errors
    /// What the system says; not connected any more is one.
    ///
    /// ```
    /// use futures_lite::AsyncReadExt;
    /// use std::net::Shutdown;
    /// use roundelay_executor::{UnixStream, run};
    ///
    /// run(async {
    ///     let (here, mut there) = UnixStream::pair()?;
    ///     here.shutdown(Shutdown::Write)?;
    ///     assert_eq!(there.read(&mut [0]).await?, 0); // the end
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "write_eof")]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        SockRef::from(&self.watched.file).shutdown(how)
    }

    /// The error that the socket keeps for the next who asks, and forgets then.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use roundelay_executor::{TcpListener, TcpStream, run, yield_now};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (served, _) = listener.accept().await?;
    ///     served.set_reset_on_drop(true)?;
    ///     drop(served);
    ///     let error = loop {
    ///         match client.take_error()? {
    ///             Some(error) => break error,
    ///             None => yield_now().await, // the reset is under way
    ///         }
    ///     };
    ///     assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    ///     assert!(client.take_error()?.is_none()); // it was taken
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        SockRef::from(&self.watched.file).take_error()
    }

    /// How many bytes the system keeps until we read them. Linux says twice what was asked
    /// for, because it counts its own bookkeeping.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use roundelay_executor::{UnixStream, run};
    ///
    /// run(async {
    ///     let (here, _there) = UnixStream::pair()?;
    ///     let (received, sent) = (here.recv_buffer_size()?, here.send_buffer_size()?);
    ///     here.set_recv_buffer_size(received / 4)?;
    ///     here.set_send_buffer_size(sent / 4)?;
    ///     assert!(here.recv_buffer_size()? < received && here.send_buffer_size()? < sent);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        SockRef::from(&self.watched.file).recv_buffer_size()
    }

    /// Asks for another size in bytes. The system keeps it within its limits, and that is no
    /// error.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        SockRef::from(&self.watched.file).set_recv_buffer_size(bytes.min(LARGEST_BUFFER))
    }

    /// How many bytes we may write before the other side takes them, counted as in
    /// [`recv_buffer_size`](SocketStream::recv_buffer_size), which has an example.
    ///
    /// # Errors
    /// What the system says.
    #[doc(alias = "set_write_buffer_limits")]
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        SockRef::from(&self.watched.file).send_buffer_size()
    }

    /// Asks for another size in bytes. The system keeps it within its limits, and that is no
    /// error.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        SockRef::from(&self.watched.file).set_send_buffer_size(bytes.min(LARGEST_BUFFER))
    }

    /// Ends the watch, and gives std's socket back. It still does not block.
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use roundelay_executor::{UnixStream, run};
    ///
    /// let (here, _there) = run(async { UnixStream::pair() })?;
    /// let mut here = here.into_std();
    /// let nothing = here.read(&mut [0]).unwrap_err(); // it still does not block
    /// assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn into_std(self) -> S {
        self.watched.into_inner()
    }
}

/// The system is told of sizes as a C `int`: of a larger number it would see the low bits, which
/// may be none.
const LARGEST_BUFFER: usize = i32::MAX as usize;

/// Sends the request for a connection; how it ends will be heard of.
fn begin_to_connect(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    let Err(error) = socket.connect(address) else { return Ok(()) };
    let is = |errno: Errno| error.raw_os_error() == Some(errno.raw_os_error());
    // Interrupted by a signal, the request stands nevertheless.
    if is(Errno::INPROGRESS) || is(Errno::INTR) {
        return Ok(());
    }
    if is(Errno::AGAIN) {
        // Nobody will tell when there is room: to wait would be to hang.
        return Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "the listener has more connections waiting than it keeps; try again a little later",
        ));
    }
    Err(error)
}

/// Whether a connection that was begun stands. Writable is not enough: it may have failed.
fn is_connected(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}

/// One try to read, or a word left to be woken for the next.
pub(crate) fn poll_read<S>(
    watched: &Watched<S>,
    wait: &mut Option<WaitKey>,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>>
where
    S: AsFd,
    for<'a> &'a S: Read,
{
    if buffer.is_empty() {
        // The system would block even for this, until there is something that has no room.
        return Poll::Ready(Ok(0));
    }
    let room = buffer.len();
    watched.poll_transfer(wait, cx, Direction::Read, room, |mut socket| socket.read(buffer))
}

/// The same for several buffers.
pub(crate) fn poll_read_vectored<S>(
    watched: &Watched<S>,
    wait: &mut Option<WaitKey>,
    cx: &mut Context<'_>,
    buffers: &mut [IoSliceMut<'_>],
) -> Poll<io::Result<usize>>
where
    S: AsFd,
    for<'a> &'a S: Read,
{
    if buffers.iter().all(|buffer| buffer.is_empty()) {
        return Poll::Ready(Ok(0));
    }
    watched.poll_io(wait, cx, Direction::Read, |mut socket| socket.read_vectored(buffers))
}

/// One try to write, or a word left to be woken for the next.
pub(crate) fn poll_write<S>(
    watched: &Watched<S>,
    wait: &mut Option<WaitKey>,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>>
where
    S: AsFd,
    for<'a> &'a S: Write,
{
    if bytes.is_empty() {
        return Poll::Ready(Ok(0));
    }
    watched.poll_transfer(wait, cx, Direction::Write, bytes.len(), |mut socket| socket.write(bytes))
}

/// The same for several pieces.
pub(crate) fn poll_write_vectored<S>(
    watched: &Watched<S>,
    wait: &mut Option<WaitKey>,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>>
where
    S: AsFd,
    for<'a> &'a S: Write,
{
    if slices.iter().all(|slice| slice.is_empty()) {
        return Poll::Ready(Ok(0));
    }
    watched.poll_io(wait, cx, Direction::Write, |mut socket| socket.write_vectored(slices))
}

/// The end of writing; a connection that is gone already has ended, too.
pub(crate) fn end_writing(socket: &impl AsFd) -> io::Result<()> {
    match SockRef::from(socket).shutdown(Shutdown::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        outcome => outcome,
    }
}

// Nothing in it is ever pinned.
impl<S> Unpin for SocketStream<S> {}

impl<S> AsyncRead for SocketStream<S>
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
        poll_read(&this.watched, &mut this.read, cx, buffer)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        poll_read_vectored(&this.watched, &mut this.read, cx, buffers)
    }
}

impl<S> AsyncWrite for SocketStream<S>
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
        poll_write(&this.watched, &mut this.write, cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        poll_write_vectored(&this.watched, &mut this.write, cx, slices)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(end_writing(&self.watched.file))
    }
}

impl<S: AsFd> AsFd for SocketStream<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.file.as_fd()
    }
}

impl<S: fmt::Debug> fmt::Debug for SocketStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SocketStream").field(&self.watched.file).finish()
    }
}
