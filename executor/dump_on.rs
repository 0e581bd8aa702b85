//! A dump when a signal comes: `kill -USR1 PID`, and the program says what its tasks do.
//!
//! # Invariants
//! - It is watched for exactly as long as a run lasts, and changes nothing: the run goes on.
//!
//! Tutorial: chapter 19. Before this: `inspection/client.rs`. After this: `runner_builder.rs`.

use std::io;

use roundelay_runtime::{Signal, SignalHandler, tell_stderr};

use crate::dump::dump;
use crate::task_table::Tasks;

/// A signal asks for a dump, until this is dropped.
pub(crate) struct DumpOnSignal {
    handler: SignalHandler,
}

impl DumpOnSignal {
    /// # Errors
    /// If the signal cannot be watched for.
    pub(crate) fn watch(signal: Option<Signal>, tasks: &Tasks) -> io::Result<Option<DumpOnSignal>> {
        let Some(signal) = signal else { return Ok(None) };
        let handler = tasks.loop_ref.on_signal(signal, || tell_stderr(dump()))?;
        Ok(Some(DumpOnSignal { handler }))
    }
}

impl Drop for DumpOnSignal {
    fn drop(&mut self) {
        self.handler.remove();
    }
}
