//! Ctrl-C: the system's wish that the main task end.
//!
//! ```text
//!   1st Ctrl-C --> pipe --> a turn of the loop --> the main task is cancelled, and unwinds
//!   2nd Ctrl-C --> the handler itself ends the process: status 130
//! ```
//!
//! As in `asyncio.run`, the interrupt is a cancellation like any other: what the main future
//! holds is dropped, cleanups run, and only then does the run tell its caller.
//!
//! One that comes too late to cancel, in the last step of the main future or in the turn after it,
//! is told all the same: the run gives `Interrupted`, and the value is dropped. So does asyncio, and
//! the other way round would be worse: whoever runs step after step in a loop, one run for each,
//! could not be stopped from the keyboard at all.
//!
//! # Invariants
//! - A Ctrl-C that comes while a run lasts is told by that run, unless it fails.
//! - It is watched for exactly as long as a run lasts. Between runs, and while a runner is
//!   closed, Ctrl-C does what it did before: end the process, as a rule.
//!
//! Tutorial: chapter 8. Before this: `context_scope.rs`. After this: `run.rs`.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use roundelay_runtime::{ExitAtSecond, Key, Signal, SignalHandler};

use crate::task_table::Tasks;

/// Ctrl-C cancels the main task, until this is dropped.
pub(crate) struct Interrupt {
    came: Rc<Cell<bool>>,
    handler: SignalHandler,
    _second: ExitAtSecond,
}

/// What a shell reports of a program that Ctrl-C has ended: 128 and the signal's number.
const STATUS: i32 = 130;

impl Interrupt {
    /// Watches if that is wanted, unless the process was told to ignore Ctrl-C.
    pub(crate) fn watch(
        wanted: bool,
        tasks: &Rc<Tasks>,
        main: Key,
    ) -> io::Result<Option<Interrupt>> {
        if !wanted || Signal::INTERRUPT.is_ignored() {
            return Ok(None);
        }
        let came = Rc::new(Cell::new(false));
        let (told, table) = (Rc::clone(&came), Rc::clone(tasks));
        let handler = tasks.loop_ref.on_signal(Signal::INTERRUPT, move || {
            told.set(true);
            table.cancel(main);
        })?;
        let second = ExitAtSecond::new(Signal::INTERRUPT, STATUS)?;
        Ok(Some(Interrupt { came, handler, _second: second }))
    }

    /// Watches no more, and says whether Ctrl-C has come, be it since the last turn.
    pub(crate) fn end(self) -> bool {
        self.handler.remove_and_ask() || self.came.get()
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.handler.remove();
    }
}
