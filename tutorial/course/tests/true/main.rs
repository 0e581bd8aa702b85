//! The book is true, and what would make it untrue is seen.
//!
//! `breaks.rs` breaks a copy of a chapter in every way that the check is there for, one at a time,
//! and expects to be told.

mod asyncio;
mod breaks;
mod given;

use std::path::{Path, PathBuf};

use roundelay_course::book::{self, Report};
use roundelay_course::finding::Findings;
use roundelay_course::program::Programs;
use roundelay_course::python;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it is there")
}

fn programs() -> Programs {
    Programs::beside_this_one().expect("cargo builds them for the tests")
}

fn told(report: &Report) -> Vec<String> {
    report.findings.0.iter().map(ToString::to_string).collect()
}

#[test]
fn the_book_is_true() {
    let report = book::check(&root(), &programs()).unwrap();
    let nothing: [String; 0] = [];
    assert_eq!(told(&report), nothing);
    assert!(report.counts.outputs > 0 && report.counts.questions > 0);
}

#[test]
fn what_was_recorded_of_python_is_what_it_writes_today() {
    if let Err(why) = python::version() {
        eprintln!("skipped: {why}");
        return;
    }
    let mut findings = Findings::default();
    let run = python::replay(&root(), false, &mut findings).unwrap();
    assert_eq!(findings.0, []);
    assert!(run > 0);
}

#[test]
fn an_output_of_python_that_has_gone_stale_is_seen() {
    if let Err(why) = python::version() {
        eprintln!("skipped: {why}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("tutorial/python");
    std::fs::create_dir_all(&python).unwrap();
    std::fs::write(python.join("two.py"), "print('one')\nprint('two')\n").unwrap();
    std::fs::write(python.join("two.out"), "one\nzwei\n").unwrap();
    let mut findings = Findings::default();
    python::replay(folder.path(), false, &mut findings).unwrap();
    let said: Vec<String> = findings.0.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("tutorial/python/two.out:2: is not what the program writes now"));

    let mut findings = Findings::default();
    python::replay(folder.path(), true, &mut findings).unwrap();
    python::replay(folder.path(), false, &mut findings).unwrap();
    assert_eq!(findings.0, []);
}

#[test]
fn how_busy_the_machine_is_changes_nothing_of_what_a_program_in_python_writes() {
    if let Err(why) = python::version() {
        eprintln!("skipped: {why}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("tutorial/python");
    std::fs::create_dir_all(&python).unwrap();
    let program = "\
import asyncio, time
async def main():
    start = time.monotonic()
    for _ in range(1_000_000):
        pass
    print(f'{time.monotonic() - start:.3f}')
    await asyncio.sleep(3600)
    time.sleep(0.25)
    print(f'{time.monotonic() - start:.3f}')
    print(await asyncio.to_thread(sum, range(1000)), f'{time.monotonic() - start:.3f}')
asyncio.run(main())
";
    std::fs::write(python.join("busy.py"), program).unwrap();
    std::fs::write(python.join("busy.out"), "0.000\n3600.250\n499500 3600.250\n").unwrap();
    let mut findings = Findings::default();
    python::replay(folder.path(), false, &mut findings).unwrap();
    assert_eq!(findings.0, []);
}
