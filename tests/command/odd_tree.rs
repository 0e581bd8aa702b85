//! Directory trees for tests: many files, and every odd thing that a tree can hold.
//!
//! Used by the unit tests of `tutorial/manifest/` and by the tests of the whole command. What a
//! tree holds is decided by its seed alone, so that a failing test can be repeated.
//!
//! ```text
//!   plain/00..NN/file-00000   the many: sizes by chance, `bytes` in all
//!   names/                    spaces, backslash, newline, carriage return, leading dash, not UTF-8, long
//!   empty/                    an empty file, an empty directory, nested empty directories
//!   deep/d/d/d/...            nested
//!   links/                    to a file, to a directory, to nothing, to itself, to its parent, hard
//!   special/                  a fifo, a socket's name
//!   closed/                   a file and a directory without permissions (see `permissions_bind`)
//! ```

#![allow(dead_code, reason = "each of the users needs another part")]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A tree of files, removed when dropped.
pub(crate) struct OddTree {
    dir: TempDir,
    /// The regular files that a walk without `--follow` reads, relative to the tree, sorted.
    pub(crate) readable: Vec<PathBuf>,
    /// What a walk cannot read because of permissions; empty where they do not bind.
    pub(crate) closed: Vec<PathBuf>,
}

impl OddTree {
    /// Makes `files` plain files of `bytes` in all, and the odd ones.
    pub(crate) fn new(files: usize, bytes: u64, seed: u64) -> OddTree {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let mut tree = OddTree { dir, readable: Vec::new(), closed: Vec::new() };
        tree.add_plain(files, bytes, &mut fastrand::Rng::with_seed(seed));
        tree.add_names();
        tree.add_empty_and_deep();
        tree.add_links_and_special();
        tree.add_closed();
        tree.readable.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
        tree
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    fn file(&mut self, name: impl AsRef<Path>, content: &[u8]) {
        let path = self.path().join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self.readable.push(name.as_ref().to_owned());
    }

    fn add_plain(&mut self, files: usize, bytes: u64, chance: &mut fastrand::Rng) {
        // Sizes between a quarter and seven quarters of the mean, and the last file takes the rest.
        let mut left = bytes;
        let mut content = Vec::new();
        for number in 0..files {
            let mean = left / (files - number) as u64;
            let size =
                if number + 1 == files { left } else { mean / 4 + chance.u64(0..=mean * 3 / 2) };
            left -= size;
            content.resize(size as usize, 0);
            chance.fill(&mut content);
            self.file(format!("plain/{:02}/file-{number:05}", number % 40), &content);
        }
    }

    fn add_names(&mut self) {
        for name in odd_names() {
            let content = name.as_bytes().to_vec();
            self.file(Path::new("names").join(name), &content);
        }
    }

    fn add_empty_and_deep(&mut self) {
        self.file("empty/file", b"");
        fs::create_dir_all(self.path().join("empty/directory/in/directory")).unwrap();
        let deep: PathBuf = std::iter::repeat_n("d", 200).collect();
        self.file(Path::new("deep").join(deep).join("file"), b"far down");
    }

    fn add_links_and_special(&mut self) {
        self.file("links/file", b"linked");
        self.readable.push("links/hard".into());
        let at = |name: &str| self.path().join(name);
        fs::hard_link(at("links/file"), at("links/hard")).unwrap();
        for (to, name) in [
            ("file", "to-file"),
            ("../empty", "to-directory"),
            ("nowhere", "to-nothing"),
            ("to-itself", "to-itself"),
            ("..", "to-parent"),
            ("../special/fifo", "to-fifo"),
        ] {
            symlink(to, at("links").join(name)).unwrap();
        }
        fs::create_dir(at("special")).unwrap();
        make_fifo(&at("special/fifo"));
        // The listener closes and leaves the name behind, which is all a walk sees.
        std::os::unix::net::UnixListener::bind(at("special/socket")).unwrap();
    }

    fn add_closed(&mut self) {
        self.file("closed/file", b"secret");
        self.file("closed/directory/file", b"secret");
        if permissions_bind() {
            self.readable.truncate(self.readable.len() - 2);
            self.closed = vec!["closed/directory".into(), "closed/file".into()];
        }
        chmod(&self.path().join("closed/file"), 0);
        chmod(&self.path().join("closed/directory"), 0);
    }
}

impl Drop for OddTree {
    fn drop(&mut self) {
        // Otherwise the closed directory could not be removed.
        chmod(&self.path().join("closed/directory"), 0o700);
    }
}

/// Names of one component that have broken some tool at some time.
pub(crate) fn odd_names() -> Vec<OsString> {
    let mut names: Vec<_> = [
        &b" leading and trailing "[..],
        b"-",
        b"-rf",
        b"--help",
        b"*",
        b"#comment",
        b"back\\slash",
        b"\\n",
        b"new\nline",
        b"\n",
        b"carriage\rreturn",
        b"ends in return\r",
        b"\ttab",
        b"quote'\"`$(true)",
        b"\x1b[31mred\x07",
        b"SHA256 (x) = y",
        b"...",
        b"~",
        "Grüße 日本".as_bytes(),
        b"latin \xe9\xff",
        b"half \xe6\x97 letter\n\xfe",
    ]
    .iter()
    .map(|name| OsStr::from_bytes(name).to_owned())
    .collect();
    names.push("n".repeat(255).into());
    names
}

/// Do file permissions mean anything for this process? (Not for root.)
pub(crate) fn permissions_bind() -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    chmod(file.path(), 0);
    File::open(file.path()).is_err()
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn make_fifo(path: &Path) {
    let status = std::process::Command::new("mkfifo").arg("--").arg(path).status();
    assert!(status.expect("mkfifo is installed").success());
}

/// Runs the real `sha256sum` in `dir`, with `input`; `None` where it is not installed.
pub(crate) fn sha256sum(dir: &Path, args: &[&OsStr], input: &[u8]) -> Option<std::process::Output> {
    use std::process::{Command, Stdio};
    let mut child = Command::new("sha256sum")
        .args(args)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // From a thread of its own: both pipes could fill up at once.
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // It may have ended without reading everything, and then the pipe is broken.
    let _ = writer.join().unwrap();
    Some(output)
}
