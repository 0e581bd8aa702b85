//! How the command ends: the exit statuses that `--help` promises.
//!
//! Tutorial: chapter 20, the capstone. Before this: `interrupt.rs`. After this: `workers.rs`.

use std::process::ExitCode;

use super::interrupt::Signal;

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything was listed, or checked and right.
    Fine,
    /// A file failed or differed, or the manifest could not be written. The rest was done.
    SomeFailed,
    /// The arguments are wrong: nothing was done.
    WrongArguments,
    /// Ctrl-C or another signal that asks to end.
    Stopped(Signal),
    /// Nobody reads our output any more: the status of a program that SIGPIPE ended.
    ReaderGone,
}

impl Status {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Status::Fine => 0,
            Status::SomeFailed => 1,
            Status::WrongArguments => 2,
            Status::Stopped(signal) => signal.status(),
            Status::ReaderGone => 141,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        status.code().into()
    }
}
