//! What else a program tells a trace: lines on standard error, and remarks that nobody prints.
//!
//! Lines of output are [`say`](crate::trace::say), in `../saying.rs`.
//!
//! Tutorial: chapter 19. Before this: `saving.rs`. After this: nothing.

use std::fmt::Display;
use std::panic::Location;

use roundelay_runtime::{Event, observe_here};

/// As [`say`](crate::trace::say), on standard error.
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
