//! TCP streams: what they are besides a stream.
//!
//! How bytes move is told in `stream.rs`, how a connection is made in `connect.rs`. Left for
//! here are the two addresses, a look at what has come, and the options of the protocol.
//!
//! Tutorial: chapter 7. Before this: `halves.rs`. After this: `tcp_listener.rs`.

use std::io;
use std::net::{self, SocketAddr};
use std::time::Duration;

use roundelay_runtime::Direction;
use socket2::{SockRef, TcpKeepalive};

use crate::net::stream::SocketStream;

/// A TCP connection. All of its verbs are those of [`SocketStream`].
pub type TcpStream = SocketStream<net::TcpStream>;

impl TcpStream {
    /// Takes up a connection of std's on this loop. It does not block from now on.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    ///
    /// ```
    /// use std::net;
    /// use roundelay_executor::{TcpStream, run};
    ///
    /// let listener = net::TcpListener::bind("127.0.0.1:0")?;
    /// let stream = net::TcpStream::connect(listener.local_addr()?)?;
    /// run(async {
    ///     let stream = TcpStream::from_std(stream)?;
    ///     assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        SocketStream::new(stream)
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

    /// Waits until there is something to read, and copies it without taking it: the next read
    /// gives it again. Zero is the end.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    /// use roundelay_executor::{TcpListener, TcpStream, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (mut served, _) = listener.accept().await?;
    ///     client.write_all(b"GET").await?;
    ///     let mut first = [0; 1];
    ///     assert_eq!(served.peek(&mut first).await?, 1);
    ///     let mut all = [0; 3];
    ///     served.read_exact(&mut all).await?; // nothing was taken away
    ///     assert_eq!((&first, &all), (b"G", b"GET"));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.watched.io(Direction::Read, |stream| stream.peek(buffer)).await
    }

    /// Whether small writes are sent at once.
    ///
    /// # Errors
    /// What the system says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.watched.file.nodelay()
    }

    /// Sends small writes at once instead of collecting them for a moment.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use roundelay_executor::{TcpListener, TcpStream, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let stream = TcpStream::connect(listener.local_addr()?).await?;
    ///     stream.set_nodelay(true)?;
    ///     assert!(stream.nodelay()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.watched.file.set_nodelay(nodelay)
    }

    /// Whether the system asks now and then if the other side is still there.
    ///
    /// # Errors
    /// What the system says.
    pub fn keepalive(&self) -> io::Result<bool> {
        SockRef::from(self).keepalive()
    }

    /// Lets the system ask a silent peer after `idle`, and then every `interval`, whether it
    /// is still there; one that is not is an error for whoever reads. Both are rounded up to
    /// whole seconds, and are one at the least. `None` turns it off.
    ///
    /// # Errors
    /// `InvalidInput` for more than 32,767 seconds, some nine hours, which is the most that Linux
    /// takes; what the system says. Then it is on or off as before.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{TcpListener, TcpStream, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let stream = TcpStream::connect(listener.local_addr()?).await?;
    ///     stream.set_keepalive(Some((Duration::from_secs(60), Duration::from_secs(10))))?;
    ///     assert!(stream.keepalive()?);
    ///     stream.set_keepalive(None)?;
    ///     assert!(!stream.keepalive()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_keepalive(&self, times: Option<(Duration, Duration)>) -> io::Result<()> {
        let socket = SockRef::from(self);
        let Some((idle, interval)) = times else { return socket.set_keepalive(false) };
        let (idle, interval) = (whole_seconds(idle)?, whole_seconds(interval)?);
        let times = TcpKeepalive::new().with_time(idle).with_interval(interval);
        let before = socket.keepalive()?;
        // First it is turned on, and then the times are set: so an error may come in between.
        socket.set_tcp_keepalive(&times).inspect_err(|_| drop(socket.set_keepalive(before)))
    }

    /// How long closing lingers over what is not sent yet: whole seconds. `None`, as it is at
    /// first, does not linger, and the system sends the rest; zero resets the connection, and the
    /// rest is lost.
    ///
    /// # Errors
    /// What the system says.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self).linger()
    }

    /// Resets the connection when it is dropped, instead of ending it in order: what is not
    /// sent yet is lost, and the other side reads an error.
    ///
    /// This is `SO_LINGER` with zero seconds. Other values would make the drop block the loop,
    /// and are not offered.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use futures_lite::AsyncReadExt;
    /// use roundelay_executor::{TcpListener, TcpStream, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (served, _) = listener.accept().await?;
    ///     assert_eq!(served.linger()?, None);
    ///     served.set_reset_on_drop(true)?;
    ///     assert_eq!(served.linger()?, Some(std::time::Duration::ZERO));
    ///     drop(served);
    ///     let error = client.read(&mut [0]).await.unwrap_err(); // not the end, but an error
    ///     assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "set_linger")]
    #[doc(alias = "abort")]
    pub fn set_reset_on_drop(&self, reset: bool) -> io::Result<()> {
        SockRef::from(self).set_linger(reset.then_some(Duration::ZERO))
    }

    /// Over how many routers a packet of IPv4 may go.
    ///
    /// # Errors
    /// What the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.watched.file.ttl()
    }

    /// Limits over how many routers a packet of IPv4 may go: 1 to 255. It says nothing of IPv6,
    /// which has an option of its own.
    ///
    /// # Errors
    /// What the system says; the number is not in that range.
    ///
    /// ```
    /// use roundelay_executor::{TcpListener, TcpStream, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let stream = TcpStream::connect(listener.local_addr()?).await?;
    ///     stream.set_ttl(1)?; // it stays in our own network
    ///     assert_eq!(stream.ttl()?, 1);
    ///     assert!(stream.set_ttl(256).is_err());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_ttl(&self, routers: u32) -> io::Result<()> {
        self.watched.file.set_ttl(routers)
    }
}

/// A time of keep-alive: at least a second, or the system would be told zero, which it refuses.
fn whole_seconds(time: Duration) -> io::Result<Duration> {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1);
    if seconds > MOST_SECONDS {
        let text = format!(
            "a time of keep-alive is at most {MOST_SECONDS} seconds, and {time:?} are more; turn \
             it off with `None` if nobody is to be asked"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(Duration::from_secs(seconds))
}

/// `MAX_TCP_KEEPIDLE` and `MAX_TCP_KEEPINTVL` of Linux.
const MOST_SECONDS: u64 = 32_767;
