//! Files that must not be left behind, whichever way the program ends.
//!
//! A temporary file removes itself when it is dropped. But nothing is dropped when the program
//! leaves at once: after a second Ctrl-C, or while a thread hangs in the system with the file in
//! its hands. So the paths of such files are noted here too, where another thread can find them.
//!
//! ```text
//!   output.rs:     create the file + note its path      one step, under the lock
//!   interrupt.rs:  lock, remove what is noted, refuse new ones, leave
//! ```
//!
//! # Invariants
//! - A file that exists is noted: there is no moment between the two in which somebody could leave.
//! - After [`Leftovers::remove`] no new file is made.
//!
//! Removing a file that has been renamed into its place meanwhile finds nothing, and that is right.
//!
//! Tutorial: chapter 20, the capstone. Before this: `record.rs`. After this: `output.rs`.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

/// Notes what would be left behind. Clones share the notes.
#[derive(Clone, Debug, Default)]
pub struct Leftovers {
    notes: Arc<Mutex<Notes>>,
}

#[derive(Debug, Default)]
struct Notes {
    paths: Vec<PathBuf>,
    leaving: bool,
}

impl Leftovers {
    /// Creates a temporary file and notes it, in one step.
    pub(crate) fn create(
        &self,
        create: impl FnOnce() -> io::Result<NamedTempFile>,
    ) -> io::Result<NamedTempFile> {
        let mut notes = self.lock();
        if notes.leaving {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the program is ending"));
        }
        let file = create()?;
        notes.paths.push(file.path().into());
        Ok(file)
    }

    /// Removes every file that was noted and still exists under its name. From now on, none is
    /// made.
    pub fn remove(&self) {
        let mut notes = self.lock();
        notes.leaving = true;
        for path in notes.paths.drain(..) {
            // Mostly it is gone already, by being renamed or dropped.
            let _ = fs::remove_file(path);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_removed_and_nothing_new_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let leftovers = Leftovers::default();
        let file = leftovers.create(|| NamedTempFile::new_in(dir.path())).unwrap();
        leftovers.clone().remove();
        assert!(!file.path().exists());
        assert!(leftovers.create(|| NamedTempFile::new_in(dir.path())).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_has_found_its_place_stays_there() {
        let dir = tempfile::tempdir().unwrap();
        let leftovers = Leftovers::default();
        let file = leftovers.create(|| NamedTempFile::new_in(dir.path())).unwrap();
        file.persist(dir.path().join("FILE")).unwrap();
        leftovers.remove();
        assert!(dir.path().join("FILE").exists());
    }
}
