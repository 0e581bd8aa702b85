//! The walk: every file below the roots, in order of their full paths, one at a time.
//!
//! Sorting all paths would be simple, and would need memory for all paths. Walking depth-first
//! needs only the directories on the way down, but is its order the sorted one? Not if a directory
//! is sorted by its bare name:
//!
//! ```text
//!   by bare name:  lib  lib.rs          walked: lib/a  lib.rs     but sorted: lib.rs  lib/a
//!   by key:        lib.rs  lib/         walked: lib.rs  lib/a     as sorted          ('.' is before '/')
//! ```
//!
//! All paths below a directory begin with its name *and a slash*. So a directory is compared as
//! `name/`, its *key*. Of two entries neither key begins with the other (no name holds a slash), so
//! they differ at some byte, and everything below them differs at that byte, in that same way:
//! depth-first order is sorted order.
//!
//! Several roots are one more sorted list, merged in while walking:
//!
//! ```text
//!   roots   [ a/  a/none  b.txt ]             next key of the walk against the first root:
//!   walk    a/ -> [ a/m  a/n/ ]                 root smaller   walk the root now
//!                                               equal          the walk is there: drop the root
//!                                               root larger    the walk goes on
//! ```
//!
//! So overlapping roots give each file once, in its place; and a root that the walk never meets (it
//! does not exist, or it lies behind a link that is not followed) still gets its turn.
//!
//! # Invariants
//! - Paths come in strictly increasing byte order, unless the tree is changed meanwhile.
//! - Memory is that of the directories from a root to the current one, whatever the size of the
//!   tree.
//! - No file is opened, and no directory is open between two steps.
//!
//! Tutorial: chapter 20, the capstone. Before this: `listing.rs`. After this: `hash.rs`.

use std::cmp::Ordering;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::kind::FileKind;
use super::listing::Listing;
use super::roots::{Roots, path_of};

/// What the walk found at one path.
#[derive(Debug)]
pub enum Entry {
    /// A regular file, to be read by whoever walks.
    File {
        /// Its path as the manifest spells it.
        path: PathBuf,
        /// Its size when the walk passed.
        size: u64,
    },
    /// Something left out on purpose.
    Skipped {
        /// Its path.
        path: PathBuf,
        /// The reason.
        why: Skip,
    },
    /// A path that could not be looked at, or a directory that could not be read (to its end).
    Error {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Why something was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// It is a symbolic link or a special file; those are not opened.
    Kind(FileKind),
    /// It leads back to a directory that the walk is inside of.
    Loop,
    /// It is the file that the manifest is being written to.
    OwnOutput,
    /// It is the temporary file in which the manifest grows.
    OwnTemporary,
    /// It is the file that the run's trace will be written to.
    OwnTrace,
}

impl Skip {
    /// Must the user hear of this even without `--verbose`?
    ///
    /// Links and special files are everywhere. A loop is worth a look, and so is a missing line for
    /// the manifest itself.
    pub fn is_unusual(self) -> bool {
        !matches!(self, Skip::Kind(_) | Skip::OwnTemporary)
    }
}

impl std::fmt::Display for Skip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Skip::Kind(FileKind::SymbolicLink) => f.write_str(
                "it is a symbolic link (name it as an argument or use --follow to follow it)",
            ),
            Skip::Kind(kind) => write!(f, "it is {kind}"),
            Skip::Loop => f.write_str("it leads back to a directory that contains it"),
            Skip::OwnOutput => f.write_str("the manifest is being written to it"),
            Skip::OwnTemporary => f.write_str("the manifest grows in it"),
            Skip::OwnTrace => f.write_str("the trace of this run will be written to it"),
        }
    }
}

/// How to walk.
#[derive(Clone, Debug, Default)]
pub struct WalkOptions {
    /// Follow the symbolic links met on the way? (Roots are always followed.)
    pub follow: bool,
    /// Files that this run itself writes, which are not to be listed, each with what it is.
    pub own: Vec<(PathBuf, Skip)>,
}

/// A lazy walk: an iterator over [`Entry`].
///
/// It can be sent to another thread between two steps.
///
/// ```
/// use roundelay_tutorial::manifest::walk::{Entry, Walk, WalkOptions};
///
/// let dir = tempfile::tempdir()?;
/// std::fs::write(dir.path().join("hello"), "Hello")?;
/// let mut walk = Walk::new([dir.path()], WalkOptions::default());
/// assert!(matches!(walk.next(), Some(Entry::File { size: 5, .. })));
/// assert!(walk.next().is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Walk {
    roots: Roots,
    levels: Vec<Level>,
    follow: bool,
    own: Vec<OwnFile>,
}

/// A directory that the walk is inside of.
#[derive(Debug)]
struct Level {
    /// Its key: what stands before the names of its entries.
    key: Vec<u8>,
    listing: Listing,
    /// The error that broke the listing off, told when the listing is used up.
    broken_off: Option<io::Error>,
    /// Which directory this is, whatever way led here; known only where links are followed.
    identity: Option<Identity>,
    is_root: bool,
}

type Identity = (u64, u64);

#[derive(Debug)]
struct OwnFile {
    path: PathBuf,
    identity: Identity,
    why: Skip,
}

