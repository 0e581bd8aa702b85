//! Connecting to whichever address answers first ("happy eyeballs", RFC 8305).
//!
//! A name has often several addresses, of both families, and one family may be broken on the
//! way. To try one after the other would cost the system's minutes for each that is silent; to
//! try all at once is rude. So the next one is tried when the one before has failed, or has
//! been silent for a quarter of a second; the first that stands is the connection, and the
//! attempts of the others are dropped.
//!
//! ```text
//!   2001:db8::1   begins ......... silent ............................ dropped
//!   192.0.2.1             250 ms: begins --> refused
//!   2001:db8::2                              begins at once --> stands: the connection
//! ```
//!
//! The racing itself is [`staggered_race`], which knows nothing of sockets; the order of the
//! addresses is all that is left to do here.
//!
//! Tutorial: chapter 11. Before this: `resolve.rs`. After this: `udp.rs`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::combinators::staggered_race::staggered_race;
use crate::net::endpoint::{Endpoint, Place};
use crate::net::resolve::lookup_host;
use crate::net::stream::SocketStream;
use crate::net::tcp::TcpStream;
use crate::time::timeout::timeout;

impl TcpStream {
    /// Connects to an address, a list of addresses, or a name and a port. Of several addresses
    /// the first that answers wins; the next is tried after 250 ms of silence, or at once after
    /// a failure.
    ///
    /// The system's own limit is minutes: see [`TcpStream::connect_timeout`], or put a
    /// [`timeout`] around it.
    ///
    /// # Errors
    /// What the system says (refused, unreachable); of several addresses, [`ConnectError`] with
    /// all that it said; [`LookupError`](crate::LookupError) for the name; no loop runs on this
    /// thread.
    ///
    /// *Cancel safety: safe.* The attempts are given up; a look-up that has begun ends in its
    /// thread.
    ///
    /// ```
    /// use roundelay_executor::{TcpListener, TcpStream, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let address = listener.local_addr()?;
    ///     let stream = TcpStream::connect(address).await?;
    ///     assert_eq!(stream.peer_addr()?, address);
    ///
    ///     drop((listener, stream));
    ///     let refused = TcpStream::connect(address).await.unwrap_err();
    ///     assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "open_connection")]
    #[doc(alias = "sock_connect")]
    #[doc(alias = "happy_eyeballs_delay")]
    pub async fn connect(endpoint: impl Into<Endpoint>) -> io::Result<TcpStream> {
        let endpoint = endpoint.into();
        if let Place::Addresses(addresses) = &endpoint.place
            && let [address] = addresses[..]
        {
            return connect_one(address).await;
        }
        // The rare, large future is boxed, and the usual one stays small.
        Box::pin(connect_any(endpoint)).await
    }

    /// As [`TcpStream::connect`], for at most so long, the look-up of a name included.
    ///
    /// # Errors
    /// Those of `connect`; an error of the kind `TimedOut` that names the endpoint.
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{TcpListener, TcpStream, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let limit = Duration::from_secs(5);
    ///     let stream = TcpStream::connect_timeout(listener.local_addr()?, limit).await?;
    ///     assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn connect_timeout(
        endpoint: impl Into<Endpoint>,
        limit: Duration,
    ) -> io::Result<TcpStream> {
        let endpoint = endpoint.into();
        let name = endpoint.to_string();
        timeout(limit, TcpStream::connect(endpoint)).await.unwrap_or_else(|_| {
            let text = format!("{name} has not answered within {limit:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        })
    }

    /// As [`TcpStream::connect`] with a pair of both.
    ///
    /// # Errors
    /// Those of `connect`.
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use roundelay_executor::{TcpListener, TcpStream, run};
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let port = listener.local_addr()?.port();
    ///     let stream = TcpStream::connect_to("127.0.0.1", port).await?;
    ///     assert_eq!(stream.peer_addr()?.port(), port);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn connect_to(host: &str, port: u16) -> io::Result<TcpStream> {
        TcpStream::connect((host, port)).await
    }
}

/// How long an attempt is alone before the next one begins; RFC 8305 recommends this.
const STAGGER: Duration = Duration::from_millis(250);

async fn connect_one(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    connect_with(socket, address).await
}

/// Where nobody listens, the system may choose that very port of this machine for our end, and two
/// calls that meet are a connection: we would talk to ourselves, and keep the port from whoever is
/// about to listen there.
async fn connect_with(socket: Socket, address: SocketAddr) -> io::Result<TcpStream> {
    let stream: TcpStream = SocketStream::connect_socket(socket, &address.into()).await?;
    let ours = stream.local_addr().ok().filter(|ours| ours.port() == address.port());
    if ours.is_some() && ours == stream.peer_addr().ok() {
        // Or the port would stay taken for a minute.
        stream.set_reset_on_drop(true)?;
        let text = format!("nobody listens at {address}: the connection led back to itself");
        return Err(io::Error::new(io::ErrorKind::ConnectionRefused, text));
    }
    Ok(stream)
}

async fn connect_any(endpoint: Endpoint) -> io::Result<TcpStream> {
    let name = endpoint.to_string();
    let addresses = by_turns(lookup_host(endpoint).await?);
    if let [address] = addresses[..] {
        return connect_one(address).await;
    }
    match staggered_race(STAGGER, addresses.clone().into_iter().map(connect_one)).await {
        Ok((_, stream)) => Ok(stream),
        Err(failed) => {
            let attempts = addresses.into_iter().zip(failed.errors).collect();
            Err(ConnectError { name, attempts }.into())
        }
    }
}

/// The families by turns, so that one that is broken costs one pause; inside of a family the
/// order stays.
fn by_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (ours, theirs): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut ours, mut theirs) = (ours.into_iter(), theirs.into_iter());
    let mut order = Vec::new();
    loop {
        let next = [ours.next(), theirs.next()];
        if next == [None, None] {
            return order;
        }
        order.extend(next.into_iter().flatten());
    }
}

/// None of several addresses could be connected to. It comes inside of an `io::Error` whose
/// kind is that of the last attempt.
#[derive(Debug)]
pub struct ConnectError {
    /// What was to be connected to.
    pub name: String,
    /// What the system said of each address, in the order in which they were tried.
    pub attempts: Vec<(SocketAddr, io::Error)>,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of the {} addresses of {} answered", self.attempts.len(), self.name)?;
        for (index, (address, error)) in self.attempts.iter().enumerate() {
            write!(f, "{} {address}: {error}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> io::Error {
        let kind = error.attempts.last().map(|(_, error)| error.kind());
        io::Error::new(kind.unwrap_or(io::ErrorKind::NotFound), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::run;

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no connection of a socket with itself")]
    fn a_connection_that_leads_back_to_itself_is_refused_and_lets_go_of_the_port() {
        run(async {
            let address = SocketAddr::from(([127, 0, 0, 1], 0));
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
            // What the system does by chance.
            socket.bind(&address.into()).unwrap();
            let address = socket.local_addr().unwrap().as_socket().unwrap();
            let error = connect_with(socket, address).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            assert!(error.to_string().contains(&address.to_string()), "{error}");
            assert!(std::net::TcpListener::bind(address).is_ok());
        });
    }

    #[test]
    fn the_families_take_turns_and_keep_their_order() {
        let addresses = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"];
        let addresses = addresses.map(|text| text.parse().unwrap()).to_vec();
        let order: Vec<String> = by_turns(addresses).iter().map(ToString::to_string).collect();
        assert_eq!(order, ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert!(by_turns(Vec::new()).is_empty());
    }
}
