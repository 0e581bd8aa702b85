//! The folder for a class: all that a learner needs, and nothing that spoils an exercise.
//!
//! ```text
//!   START.md         what to do first
//!   book/            the offline edition: open book/index.html
//!   everything else  the project, without solutions, recognised wrong answers, and notes for teachers
//!   vendor/          (if asked for) every crate that is needed, so that no network is
//! ```
//!
//! # Invariants
//! - What is packed is what git knows or would add: nothing that was built, no trace, no secret
//!   that is ignored.
//! - A folder that holds something already is refused.
//!
//! Tutorial: the course's tools. Before this: `timetable.rs`. After this: `show.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::book;
use crate::edition;
use crate::program::Programs;

/// Folders that stay at home. The last ones are packages of their own, which compile half the
/// ecosystem or drive a browser.
const AT_HOME: [&str; 10] = [
    "tutorial/exercises/solutions",
    "tutorial/exercises/wrong",
    // These try the solutions, and one names an answer.
    "tutorial/exercises/tests",
    "tutorial/notes",
    "tests/benchmarks",
    "tests/ecosystem",
    "tests/inspector",
    "runtime/model",
    "pools/model",
    "pools/abort",
];

const START: &str = "\
# Start here

You need Rust (https://rustup.rs) and a terminal. In this folder:

```sh
cargo run --example ch01_three_waits     # the first program of the book
cargo learn                              # the exercises: where am I, and what is next?
cargo learn check ch01_0_it_works        # check one: edit its file, and check again
cargo learn hint ch01_2_two_seconds      # a hint, and another if you ask again
cargo course show ch01_three_waits       # a run, written down, to step through in a browser
```

The book is in `book/index.html`: open it in a browser. It needs no network.

The exercises lie in `tutorial/exercises/examples`, one file each. The file says what to do. The solutions are not here:
whoever gave you this folder has them.
";

/// What a learner need not do without a network: the crates lie in `vendor`.
const VENDORED: &str = "
[source.crates-io]
replace-with = \"vendored-sources\"

[source.vendored-sources]
directory = \"vendor\"

[net]
offline = true
";

/// Packs the project at `root` into `folder`. With `vendor`, cargo puts every crate there, too.
///
/// # Errors
/// A sentence: the folder is not empty, a file cannot be copied, git or cargo fails.
pub fn write(
    root: &Path,
    programs: &Programs,
    folder: &Path,
    vendor: bool,
) -> Result<usize, String> {
    let cannot = |what: &Path, error: std::io::Error| format!("{}: {error}", what.display());
    std::fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    let mut entries = std::fs::read_dir(folder).map_err(|error| cannot(folder, error))?;
    if entries.next().is_some() {
        return Err(format!("{} is not empty; name a new folder", folder.display()));
    }
    let mut count = 0;
    for file in files(root)? {
        let into = folder.join(&file);
        let parent = into.parent().expect("a file in a folder");
        std::fs::create_dir_all(parent).map_err(|error| cannot(parent, error))?;
        std::fs::copy(root.join(&file), &into).map_err(|error| cannot(&file, error))?;
        count += 1;
    }
    // The learner gets each exercise as it is given out, whatever has been tried here.
    let exercises = folder.join("tutorial/exercises");
    let shipped = std::fs::read_dir(exercises.join("shipped"));
    for entry in shipped.map_err(|error| cannot(&exercises, error))?.flatten() {
        let into = exercises.join("examples").join(entry.file_name());
        std::fs::copy(entry.path(), &into).map_err(|error| cannot(&into, error))?;
    }
    let start = folder.join("START.md");
    std::fs::write(&start, START).map_err(|error| cannot(&start, error))?;
    count += 1 + edition::write(root, &book::pages(root)?, programs, &folder.join("book"))?;
    if vendor {
        count += vendored(folder)?;
    }
    Ok(count)
}

/// What git knows or would add, without what stays at home.
fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let said = command.current_dir(root).output().map_err(|error| format!("git: {error}"))?;
    if !said.status.success() {
        return Err(format!("git: {}", String::from_utf8_lossy(&said.stderr).trim()));
    }
    let names = String::from_utf8(said.stdout).map_err(|_| "git names a file that is not UTF-8")?;
    let names = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    let goes = |name: &PathBuf| !AT_HOME.iter().any(|home| name.starts_with(home));
    // A file that was deleted and not yet committed is still known.
    Ok(names.filter(goes).filter(|name| root.join(name).is_file()).collect())
}

/// Has cargo put every crate into `vendor`, from its cache if it can, and tells cargo to use them.
fn vendored(folder: &Path) -> Result<usize, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = |offline: bool| {
        let mut command = Command::new(&cargo);
        command.args(["vendor", "--quiet", "--locked", "--versioned-dirs"]).current_dir(folder);
        if offline {
            command.arg("--offline");
        }
        command.output().map_err(|error| format!("cargo could not be started: {error}"))
    };
    let mut said = run(true)?;
    if !said.status.success() {
        said = run(false)?;
    }
    if !said.status.success() {
        return Err(format!("cargo vendor: {}", String::from_utf8_lossy(&said.stderr).trim()));
    }
    let config = folder.join(".cargo/config.toml");
    let cannot = |error: std::io::Error| format!("{}: {error}", config.display());
    let text = std::fs::read_to_string(&config).map_err(cannot)?;
    std::fs::write(&config, text + VENDORED).map_err(cannot)?;
    let crates = std::fs::read_dir(folder.join("vendor")).map_err(cannot)?;
    Ok(crates.count())
}
