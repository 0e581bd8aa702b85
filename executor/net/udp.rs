//! UDP: single messages, which arrive whole, twice, or not at all.
//!
//! All verbs take `&self`, so that several tasks may send and receive with one socket; each
//! message goes to one of them.
//!
//! # Invariants
//! - One verb, one datagram; what does not fit into the buffer is cut off and lost.
//! - A datagram of no bytes is a datagram: zero is not the end, for there is none.
//!
//! Tutorial: chapter 7. Before this: `connect.rs`. After this: `unix_name.rs`.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use roundelay_runtime::Direction;

use crate::net::readiness::Watched;

/// A UDP socket. It is `Send + Sync`, for libraries that keep theirs in an `Arc`.
///
/// For options that have no method here, lend it to `socket2::SockRef::from(&socket)`.
///
/// ```
/// use roundelay_executor::{UdpSocket, run};
///
/// run(async {
///     let here = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
///     let there = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
///     here.send_to(b"ping", there.local_addr()?).await?;
///     let mut buffer = [0; 16];
///     let (length, from) = there.recv_from(&mut buffer).await?;
///     assert_eq!((&buffer[..length], from), (&b"ping"[..], here.local_addr()?));
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "create_datagram_endpoint")]
#[derive(Debug)]
pub struct UdpSocket {
    watched: Watched<net::UdpSocket>,
}

