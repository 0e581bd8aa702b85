//! What is known of an exercise besides its code: `about/NAME.toml`.
//!
//! ```toml
//! title = "Two seconds"
//! chapter = 1
//! minutes = 10
//! kind = "repair"          # predict, find, repair, write, measure, explain
//! hints = ["Where ...?", "Look at ...", "Write ..."]      # three, each says more
//! reasons = "Why the solution is as it is."
//! [[wrong]]                # wrong/NAME_1.rs, and so on in order
//! symptom = "one_second"   # what the check calls it
//! hint = "All three waits lie side by side now. ..."
//! ```
//!
//! Tutorial: the exercises. Before this: `lab.rs`. After this: `verdict.rs`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What is known of an exercise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its title.
    pub title: String,
    /// The chapter that it belongs to.
    pub chapter: u32,
    /// How long it takes, roughly.
    pub minutes: u32,
    /// What it asks for.
    pub kind: Kind,
    /// Three hints, each says more.
    pub hints: [String; 3],
    /// Why the solution is as it is.
    pub reasons: String,
    /// Common wrong answers.
    #[serde(default)]
    pub wrong: Vec<CommonWrong>,
    /// Its name: that of the file. Not in the file itself.
    #[serde(skip)]
    pub name: String,
    /// The folder of the exercises that it is one of.
    #[serde(skip)]
    pub home: PathBuf,
}

/// What an exercise asks for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Say what a program will do.
    Predict,
    /// Find the bug.
    Find,
    /// Change a program so that it does what it should.
    Repair,
    /// Write something.
    Write,
    /// Measure something.
    Measure,
    /// Explain a line of a trace.
    Explain,
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Predict => "predict",
            Kind::Find => "find the bug",
            Kind::Repair => "repair",
            Kind::Write => "write",
            Kind::Measure => "measure",
            Kind::Explain => "explain a line of a trace",
        }
    }
}

/// A common wrong answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommonWrong {
    /// What the check calls it.
    pub symptom: String,
    /// What to tell whoever gave it.
    pub hint: String,
}

impl About {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence: there is no such exercise, or its file is not as it should be.
    pub fn read(name: &str) -> Result<About, String> {
        About::read_file(&folder(), &folder().join("about").join(format!("{name}.toml")))
    }

    /// Reads all that are in the folder `home`, in the order of the course.
    ///
    /// # Errors
    /// A sentence about the first file that is not as it should be.
    pub fn all(home: &Path) -> Result<Vec<About>, String> {
        let folder = home.join("about");
        let cannot = |error| format!("{} cannot be read: {error}", folder.display());
        let entries = std::fs::read_dir(&folder).map_err(cannot)?;
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.map(|it| it.path()).map_err(cannot))
            .collect::<Result<_, _>>()?;
        files.sort();
        files.iter().map(|file| About::read_file(home, file)).collect()
    }

    fn read_file(home: &Path, file: &Path) -> Result<About, String> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
        let mut about: About = toml::from_str(&text)
            .map_err(|error| format!("{} is not as it should be: {error}", file.display()))?;
        about.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        about.home = home.to_owned();
        Ok(about)
    }

    /// The learner's file.
    pub fn file(&self) -> PathBuf {
        self.home.join("examples").join(format!("{}.rs", self.name))
    }

    /// The file as it was given out.
    pub fn shipped(&self) -> PathBuf {
        self.home.join("shipped").join(format!("{}.rs", self.name))
    }

    /// The solution.
    pub fn solution(&self) -> PathBuf {
        self.home.join("solutions").join(format!("{}.rs", self.name))
    }
}

/// The folder of the exercises. Cargo names it to what it runs; else it is where it was built.
pub fn folder() -> PathBuf {
    let named = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let named = named.filter(|folder| folder.join("about").is_dir());
    named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")))
}

/// The root of the project.
pub fn root() -> PathBuf {
    folder().ancestors().nth(2).map_or_else(folder, Path::to_owned)
}
