//! Unix-domain datagrams: single messages inside of one machine.
//!
//! They arrive whole, once, and in order; whoever sends faster than the other side receives
//! has to wait.
//!
//! # Waiting for somebody else's line
//! A message has no place for one of two reasons, and the system says "would block" for both: too
//! much of ours lies unread, wherever it was sent to, or too many messages stand in the receiver's
//! line, whoever sent them. Of the first our socket is told. Of the second only a socket that is
//! connected to the receiver is, and a sender that names the receiver each time is not connected.
//! So it sends out a scout:
//!
//! ```text
//!   is our socket writable?   is the scout?   what is waited for
//!   no                        yes             our socket: the reason is our own buffer
//!   yes                       no              the scout: the reason is the receiver's line
//!   no                        no              whichever comes first
//!   yes                       yes             nothing: it has just changed
//!   no                        there is none   our socket, and no longer than a pause
//!   yes                       there is none   a pause
//! ```
//!
//! There is no scout where no descriptor is left. One that the receiver refuses says "writable",
//! and that is true: a receiver that is connected to us, and so takes in nobody else's messages, has
//! a line without an end. What else goes wrong with a scout is nobody's business: what counts is
//! what the next try is told.
//!
//! Tutorial: chapter 7. Before this: `unix_listener.rs`. After this: `duplex.rs`.

use std::future::pending;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use roundelay_runtime::{Direction, current_loop};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::combinators::select::select;
use crate::net::readiness::Watched;
use crate::net::unix_name::address_of;
use crate::time::sleep::sleep;
use crate::yield_now::yield_now;

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
    /// A socket at `path`, where nothing may be yet. The file stays when it is dropped. On Linux a
    /// path that begins with a zero byte is an abstract name, here and where messages are sent to.
    ///
    /// # Errors
    /// What the system says; `InvalidInput` for an empty path; no loop runs on this thread.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::bind_addr(&address_of(path.as_ref())?)?)
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
    ///
    /// ```
    /// use std::{io::ErrorKind, os::unix::net};
    /// use roundelay_executor::{UnixDatagram, run};
    ///
    /// run(async {
    ///     let (here, there) = net::UnixDatagram::pair()?;
    ///     let here = UnixDatagram::from_std(here)?;
    ///     here.send(b"ping").await?;
    ///     assert_eq!(there.recv(&mut [0; 16])?, 4);
    ///     let here = here.into_std();
    ///     assert_eq!(here.recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
    ///     assert_eq!(here.peer_addr()?.as_pathname(), there.local_addr()?.as_pathname());
    ///     here.send(b"ping").await?;
    ///     assert_eq!(there.recv(&mut [0; 16]).await?, 4);
    ///     std::fs::remove_file(&path)
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.watched.file.connect_addr(&address_of(path.as_ref())?)
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
    /// Waits while that has too many unread ones, or too much of ours lies unread anywhere. If that
    /// happens often, it is cheaper to [`connect`](UnixDatagram::connect) and
    /// [`send`](UnixDatagram::send). Where the process has no descriptor left to wait with, it tries
    /// again after pauses of 1 to 50 ms. (On a virtual clock, on which such a pause might never
    /// end, it tries again in each turn.)
    ///
    /// # Errors
    /// What the system says: there is nothing at `path`, it is connected to somebody else, or the
    /// message is too long.
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
        let to = address_of(path.as_ref())?;
        let mut pause = FIRST_PAUSE;
        loop {
            // Not `io`: whether our socket is writable is only half of the question.
            match self.watched.try_io(|socket| socket.send_to_addr(bytes, &to)).await {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            self.another_try(&to, pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits until it is worth trying again to send to `to`. The table in the module's head.
    async fn another_try(&self, to: &SocketAddr, pause: Duration) {
        let scout = UnixDatagram::unbound().ok();
        if let Some(scout) = &scout {
            // A scout that is refused is connected to nobody, and so it is writable.
            let _ = scout.watched.file.connect_addr(to);
        }
        let (ours, theirs) = (self.is_full(), scout.as_ref().is_some_and(UnixDatagram::is_full));
        let room_here = pin!(async {
            match ours {
                true => self.until_writable().await,
                false => pending().await,
            }
        });
        let room_there = pin!(async {
            match &scout {
                Some(scout) if theirs => scout.until_writable().await,
                Some(_) if ours => pending().await,
                // It has just changed; or, without a scout, nobody will tell.
                Some(_) => yield_now().await,
                None => wait(pause).await,
            }
        });
        select(room_here, room_there).await;
    }

    /// Whether the system says that there is no room for a message.
    fn is_full(&self) -> bool {
        is_writable(&self.watched.file).is_err()
    }

    /// An error is as good as room: the next try is told the same.
    async fn until_writable(&self) {
        let _ = self.watched.io(Direction::Write, is_writable).await;
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

/// How long a sender waits that nobody will tell of room; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Made-up time stands still while somebody waits for the system, and the receiver may well do
/// that: there it is a turn of the loop.
async fn wait(pause: Duration) {
    match current_loop().is_some_and(|home| home.has_virtual_clock()) {
        true => yield_now().await,
        false => sleep(pause).await,
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
