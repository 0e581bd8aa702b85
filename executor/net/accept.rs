//! Who connections come from, and what it means when accepting fails.
//!
//! Most errors of `accept` are not about the listener. One is about a single connection that
//! was gone before anybody took it; one passes as soon as somebody closes a file. A server
//! that ends over the first kind can be ended by anyone, and one that tries again at once over
//! the second kind does nothing else any more: the connection stays in line, so the next try
//! fails as fast. Nor does it help anybody to be told of each such failure: a server that lives at
//! its limit has one with nearly every connection.
//!
//! Tutorial: chapter 12. Before this: `line_reader.rs`. After this: `server.rs`.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use roundelay_runtime::Instant;
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
    /// The system's own, with its number: the server must see which of them pass. Of one without
    /// a number the kind is looked at. (An error that is about one connection may come at once;
    /// after many in a row the server pauses.)
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
                kind if NEXT_ONE_BY_KIND.contains(&kind) => Verdict::NextOne,
                io::ErrorKind::OutOfMemory => Verdict::Later,
                _ => Verdict::Broken,
            };
        };
        let is_one_of = |list: &[Errno]| list.iter().any(|errno| errno.raw_os_error() == number);
        if is_one_of(LATER) {
            Verdict::Later
        } else if is_one_of(NEXT_ONE) {
            Verdict::NextOne
        } else {
            Verdict::Broken
        }
    }
}

/// Of descriptors, memory or watches.
const LATER: &[Errno] = &[Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::NOSPC];

/// Linux tells here what became of the connection since it was made, and accept(2) has the list.
const NEXT_ONE: &[Errno] = &[
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
    Errno::OPNOTSUPP,
    #[cfg(target_os = "linux")]
    Errno::NONET,
    Errno::TIMEDOUT,
];

/// The same in the words of whoever makes such errors, and has no number.
const NEXT_ONE_BY_KIND: [io::ErrorKind; 6] = [
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::HostUnreachable,
    io::ErrorKind::Interrupted,
    io::ErrorKind::NetworkUnreachable,
    io::ErrorKind::TimedOut,
];

/// What ends a server whose listener is being unwound by a panic.
pub(crate) fn panic_of_the_listener() -> Option<io::Error> {
    let text = "the listener panicked; what with is reported when the server is dropped";
    thread::panicking().then(|| io::Error::other(text))
}

/// How long a server pauses whose accepting fails, and whether anybody is to be told.
///
/// Imagine a server that lives at its limit: each connection that ends makes room for one, and the
/// one after that fails again. That is one shortage, and not one for each connection. So a success
/// does not end it; it is over when accepting has not failed for a whole minute.
#[derive(Default)]
pub(crate) struct Shortage {
    /// When it was last felt, and how long the pause was.
    last: Option<(Instant, Duration)>,
    /// How many connections in a row have failed.
    in_vain: u32,
}

/// What a server does about a failure that passes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) length: Duration,
    /// It is the first of a shortage: this is to be said of it.
    pub(crate) advice: Option<&'static str>,
}

impl Shortage {
    /// A connection has come.
    pub(crate) fn success(&mut self) {
        self.in_vain = 0;
    }

    /// A connection was gone. A pause only if that was one of very many, with none that came:
    /// then the fault is not the connections', and whoever tries again at once does nothing else.
    pub(crate) fn next_one(&mut self, now: Instant) -> Option<Pause> {
        self.in_vain += 1;
        let advice = "one connection after the other failed; something refuses them all, such as \
                      a filter of the system's";
        (self.in_vain > IN_VAIN).then(|| self.pause(now, advice))
    }

    /// The system has run out of something.
    pub(crate) fn later(&mut self, now: Instant) -> Pause {
        let advice = "it goes on as soon as it can; raise the system's limit, or lower the \
                      server's limit of connections";
        self.pause(now, advice)
    }

    fn pause(&mut self, now: Instant, advice: &'static str) -> Pause {
        let before = self.last.filter(|(last, _)| now.saturating_duration_since(*last) < CALM);
        let length = before.map_or(FIRST_PAUSE, |(_, length)| (length * 2).min(LONGEST_PAUSE));
        self.last = Some((now, length));
        Pause { length, advice: before.is_none().then_some(advice) }
    }
}

/// How long a server waits that cannot accept; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// After so long without a failure the next one is news.
const CALM: Duration = Duration::from_secs(60);

/// So many connections in a row may be gone before they were accepted.
const IN_VAIN: u32 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_whether_it_is_about_the_connection_the_system_or_the_listener() {
        let verdict = |errno: Errno| Verdict::of(&errno.into());
        assert_eq!(verdict(Errno::CONNABORTED), Verdict::NextOne);
        #[cfg(target_os = "linux")]
        assert_eq!([Errno::NONET, Errno::OPNOTSUPP].map(verdict), [Verdict::NextOne; 2]);
        assert_eq!(verdict(Errno::MFILE), Verdict::Later);
        assert_eq!(verdict(Errno::BADF), Verdict::Broken);
        assert_eq!(Verdict::of(&io::Error::other("the wrong loop")), Verdict::Broken);
        // What a wrapper says that makes its errors itself.
        assert_eq!(Verdict::of(&io::ErrorKind::ConnectionReset.into()), Verdict::NextOne);
        assert_eq!(Verdict::of(&io::ErrorKind::OutOfMemory.into()), Verdict::Later);
    }
}
