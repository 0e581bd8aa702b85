//! The fingerprint of every file below a directory, with progress while it goes.
//!
//! ```text
//! cargo run -p roundelay-pools --example hash_directory -- some/directory
//! ```
//!
//! One job for each file, on threads: reading blocks. Results are printed as they arrive (a
//! small file does not wait for a large one), and the sum at the end does not depend on that
//! order.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use roundelay_pools::{ThreadPool, as_completed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let mut files = Vec::new();
    collect_files(&root, &mut files)?;
    files.sort();

    let pool = ThreadPool::default();
    let jobs = files.iter().cloned().map(|path| pool.submit(move || hash_file(&path)));
    let jobs = jobs.collect::<Result<Vec<_>, _>>()?;

    let mut hashes = vec![None; files.len()];
    for (count, (index, outcome)) in (1..).zip(as_completed(jobs)) {
        let path = files[index].display();
        match outcome? {
            Ok(hash) => {
                println!("[{count}/{}] {hash:016x} {path}", files.len());
                hashes[index] = Some(hash);
            }
            Err(error) => println!("[{count}/{}] {path}: {error}", files.len()),
        }
    }
    let mut all = Fnv::new();
    hashes.iter().flatten().for_each(|hash| all.add(&hash.to_le_bytes()));
    println!("{} files, together {:016x}", hashes.iter().flatten().count(), all.0);
    pool.shutdown();
    Ok(())
}

fn collect_files(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Links are not followed: one that leads upwards would never end.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect_files(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn hash_file(path: &Path) -> io::Result<u64> {
    let mut file = fs::File::open(path)?;
    let mut hash = Fnv::new();
    let mut buffer = [0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.0),
            count => hash.add(&buffer[..count]),
        }
    }
}

/// FNV-1a: short, and good enough to tell files apart that nobody forged.
struct Fnv(u64);

impl Fnv {
    fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
