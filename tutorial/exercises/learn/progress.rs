//! What the learner has done so far: a small file that belongs to nobody else.
//!
//! It is `progress.json` in a folder that git ignores.
//!
//! Tutorial: the exercises. Before this: `mod.rs`. After this: `choice.rs`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::about::About;

const FILE: &str = "progress.json";

/// What was done.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Progress {
    exercises: BTreeMap<String, Done>,
    #[serde(skip)]
    folder: PathBuf,
}

/// What was done about one exercise.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Done {
    /// It has passed at least once.
    pub passed: bool,
    /// How many hints were given.
    pub hints: usize,
    /// How often it was checked.
    pub checks: usize,
}

impl Progress {
    /// What was done; nothing if there is no file in `folder` yet.
    ///
    /// # Errors
    /// A sentence: the file cannot be read or understood.
    pub fn read(folder: &Path) -> Result<Progress, String> {
        let file = folder.join(FILE);
        let mut progress: Progress = match std::fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| {
                format!("{} cannot be understood: {error}; delete it to begin anew", file.display())
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Progress::default(),
            Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
        };
        progress.folder = folder.to_owned();
        Ok(progress)
    }

    /// Where it lies, with the copies of what was reset.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was done about one exercise.
    pub fn of(&self, name: &str) -> Done {
        self.exercises.get(name).cloned().unwrap_or_default()
    }

    /// Changes it, and remembers that.
    ///
    /// Two commands may do so at the same time: a check in one terminal, a hint in another. Each
    /// begins with what the other has left, and nobody ever sees a file that is half written.
    ///
    /// # Errors
    /// A sentence: it cannot be written, or what is there now cannot be understood.
    pub fn change(&mut self, name: &str, change: impl FnOnce(&mut Done)) -> Result<(), String> {
        let file = self.folder.join(FILE);
        let cannot = |error| format!("{} cannot be written: {error}", file.display());
        std::fs::create_dir_all(&self.folder).map_err(cannot)?;
        let line = File::create(self.folder.join("lock")).map_err(cannot)?;
        // Some file systems know no locks. There the last one wins.
        let _ = line.lock();
        let mut progress = Progress::read(&self.folder)?;
        change(progress.exercises.entry(name.to_owned()).or_default());
        let text = serde_json::to_string_pretty(&progress).expect("numbers and names are written");
        let new = self.folder.join("progress.new");
        std::fs::write(&new, text + "\n")
            .and_then(|()| std::fs::rename(&new, &file))
            .map_err(cannot)?;
        *self = progress;
        Ok(())
    }

    /// As JSON: for each exercise whether it has passed, and with how many hints.
    pub fn report(&self, all: &[About]) -> String {
        let exercises: Vec<serde_json::Value> = all
            .iter()
            .map(|about| {
                let done = self.of(&about.name);
                serde_json::json!({
                    "name": about.name,
                    "title": about.title,
                    "chapter": about.chapter,
                    "passed": done.passed,
                    "hints": done.hints,
                    "checks": done.checks,
                })
            })
            .collect();
        let passed = all.iter().filter(|about| self.of(&about.name).passed).count();
        let report = serde_json::json!({
            "exercises": exercises, "passed": passed, "all": all.len(),
        });
        serde_json::to_string_pretty(&report).expect("numbers and names can be written") + "\n"
    }
}
