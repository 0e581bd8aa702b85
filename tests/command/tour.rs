//! The tour: every program of it runs, to its end.

use std::fs::File;
use std::io::pipe;
use std::path::Path;

use crate::{roundelay, status, told};

#[test]
fn the_tour_runs_all_its_programs_and_says_nothing_on_standard_error() {
    let toured = roundelay(Path::new("/")).arg("tour").output().unwrap();
    assert_eq!((status(&toured), String::from_utf8_lossy(&toured.stderr).as_ref()), (0, ""));
    let shown = String::from_utf8(toured.stdout).unwrap();
    for part in ["1. Three waits", "the thread says 5050", "the other process says 5050"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn a_tour_that_cannot_be_told_ends_with_the_reason_and_one_whose_reader_leaves_does_not() {
    let full = Path::new("/dev/full");
    if full.exists() {
        let full = File::options().write(true).open(full).unwrap();
        let toured = roundelay(Path::new("/")).arg("tour").stdout(full).output().unwrap();
        assert_eq!(status(&toured), 1);
        assert!(told(&toured)[0].contains("standard output takes no more: No space"), "{toured:?}");
    }
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let toured = roundelay(Path::new("/")).arg("tour").stdout(writer).output().unwrap();
    assert_eq!((status(&toured), told(&toured).len()), (0, 0));
}
