//! The paths that the user named: each spelled in one way, in the order of the manifest, each once.
//!
//! The spelling is changed by its letters alone, without asking the file system:
//!
//! ```text
//!   ./a   a/   a//b   a/./b   .        as the user wrote it
//!   a     a    a/b    a/b     (empty)  as the manifest spells it: `.` puts nothing before its names
//! ```
//!
//! `..` stays where it is: where `a` is a symbolic link, `a/../b` is not `b`. And a file called `-`
//! at the top is spelled `./-`, because `sha256sum --check` takes a bare `-` for standard input.
//!
//! Each root has a *key*: its path, with a slash behind it if it is a directory. Keys are what the
//! walk sorts by, and `walk.rs` tells why the slash makes that right.
//!
//! Tutorial: chapter 20, the capstone. Before this: `kind.rs`. After this: `listing.rs`.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The roots that the walk has not reached yet, by key.
#[derive(Debug)]
pub(crate) struct Roots {
    keys: VecDeque<Vec<u8>>,
}

impl Roots {
    /// Normalises, sorts and deduplicates `paths`.
    ///
    /// Looks at each path, through symbolic links, to see whether it is a directory. A path that
    /// cannot be looked at is kept as a file, so that the walk tells of it when its turn comes.
    pub(crate) fn new<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Roots {
        let mut keys: Vec<_> =
            paths.into_iter().map(|path| key(normalise(path.as_ref()))).collect();
        keys.sort_unstable();
        keys.dedup();
        Roots { keys: keys.into() }
    }

    pub(crate) fn first(&self) -> Option<&[u8]> {
        self.keys.front().map(Vec::as_slice)
    }

    pub(crate) fn take_first(&mut self) -> Option<Vec<u8>> {
        self.keys.pop_front()
    }

    /// Was this very path named by the user? Then a symbolic link there is followed.
    pub(crate) fn name(&self, path: &[u8]) -> bool {
        let is_root =
            |key: &[u8]| self.keys.binary_search_by(|root| root.as_slice().cmp(key)).is_ok();
        !self.keys.is_empty() && (is_root(path) || is_root(&[path, b"/"].concat()))
    }
}

/// The path of a key: without the slash that marks a directory, and `.` for the directory we are
/// in.
pub(crate) fn path_of(key: &[u8]) -> PathBuf {
    let path = match key {
        b"" => b".",
        b"/" => b"/",
        key => key.strip_suffix(b"/").unwrap_or(key),
    };
    OsStr::from_bytes(path).into()
}

fn normalise(path: &Path) -> Vec<u8> {
    let path = path.as_os_str().as_bytes();
    let parts: Vec<_> =
        path.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    let mut normal = if path.starts_with(b"/") { b"/".to_vec() } else { Vec::new() };
    normal.extend(parts.join(&b'/'));
    normal
}

fn key(mut path: Vec<u8>) -> Vec<u8> {
    let is_directory = fs::metadata(path_of(&path)).is_ok_and(|meta| meta.is_dir());
    match path.as_slice() {
        b"" | b"/" => path,
        b"-" if !is_directory => b"./-".to_vec(),
        _ if is_directory => {
            path.push(b'/');
            path
        }
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(paths: &[&str]) -> Vec<String> {
        let keys = Roots::new(paths).keys;
        keys.into_iter().map(|key| String::from_utf8(key).unwrap()).collect()
    }

    #[test]
    fn a_path_has_one_spelling() {
        for (written, spelled) in [
            (".", ""),
            ("./", ""),
            ("./a", "a"),
            ("a/", "a"),
            ("a//b", "a/b"),
            ("a/./b/.", "a/b"),
            ("/", "/"),
            ("//", "/"),
            ("//a/", "/a"),
            ("..", ".."),
            ("a/../b", "a/../b"),
            ("...", "..."),
        ] {
            assert_eq!(normalise(written.as_ref()), spelled.as_bytes(), "{written}");
        }
    }

    #[test]
    fn roots_are_sorted_and_each_is_there_once() {
        assert_eq!(
            keys(&["none", "./a.none", "none", "none/", "b/../none"]),
            ["a.none", "b/../none", "none"]
        );
    }

    #[test]
    fn a_directory_is_sorted_as_if_its_name_ended_in_a_slash() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("a")).unwrap();
        let roots = Roots::new([at("a"), at("a-b"), at("a0")]);
        let names: Vec<_> = roots.keys.iter().map(|key| path_of(key)).collect();
        assert_eq!(names, [at("a-b"), at("a"), at("a0")]);
        assert!(roots.name(at("a").as_os_str().as_bytes()));
        assert!(!roots.name(at("b").as_os_str().as_bytes()));
    }

    #[test]
    fn a_file_called_minus_cannot_be_taken_for_standard_input() {
        assert_eq!(keys(&["-"]), ["./-"]);
    }

    #[test]
    fn a_key_tells_its_path() {
        for (key, path) in [("", "."), ("/", "/"), ("a/", "a"), ("a", "a"), ("/a/b/", "/a/b")] {
            assert_eq!(path_of(key.as_bytes()), Path::new(path));
        }
    }
}
