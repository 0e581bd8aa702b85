//! Lines of output that are part of the run.
//!
//! `println!` writes and is gone. [`say!`](crate::say!) writes the same line and tells the
//! observer, so that a trace knows which step wrote it. Where nobody observes, it only writes:
//! so a program that says its lines needs no feature.
//!
//! Tutorial: chapter 1. Before this: `adapters/tracing.rs`. After this: `unrecorded.rs`.

use std::fmt::Display;
use std::io::{self, Write};
use std::panic::Location;

use roundelay_runtime::{Event, observe_here};

/// Prints a line, and tells it to the observer of the loop that runs here.
///
/// Without a loop, or without an observer, it only prints. A reader that has gone away is no error.
///
/// ```
/// roundelay_executor::say!("{} items", 3);
/// # #[cfg(feature = "trace")]
/// roundelay_executor::trace::say(format_args!("{} items", 3));
/// ```
#[track_caller]
pub fn say(line: impl Display) {
    let at = Location::caller();
    let text = line.to_string();
    print(&text);
    observe_here(|| Event::Said { text, to_stderr: false, at });
}

/// As `println!`, which panics when the reader has gone away (`program | head -1`): in each task
/// that says something, and the rest of the screen is backtraces. That reader has seen enough.
fn print(text: &str) {
    match io::stdout().write_all(format!("{text}\n").as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            panic!("standard output takes no more: {error}")
        }
        _ => {}
    }
}

/// `println!` that is part of the run: an observer hears the line, and a trace shows which step
/// wrote it.
///
/// ```
/// roundelay_executor::say!("{} items", 3);
/// ```
#[macro_export]
macro_rules! say {
    ($($line:tt)*) => {
        $crate::__say(::core::format_args!($($line)*))
    };
}
