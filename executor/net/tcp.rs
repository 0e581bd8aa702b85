//! TCP: listeners and streams.
//!
//! A stream is read and written through the futures-io traits, so the helpers of
//! futures-lite and futures-util, and every protocol crate that asks for those traits, work
//! on it. It belongs to the loop on which it was made. It may be sent to another thread,
//! and dropped there; used there it answers with an error that names both loops.
//!
//! Tutorial: chapter 7. Before this: `readiness.rs`. After this: `accept.rs`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, IpAddr, Shutdown, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use roundelay_runtime::{Direction, WaitKey};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::net::readiness::Watched;
use crate::to_thread::to_thread;

/// Waits for TCP connections.
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use roundelay_executor::{TcpListener, TcpStream, run, spawn};
///
/// run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let address = listener.local_addr()?;
///     spawn(async move {
///         let (mut stream, _) = listener.accept().await?;
///         stream.write_all(b"hello").await
///     })
///     .detach();
///     let mut stream = TcpStream::connect(address).await?;
///     let mut text = String::new();
///     stream.read_to_string(&mut text).await?;
///     assert_eq!(text, "hello");
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TcpListener {
    watched: Watched<net::TcpListener>,
}

impl TcpListener {
    /// Listens on `address`; port 0 lets the system choose one. A port that a finished
    /// connection still lingers on can be used again at once.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    #[doc(alias = "start_server")]
    pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener { watched: Watched::new(socket.into())? })
    }

    /// The next connection, and where it comes from.
    ///
    /// # Errors
    /// What the system says. Some errors concern one connection only, or pass: the listener
    /// stays good.
    ///
    /// *Cancel safety: safe.* No connection is lost.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.watched.io(Direction::Read, net::TcpListener::accept).await?;
        stream.set_nonblocking(true)?;
        Ok((TcpStream::new(stream)?, peer))
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.watched.file.local_addr()
    }
}

/// How many connections the system keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// A TCP connection.
///
/// Dropping it closes the connection. Reading and writing are *cancel safe* in the sense of
/// the futures-io traits: a poll that is pending has moved no byte. A read that is given up
/// leaves its word with the loop until the next event; a virtual clock stands still so long.
pub struct TcpStream {
    watched: Watched<net::TcpStream>,
    read: Option<WaitKey>,
    write: Option<WaitKey>,
}

impl TcpStream {
    fn new(stream: net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream { watched: Watched::new(stream)?, read: None, write: None })
    }

    /// Connects to `address`. Put a [`timeout`](crate::timeout()) around it: the system's own
    /// limit is minutes.
    ///
    /// # Errors
    /// What the system says: refused, unreachable; no loop runs on this thread.
    ///
    /// *Cancel safety: safe.* The attempt is given up.
    #[doc(alias = "open_connection")]
    pub async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Err(error) if is_in_progress(&error) => {}
            outcome => outcome?,
        }
        // Registered after `connect`: a socket that is not connecting counts as hung up.
        let stream = TcpStream::new(socket.into())?;
        stream.watched.io(Direction::Write, is_connected).await?;
        Ok(stream)
    }

    /// Connects to a host by name; each of its addresses is tried in turn. A name that is
    /// an address already costs nothing; any other is looked up in the loop's thread pool.
    ///
    /// # Errors
    /// The name is not known, or the error of the last address tried.
    ///
    /// *Cancel safety: safe.* The attempt is given up; a look-up that has begun ends in its
    /// thread.
    pub async fn connect_to(host: &str, port: u16) -> io::Result<TcpStream> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return TcpStream::connect(SocketAddr::new(address, port)).await;
        }
        let name = (host.to_owned(), port);
        let addresses: Vec<SocketAddr> =
            to_thread(move || name.to_socket_addrs().map(Iterator::collect))
                .await
                .map_err(io::Error::other)?
                .map_err(|error| {
                    let text = format!("the name {host:?} could not be looked up: {error}");
                    io::Error::new(error.kind(), text)
                })?;
        let mut last = io::Error::new(
            io::ErrorKind::NotFound,
            format!("the name {host:?} has no address; check its spelling"),
        );
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Sends small writes at once instead of collecting them for a moment.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.watched.file.set_nodelay(nodelay)
    }

    /// Our own address.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.watched.file.local_addr()
    }

    /// The other side's address.
    ///
    /// # Errors
    /// What the system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.watched.file.peer_addr()
    }

    /// Ends one direction, or both; the other side sees the end of what we write.
    ///
    /// # Errors
    /// What the system says.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.watched.file.shutdown(how)
    }

    /// Two halves that different tasks may own: one reads, one writes.
    ///
    /// The connection is closed when both are dropped; dropping the writing half alone ends
    /// what we write.
    #[must_use]
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        let watched = Arc::new(self.watched);
        let read = ReadHalf { watched: Arc::clone(&watched), wait: self.read };
        (read, WriteHalf { watched, wait: self.write })
    }
}

/// Whether a connection that was begun stands. Writable is not enough: it may have failed.
fn is_connected(stream: &net::TcpStream) -> io::Result<()> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}

/// Whether `connect` has begun and will be heard of.
fn is_in_progress(error: &io::Error) -> bool {
    let in_progress = [Errno::INPROGRESS, Errno::WOULDBLOCK].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| in_progress.contains(&code))
}

type Shared = Watched<net::TcpStream>;

fn poll_read(
    watched: &Shared,
    wait: &mut Option<WaitKey>,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    if buffer.is_empty() {
        // The system would block even for this, until there is something that has no room.
        return Poll::Ready(Ok(0));
    }
    let room = buffer.len();
    watched.poll_transfer(wait, cx, Direction::Read, room, |mut stream| stream.read(buffer))
}

fn poll_write(
    watched: &Shared,
    wait: &mut Option<WaitKey>,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    if bytes.is_empty() {
        return Poll::Ready(Ok(0));
    }
    watched.poll_transfer(wait, cx, Direction::Write, bytes.len(), |mut stream| stream.write(bytes))
}

/// The end of writing; a connection that is gone already has ended, too.
fn end_writing(stream: &net::TcpStream) -> io::Result<()> {
    match stream.shutdown(Shutdown::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        outcome => outcome,
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        poll_read(&this.watched, &mut this.read, cx, buffer)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let read = |mut stream: &net::TcpStream| stream.read_vectored(buffers);
        this.watched.poll_io(&mut this.read, cx, Direction::Read, read)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        poll_write(&this.watched, &mut this.write, cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if slices.iter().all(|slice| slice.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let write = |mut stream: &net::TcpStream| stream.write_vectored(slices);
        this.watched.poll_io(&mut this.write, cx, Direction::Write, write)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(end_writing(&self.watched.file))
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpStream").field(&self.watched.file).finish()
    }
}

/// The half of a [`TcpStream`] that reads.
#[derive(Debug)]
pub struct ReadHalf {
    watched: Arc<Shared>,
    wait: Option<WaitKey>,
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        poll_read(&this.watched, &mut this.wait, cx, buffer)
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        self.watched.cancel_wait(&mut self.wait);
    }
}

/// The half of a [`TcpStream`] that writes. Dropping it ends what we write.
#[derive(Debug)]
pub struct WriteHalf {
    watched: Arc<Shared>,
    wait: Option<WaitKey>,
}

impl AsyncWrite for WriteHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        poll_write(&this.watched, &mut this.wait, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(end_writing(&self.watched.file))
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        self.watched.cancel_wait(&mut self.wait);
        // It fails if the connection is gone, and then nothing is left to end.
        let _ = end_writing(&self.watched.file);
    }
}
