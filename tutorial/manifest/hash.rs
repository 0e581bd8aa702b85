//! Reading one file and hashing it: the work that the whole command is about.
//!
//! ```text
//!   open without waiting -> is it a file? -> [ stop? -> read a chunk -> hash it -> count it ] -> digest
//! ```
//!
//! Reading and hashing happen in one job, on one thread: the bytes that were read are still in the
//! processor's cache when they are hashed. Handing chunks from a reading thread to a hashing thread
//! would carry every byte through memory twice.
//!
//! Opening is the dangerous step. The walk saw a file, but by now a fifo may lie there, and opening
//! a fifo waits for somebody to write to it, perhaps for ever. So a file is opened with
//! `O_NONBLOCK`, which waits for nobody, and the *opened* thing is asked what it is, which nobody
//! can change any more.
//!
//! # Invariants
//! - Memory for one job is one chunk, whatever the size of the file; a thread keeps its chunk for
//!   its next job.
//! - Between two chunks the job looks whether it should stop: that is all a thread can offer to a
//!   timeout.
//! - Bytes of an attempt that failed are taken back from the count, so a retry does not count them
//!   twice.
//!
//! Tutorial: chapter 20, the capstone. Before this: `walk.rs`. After this: `hash_error.rs`.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::hash_error::{During, HashError};
use super::kind::FileKind;

/// How much is read at once. From 32 KiB to 1 MiB the time is the same within 2 %: hashing
/// dominates.
pub const CHUNK: usize = 128 * 1024;

/// The memory for one chunk, which begins where a page begins.
///
/// A plain `Vec` of this size does not: the allocator puts 16 bytes of its own before it. The pages
/// that the kernel copies from begin at a multiple of 4096, and on the processor we measured,
/// copying to exactly 16 bytes past one is four times as slow: the whole command took 1.5 times as
/// long.
#[repr(align(4096))]
struct Chunk([u8; CHUNK]);

/// What hashing a file gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    /// The SHA-256 of the content.
    pub digest: Digest,
    /// How many bytes were read: the size as it was read, not as the walk saw it.
    pub bytes: u64,
}

/// What a job and whoever waits for it share: a stop flag one way, a count of bytes the other.
///
/// The count may be shared among many jobs; the flag is one job's own.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    bytes: Arc<AtomicU64>,
}

impl Watch {
    /// A watch with a flag of its own that adds its bytes to `bytes`.
    pub fn counting(bytes: Arc<AtomicU64>) -> Watch {
        Watch { stop: Arc::default(), bytes }
    }

    /// Asks the job to end at its next chunk. Asking again, or too late, does nothing.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// How many bytes have been read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Hashes the file at `path`, following symbolic links, in one thread.
///
/// ```
/// use roundelay_tutorial::manifest::hash::{Watch, hash_file};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("hello");
/// std::fs::write(&path, "Hello")?;
/// let hashed = hash_file(&path, &Watch::default()).unwrap();
/// assert_eq!(hashed.bytes, 5);
/// assert!(hashed.digest.to_string().starts_with("185f8db32271fe25"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn hash_file(path: &Path, watch: &Watch) -> Result<Hashed, HashError> {
    let file = open_without_waiting(path).map_err(|error| HashError::io(During::Open, &error))?;
    match file.metadata() {
        Ok(meta) if meta.is_file() => hash_reader(file, watch),
        Ok(meta) => Err(HashError::NotAFile { kind: FileKind::from(meta.file_type()) }),
        Err(error) => Err(HashError::io(During::Open, &error)),
    }
}

/// As [`hash_file`], for a name that nobody has looked at: one from a manifest that is checked.
///
/// Opening a device may *do* something (rewind a tape, arm a watchdog), and a manifest may name any
/// path. So the path is asked before it is opened. Files that come from the walk have been asked
/// already.
pub fn hash_listed_file(path: &Path, watch: &Watch) -> Result<Hashed, HashError> {
    match path.metadata() {
        Ok(meta) if meta.is_file() => hash_file(path, watch),
        Ok(meta) => Err(HashError::NotAFile { kind: FileKind::from(meta.file_type()) }),
        Err(error) => Err(HashError::io(During::Open, &error)),
    }
}

