//! The transport: the socket between a parent and one worker, and the mark that lies in it.
//!
//! A pair of connected sockets is made before the child is started. One end is the child's
//! *standard input*, so std hands it over and no unsafe is needed. Before the child exists the
//! parent writes a *preamble* into the pair: whoever finds those bytes on its standard input
//! was started as a worker.
//!
//! ```text
//!    parent                                   child
//!    write preamble --> [ socket pair ] --> fd 0:  peek: am I a worker?
//!                                               |
//!                                               | adopt: duplicate it elsewhere,
//!                                               v        put /dev/null in its place
//!    frames <--------- [ socket pair ] -------> frames
//! ```
//!
//! Why the null device: a job that reads standard input would eat frames, and a process that a
//! job starts would inherit the socket, so that the parent would not see the worker's end.
//!
//! Why not an environment variable as the mark: it cannot be removed again without unsafe, so a
//! job that runs *another* program of this kind would turn that into a confused worker.
//!
//! # Invariants
//! - The mark is there before the child's first instruction, whatever becomes of the parent.
//! - Looking for it takes nothing out of the stream.
//!
//! Tutorial: the chapter on process pools. Before this: `panic_words.rs`. After this: `last_words.rs`.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, sockopt};

use crate::wire::PROTOCOL;

/// What a worker knows before its first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preamble {
    /// It is run by a test harness, which has standard output.
    pub(crate) under_test: bool,
    pub(crate) max_frame: u32,
}

/// `\0` and `\r\n` are what no text begins with; byte 5 is the protocol's version.
const MAGIC: [u8; 8] = [b'r', b'n', b'd', b'l', 0, PROTOCOL as u8, b'\r', b'\n'];
const PREAMBLE: usize = 14;

/// So many bytes may be under way in each direction. Whoever sends more sleeps until the other side
/// has read, which sleeps in turn until there is more: with what the system gives by itself, six
/// times for each MiB. (Linux takes this twice, for its own bookkeeping, and no more than
/// `net.core.wmem_max`. Memory is used for what is under way, not for what may be.)
const UNDER_WAY: usize = 256 * 1024;

/// The second mark: how a worker's own name (`argv[0]`, what `ps` shows) ends.
pub(crate) const NAME_MARK: &str = " [roundelay worker]";

impl Preamble {
    fn to_bytes(self) -> [u8; PREAMBLE] {
        let mut bytes = [0; PREAMBLE];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8] = 1; // how deep below the first parent; deeper is not allowed yet
        bytes[9] = u8::from(self.under_test);
        bytes[10..].copy_from_slice(&self.max_frame.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Preamble> {
        let bytes: &[u8; PREAMBLE] = bytes.try_into().ok()?;
        if bytes[..8] != MAGIC {
            return None;
        }
        let max_frame = u32::from_le_bytes([bytes[10], bytes[11], bytes[12], bytes[13]]);
        Some(Preamble { under_test: bytes[9] & 1 != 0, max_frame })
    }
}

/// One end of the socket pair, with a moment after which nobody waits any longer.
pub(crate) struct Line {
    /// Shared with whoever may hang up.
    stream: Arc<UnixStream>,
    deadline: Option<Instant>,
    /// The kernel has a time-out set for this socket; without need none is set.
    timeout_is_set: bool,
}

impl Line {
    /// A pair: our end, and the end that becomes a worker's standard input.
    pub(crate) fn pair(preamble: Preamble) -> io::Result<(Line, OwnedFd)> {
        let (mut ours, theirs) = UnixStream::pair()?;
        for end in [&ours, &theirs] {
            // A wish: the system gives what it allows, and with less the frames only take longer.
            let _ = sockopt::set_socket_send_buffer_size(end, UNDER_WAY);
        }
        ours.write_all(&preamble.to_bytes())?;
        let stream = Arc::new(ours);
        Ok((Line { stream, deadline: None, timeout_is_set: false }, theirs.into()))
    }

    /// Ends the connection, whoever has the other end, and wakes whoever waits at ours. What has
    /// arrived can still be read.
    pub(crate) fn hang_up(&self) -> impl FnOnce() + Send + 'static {
        let stream = Arc::clone(&self.stream);
        // It cannot be anything but connected; if it were not, there would be nothing to end.
        move || drop(stream.shutdown(Shutdown::Both))
    }

    /// From here on, each read and write ends by then, with `TimedOut` or `WouldBlock`.
    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Writes a whole frame. The error says whether any byte of it was written.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<(), NotSent> {
        let mut sent = 0;
        while sent < frame.len() {
            match self.write(&frame[sent..]) {
                Ok(0) => {
                    return Err(NotSent {
                        nothing: sent == 0,
                        error: io::ErrorKind::WriteZero.into(),
                    });
                }
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(NotSent { nothing: sent == 0, error }),
            }
        }
        Ok(())
    }

    fn apply_deadline(&mut self) -> io::Result<()> {
        let timeout = match self.deadline {
            None if !self.timeout_is_set => return Ok(()),
            None => None,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                // A time-out of zero means "none" to the kernel, which counts in microseconds.
                Some(left.max(Duration::from_micros(1)))
            }
        };
        self.stream.set_read_timeout(timeout)?;
        self.stream.set_write_timeout(timeout)?;
        self.timeout_is_set = timeout.is_some();
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct NotSent {
    /// The other side cannot have got anything of it.
    pub(crate) nothing: bool,
    pub(crate) error: io::Error,
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.apply_deadline()?;
        (&*self.stream).read(buffer)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.apply_deadline()?;
        (&*self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What this process was started as, by the socket on its standard input.
pub(crate) fn peek_preamble() -> Option<Preamble> {
    let mut bytes = [0; PREAMBLE];
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    // "Not a socket" and "nothing there" are the usual answers, and mean: an ordinary process.
    let (_, count) = rustix::net::recv(io::stdin().as_fd(), &mut bytes, flags).ok()?;
    Preamble::from_bytes(&bytes[..count])
}

/// In a worker: takes the socket off standard input, with the preamble out of the way.
pub(crate) fn adopt_stdin() -> io::Result<UnixStream> {
    // The duplicate is closed in every program that this process starts.
    let mut stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    stream.read_exact(&mut [0; PREAMBLE])?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preamble_survives_the_journey_and_nothing_else_is_taken_for_one() {
        for under_test in [false, true] {
            let sent = Preamble { under_test, max_frame: 1 << 30 };
            assert_eq!(Preamble::from_bytes(&sent.to_bytes()), Some(sent));
        }
        assert_eq!(Preamble::from_bytes(b"GET / HTTP/1.1"), None);
        assert_eq!(Preamble::from_bytes(&MAGIC), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "sends over a socket pair")]
    fn a_read_ends_at_its_deadline() {
        let (mut line, _theirs) = Line::pair(Preamble { under_test: false, max_frame: 1 }).unwrap();
        line.set_deadline(Some(Instant::now() + Duration::from_millis(1)));
        let error = line.read(&mut [0]).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
    }

    #[test]
    #[cfg_attr(miri, ignore = "sends over a socket pair")]
    fn a_write_to_a_closed_end_says_that_nothing_was_sent() {
        let (mut line, theirs) = Line::pair(Preamble { under_test: false, max_frame: 1 }).unwrap();
        drop(theirs);
        let NotSent { nothing, error } = line.send(b"frame").unwrap_err();
        assert!(nothing && error.kind() == io::ErrorKind::BrokenPipe);
    }
}