impl UdpSocket {
    /// A socket at `address`; port 0 lets the system choose one.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::from_std(net::UdpSocket::bind(address)?)
    }

    /// Takes up a socket of std's on this loop. It does not block from now on.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{UdpSocket, run};
    ///
    /// run(async {
    ///     let socket = UdpSocket::from_std(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
    ///     socket.send_to(b"to myself", socket.local_addr()?).await?;
    ///     assert_eq!(socket.recv(&mut [0; 16]).await?, 9);
    ///     let socket = socket.into_std();
    ///     let nothing_more = socket.recv(&mut [0; 16]).unwrap_err();
    ///     assert_eq!(nothing_more.kind(), std::io::ErrorKind::WouldBlock);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        Ok(UdpSocket { watched: Watched::new(socket)? })
    }

    /// Ends the watch, and gives std's socket back. It still does not block.
    #[must_use]
    pub fn into_std(self) -> net::UdpSocket {
        self.watched.into_inner()
    }

    /// Sends one datagram. Returns its length.
    ///
    /// # Errors
    /// What the system says, for instance that the datagram is too long. An earlier datagram
    /// that found nobody may be reported here.
    ///
    /// *Cancel safety: safe.* It was not sent.
    #[doc(alias = "sock_sendto")]
    pub async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.watched.io(Direction::Write, |socket| socket.send_to(bytes, to)).await
    }

    /// The next datagram: its length in `buffer`, and who sent it. What does not fit is lost.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// *Cancel safety: safe.* No datagram is lost.
    ///
    /// ```
    /// use roundelay_executor::{UdpSocket, run};
    ///
    /// run(async {
    ///     let here = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let there = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     here.send_to(b"hello", there.local_addr()?).await?;
    ///     let mut buffer = [0; 4];
    ///     let (length, from) = there.recv_from(&mut buffer).await?;
    ///     assert_eq!((length, &buffer), (4, b"hell")); // what did not fit is lost
    ///     assert_eq!(from, here.local_addr()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "sock_recvfrom")]
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.watched.io(Direction::Read, |socket| socket.recv_from(buffer)).await
    }

    /// As [`UdpSocket::recv_from`], and leaves the datagram where it is.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use roundelay_executor::{UdpSocket, run};
    ///
    /// run(async {
    ///     let here = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     here.send_to(b"ping", here.local_addr()?).await?;
    ///     let mut buffer = [0; 16];
    ///     assert_eq!(here.peek_from(&mut buffer).await?.0, 4);
    ///     assert_eq!(here.recv_from(&mut buffer).await?.0, 4); // it was left where it was
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.watched.io(Direction::Read, |socket| socket.peek_from(buffer)).await
    }

    /// Fixes the other side: [`send`](UdpSocket::send) sends there, and from now on only what comes
    /// from there is taken in. What others have sent before is there still, and is received: who
    /// must not take it for the other side's asks [`recv_from`](UdpSocket::recv_from), which says
    /// whom it is from. Nothing travels, so nothing waits, and a wrong address is no error yet.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use roundelay_executor::{UdpSocket, run};
    ///
    /// run(async {
    ///     let here = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let there = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     here.connect(there.local_addr()?)?;
    ///     assert_eq!(here.peer_addr()?, there.local_addr()?);
    ///     here.send(b"ping").await?; // no address any more
    ///     let mut buffer = [0; 16];
    ///     assert_eq!(there.recv_from(&mut buffer).await?, (4, here.local_addr()?));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect(&self, to: SocketAddr) -> io::Result<()> {
        self.watched.file.connect(to)
    }

    /// Sends one datagram to the [fixed](UdpSocket::connect) other side.
    ///
    /// # Errors
    /// What the system says; refused, if an earlier datagram found nobody there.
    ///
    /// *Cancel safety: safe.* It was not sent.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.watched.io(Direction::Write, |socket| socket.send(bytes)).await
    }

    /// The length in `buffer` of the next datagram from the [fixed](UdpSocket::connect) other
    /// side, or from whoever sent one before it was fixed. What does not fit is lost.
    ///
    /// # Errors
    /// What the system says; refused, if what we sent found nobody there.
    ///
    /// *Cancel safety: safe.* No datagram is lost.
    ///
    /// ```
    /// use roundelay_executor::{UdpSocket, run};
    ///
    /// run(async {
    ///     let [here, there, stranger] =
    ///         [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap());
    ///     here.connect(there.local_addr()?)?;
    ///     stranger.send_to(b"not for you", here.local_addr()?).await?;
    ///     there.send_to(b"ping", here.local_addr()?).await?;
    ///     assert_eq!(here.peek(&mut [0; 16]).await?, 4); // it stays where it is
    ///     assert_eq!(here.recv(&mut [0; 16]).await?, 4); // only what comes from there
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watched.io(Direction::Read, |socket| socket.recv(buffer)).await
    }

    /// As [`UdpSocket::recv`], and leaves the datagram where it is.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// *Cancel safety: safe.*
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watched.io(Direction::Read, |socket| socket.peek(buffer)).await
    }

    /// Our own address.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.watched.file.local_addr()
    }

    /// The [fixed](UdpSocket::connect) other side.
    ///
    /// # Errors
    /// What the system says; not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.watched.file.peer_addr()
    }

    /// Whether we may send to everybody in the network.
    ///
    /// # Errors
    /// What the system says.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.watched.file.broadcast()
    }

    /// Allows to send to everybody in the network.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use roundelay_executor::{UdpSocket, run};
    ///
    /// run(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     assert!(!socket.broadcast()?);
    ///     socket.set_broadcast(true)?;
    ///     assert!(socket.broadcast()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.watched.file.set_broadcast(broadcast)
    }

    /// Over how many routers a datagram of IPv4 may go.
    ///
    /// # Errors
    /// What the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.watched.file.ttl()
    }

    /// Limits over how many routers a datagram of IPv4 may go: 1 to 255. It says nothing of IPv6,
    /// or of datagrams to a group, which have options of their own.
    ///
    /// # Errors
    /// What the system says; the number is not in that range.
    ///
    /// ```
    /// use roundelay_executor::{UdpSocket, run};
    ///
    /// run(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     socket.set_ttl(1)?; // it stays in our own network
    ///     assert_eq!(socket.ttl()?, 1);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_ttl(&self, routers: u32) -> io::Result<()> {
        self.watched.file.set_ttl(routers)
    }

    /// Receives what is sent to `group`, on our address `interface` (unspecified: the system
    /// chooses).
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use roundelay_executor::{UdpSocket, run};
    ///
    /// run(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let (group, here) = (Ipv4Addr::new(239, 1, 2, 3), Ipv4Addr::LOCALHOST);
    ///     socket.join_multicast_v4(&group, &here)?;
    ///     socket.leave_multicast_v4(&group, &here)?;
    ///     assert!(socket.leave_multicast_v4(&group, &here).is_err()); // we are not in it
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.watched.file.join_multicast_v4(group, interface)
    }

    /// Leaves the group again; so does dropping the socket.
    ///
    /// # Errors
    /// What the system says; we are not in it.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.watched.file.leave_multicast_v4(group, interface)
    }

    /// Whether this machine hears what we send to a group that somebody on it is in. At first it
    /// does.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use roundelay_executor::{UdpSocket, run};
    /// use socket2::SockRef;
    ///
    /// run(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     socket.set_multicast_loop_v4(false)?;
    ///     assert!(!SockRef::from(&socket).multicast_loop_v4()?); // asked where we have no method
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_multicast_loop_v4(&self, hear_ourselves: bool) -> io::Result<()> {
        self.watched.file.set_multicast_loop_v4(hear_ourselves)
    }

    /// Receives what is sent to `group`, on the interface with that number (0: the system
    /// chooses).
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use roundelay_executor::{UdpSocket, run};
    ///
    /// run(async {
    ///     let Ok(socket) = UdpSocket::bind("[::1]:0".parse().unwrap()) else {
    ///         return Ok(()); // a machine without IPv6
    ///     };
    ///     let (group, loopback) = ("ff01::1234".parse().unwrap(), 1);
    ///     socket.join_multicast_v6(&group, loopback)?;
    ///     socket.leave_multicast_v6(&group, loopback)?;
    ///     assert!(socket.leave_multicast_v6(&group, loopback).is_err()); // we are not in it
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.watched.file.join_multicast_v6(group, interface)
    }

    /// Leaves the group again; so does dropping the socket.
    ///
    /// # Errors
    /// What the system says; we are not in it.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.watched.file.leave_multicast_v6(group, interface)
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.file.as_fd()
    }
}
