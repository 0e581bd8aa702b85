//! Unix-domain listeners, and the path that they leave behind.
//!
//! Binding makes a file of the kind "socket". Closing the listener does not remove it, and as
//! long as it is there nobody can bind that path again. Who removes it is a choice: the next
//! who starts up (and then must know that nobody listens there), or this listener, when it is
//! dropped.
//!
//! # Invariants
//! - A dropped listener removes the file that it made, and no other: if somebody has put another
//!   one in its place, that stays.
//!
//! Tutorial: chapter 7. Before this: `unix.rs`. After this: `unix_datagram.rs`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{self, SocketAddr};
use std::path::{Path, PathBuf};

use roundelay_runtime::Direction;

use crate::net::readiness::Watched;
use crate::net::unix::UnixStream;
use crate::net::unix_name::address_of;

/// Waits for Unix-domain connections.
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use roundelay_executor::{UnixListener, UnixStream, run, spawn};
///
/// let path = std::env::temp_dir().join(format!("roundelay-doc-{}", std::process::id()));
/// run(async {
///     let listener = UnixListener::bind(&path)?.unlink_on_drop();
///     let server = spawn(async move {
///         let (mut stream, _) = listener.accept().await?;
///         stream.write_all(b"hello").await
///     });
///     let mut text = String::new();
///     UnixStream::connect(&path).await?.read_to_string(&mut text).await?;
///     assert_eq!(text, "hello");
///     server.await.unwrap()
/// })?;
/// assert!(!path.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UnixListener {
    watched: Watched<net::UnixListener>,
    unlink: Option<Left>,
}

impl UnixListener {
    /// Listens at `path`, where nothing may be yet. The file stays when the listener is
    /// dropped: see [`UnixListener::unlink_on_drop`]. On Linux a path that begins with a zero
    /// byte is an abstract name, which leaves no file.
    ///
    /// # Errors
    /// What the system says: the path is in use. `InvalidInput` if it is empty, or longer than the
    /// hundred bytes that fit. No loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{UnixListener, run};
    ///
    /// let path = std::env::temp_dir().join(format!("roundelay-bind-{}", std::process::id()));
    /// run(async {
    ///     let _listener = UnixListener::bind(&path)?.unlink_on_drop();
    ///     let taken = UnixListener::bind(&path).unwrap_err();
    ///     assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "start_unix_server")]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::from_std(net::UnixListener::bind_addr(&address_of(path.as_ref())?)?)
    }

    /// Takes up a listener of std's on this loop. It does not block from now on.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    ///
    /// ```
    /// use roundelay_executor::{UnixListener, UnixStream, run};
    ///
    /// let path = std::env::temp_dir().join(format!("roundelay-std-{}", std::process::id()));
    /// run(async {
    ///     let listener = std::os::unix::net::UnixListener::bind(&path)?;
    ///     let listener = UnixListener::from_std(listener)?.unlink_on_drop();
    ///     assert_eq!(listener.local_addr()?.as_pathname(), Some(path.as_path()));
    ///     let _client = UnixStream::connect(&path).await?;
    ///     listener.accept().await.map(drop)
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(listener: net::UnixListener) -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        Ok(UnixListener { watched: Watched::new(listener)?, unlink: None })
    }

    /// Removes the file when the listener is dropped. (A relative path is looked up from where
    /// the process is by then.)
    ///
    /// ```
    /// use roundelay_executor::{UnixListener, run};
    ///
    /// let path = std::env::temp_dir().join(format!("roundelay-unlink-{}", std::process::id()));
    /// run(async {
    ///     let listener = UnixListener::bind(&path)?.unlink_on_drop();
    ///     assert!(path.exists());
    ///     drop(listener);
    ///     assert!(!path.exists());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "cleanup_socket")]
    #[must_use]
    pub fn unlink_on_drop(mut self) -> UnixListener {
        let address = self.watched.file.local_addr().ok();
        self.unlink = address.and_then(|address| Left::at(address.as_pathname()?));
        self
    }

    /// The next connection, and where it comes from, which is usually nowhere.
    ///
    /// # Errors
    /// What the system says. Some errors pass: the listener stays good.
    ///
    /// *Cancel safety: safe.* No connection is lost.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, peer) = self.watched.io(Direction::Read, net::UnixListener::accept).await?;
        Ok((UnixStream::from_std(stream)?, peer))
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.watched.file.local_addr()
    }
}

/// The file that a listener made, and how to know it again.
#[derive(Debug)]
struct Left {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Left {
    fn at(path: &Path) -> Option<Left> {
        let about = path.symlink_metadata().ok()?;
        Some(Left { path: path.to_owned(), device: about.dev(), inode: about.ino() })
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let now = self.path.symlink_metadata();
        if now.is_ok_and(|now| (now.dev(), now.ino()) == (self.device, self.inode)) {
            // It fails if somebody else was faster.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.file.as_fd()
    }
}
