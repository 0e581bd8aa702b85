//! How a worker process ended: a number, and its name.
//!
//! Tutorial: the chapter on process pools. Before this: `panic_report.rs`. After this: `error.rs`.

use std::fmt;

/// How a worker process ended.
///
/// ```
/// use roundelay_pools::WorkerExit;
///
/// assert_eq!(WorkerExit::Signal(9).to_string(), "signal 9, SIGKILL");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerExit {
    /// It called `exit`, or returned from `main`.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// Somebody else collected the exit status (a `waitpid(-1)` in this program).
    Unknown,
}

impl fmt::Display for WorkerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkerExit::Code(code) => write!(f, "exit code {code}"),
            WorkerExit::Signal(number) => match signal_name(*number) {
                Some(name) => write!(f, "signal {number}, {name}"),
                None => write!(f, "signal {number}"),
            },
            WorkerExit::Unknown => {
                write!(f, "how is unknown: its exit status was collected elsewhere")
            }
        }
    }
}

/// The signals that end processes in practice, under the numbers all our systems share.
fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return None,
    })
}

impl fmt::Debug for WorkerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_shown_with_its_name_where_it_has_one_everywhere() {
        let shown = [9, 64].map(|number| WorkerExit::Signal(number).to_string());
        assert_eq!(shown, ["signal 9, SIGKILL", "signal 64"]);
    }
}
