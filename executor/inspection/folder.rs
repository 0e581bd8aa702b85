//! Where inspectable programs have their sockets: in a folder of this user alone.
//!
//! ```text
//!   $XDG_RUNTIME_DIR/roundelay/4711-1.sock        process 4711, its loop 1
//!   /tmp/roundelay-1000/4711-1.sock               the same without XDG_RUNTIME_DIR
//! ```
//!
//! # Invariants
//! - The folder belongs to this user and is closed to everybody else (mode 0700), or it is not
//!   used: in `/tmp` somebody else may have made it first.
//! - What a process left behind that could not clean up is removed by the next one that comes.
//!
//! Tutorial: chapter 19. Before this: `mod.rs`. After this: `server.rs`.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The folder, made if need be.
pub(crate) fn private_folder() -> io::Result<PathBuf> {
    let folder = folder();
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    check(&folder)?;
    Ok(folder)
}

/// The sockets in the folder: the process, the number of its loop, the path.
pub(crate) fn sockets() -> io::Result<Vec<(u32, u64, PathBuf)>> {
    let folder = folder();
    match check(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        checked => checked?,
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some((process, number)) = parse(&path) {
            found.push((process, number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The path of the socket of one loop of this process.
pub(crate) fn socket_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{}-{number}.sock", std::process::id()))
}

/// Removes sockets that nobody listens at any more.
pub(crate) fn remove_stale() {
    for (process, _, path) in sockets().unwrap_or_default() {
        let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        if process != std::process::id() && UnixStream::connect(&path).is_err_and(refused) {
            let _ = fs::remove_file(path);
        }
    }
}

fn folder() -> PathBuf {
    match env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        Some(runtime) if runtime.is_absolute() => runtime.join("roundelay"),
        _ => env::temp_dir().join(format!("roundelay-{}", rustix::process::getuid().as_raw())),
    }
}

fn check(folder: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    let ours = found.uid() == rustix::process::getuid().as_raw();
    if found.is_dir() && ours && found.mode() & 0o077 == 0 {
        return Ok(());
    }
    let message = format!(
        "{} is not a folder of this user alone (mode 0700), so no socket for inspection is kept \
         there; remove it, or set XDG_RUNTIME_DIR",
        folder.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

fn parse(path: &Path) -> Option<(u32, u64)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".sock")?;
    let (process, number) = name.split_once('-')?;
    Some((process.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_name_is_read_back_and_any_other_is_not_ours() {
        let path = socket_path(Path::new("/x"), 7);
        assert_eq!(parse(&path), Some((std::process::id(), 7)));
        for other in ["/x/1.sock", "/x/a-1.sock", "/x/1-2", "/x/1-b.sock", "/"] {
            assert_eq!(parse(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri makes up whose process it is")]
    fn a_folder_that_is_open_to_others_or_a_link_is_refused() {
        let base = env::temp_dir().join(format!("roundelay-test-{}", std::process::id()));
        let (open, link) = (base.join("open"), base.join("link"));
        fs::create_dir_all(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(check(&open).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        fs::set_permissions(&open, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(check(&open).is_ok());
        symlink(&open, &link).unwrap();
        assert_eq!(check(&link).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        fs::remove_dir_all(base).unwrap();
    }
}
