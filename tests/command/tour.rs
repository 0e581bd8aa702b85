//! The tour: every program of it runs, to its end.

use std::path::Path;

use crate::{roundelay, status};

#[test]
fn the_tour_runs_all_its_programs_and_says_nothing_on_standard_error() {
    let toured = roundelay(Path::new("/")).arg("tour").output().unwrap();
    assert_eq!((status(&toured), String::from_utf8_lossy(&toured.stderr).as_ref()), (0, ""));
    let told = String::from_utf8(toured.stdout).unwrap();
    for part in ["1. Three waits", "the thread says 5050", "the other process says 5050"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}
