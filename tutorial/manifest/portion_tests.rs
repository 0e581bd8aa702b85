//! What happens to a portion when something goes wrong with one of its files.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use roundelay::run;
use rustix::io::Errno;

use super::*;
use crate::manifest::digest::Digest;
use crate::manifest::hash::Watch;
use crate::manifest::hash_error::{During, HashError};
use crate::manifest::workers::Manner;

/// How often each name has been tried.
static TRIED: Mutex<Option<HashMap<String, u32>>> = Mutex::new(None);

/// `busy-N-...` meets an error that may pass N times; `gone-...` one that will not.
fn by_name(file: &Target, _: &Watch) -> Result<Hashed, HashError> {
    let name = file.name.to_str().unwrap();
    let mut tried = TRIED.lock().unwrap();
    let tried = tried.get_or_insert_default().entry(name.to_owned()).or_default();
    *tried += 1;
    let code = match name.split('-').collect::<Vec<_>>()[..] {
        ["busy", times, ..] if *tried <= times.parse().unwrap() => Errno::MFILE,
        ["gone", ..] => Errno::NOENT,
        _ => return Ok(Hashed { digest: Digest([0; 32]), bytes: 0 }),
    };
    let error = io::Error::from_raw_os_error(code.raw_os_error());
    Err(HashError::io(During::Open, &error))
}

fn tried(name: &str) -> u32 {
    TRIED.lock().unwrap().as_ref().unwrap()[name]
}

fn pieces(names: &[&str]) -> Vec<Piece> {
    let piece = |(number, name): (usize, &&str)| {
        Piece::new(number as u64, Target { name: name.into(), manner: Manner::Walked })
    };
    names.iter().enumerate().map(piece).collect()
}

/// Attends to a portion with so many retries; gives the reports in short.
fn reports(names: &[&str], retries: u32) -> Vec<String> {
    let reports = RefCell::new(Vec::new());
    let pause = Duration::from_micros(10);
    let report = |report| {
        reports.borrow_mut().push(match report {
            Report::Begun(number) => format!("{number} begun"),
            Report::Found(number, Ok(_)) => format!("{number} done"),
            Report::Found(number, Err(failure)) => format!("{number} failed: {failure}"),
            Report::Note(_, text) => text.split(" in ").next().unwrap().to_owned(),
        });
    };
    let workers = Workers::with_hash(1, None, by_name);
    run(attend(pieces(names), &workers, Backoff::new(pause, pause, retries, 1), report)).unwrap();
    reports.into_inner()
}

#[test]
fn only_the_file_whose_error_may_pass_is_tried_again() {
    assert_eq!(
        reports(&["a-1", "busy-2-x", "gone-1", "b-1"], 3),
        [
            "0 begun",
            "1 begun",
            "2 begun",
            "3 begun",
            "0 done",
            "busy-2-x: cannot open it: Too many open files; trying again",
            "2 failed: cannot open it: No such file or directory",
            "3 done",
            "1 begun",
            "busy-2-x: cannot open it: Too many open files; trying again",
            "1 begun",
            "1 done",
        ]
    );
    assert_eq!((tried("a-1"), tried("busy-2-x"), tried("gone-1")), (1, 3, 1));
}

#[test]
fn files_that_fail_together_are_tried_again_together_and_the_last_error_counts() {
    let reports = reports(&["busy-9-y", "busy-1-y", "busy-9-z"], 2);
    let begun = reports.iter().filter(|report| report.ends_with("begun")).count();
    assert_eq!(begun, 3 + 3 + 2);
    let failed = "failed: cannot open it: Too many open files";
    assert_eq!(reports[reports.len() - 2..], [format!("0 {failed}"), format!("2 {failed}")]);
    assert_eq!((tried("busy-9-y"), tried("busy-1-y")), (3, 2));
}

#[test]
fn without_retries_every_error_is_the_last_one() {
    let failed = "0 failed: cannot open it: Too many open files";
    assert_eq!(reports(&["busy-1-w"], 0), ["0 begun", failed]);
}

#[test]
fn when_a_worker_dies_its_files_are_done_again_one_by_one_and_not_for_ever() {
    let told = RefCell::new(Vec::new());
    let report = |report: Report| match report {
        Report::Note(Verbosity::Normal, text) => told.borrow_mut().push(text),
        Report::Found(number, Err(failure)) => {
            told.borrow_mut().push(format!("{number} {failure}"))
        }
        other => panic!("{other:?}"),
    };
    let died = "worker process 7 ended (signal 9, SIGKILL)";
    let mut apart: Vec<_> = mourn(pieces(&["a", "b", "c"]), died, &report).collect();
    assert!(apart.iter().all(|pieces| pieces.len() == 1));
    for _ in 1..MOST_DEATHS {
        let first = apart.remove(0);
        apart.splice(0..0, mourn(first, died, &report));
    }
    let left: Vec<_> = apart.iter().map(|pieces| pieces[0].number).collect();
    assert_eq!(left, [1, 2]);
    let expected = [
        format!("{died}; a and 2 more are done again"),
        format!("{died}; a is done again"),
        format!("0 {died}, as 2 others with this file did"),
    ];
    assert_eq!(told.into_inner(), expected);
}
