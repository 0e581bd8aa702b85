//! Python, where there is one: asyncio, uvloop if that is installed, and Python's pools.

use std::path::PathBuf;
use std::process::Command;

/// An interpreter that can take part.
#[derive(Clone, Debug)]
pub struct Python {
    /// What one calls it.
    pub program: String,
    /// Its version.
    pub version: String,
    /// That of uvloop, if it is installed there.
    pub uvloop: Option<String>,
}

impl Python {
    /// Asks `program` what it is.
    ///
    /// # Errors
    /// A sentence: there is no such program, or it is too old.
    pub fn find(program: &str) -> Result<Python, String> {
        let question = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
        let version = answer(program, question).ok_or(format!("there is no {program}"))?;
        if answer(program, "import asyncio; asyncio.timeout").is_none() {
            return Err(format!("{program} is version {version}, and 3.11 is needed"));
        }
        let uvloop = answer(program, "import uvloop; print(uvloop.__version__)");
        Ok(Python { program: program.to_owned(), version, uvloop })
    }
}

/// What a line of Python prints; `None` if it fails.
fn answer(program: &str, line: &str) -> Option<String> {
    let output = Command::new(program).args(["-c", line]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(said)
}

/// Where a file of this package lies.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}
