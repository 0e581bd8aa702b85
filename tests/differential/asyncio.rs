//! CPython, which plays programs on request: one line in, one line out.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::program::Program;

/// A Python process with the player in it.
pub(crate) struct Asyncio {
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
    child: Child,
    version: String,
}

impl Asyncio {
    /// Starts `$ROUNDELAY_PYTHON`, or else `python3`.
    pub(crate) fn start() -> Asyncio {
        let python = std::env::var("ROUNDELAY_PYTHON").unwrap_or_else(|_| "python3".into());
        let player = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/player.py");
        let child =
            Command::new(&python).arg(player).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("{python} does not start ({error}); name one in ROUNDELAY_PYTHON")
        });
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut version = String::new();
        answers.read_line(&mut version).unwrap();
        let pipes = RefCell::new((child.stdin.take().unwrap(), answers));
        Asyncio { pipes, child, version: version.trim().to_owned() }
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Of 3.13.0 it is 13.
    pub(crate) fn minor(&self) -> u32 {
        self.version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(11)
    }

    /// The trace of one program.
    pub(crate) fn play(&self, program: &Program) -> String {
        let (requests, answers) = &mut *self.pipes.borrow_mut();
        writeln!(requests, "{program}").unwrap();
        let mut trace = String::new();
        answers.read_line(&mut trace).unwrap();
        assert!(trace.ends_with('\n'), "the player has ended: it plays {program}");
        trace.trim_end().to_owned()
    }
}

impl Drop for Asyncio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
