//! `roundelay ps PID` and `roundelay pstree PID`: what the tasks of a running program wait for.
//!
//! The program must allow it: `Runner::builder().inspectable()`. It is not stopped, and none of
//! our code runs in it.
//!
//! Tutorial: chapter 19. Before this: `inspect/stepper.rs`. After this: nothing.

use std::io::{self, Write};

use clap::Args;
use roundelay::{DumpForm, Inspected, inspect_process};

/// The arguments of `roundelay ps` and `roundelay pstree`.
#[derive(Args, Clone, Debug)]
pub struct PsOptions {
    /// The process
    #[arg(value_name = "PID")]
    pub pid: u32,
}

/// Writes what the loops of the process say. `Ok(false)` if one of them did not answer. A reader
/// that goes away (`roundelay ps 47 | head -1`) has seen enough.
///
/// # Errors
/// A sentence, if there is nothing to be asked.
pub fn ps(mut out: impl Write, options: &PsOptions, form: DumpForm) -> Result<bool, String> {
    let told = inspect_process(options.pid, form).map_err(|error| error.to_string())?;
    let mut all_answered = true;
    let mut say = |line: &str| out.write_all(line.as_bytes());
    let show = || -> io::Result<()> {
        for (number, said) in told {
            say(&format!("process {}, loop {number}:\n", options.pid))?;
            match said {
                Inspected::Dump(text) => say(&text)?,
                Inspected::Blocked(text) | Inspected::Refused(text) => {
                    all_answered = false;
                    say(&text)?;
                }
                other => say(&format!("{other:?}\n"))?,
            }
        }
        Ok(())
    };
    match show() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("the output cannot be written: {error}"))
        }
        _ => Ok(all_answered),
    }
}
