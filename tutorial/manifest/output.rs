//! Where the manifest goes: standard output, or a file that is either the old one or the whole new
//! one.
//!
//! Somebody may read FILE at any moment, and the run may end at any moment. So FILE is never
//! written to. The manifest grows in a temporary file beside it, and takes its place in one step at
//! the very end:
//!
//! ```text
//!   create dir/.roundelay-XXXXXX.tmp   ->  write  ->  fsync  ->  rename to dir/FILE  ->  fsync dir
//!        dropped anywhere on the way: the temporary file is removed, FILE is as it was
//! ```
//!
//! Beside it and not in `/tmp`, because renaming is one step only within one file system; fsync
//! before the rename, because otherwise a power cut may leave the new name with none of the
//! content.
//!
//! - FILE that exists keeps its permissions; a new one gets what the umask allows, as any new file.
//! - FILE that is a symbolic link: what it leads to is replaced, the link stays.
//! - FILE that is a device or a fifo (`/dev/null`) is written to directly: it must not be
//!   *replaced*.
//! - FILE that is a directory is refused before any work is done.
//!
//! Tutorial: chapter 20, the capstone. Before this: `leftovers.rs`. After this: `progress.rs`.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::hash_error::words_of;
use super::leftovers::Leftovers;
use super::name::shown;
use super::record::{Format, Record};
use super::walk::Skip;

/// The destination of a manifest. Dropped without [`finish`](Output::finish), it leaves no trace.
#[derive(Debug)]
pub struct Output {
    sink: BufWriter<Sink>,
    format: Format,
    /// Somebody watches: show each line when it is there.
    terminal: bool,
}

#[derive(Debug)]
enum Sink {
    /// Standard output, a device or a fifo: what is written has gone.
    Direct { file: File, name: PathBuf },
    /// A temporary file that will become `target`.
    Atomic { temporary: NamedTempFile, target: PathBuf },
    /// A pipe of a test.
    #[cfg(test)]
    Test(Box<dyn TestSink>),
}

const BUFFER: usize = 64 * 1024;

impl Output {
    /// Writes to standard output.
    pub fn stdout(format: Format) -> Result<Output, OutputError> {
        let name = PathBuf::from("standard output");
        // A duplicate, because std's own handle stops at every newline to pass the line on.
        let file = match io::stdout().as_fd().try_clone_to_owned() {
            Ok(duplicate) => File::from(duplicate),
            Err(source) => return Err(OutputError::Create { name, source }),
        };
        let terminal = file.is_terminal();
        Ok(Output::new(Sink::Direct { file, name }, format, terminal))
    }

