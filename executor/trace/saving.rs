//! A trace into a file; and every run into a file, if the environment says so.
//!
//! ```text
//!   ROUNDELAY_TRACE=run.html cargo run     any program, unchanged: its run is a page
//! ```
//!
//! | the name ends with | what is written |
//! |---|---|
//! | `.html` | the page |
//! | `.json` | the trace itself, to be read again |
//! | `.txt` | one sentence for each step |
//! | `.svg` | the timeline |
//! | `.csv` | a table |
//! | `.chrome.json` | for Chrome's and Perfetto's viewer |
//!
//! It is written when the runner goes, so also after an error or a panic. A process that a signal
//! ends writes nothing, and by default Ctrl-C is such a signal. With
//! [`RunnerBuilder::ctrl_c`](crate::RunnerBuilder::ctrl_c) it ends the run instead, and the trace
//! is there.
//!
//! # Invariants
//! - A trace that cannot be written is a line on standard error, never a panic: the run is over
//!   and went well.
//! - Several runners in one process write several files: `run.html`, `run-2.html`, ... Those in the
//!   workers of a process pool, which have the variable, too, write `run-worker-PID.html`.
//!
//! Tutorial: chapter 19. Before this: `html.rs`. After this: `saying.rs`.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use roundelay_runtime::tell_stderr;

use crate::trace::model::Trace;
use crate::trace::recorder::Recorder;

/// The variable that asks for a trace of every run.
const VARIABLE: &str = "ROUNDELAY_TRACE";

impl Trace {
    /// Writes the trace in the form that the file's name asks for: `.html`, `.json`, `.txt`,
    /// `.svg`, `.csv` or `.chrome.json`.
    ///
    /// # Errors
    /// Another name, or whatever the system says.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::{Recorder, Trace}, yield_now};
    ///
    /// let recorder = Recorder::new("one step");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(yield_now())?;
    /// let path = std::env::temp_dir().join(format!("roundelay-trace-{}.json", std::process::id()));
    /// recorder.finish().save(&path)?;
    /// assert_eq!(Trace::from_json(&std::fs::read_to_string(&path)?)?, recorder.finish());
    /// std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let text = match form(path)? {
            Form::Chrome => self.to_chrome(self.chrome_time()),
            Form::Json => self.to_json(),
            Form::Html => self.to_html(),
            Form::Text => self.to_text(),
            Form::Svg => self.to_svg(),
            Form::Csv => self.to_csv(),
        };
        std::fs::write(path, text)
    }
}

impl Trace {
    /// Whether a file of this name says in which form a trace is to be written: to be asked before
    /// a long run and not after it.
    ///
    /// # Errors
    /// It does not. The text says which endings there are.
    ///
    /// ```
    /// use roundelay_executor::trace::Trace;
    ///
    /// assert!(Trace::can_be_named("run.html").is_ok());
    /// assert!(Trace::can_be_named("run.film").unwrap_err().to_string().contains(".html, .json"));
    /// ```
    pub fn can_be_named(path: impl AsRef<Path>) -> io::Result<()> {
        form(path.as_ref()).map(|_| ())
    }
}

enum Form {
    Chrome,
    Json,
    Html,
    Text,
    Svg,
    Csv,
}

/// The form that a file's name asks for.
fn form(path: &Path) -> io::Result<Form> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    match name.rsplit_once('.').map(|(_, kind)| kind) {
        Some("json") if name.ends_with(".chrome.json") => Ok(Form::Chrome),
        Some("json") => Ok(Form::Json),
        Some("html") => Ok(Form::Html),
        Some("txt") => Ok(Form::Text),
        Some("svg") => Ok(Form::Svg),
        Some("csv") => Ok(Form::Csv),
        _ => {
            let why = "a trace is written as .html, .json, .txt, .svg, .csv or .chrome.json; give \
                       the file a name that ends like this";
            Err(io::Error::new(io::ErrorKind::InvalidInput, why))
        }
    }
}

/// Writes the trace of a run when it is dropped.
pub(crate) struct SavedAtEnd {
    recorder: Recorder,
    path: PathBuf,
}

impl SavedAtEnd {
    /// A recorder for the run that begins, if the environment asks for one.
    pub(crate) fn wanted() -> Option<SavedAtEnd> {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let path = PathBuf::from(env::var_os(VARIABLE).filter(|path| !path.is_empty())?);
        let number = RUNS.fetch_add(1, Ordering::Relaxed) + 1;
        // Said before the run and not after it: it may be a long one.
        if let Err(error) = form(&path) {
            if number == 1 {
                let path = path.display();
                tell_stderr(format_args!("no trace will be written to {path}: {error}"));
            }
            return None;
        }
        let program = env::current_exe().ok();
        let program = program.as_deref().and_then(Path::file_stem).unwrap_or_default();
        let recorder = Recorder::new(&program.to_string_lossy());
        let worker = roundelay_pools::__private::is_serving().then(std::process::id);
        Some(SavedAtEnd { recorder, path: named(&path, worker, number) })
    }

    pub(crate) fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }
}

impl Drop for SavedAtEnd {
    fn drop(&mut self) {
        if let Err(error) = self.recorder.finish().save(&self.path) {
            let path = self.path.display();
            tell_stderr(format_args!("the trace could not be written to {path}: {error}"));
        }
    }
}

/// `run.html`, `run-2.html`, ...; in a worker process `run-worker-4711.html` and so on.
fn named(path: &Path, worker: Option<u32>, number: usize) -> PathBuf {
    let worker = worker.map(|process| format!("-worker-{process}")).unwrap_or_default();
    let number = if number > 1 { format!("-{number}") } else { String::new() };
    if worker.is_empty() && number.is_empty() {
        return path.to_owned();
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.split_once('.') {
        Some((stem, end)) => path.with_file_name(format!("{stem}{worker}{number}.{end}")),
        None => path.with_file_name(format!("{name}{worker}{number}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_of_a_process_gets_a_name_of_its_own() {
        let names = |number| named(Path::new("a/run.chrome.json"), None, number);
        assert_eq!(names(1), Path::new("a/run.chrome.json"));
        assert_eq!(names(2), Path::new("a/run-2.chrome.json"));
        assert_eq!(named(Path::new("run"), None, 3), Path::new("run-3"));
    }

    #[test]
    fn a_run_in_a_worker_process_never_has_the_name_of_its_parents() {
        let names = |number| named(Path::new("a/run.html"), Some(47), number);
        assert_eq!(names(1), Path::new("a/run-worker-47.html"));
        assert_eq!(names(2), Path::new("a/run-worker-47-2.html"));
    }
}
