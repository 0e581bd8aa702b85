//! Why a file has no digest, and whether trying again may help.
//!
//! The error is plain data, because it may have happened in another process and have come here as
//! bytes: so it holds the system's error *number*, not an [`io::Error`].
//!
//! ```text
//!   may pass      too many open files, out of memory, busy, stale handle, device or network trouble
//!   will not      no such file, permission denied, not a file, name too long ... and anything unknown
//! ```
//!
//! Trying again where it cannot help only makes the user wait; so only errors known to pass are
//! retried.
//!
//! Tutorial: chapter 20, the capstone. Before this: `hash.rs`. After this: `retry.rs`.

use std::fmt;
use std::io;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::kind::FileKind;

/// Why a file could not be hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HashError {
    /// The system refused.
    Io {
        /// What was being done.
        during: During,
        /// The system's number for the error, where it has one.
        code: Option<i32>,
        /// The system's words for it.
        message: String,
    },
    /// The path leads to something that has no content to hash.
    NotAFile {
        /// What it leads to.
        kind: FileKind,
    },
    /// The job was asked to stop.
    Stopped {
        /// How many bytes had been read by then.
        after: u64,
    },
}

/// What was being done when the system refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum During {
    /// Opening the file.
    Open,
    /// Reading from it.
    Read,
}

impl HashError {
    /// Keeps of an [`io::Error`] what can travel.
    pub fn io(during: During, error: &io::Error) -> HashError {
        HashError::Io { during, code: error.raw_os_error(), message: words_of(error) }
    }

    /// Is this the kind of error that may be gone at the next attempt?
    pub fn may_pass(&self) -> bool {
        match self {
            HashError::Io { code: Some(code), .. } => {
                PASSING.contains(&Errno::from_raw_os_error(*code))
            }
            HashError::Io { message, .. } => *message == words_of(&io::ErrorKind::TimedOut.into()),
            HashError::NotAFile { .. } | HashError::Stopped { .. } => false,
        }
    }
}

/// Errors of a moment: of this machine's resources, of a lock, of a network file system.
///
/// `EAGAIN` is what `O_NONBLOCK` answers where another process holds a lease on the file; `EIO` is
/// a disk's last word as often as a network's passing one, and an attempt more does not hurt.
const PASSING: [Errno; 17] = [
    Errno::AGAIN,
    Errno::INTR,
    Errno::MFILE,
    Errno::NFILE,
    Errno::NOMEM,
    Errno::NOBUFS,
    Errno::BUSY,
    Errno::TXTBSY,
    Errno::IO,
    Errno::STALE,
    Errno::TIMEDOUT,
    Errno::CONNRESET,
    Errno::CONNABORTED,
    Errno::NETDOWN,
    Errno::NETUNREACH,
    Errno::HOSTDOWN,
    Errno::HOSTUNREACH,
];

/// The system's words without the number that std puts behind them.
pub(crate) fn words_of(error: &io::Error) -> String {
    let words = error.to_string();
    match words.find(" (os error ") {
        Some(end) => words[..end].to_owned(),
        None => words,
    }
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HashError::Io { during: During::Open, message, .. } => {
                write!(f, "cannot open it: {message}")
            }
            HashError::Io { during: During::Read, message, .. } => {
                write!(f, "cannot read it: {message}")
            }
            HashError::NotAFile { kind } => write!(f, "it is {kind}, which has no content to hash"),
            HashError::Stopped { after } => write!(f, "stopped after {after} bytes"),
        }
    }
}

impl std::error::Error for HashError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Errno) -> HashError {
        HashError::io(During::Open, &io::Error::from_raw_os_error(code.raw_os_error()))
    }

    #[test]
    fn errors_of_the_moment_may_pass_and_others_will_not() {
        for code in [Errno::MFILE, Errno::AGAIN, Errno::STALE, Errno::IO] {
            assert!(error(code).may_pass(), "{code}");
        }
        for code in [
            Errno::NOENT,
            Errno::ACCESS,
            Errno::PERM,
            Errno::ISDIR,
            Errno::NAMETOOLONG,
            Errno::LOOP,
        ] {
            assert!(!error(code).may_pass(), "{code}");
        }
        assert!(!HashError::Stopped { after: 0 }.may_pass());
    }

    #[test]
    fn the_message_says_what_was_done_and_has_no_number() {
        assert_eq!(error(Errno::ACCESS).to_string(), "cannot open it: Permission denied");
        let fifo = HashError::NotAFile { kind: FileKind::Fifo };
        assert_eq!(fifo.to_string(), "it is a fifo, which has no content to hash");
    }

    #[test]
    fn an_error_survives_the_way_to_another_process_and_back() {
        for error in [error(Errno::MFILE), HashError::NotAFile { kind: FileKind::Socket }] {
            let bytes = serde_json::to_vec(&error).unwrap();
            assert_eq!(serde_json::from_slice::<HashError>(&bytes).unwrap(), error);
        }
    }
}
