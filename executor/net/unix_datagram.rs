//! Unix-domain datagrams: single messages inside of one machine.
//!
//! They arrive whole, once, and in order; whoever sends faster than the other side receives
//! has to wait.
//!
//! Tutorial: chapter 7. Before this: `unix_listener.rs`. After this: `duplex.rs`.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use roundelay_runtime::Direction;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::net::readiness::Watched;

/// A Unix-domain socket for single messages. Several tasks may use one at a time.
///
/// ```
/// use roundelay_executor::{UnixDatagram, run};
///
/// run(async {
///     let (here, there) = UnixDatagram::pair()?;
///     here.send(b"ping").await?;
///     let mut buffer = [0; 16];
///     let length = there.recv(&mut buffer).await?;
///     assert_eq!(&buffer[..length], b"ping");
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UnixDatagram {
    watched: Watched<net::UnixDatagram>,
}

impl UnixDatagram {
    /// A socket at `path`, where nothing may be yet. The file stays when it is dropped.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::bind(path)?)
    }

    /// A socket without a path: it can send, and nobody can answer it.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::unbound()?)
    }

    /// Two sockets, each of which sends to the other one.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = net::UnixDatagram::pair()?;
        Ok((UnixDatagram::from_std(one)?, UnixDatagram::from_std(other)?))
    }

    /// Takes up a socket of std's on this loop. It does not block from now on.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    pub fn from_std(socket: net::UnixDatagram) -> io::Result<UnixDatagram> {
        socket.set_nonblocking(true)?;
        Ok(UnixDatagram { watched: Watched::new(socket)? })
    }

    /// Ends the watch, and gives std's socket back. It still does not block.
    #[must_use]
    pub fn into_std(self) -> net::UnixDatagram {
        self.watched.into_inner()
    }

    /// Fixes the other side, for [`send`](UnixDatagram::send).
    ///
    /// # Errors
    /// What the system says: there is nothing at `path`, or nobody uses it any more.
    ///
    /// ```
    /// use roundelay_executor::{UnixDatagram, run};
    ///
    /// let path = std::env::temp_dir().join(format!("roundelay-connect-{}", std::process::id()));
    /// run(async {
    ///     let there = UnixDatagram::bind(&path)?;
    ///     let here = UnixDatagram::unbound()?;
    ///     here.connect(&path)?;
    ///     here.send(b"ping").await?;
    ///     assert_eq!(there.recv(&mut [0; 16]).await?, 4);
    ///     std::fs::remove_file(&path)
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.watched.file.connect(path)
    }

    /// Sends one message to the fixed other side. Waits while that has too many unread ones.
    ///
    /// # Errors
    /// What the system says: the other side is gone, or the message is too long.
    ///
    /// *Cancel safety: safe.* It was not sent.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.watched.io(Direction::Write, |socket| socket.send(bytes)).await
    }

    /// Sends one message to the socket at `path`.
    ///
    /// Waits while that has too many unread ones; if that happens often, it is cheaper to
    /// [`connect`](UnixDatagram::connect) and [`send`](UnixDatagram::send).
    ///
    /// # Errors
    /// What the system says: there is nothing at `path`, or the message is too long.
    ///
    /// *Cancel safety: safe.* It was not sent.
    ///
    /// ```
    /// use roundelay_executor::{UnixDatagram, run};
    ///
    /// let path = std::env::temp_dir().join(format!("roundelay-datagram-{}", std::process::id()));
    /// run(async {
    ///     let there = UnixDatagram::bind(&path)?;
    ///     let here = UnixDatagram::unbound()?;
    ///     here.send_to(b"ping", &path).await?;
    ///     let mut buffer = [0; 16];
    ///     let (length, from) = there.recv_from(&mut buffer).await?;
    ///     assert!(&buffer[..length] == b"ping" && from.is_unnamed());
    ///     std::fs::remove_file(&path)
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let path = path.as_ref();
        loop {
            // "Would block" is about the other side. Linux calls our own socket writable all
            // the same, at each try anew, so to wait for that would be to go round in circles.
            let attempt = |socket: &net::UnixDatagram| match socket.send_to(bytes, path) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                outcome => outcome.map(Some),
            };
            if let Some(length) = self.watched.io(Direction::Write, attempt).await? {
                return Ok(length);
            }
            // A socket that is connected to the other side hears of room there.
            let scout = UnixDatagram::unbound()?;
            scout.connect(path)?;
            scout.watched.io(Direction::Write, is_writable).await?;
        }
    }

    /// The length in `buffer` of the next message. What does not fit is lost.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// *Cancel safety: safe.* No message is lost.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watched.io(Direction::Read, |socket| socket.recv(buffer)).await
    }

    /// The next message: its length in `buffer`, and who sent it. What does not fit is lost.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// *Cancel safety: safe.* No message is lost.
    ///
    /// ```
    /// use roundelay_executor::{UnixDatagram, run};
    ///
    /// let path = std::env::temp_dir().join(format!("roundelay-from-{}", std::process::id()));
    /// run(async {
    ///     let server = UnixDatagram::bind(&path)?;
    ///     server.send_to(b"to myself", &path).await?;
    ///     let (length, from) = server.recv_from(&mut [0; 16]).await?;
    ///     assert_eq!((length, from.as_pathname()), (9, Some(path.as_path())));
    ///     std::fs::remove_file(&path)
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.watched.io(Direction::Read, |socket| socket.recv_from(buffer)).await
    }

    /// Ends one direction, or both.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use std::{io::ErrorKind, net::Shutdown};
    /// use roundelay_executor::{UnixDatagram, run};
    ///
    /// run(async {
    ///     let (here, _there) = UnixDatagram::pair()?;
    ///     here.shutdown(Shutdown::Write)?;
    ///     assert_eq!(here.send(b"too late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.watched.file.shutdown(how)
    }

    /// Our own address.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.watched.file.local_addr()
    }

    /// The fixed other side's address.
    ///
    /// # Errors
    /// What the system says; not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.watched.file.peer_addr()
    }
}

/// Asks the system without waiting; "would block" is the answer no.
fn is_writable(socket: &net::UnixDatagram) -> io::Result<()> {
    let mut asked = [PollFd::new(socket, PollFlags::OUT)];
    match poll(&mut asked, Some(&Timespec::default()))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

impl AsFd for UnixDatagram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.file.as_fd()
    }
}
