//! The mistake: an ordinary function that runs a loop inside, called where a loop runs already.

use roundelay::{RunError, Runner, say};

/// Asks somebody, for callers that know nothing of event loops.
fn ask() -> Result<u32, RunError> {
    Runner::new()?.run(async { 42 })
}

fn main() -> Result<(), RunError> {
    say!("from main: {:?}", ask());
    Runner::builder().virtual_clock().build()?.run(async {
        match ask() {
            Ok(answer) => say!("from a task: {answer}"),
            Err(error) => say!("from a task: {error}"),
        }
    })
}
