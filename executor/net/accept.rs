//! Who connections come from, and what it means when accepting fails.
//!
//! Most errors of `accept` are not about the listener. One is about a single connection that
//! was gone before anybody took it; one passes as soon as somebody closes a file. A server
//! that ends over the first kind can be ended by anyone, and one that tries again at once over
//! the second kind does nothing else any more: the connection stays in line, so the next try
//! fails as fast.
//!
//! Tutorial: chapter 12. Before this: `line_reader.rs`. After this: `server.rs`.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

use rustix::io::Errno;

use crate::net::tcp::TcpStream;
use crate::net::tcp_listener::TcpListener;
use crate::net::unix::UnixStream;
use crate::net::unix_listener::UnixListener;

/// A listener: whatever a [`Server`](crate::Server) can take connections from.
///
/// ```
/// use std::{cell::Cell, io};
/// use roundelay_executor::{Accept, run, serve};
///
/// /// Numbers instead of connections.
/// struct Counter(Cell<u32>);
///
/// impl Accept for Counter {
///     type Stream = u32;
///     type Peer = &'static str;
///
///     async fn accept(&self) -> io::Result<(u32, &'static str)> {
///         self.0.set(self.0.get() + 1);
///         match self.0.get() {
///             n @ ..=3 => Ok((n, "a counter")),
///             _ => std::future::pending().await,
///         }
///     }
/// }
///
/// run(async {
///     let server = serve(Counter(Cell::new(0)), async |n, peer| {
///         println!("{n} from {peer}");
///         io::Result::Ok(())
///     });
///     while server.accepted() < 3 {
///         roundelay_executor::yield_now().await;
///     }
/// });
/// ```
pub trait Accept {
    /// One connection.
    type Stream: 'static;
    /// Where it comes from, as reports shall say it.
    type Peer: fmt::Debug + 'static;

    /// The next connection. It must be safe to drop this while it waits.
    ///
    /// # Errors
    /// The system's own, with its number: the server must see which of them pass.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> {
        TcpListener::accept(self)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;
    type Peer = std::os::unix::net::SocketAddr;

    fn accept(&self) -> impl Future<Output = io::Result<(UnixStream, Self::Peer)>> {
        UnixListener::accept(self)
    }
}

/// What to do about an error of `accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was about one connection: take the next.
    NextOne,
    /// The system has run out of something: try again when somebody has given something back.
    Later,
    /// The listener is no good.
    Broken,
}

impl Verdict {
    pub(crate) fn of(error: &io::Error) -> Verdict {
        let Some(number) = error.raw_os_error() else {
            return match error.kind() {
                io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => Verdict::NextOne,
                _ => Verdict::Broken,
            };
        };
        let is_one_of = |list: &[Errno]| list.iter().any(|errno| errno.raw_os_error() == number);
        if is_one_of(&LATER) {
            Verdict::Later
        } else if is_one_of(&NEXT_ONE) {
            Verdict::NextOne
        } else {
            Verdict::Broken
        }
    }
}

/// Of descriptors, memory or watches.
const LATER: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::NOSPC];

/// Linux tells here what became of the connection since it was made.
const NEXT_ONE: [Errno; 12] = [
    Errno::CONNABORTED,
    Errno::CONNRESET,
    Errno::INTR,
    Errno::AGAIN,
    Errno::PERM,
    Errno::PROTO,
    Errno::NETDOWN,
    Errno::NETUNREACH,
    Errno::HOSTDOWN,
    Errno::HOSTUNREACH,
    Errno::NOPROTOOPT,
    Errno::TIMEDOUT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_whether_it_is_about_the_connection_the_system_or_the_listener() {
        let verdict = |errno: Errno| Verdict::of(&errno.into());
        assert_eq!(verdict(Errno::CONNABORTED), Verdict::NextOne);
        assert_eq!(verdict(Errno::MFILE), Verdict::Later);
        assert_eq!(verdict(Errno::BADF), Verdict::Broken);
        assert_eq!(Verdict::of(&io::Error::other("the wrong loop")), Verdict::Broken);
    }
}
