//! Files, in threads.
//!
//! No system that we know can say of a file on a disk "not yet": a read waits, and the whole thread
//! with it. So each function here is std's function of the same name, called through
//! [`to_thread`](crate::to_thread()): a few microseconds dearer, and the loop turns meanwhile.
//! Whoever does a hundred small things to files puts all of them into one `to_thread` of their own.
//!
//! For all of them: the errors are std's, and one of the kind `Other` if the thread pool is
//! closed. Giving up takes back what has not begun; what has begun goes on to its end in its
//! thread, and what it gives is dropped.
//!
//! ```
//! use roundelay_executor::{fs, run};
//!
//! run(async {
//!     let folder = std::env::temp_dir().join(format!("roundelay-{}", std::process::id()));
//!     fs::create_dir_all(&folder).await?;
//!     fs::write(folder.join("note"), "a line").await?;
//!     assert_eq!(fs::read_to_string(folder.join("note")).await?, "a line");
//!     assert_eq!(fs::read_dir(&folder).await?, [folder.join("note")]);
//!     fs::remove_dir_all(&folder).await
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Tutorial: chapter 15. Before this: `stdio.rs`. After this: `testing/test_run.rs`.

use std::fs::{self as blocking, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::to_thread::to_thread;

/// All bytes of a file.
///
/// # Errors
/// What the system says.
///
/// *Cancel safety: safe.* Nothing is changed, and what was read is dropped.
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    of(path, blocking::read).await
}

/// A file's text, which must be UTF-8.
///
/// # Errors
/// What the system says; `InvalidData` if it is not UTF-8.
///
/// *Cancel safety: safe.* Nothing is changed, and what was read is dropped.
///
/// ```
/// use roundelay_executor::{fs, run};
///
/// let missing = run(fs::read_to_string("/no/such/file")).unwrap_err();
/// assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
/// ```
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    of(path, blocking::read_to_string).await
}

/// Makes a file of `contents`, in the place of one that is there. Whoever reads it meanwhile may
/// see a part: write beside it and [`rename`].
///
/// # Errors
/// What the system says.
///
/// *Cancel safety: loses data.* It may be done in part or whole, or not at all.
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let contents = contents.as_ref().to_owned();
    of(path, move |path| blocking::write(path, contents)).await
}

/// Copies a file's bytes and permissions, and says how many bytes they were.
///
/// # Errors
/// What the system says.
///
/// *Cancel safety: loses data.* It may be done in part or whole, or not at all.
///
/// ```
/// use roundelay_executor::{fs, run};
///
/// let from = std::env::temp_dir().join(format!("roundelay-copy-{}", std::process::id()));
/// let to = from.with_extension("copy");
/// run(async {
///     fs::write(&from, "four").await?;
///     assert_eq!(fs::copy(&from, &to).await?, 4);
///     assert_eq!(fs::read(&to).await?, b"four");
///     fs::remove_file(&from).await?;
///     fs::remove_file(&to).await
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let to = to.as_ref().to_owned();
    of(from, move |from| blocking::copy(from, to)).await
}

/// Gives a file another name, in the place of one that has it.
///
/// # Errors
/// What the system says.
///
/// *Cancel safety: loses data.* It may be done or not.
///
/// ```
/// use roundelay_executor::{fs, run};
///
/// let path = std::env::temp_dir().join(format!("roundelay-rename-{}", std::process::id()));
/// let beside = path.with_extension("new");
/// run(async {
///     fs::write(&beside, "whole").await?;
///     fs::rename(&beside, &path).await?; // nobody has seen a half of it
///     assert_eq!(fs::read_to_string(&path).await?, "whole");
///     fs::remove_file(&path).await
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let to = to.as_ref().to_owned();
    of(from, move |from| blocking::rename(from, to)).await
}

/// Removes a file.
///
/// # Errors
/// What the system says.
///
/// *Cancel safety: loses data.* It may be done or not.
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    of(path, blocking::remove_file).await
}

/// Makes a folder, and those above it that are missing.
///
/// # Errors
/// What the system says.
///
/// *Cancel safety: loses data.* It may be done in part or whole, or not at all.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    of(path, blocking::create_dir_all).await
}

/// Removes a folder and all that is in it.
///
/// # Errors
/// What the system says.
///
/// *Cancel safety: loses data.* It may be done in part or whole, or not at all.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    of(path, blocking::remove_dir_all).await
}

/// The paths of all that is in a folder, sorted.
///
/// # Errors
/// What the system says.
///
/// *Cancel safety: safe.* Nothing is changed, and what was read is dropped.
///
/// ```
/// use roundelay_executor::{fs, run};
///
/// let folder = std::env::temp_dir().join(format!("roundelay-folder-{}", std::process::id()));
/// run(async {
///     fs::create_dir_all(&folder).await?;
///     for name in ["b", "a"] {
///         fs::write(folder.join(name), "").await?;
///     }
///     assert_eq!(fs::read_dir(&folder).await?, [folder.join("a"), folder.join("b")]);
///     fs::remove_dir_all(&folder).await
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    of(path, |path| {
        let entries = blocking::read_dir(path)?;
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        Ok(paths)
    })
    .await
}

/// What the system knows of a file: its size, its kind, its times.
///
/// # Errors
/// What the system says.
///
/// *Cancel safety: safe.* Nothing is changed, and what was read is dropped.
///
/// ```
/// use roundelay_executor::{fs, run};
///
/// assert!(run(fs::metadata("/"))?.is_dir());
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    of(path, blocking::metadata).await
}

/// The path without detours: absolute, and with every link followed.
///
/// # Errors
/// What the system says.
///
/// *Cancel safety: safe.* Nothing is changed, and what was read is dropped.
///
/// ```
/// use roundelay_executor::{fs, run};
///
/// assert_eq!(run(fs::canonicalize("/.."))?, std::path::Path::new("/"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    of(path, blocking::canonicalize).await
}

/// Calls `work` with `path` in a thread.
async fn of<T: Send + 'static>(
    path: impl AsRef<Path>,
    work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let path = path.as_ref().to_owned();
    to_thread(move || work(path)).await.map_err(io::Error::other)?
}
