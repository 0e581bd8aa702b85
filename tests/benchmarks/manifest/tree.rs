//! The tree: many small files, some large ones, odd names.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::measure::Numbers;

/// How many files lie in one folder.
const IN_A_FOLDER: usize = 50;

/// Makes `files` files with `bytes` bytes in all below `root`, the same in every run.
///
/// A tenth of the files are large and hold half of the bytes.
///
/// # Errors
/// What the system says.
pub fn generate(root: &Path, files: usize, bytes: usize) -> io::Result<()> {
    let mut numbers = Numbers::default();
    let noise: Vec<u8> = (0..1 << 20).map(|_| numbers.below(256) as u8).collect();
    let large = files.div_ceil(10);
    let small = files - large;
    for index in 0..files {
        let folder = root.join(format!("folder {:03}", index / IN_A_FOLDER));
        if index % IN_A_FOLDER == 0 {
            fs::create_dir_all(folder.join("empty"))?;
        }
        let size = if index % 10 == 0 { bytes / 2 / large } else { bytes / 2 / small.max(1) };
        write(&folder.join(name(index)), size, &noise, &mut numbers)?;
    }
    Ok(())
}

/// Most names are plain; some are what a program stumbles over.
fn name(index: usize) -> PathBuf {
    let odd: &[u8] = match index % 97 {
        0 => b"line\nbreak ",
        1 => b"back\\slash ",
        2 => b"not utf-8 \xff\xfe ",
        3 => b" spaces  and 'quotes\" ",
        4 => "umlaut ü, 日本語 ".as_bytes(),
        5 => b"-n --option ",
        6 => b"$HOME * ",
        _ => b"file ",
    };
    let mut name = odd.to_vec();
    name.extend(index.to_string().bytes());
    OsString::from_vec(name).into()
}

fn write(path: &Path, size: usize, noise: &[u8], numbers: &mut Numbers) -> io::Result<()> {
    let mut file = File::create(path)?;
    // No two files are the same.
    file.write_all(&numbers.below(u64::MAX).to_le_bytes()[..size.min(8)])?;
    let mut left = size.saturating_sub(8);
    while left > 0 {
        let start = numbers.below(noise.len() as u64) as usize;
        let count = left.min(noise.len() - start);
        file.write_all(&noise[start..start + count])?;
        left -= count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_and_bytes_are_made_as_were_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        generate(folder.path(), 200, 1 << 20).unwrap();
        let mut files = 0;
        let mut bytes = 0;
        for folder in fs::read_dir(folder.path()).unwrap() {
            for entry in fs::read_dir(folder.unwrap().path()).unwrap() {
                let data = entry.unwrap().metadata().unwrap();
                if data.is_file() {
                    files += 1;
                    bytes += data.len();
                }
            }
        }
        assert_eq!(files, 200);
        assert!((1 << 20) - bytes < 2000, "{bytes}");
    }
}
