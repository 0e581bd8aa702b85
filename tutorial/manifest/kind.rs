//! What a path turned out to name: a file with content, a directory, or one of the special things.
//!
//! The walk asks before it hands a path on, and the reader asks again after opening it, because the
//! world may change in between. Only [`FileKind::File`] has content to hash. Reading the others is
//! useless or worse: a fifo makes its reader wait for a writer, and a device may act on being
//! opened.
//!
//! Tutorial: chapter 20, the capstone. Before this: `line.rs`. After this: `roots.rs`.

use std::fmt;
use std::fs::FileType;
use std::os::unix::fs::FileTypeExt;

use serde::{Deserialize, Serialize};

/// The kinds of things that a directory can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file: bytes to read.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, seen as itself.
    SymbolicLink,
    /// A named pipe.
    Fifo,
    /// A socket in the file system.
    Socket,
    /// A character device, such as a terminal.
    CharacterDevice,
    /// A block device, such as a disk.
    BlockDevice,
    /// The file system did not say, or says something newer than this program.
    Unknown,
}

impl From<FileType> for FileKind {
    fn from(kind: FileType) -> FileKind {
        match kind {
            kind if kind.is_file() => FileKind::File,
            kind if kind.is_dir() => FileKind::Directory,
            kind if kind.is_symlink() => FileKind::SymbolicLink,
            kind if kind.is_fifo() => FileKind::Fifo,
            kind if kind.is_socket() => FileKind::Socket,
            kind if kind.is_char_device() => FileKind::CharacterDevice,
            kind if kind.is_block_device() => FileKind::BlockDevice,
            _ => FileKind::Unknown,
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::File => "a regular file",
            FileKind::Directory => "a directory",
            FileKind::SymbolicLink => "a symbolic link",
            FileKind::Fifo => "a fifo",
            FileKind::Socket => "a socket",
            FileKind::CharacterDevice => "a character device",
            FileKind::BlockDevice => "a block device",
            FileKind::Unknown => "of a kind that this system does not tell",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn kind_of(path: impl AsRef<std::path::Path>) -> FileKind {
        fs::symlink_metadata(path).unwrap().file_type().into()
    }

    #[test]
    fn each_kind_is_told_from_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(kind_of(dir.path()), FileKind::Directory);
        assert_eq!(kind_of(at("file")), FileKind::File);
        assert_eq!(kind_of(at("link")), FileKind::SymbolicLink);
        assert_eq!(kind_of(at("socket")), FileKind::Socket);
        assert_eq!(kind_of("/dev/null"), FileKind::CharacterDevice);
    }
}
