//! Who asks: a dump of another process.
//!
//! Tutorial: chapter 19. Before this: `server.rs`. After this: `../dump_on.rs`.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::inspection::folder;
use crate::inspection::server::PROTOCOL;

/// What to show of another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpForm {
    /// One task a line: [`Dump::list`](crate::Dump::list).
    List,
    /// Each task under the one that spawned it.
    Tree,
}

/// What another process says of one of its loops.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inspected {
    /// A dump, as text.
    Dump(String),
    /// The loop does not answer: who is at work there, as far as can be seen from outside.
    Blocked(String),
    /// It understood something else, or is about to end.
    Refused(String),
}

/// Asks a process of this user about its loops that are
/// [inspectable](crate::RunnerBuilder::inspectable): each loop's number, and what it says.
///
/// This blocks its thread, for a few seconds at most for each loop.
///
/// # Errors
/// [`NotFound`](io::ErrorKind::NotFound) if the process has no such loop;
/// [`TimedOut`](io::ErrorKind::TimedOut) if it says nothing for ten seconds, as one that is stopped
/// does; what the operating system says if one cannot be asked.
///
/// ```
/// use roundelay_executor::{DumpForm, Inspected, Runner, inspect_process, to_thread};
///
/// let runner = Runner::builder().inspectable().build()?;
/// let told = runner.run(async {
///     to_thread(|| inspect_process(std::process::id(), DumpForm::Tree)).await
/// })?;
/// let told = told.unwrap()?;
/// assert!(told.iter().any(|(_, said)| matches!(said, Inspected::Dump(text) if text.contains("(main)"))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect_process(process: u32, form: DumpForm) -> io::Result<Vec<(u64, Inspected)>> {
    let sockets = folder::sockets()?.into_iter().filter(|(owner, _, _)| *owner == process);
    let mut told = Vec::new();
    for (_, number, path) in sockets {
        match ask(&path, form, TIME_TO_ANSWER) {
            // It ended while we came, or long ago without cleaning up.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if is_silence(&error) => return Err(silent(process)),
            answer => told.push((number, answer?)),
        }
    }
    if told.is_empty() {
        let message = format!(
            "process {process} has no loop that can be inspected; it must run as this user, and \
             build its runner with `Runner::builder().inspectable()`"
        );
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok(told)
}

/// Longer than the other side takes to find that its loop is blocked.
const TIME_TO_ANSWER: Duration = Duration::from_secs(10);

/// What a socket says whose limit has passed; systems differ in the word.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Even a loop that is blocked answers, for a thread of its own does.
fn silent(process: u32) -> io::Error {
    let seconds = TIME_TO_ANSWER.as_secs();
    let message = format!(
        "process {process} has not answered for {seconds} s, and not even its inspector's thread \
         runs; if it is stopped (state T in `ps`), `kill -CONT {process}` lets it go on"
    );
    io::Error::new(io::ErrorKind::TimedOut, message)
}

fn ask(path: &Path, form: DumpForm, limit: Duration) -> io::Result<Inspected> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let form = match form {
        DumpForm::List => "list",
        DumpForm::Tree => "tree",
    };
    stream.write_all(format!("{PROTOCOL} {form}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, text) = answer.split_once('\n').unwrap_or((&answer, ""));
    let text = text.to_owned();
    match head.strip_prefix(PROTOCOL).map(str::trim) {
        Some("dump") => Ok(Inspected::Dump(text)),
        Some("blocked") => Ok(Inspected::Blocked(text)),
        Some("refused") => Ok(Inspected::Refused(text)),
        _ => {
            let message = format!(
                "{} answers in another version than `{PROTOCOL}`; use the `roundelay` that the \
                 program was built with",
                path.display()
            );
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no sockets with a path")]
    fn a_process_that_says_nothing_is_told_of_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1-1.sock");
        // As that of a process that is stopped: the system takes the question, and nobody answers.
        let _silent = UnixListener::bind(&path).unwrap();
        let error = ask(&path, DumpForm::List, Duration::from_millis(1)).unwrap_err();
        assert!(is_silence(&error), "{error:?}");
        let told = silent(47);
        assert_eq!(told.kind(), io::ErrorKind::TimedOut);
        assert!(told.to_string().contains("process 47 has not answered for 10 s"), "{told}");
    }
}
