//! TCP listeners: waiting for connections.
//!
//! One loop per thread is how several processors serve one port: each loop listens for itself
//! with [`TcpListener::bind_shared`], and the system deals the connections out. The loops share
//! nothing else; what they must tell each other goes through their doors.
//!
//! ```text
//!               +--> listener on loop 1 --> its tasks
//!   port 8080 --+--> listener on loop 2 --> its tasks      the system chooses, by connection
//!               +--> listener on loop 3 --> its tasks
//! ```
//!
//! Tutorial: chapter 7. Before this: `tcp.rs`. After this: `endpoint.rs`.

use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use roundelay_runtime::Direction;
use socket2::{Domain, Protocol, Socket, Type};

use crate::net::readiness::Watched;
use crate::net::tcp::TcpStream;

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
    ///
    /// ```
    /// use roundelay_executor::{TcpListener, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let taken = TcpListener::bind(listener.local_addr()?).unwrap_err();
    ///     assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "start_server")]
    pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        listen(new_socket(address)?, address)
    }

    /// Listens on `address` beside others that do the same: listeners of other loops, in this
    /// process or another one of the same user. Each connection goes to one of them
    /// (`SO_REUSEPORT`; Linux spreads them evenly). All of them must be bound this way.
    ///
    /// Connections that wait for a listener that is dropped are reset: let each accept what it
    /// has before it leaves.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{TcpListener, run};
    ///
    /// run(async {
    ///     let one = TcpListener::bind_shared("127.0.0.1:0".parse().unwrap())?;
    ///     let other = TcpListener::bind_shared(one.local_addr()?)?;
    ///     assert_eq!(one.local_addr()?, other.local_addr()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "reuse_port")]
    pub fn bind_shared(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = new_socket(address)?;
        socket.set_reuse_port(true)?;
        listen(socket, address)
    }

    /// Takes up a listener of std's on this loop, for instance one with options that have no
    /// method here. It does not block from now on.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{TcpListener, TcpStream, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::from_std(std::net::TcpListener::bind("127.0.0.1:0")?)?;
    ///     let _client = TcpStream::connect(listener.local_addr()?).await?;
    ///     listener.accept().await?;
    ///     let listener = listener.into_std();
    ///     let nobody_more = listener.accept().unwrap_err();
    ///     assert_eq!(nobody_more.kind(), std::io::ErrorKind::WouldBlock);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        Ok(TcpListener { watched: Watched::new(listener)? })
    }

    /// Ends the watch, and gives std's listener back. It still does not block.
    #[must_use]
    pub fn into_std(self) -> net::TcpListener {
        self.watched.into_inner()
    }

    /// The next connection, and where it comes from.
    ///
    /// # Errors
    /// What the system says. Some errors concern one connection only, or pass: the listener
    /// stays good.
    ///
    /// *Cancel safety: safe.* No connection is lost.
    ///
    /// ```
    /// use roundelay_executor::{TcpListener, TcpStream, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (_served, peer) = listener.accept().await?;
    ///     assert_eq!(peer, client.local_addr()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.watched.io(Direction::Read, net::TcpListener::accept).await?;
        Ok((TcpStream::from_std(stream)?, peer))
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

fn new_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    Ok(socket)
}

fn listen(socket: Socket, address: SocketAddr) -> io::Result<TcpListener> {
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.file.as_fd()
    }
}