    /// Writes to `path`, in one step when all is written.
    ///
    /// Its temporary file is noted in `leftovers`, for an end in which nothing is dropped.
    pub fn file(path: &Path, format: Format, leftovers: &Leftovers) -> Result<Output, OutputError> {
        let create = |source| OutputError::Create { name: path.into(), source };
        let sink = match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => {
                return Err(OutputError::IsDirectory { path: path.into() });
            }
            Ok(meta) if meta.is_file() => {
                let target = fs::canonicalize(path).map_err(create)?;
                let temporary = temporary_beside(&target, meta.permissions().mode(), leftovers)
                    .map_err(create)?;
                // The mode at creation was cut down by the umask; the old file's was chosen by
                // somebody.
                let mode = Permissions::from_mode(meta.permissions().mode() & 0o777);
                temporary.as_file().set_permissions(mode).map_err(create)?;
                Sink::Atomic { temporary, target }
            }
            Ok(_) => {
                let file = OpenOptions::new().write(true).open(path).map_err(create)?;
                Sink::Direct { file, name: path.into() }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let target = end_of_links(path).map_err(create)?;
                let temporary = temporary_beside(&target, 0o666, leftovers).map_err(create)?;
                Sink::Atomic { temporary, target }
            }
            Err(error) => return Err(create(error)),
        };
        Ok(Output::new(sink, format, false))
    }

    fn new(sink: Sink, format: Format, terminal: bool) -> Output {
        Output { sink: BufWriter::with_capacity(BUFFER, sink), format, terminal }
    }

    /// Is a person looking at the lines as they come?
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The files that this output writes: a walk must not list them.
    pub fn own_files(&self) -> Vec<(PathBuf, Skip)> {
        match self.sink.get_ref() {
            Sink::Atomic { temporary, target } => vec![
                (temporary.path().into(), Skip::OwnTemporary),
                (target.clone(), Skip::OwnOutput),
            ],
            _ => Vec::new(),
        }
    }

    /// The file that stays as it was unless the manifest is finished; `None` for what is written
    /// directly.
    pub fn target(&self) -> Option<&Path> {
        match self.sink.get_ref() {
            Sink::Atomic { target, .. } => Some(target),
            _ => None,
        }
    }

    /// Adds one record.
    pub fn write(&mut self, record: &Record<'_>) -> Result<(), OutputError> {
        record.write(self.format, &mut self.sink).map_err(|error| self.error(error))?;
        if self.terminal { self.flush() } else { Ok(()) }
    }

    /// Adds bytes as they are: a report of `--check`.
    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.sink.write_all(bytes).map_err(|error| self.error(error))?;
        if self.terminal { self.flush() } else { Ok(()) }
    }

    /// Passes on what was written: for a moment in which there is nothing else to do.
    pub fn flush(&mut self) -> Result<(), OutputError> {
        self.sink.flush().map_err(|error| self.error(error))
    }

    /// Everything is written: puts the file into its place.
    pub fn finish(mut self) -> Result<(), OutputError> {
        self.flush()?;
        match self.sink.into_parts().0 {
            Sink::Atomic { temporary, target } => {
                let publish = |source| OutputError::Publish { path: target.clone(), source };
                temporary.as_file().sync_all().map_err(publish)?;
                temporary.persist(&target).map_err(|error| publish(error.error))?;
                // The rename is done; a file system that cannot sync a directory does not undo it.
                let _ =
                    File::open(directory_of(&target)).and_then(|directory| directory.sync_all());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn error(&self, source: io::Error) -> OutputError {
        if source.kind() == io::ErrorKind::BrokenPipe {
            return OutputError::ReaderGone;
        }
        let name = match self.sink.get_ref() {
            Sink::Atomic { target: name, .. } | Sink::Direct { name, .. } => name.clone(),
            #[cfg(test)]
            Sink::Test(_) => "test".into(),
        };
        OutputError::Write { name, source }
    }
}

/// Where a link leads to that nothing lies at yet: a link stays, and its file is made.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    const MOST: usize = 40;
    let mut target = path.to_owned();
    for _ in 0..MOST {
        match fs::read_link(&target) {
            // A link that is not absolute begins where it lies.
            Ok(next) => target = directory_of(&target).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// The name says whose it is, should a power cut leave it behind, and fits however long FILE's name
/// is.
fn temporary_beside(path: &Path, mode: u32, leftovers: &Leftovers) -> io::Result<NamedTempFile> {
    leftovers.create(|| {
        tempfile::Builder::new()
            .prefix(".roundelay-")
            .suffix(".tmp")
            .permissions(Permissions::from_mode(mode & 0o777))
            .tempfile_in(directory_of(path))
    })
}

pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Direct { file, .. } => file.write(bytes),
            Sink::Atomic { temporary, .. } => temporary.write(bytes),
            #[cfg(test)]
            Sink::Test(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // Nothing is kept back below the buffer.
    }
}

/// Why a manifest could not be written.
#[derive(Debug)]
pub enum OutputError {
    /// Whoever read our standard output has had enough (`roundelay manifest | head`). No failure.
    ReaderGone,
    /// The file named is a directory.
    IsDirectory {
        /// Its path.
        path: PathBuf,
    },
    /// The destination could not be opened, or no temporary file be made beside it.
    Create {
        /// The destination.
        name: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The destination took no more.
    Write {
        /// The destination.
        name: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Everything was written, but could not be put into its place.
    Publish {
        /// The destination.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutputError::ReaderGone => f.write_str("nobody reads standard output any more"),
            OutputError::IsDirectory { path } => {
                let path = shown(path);
                write!(
                    f,
                    "cannot write the manifest to {path}: it is a directory; name a file in it"
                )
            }
            OutputError::Create { name, source } => write!(
                f,
                "cannot write the manifest to {}: {}; nothing was read yet, name another file",
                shown(name),
                words_of(source)
            ),
            OutputError::Write { name, source } => write!(
                f,
                "writing the manifest to {} failed: {}; what was written before is incomplete",
                shown(name),
                words_of(source)
            ),
            OutputError::Publish { path, source } => write!(
                f,
                "the manifest is complete but could not be put at {}: {}; the old file is unchanged",
                shown(path),
                words_of(source)
            ),
        }
    }
}

impl std::error::Error for OutputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OutputError::Create { source, .. }
            | OutputError::Write { source, .. }
            | OutputError::Publish { source, .. } => Some(source),
            OutputError::ReaderGone | OutputError::IsDirectory { .. } => None,
        }
    }
}

#[cfg(test)]
trait TestSink: Write + fmt::Debug + Send {}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
