//! One directory, read at once and sorted: what the walk keeps for each level of the tree.
//!
//! A directory of a million files is a million names, and they must all be here before the first
//! can be given out, or they would not be sorted. So a name costs its bytes and a slot of 16 bytes,
//! instead of an allocation each: all names lie end to end in one buffer.
//!
//! ```text
//!   names   [a.txt|lib/|link|zoo]        a directory's name ends in a slash
//!   slots   (0,5,file) (5,4,directory) (9,4,link) (13,3,file)      sorted by name
//! ```
//!
//! # Invariants
//! - Slots are sorted by their names, byte by byte, slash included; `walk.rs` tells why.
//! - Nothing stays open: the directory is closed when [`Listing::read`] returns.
//!
//! Tutorial: chapter 20, the capstone. Before this: `roots.rs`. After this: `walk.rs`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::kind::FileKind;

/// The entries of one directory that have not been taken yet.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    names: Vec<u8>,
    slots: Vec<Slot>,
    taken: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    start: usize,
    length: u16,
    kind: FileKind,
    followed: bool,
}

/// One entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    /// Its name, with a slash behind it if it is a directory.
    pub(crate) name: &'a [u8],
    /// What it is; for a followed link, what the link leads to.
    pub(crate) kind: FileKind,
    /// Is it a symbolic link that is to be followed?
    pub(crate) followed: bool,
}

impl Listing {
    /// Reads and sorts `directory`, following those symbolic links of which `follow(name)` says so.
    ///
    /// A directory that breaks off in the middle gives what it had, and the error beside it.
    pub(crate) fn read(
        directory: &Path,
        mut follow: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<(Listing, Option<io::Error>)> {
        let mut listing = Listing::default();
        let mut broken_off = None;
        for entry in fs::read_dir(directory)? {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    broken_off = Some(error);
                    break;
                }
            };
            let mut name = entry.file_name();
            let mut kind = entry.file_type().map_or(FileKind::Unknown, FileKind::from);
            let followed = kind == FileKind::SymbolicLink && follow(name.as_bytes());
            if followed {
                // A link that leads nowhere stays unknown: the walk looks again and tells why.
                kind = fs::metadata(entry.path())
                    .map_or(FileKind::Unknown, |meta| meta.file_type().into());
            }
            if name == "-" && directory == Path::new(".") && kind != FileKind::Directory {
                name = "./-".into(); // See `roots.rs`: a bare `-` would mean standard input.
            }
            listing.push(&name, kind, followed);
        }
        listing.sort();
        Ok((listing, broken_off))
    }

    /// The next entry in order.
    pub(crate) fn peek(&self) -> Option<Item<'_>> {
        let &Slot { kind, followed, .. } = self.slots.get(self.taken)?;
        Some(Item { name: self.name(self.slots[self.taken]), kind, followed })
    }

    /// Passes over the entry that [`peek`](Listing::peek) shows.
    pub(crate) fn advance(&mut self) {
        self.taken += 1;
    }

    /// How many names are held, taken or not: what this level of the tree costs.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    fn push(&mut self, name: &OsStr, kind: FileKind, followed: bool) {
        let start = self.names.len();
        self.names.extend(name.as_bytes());
        if kind == FileKind::Directory {
            self.names.push(b'/');
        }
        let length = self.names.len() - start;
        let length = length.try_into().expect("no file system has names of 64 KiB");
        self.slots.push(Slot { start, length, kind, followed });
    }

    fn sort(&mut self) {
        let names = &self.names;
        self.slots.sort_unstable_by(|a, b| a.of(names).cmp(b.of(names)));
    }

    fn name(&self, slot: Slot) -> &[u8] {
        slot.of(&self.names)
    }
}

impl Slot {
    fn of(self, names: &[u8]) -> &[u8] {
        &names[self.start..][..usize::from(self.length)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(mut listing: Listing) -> Vec<(String, FileKind)> {
        let mut names = Vec::new();
        while let Some(item) = listing.peek() {
            names.push((String::from_utf8_lossy(item.name).into_owned(), item.kind));
            listing.advance();
        }
        names
    }

    #[test]
    fn entries_come_sorted_and_a_directory_counts_as_ending_in_a_slash() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.b", "a0", "B", "é"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join("a")).unwrap();
        let (listing, error) = Listing::read(dir.path(), |_| false).unwrap();
        assert!(error.is_none());
        let expected = ["B", "a.b", "a/", "a0", "é"];
        assert_eq!(names(listing).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_links_that_are_followed_take_on_the_kind_of_what_they_lead_to() {
        let dir = tempfile::tempdir().unwrap();
        let link =
            |to: &str, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
        link(".", "as link");
        link(".", "to directory");
        link("nowhere", "to nothing");
        let (listing, _) = Listing::read(dir.path(), |name| name.starts_with(b"to")).unwrap();
        assert_eq!(
            names(listing),
            [
                ("as link".to_owned(), FileKind::SymbolicLink),
                ("to directory/".to_owned(), FileKind::Directory),
                ("to nothing".to_owned(), FileKind::Unknown),
            ]
        );
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_an_error() {
        let error = Listing::read(Path::new("/dev/null"), |_| false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Slot>(), 16);
    }
}
