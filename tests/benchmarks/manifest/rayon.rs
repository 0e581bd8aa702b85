//! The manifest as a short program on rayon and sha2: what `roundelay manifest` is measured
//! against.
//!
//! It prints the same lines, sorted, for a tree of plain files, with names that are escaped
//! as coreutils does; `RAYON_NUM_THREADS` says how many threads. It has no limits, no retries
//! and no progress, and stops at the first error.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    let root = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let mut files = Vec::new();
    walk(Path::new(&root), &mut files)?;
    files.sort_unstable_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    let lines: Vec<Vec<u8>> = files.par_iter().map(|path| line(path)).collect::<io::Result<_>>()?;
    let mut out = BufWriter::new(io::stdout().lock());
    for line in lines {
        out.write_all(&line)?;
    }
    out.flush()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// One line as `sha256sum` prints it.
fn line(path: &Path) -> io::Result<Vec<u8>> {
    let (mut file, mut hasher, mut chunk) = (File::open(path)?, Sha256::new(), [0; 64 * 1024]);
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            count => hasher.update(&chunk[..count]),
        }
    }
    let name = path.as_os_str().as_bytes();
    let is_odd = name.iter().any(|byte| b"\\\n\r".contains(byte));
    let mut line = if is_odd { b"\\".to_vec() } else { Vec::new() };
    for byte in hasher.finalize() {
        write!(line, "{byte:02x}")?;
    }
    line.extend(b"  ");
    for &byte in name {
        match byte {
            b'\\' => line.extend(b"\\\\"),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            byte => line.push(byte),
        }
    }
    line.push(b'\n');
    Ok(line)
}