/// Hashes whatever `reader` gives, to its end: standard input, for instance.
pub fn hash_reader(mut reader: impl Read, watch: &Watch) -> Result<Hashed, HashError> {
    thread_local! {
        /// One chunk for each thread, made by its first job.
        static CHUNK_OF_THREAD: Cell<Option<Box<Chunk>>> = const { Cell::new(None) };
    }
    // Taken out and put back, not borrowed: a reader is somebody else's code.
    let mut chunk = CHUNK_OF_THREAD.take().unwrap_or_else(|| Box::new(Chunk([0; CHUNK])));
    let mut bytes = 0;
    let hashed = hash_chunks(&mut reader, &mut chunk.0, &mut bytes, watch);
    CHUNK_OF_THREAD.set(Some(chunk));
    if hashed.is_err() {
        watch.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
    hashed
}

fn hash_chunks(
    reader: &mut impl Read,
    chunk: &mut [u8],
    bytes: &mut u64,
    watch: &Watch,
) -> Result<Hashed, HashError> {
    let mut hash = Sha256::new();
    loop {
        if watch.is_stopped() {
            return Err(HashError::Stopped { after: *bytes });
        }
        match reader.read(chunk) {
            Ok(0) => return Ok(Hashed { digest: Digest(hash.finalize().into()), bytes: *bytes }),
            Ok(read) => {
                hash.update(&chunk[..read]);
                *bytes += read as u64;
                watch.bytes.fetch_add(read as u64, Ordering::Relaxed);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(HashError::io(During::Read, &error)),
        }
    }
}

/// `O_NONBLOCK`: do not wait, whatever lies there. `O_NOCTTY`: nor adopt a terminal as ours.
fn open_without_waiting(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odd_tree;
    use std::fs;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const MILLION_A: &str = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

    /// Gives `chunks` one by one, then the end; `None` stands for an error.
    struct Script<'a, F: FnMut()> {
        chunks: Vec<Option<&'a [u8]>>,
        between: F,
    }

    impl<F: FnMut()> Read for Script<'_, F> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            (self.between)();
            if self.chunks.is_empty() {
                return Ok(0);
            }
            let chunk = self.chunks.remove(0).ok_or(io::ErrorKind::TimedOut)?;
            buffer[..chunk.len()].copy_from_slice(chunk);
            Ok(chunk.len())
        }
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for (content, digest) in [(String::new(), EMPTY), ("a".repeat(1_000_000), MILLION_A)] {
            fs::write(&path, &content).unwrap();
            let hashed = hash_file(&path, &Watch::default()).unwrap();
            assert_eq!(
                (hashed.digest.to_string().as_str(), hashed.bytes),
                (digest, content.len() as u64)
            );
        }
    }

    #[test]
    fn sizes_around_the_chunk_are_hashed_as_in_one_piece() {
        let content: Vec<u8> = (0..2 * CHUNK + 1).map(|n| (n % 251) as u8).collect();
        for size in [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1] {
            let watch = Watch::default();
            let hashed = hash_reader(&content[..size], &watch).unwrap();
            assert_eq!(hashed.digest.0, <[u8; 32]>::from(Sha256::digest(&content[..size])));
            assert_eq!(watch.bytes(), size as u64);
        }
    }

    #[test]
    fn a_chunk_begins_where_a_page_begins() {
        struct Address(usize);
        impl Read for &mut Address {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = buffer.as_ptr().addr();
                Ok(0)
            }
        }
        let mut address = Address(1);
        hash_reader(&mut address, &Watch::default()).unwrap();
        assert_eq!(address.0 % 4096, 0);
    }

    #[test]
    fn a_stopped_job_ends_at_its_next_chunk_and_takes_back_its_count() {
        let watch = Watch::default();
        let mut reads = 0;
        let between = || {
            reads += 1;
            if reads == 2 {
                watch.stop();
            }
        };
        let script = Script { chunks: vec![Some(b"one"), Some(b"two"), Some(b"three")], between };
        assert_eq!(hash_reader(script, &watch), Err(HashError::Stopped { after: 6 }));
        assert_eq!((reads, watch.bytes()), (2, 0));
    }

    #[test]
    fn an_error_in_the_middle_takes_back_only_this_attempt() {
        let bytes = Arc::new(AtomicU64::new(100));
        let watch = Watch::counting(bytes.clone());
        let script = Script { chunks: vec![Some(b"one"), None], between: || () };
        let error = hash_reader(script, &watch).unwrap_err();
        assert!(error.may_pass());
        assert_eq!(bytes.load(Ordering::Relaxed), 100);
    }

    #[test]
    fn a_fifo_where_a_file_was_seen_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        odd_tree::make_fifo(&path);
        let refused = Err(HashError::NotAFile { kind: FileKind::Fifo });
        assert_eq!(hash_file(&path, &Watch::default()), refused);
        assert_eq!(hash_listed_file(&path, &Watch::default()), refused);
    }

    #[test]
    fn directories_and_devices_are_refused_by_their_kind() {
        for (path, kind) in [("/", FileKind::Directory), ("/dev/null", FileKind::CharacterDevice)] {
            let refused = Err(HashError::NotAFile { kind });
            assert_eq!(hash_file(path.as_ref(), &Watch::default()), refused);
            assert_eq!(hash_listed_file(path.as_ref(), &Watch::default()), refused);
        }
    }

    #[test]
    fn a_missing_file_is_an_error_that_will_not_pass() {
        let error = hash_file("/nowhere/at all".as_ref(), &Watch::default()).unwrap_err();
        assert!(!error.may_pass());
        assert_eq!(error.to_string(), "cannot open it: No such file or directory");
    }
}