impl Walk {
    /// Prepares a walk of `paths`. Each is looked at, none is read yet.
    pub fn new<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>, options: WalkOptions) -> Walk {
        let own = options.own.iter().filter_map(|(path, why)| OwnFile::new(path, *why));
        Walk {
            own: own.collect(),
            roots: Roots::new(paths),
            levels: Vec::new(),
            follow: options.follow,
        }
    }

    /// One step: gives an entry, or only moves (into a directory, out of one).
    fn step(&mut self) -> Option<Step> {
        let Some(level) = self.levels.last_mut() else {
            let root = self.roots.take_first()?;
            return Some(self.visit_root(root));
        };
        let Some(item) = level.listing.peek() else {
            return Some(self.leave());
        };
        if let Some(root) = self.roots.first() {
            match root.iter().cmp(level.key.iter().chain(item.name)) {
                Ordering::Less => {
                    let root = self.roots.take_first()?;
                    return Some(self.visit_root(root));
                }
                Ordering::Equal => drop(self.roots.take_first()),
                Ordering::Greater => {}
            }
        }
        let key = [&level.key, item.name].concat();
        let (kind, followed) = (item.kind, item.followed);
        level.listing.advance();
        Some(match kind {
            FileKind::Directory => self.enter(key, false),
            FileKind::File | FileKind::Unknown => self.look_at(&key, followed),
            kind => Step::Found(Entry::Skipped { path: path_of(&key), why: Skip::Kind(kind) }),
        })
    }

    fn visit_root(&mut self, key: Vec<u8>) -> Step {
        if key.is_empty() || key.ends_with(b"/") {
            self.enter(key, true)
        } else {
            self.look_at(&key, true)
        }
    }

    /// Reads the directory `key` and goes into it.
    fn enter(&mut self, key: Vec<u8>, is_root: bool) -> Step {
        let path = path_of(&key);
        let mut identity = None;
        if self.follow {
            match fs::metadata(&path) {
                Ok(meta) => identity = Some(identity_of(&meta)),
                Err(error) => return Step::Found(Entry::Error { path, error }),
            }
            if !is_root && self.is_inside(identity) {
                return Step::Found(Entry::Skipped { path, why: Skip::Loop });
            }
        }
        let follow = |name: &[u8]| self.follow || self.roots.name(&[&key, name].concat());
        match Listing::read(&path, follow) {
            Ok((listing, broken_off)) => {
                self.levels.push(Level { key, listing, broken_off, identity, is_root });
                Step::Moved
            }
            Err(error) => Step::Found(Entry::Error { path, error }),
        }
    }

    /// Is the directory one of those around us? Only up to the root: a root that lies, by another
    /// spelling, inside a directory being walked is no loop.
    fn is_inside(&self, identity: Option<Identity>) -> bool {
        let root = self.levels.iter().rposition(|level| level.is_root).unwrap_or(0);
        self.levels[root..].iter().any(|level| level.identity == identity)
    }

    fn leave(&mut self) -> Step {
        let level = self.levels.pop().expect("there is a level to leave");
        match level.broken_off {
            Some(error) => Step::Found(Entry::Error { path: path_of(&level.key), error }),
            None => Step::Moved,
        }
    }

    /// Asks what lies at a path that is, or seems to be, a file.
    fn look_at(&self, key: &[u8], followed: bool) -> Step {
        let path = path_of(key);
        let looked = if followed { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        Step::Found(match looked {
            Err(error) => Entry::Error { path, error },
            Ok(meta) => match (FileKind::from(meta.file_type()), self.own(&path, &meta)) {
                (_, Some(own)) => Entry::Skipped { path, why: own.why },
                (FileKind::File, _) => Entry::File { path, size: meta.len() },
                (FileKind::Directory, _) => Entry::Error { path, error: turned_into_a_directory() },
                (kind, _) => Entry::Skipped { path, why: Skip::Kind(kind) },
            },
        })
    }

    /// The same inode is not enough: another hard link to it keeps its content when the manifest is
    /// renamed into place. The same resolved path is, and it is asked for only where the inode
    /// matches.
    fn own(&self, path: &Path, meta: &Metadata) -> Option<&OwnFile> {
        self.own.iter().find(|own| {
            own.identity == identity_of(meta)
                && fs::canonicalize(path).is_ok_and(|resolved| resolved == own.path)
        })
    }

    /// How many names are held at this moment.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.levels.iter().map(|level| level.listing.len()).sum()
    }
}

enum Step {
    Found(Entry),
    Moved,
}

impl Iterator for Walk {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            match self.step()? {
                Step::Found(entry) => return Some(entry),
                Step::Moved => {}
            }
        }
    }
}

impl Entry {
    /// The path of the entry, whatever was found there.
    pub fn path(&self) -> &Path {
        match self {
            Entry::File { path, .. } | Entry::Skipped { path, .. } | Entry::Error { path, .. } => {
                path
            }
        }
    }
}

impl OwnFile {
    /// A file that does not exist yet cannot be met, so it needs no entry.
    fn new(path: &Path, why: Skip) -> Option<OwnFile> {
        let path = fs::canonicalize(path).ok()?;
        let identity = identity_of(&fs::metadata(&path).ok()?);
        Some(OwnFile { path, identity, why })
    }
}

fn identity_of(meta: &Metadata) -> Identity {
    (meta.dev(), meta.ino())
}

fn turned_into_a_directory() -> io::Error {
    io::Error::other(
        "it was a file and became a directory while the tree was being walked; run again",
    )
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
