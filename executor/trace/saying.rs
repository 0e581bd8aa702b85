//! Lines of output that are part of the run.
//!
//! `println!` writes and is gone. [`say`] writes the same line and tells the observer, so that
//! the trace knows which step wrote it.
//!
//! Tutorial: chapter 19. Before this: `saving.rs`. After this: nothing.

use std::fmt::Display;
use std::panic::Location;

use roundelay_runtime::{Event, observe_here};

/// Prints a line, and tells it to the observer of the loop that runs here.
///
/// Without a loop, or without an observer, it only prints.
///
/// ```
/// roundelay_executor::trace::say(format_args!("{} items", 3));
/// ```
#[track_caller]
pub fn say(line: impl Display) {
    let at = Location::caller();
    println!("{line}");
    observe_here(|| Event::Said { text: line.to_string(), to_stderr: false, at });
}

/// As [`say`], on standard error.
///
/// ```
/// use roundelay_executor::{Runner, trace::{Recorder, say_err}};
///
/// let recorder = Recorder::new("no tea");
/// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
/// runner.run(async { say_err("the kettle is empty") })?;
/// let text = recorder.finish().to_text();
/// assert!(text.contains("The program prints to standard error: the kettle is empty"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn say_err(line: impl Display) {
    let at = Location::caller();
    eprintln!("{line}");
    observe_here(|| Event::Said { text: line.to_string(), to_stderr: true, at });
}

/// Tells the observer something that is no output: a remark about the run.
///
/// Without a loop, or without an observer, it does nothing; the text is not even made.
///
/// ```
/// use roundelay_executor::{Runner, trace::{Recorder, remark}};
///
/// let recorder = Recorder::new("tea");
/// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
/// runner.run(async { remark("here the water should boil") })?;
/// let text = recorder.finish().to_text();
/// assert!(text.contains("The program remarks: here the water should boil"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn remark(text: impl Display) {
    let at = Location::caller();
    observe_here(|| Event::Remarked { text: text.to_string(), at });
}

/// `println!` that is part of the run: formats a line and gives it to [`say`](crate::trace::say).
///
/// ```
/// roundelay_executor::say!("{} items", 3);
/// ```
#[macro_export]
macro_rules! say {
    ($($line:tt)*) => {
        $crate::trace::say(::core::format_args!($($line)*))
    };
}
