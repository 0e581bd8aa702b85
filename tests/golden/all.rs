//! The programs of the tour, recorded here and compared with the files beside this one, event for
//! event: the same today as when the files were written, the same in each repetition, the same on
//! any machine and under Miri.
//!
//! No process is started and nothing of the outside is asked but for the files, so that Miri can
//! run all of it: `cargo +nightly miri test -p roundelay-tutorial --test golden`.

use std::fs;
use std::path::{Path, PathBuf};

use roundelay_tutorial::tour;

/// Writes the golden files anew instead of comparing: `ROUNDELAY_BLESS=1 cargo test ...`
fn blesses() -> bool {
    std::env::var_os("ROUNDELAY_BLESS").is_some()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tour").join(name)
}

#[test]
fn the_tours_programs_do_what_they_did_when_the_golden_files_were_written() {
    for (number, name) in tour::virtual_programs() {
        let text = tour::record(number).unwrap().to_text();
        let file = golden(&format!("{name}.txt"));
        if blesses() {
            fs::write(&file, &text).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap();
        for (line, (ours, theirs)) in text.lines().zip(expected.lines()).enumerate() {
            assert_eq!(ours, theirs, "{name}, line {}", line + 1);
        }
        assert_eq!(text.lines().count(), expected.lines().count(), "{name}");
    }
}

/// A thousand times in a release build, fewer without optimisation; under Miri once again.
#[test]
fn a_program_of_the_tour_is_recorded_the_same_each_time() {
    let times = match (cfg!(miri), cfg!(debug_assertions)) {
        (true, _) => 1,
        (false, true) => 25,
        (false, false) => 1000,
    };
    for (number, name) in tour::virtual_programs() {
        let first = tour::record(number).unwrap();
        assert!(first.check().is_empty(), "{name}");
        for _ in 0..times {
            assert_eq!(tour::record(number).unwrap(), first, "{name}");
        }
    }
}
