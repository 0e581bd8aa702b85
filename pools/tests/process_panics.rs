//! What becomes of a panic on its way out of a worker: its words, whatever their length, and what it
//! was panicked with, whatever that does when it is dropped.

use std::panic::panic_any;

use roundelay_pools::{JobError, ProcessPool, WorkerExit, remote};

roundelay_pools::test_worker!();

mod support;
mod workers;

use workers::{double, own_pid, pool};

/// What a panic was raised with, and which panics once more when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a payload's destructor panics")
    }
}

/// The same, with a payload of its own kind, and so on without end.
struct Hydra;

impl Drop for Hydra {
    fn drop(&mut self) {
        panic_any(Hydra)
    }
}

/// 0: no panic. 1, 2: a panic whose payload panics, once or for ever.
#[remote(crate = roundelay_pools)]
fn panic_as(how: u64) -> u64 {
    match how {
        1 => panic_any(Bomb),
        2 => panic_any(Hydra),
        _ => how,
    }
}

fn panicked<T>(outcome: Result<T, JobError>) -> String {
    match outcome {
        Err(JobError::Panicked(report)) => report.message().to_owned(),
        Err(other) => panic!("expected a panic, got {other}"),
        Ok(_) => panic!("expected a panic, got a value"),
    }
}

#[test]
fn a_panic_whose_payload_panics_when_it_is_dropped_is_an_answer_like_any_other() {
    let pool = pool(1);
    let worker = pool.submit(own_pid, ()).unwrap().wait().unwrap();
    for how in [1, 2] {
        assert!(panicked(pool.submit(panic_as, how).unwrap().wait()).contains("not text"));
    }
    let mut results = pool.map(panic_as, [0, 1, 2, 4]).chunk(4);
    assert_eq!(results.next().unwrap().unwrap(), 0);
    assert!(panicked(results.next().unwrap()).contains("not text"));
    assert!(panicked(results.next().unwrap()).contains("not text"));
    assert_eq!(results.next().unwrap().unwrap(), 4);
    assert_eq!(pool.submit(own_pid, ()).unwrap().wait().unwrap(), worker, "it lives on");
}

#[test]
fn an_initializer_whose_payload_panics_when_it_is_dropped_breaks_the_pool_as_any_other() {
    for how in [1, 2] {
        let pool = ProcessPool::builder().workers(1).initializer(init_panics, how).build().unwrap();
        let Err(JobError::BrokenPool(why)) = pool.submit(double, 1).unwrap().wait() else {
            panic!("the initializer panics")
        };
        assert!(why.contains("the initializer panicked: (a panic whose payload"), "{why}");
    }
}

/// Longer than a frame, from some length on.
#[remote(crate = roundelay_pools)]
fn panic_at_length(length: usize) {
    panic!("{}", "p".repeat(length))
}

#[remote(crate = roundelay_pools)]
fn init_panics_at_length(length: usize) {
    panic_at_length(length);
}

#[test]
fn a_panic_that_is_longer_than_a_frame_is_told_as_far_as_it_fits() {
    let pool = ProcessPool::builder().workers(1).max_frame(4096).build().unwrap();
    let cut = |outcome| {
        let Err(JobError::Panicked(report)) = outcome else { panic!("it panicked") };
        assert!(report.location().unwrap().contains("tests/process_panics.rs:"));
        let message = report.message();
        assert!(message.starts_with(&"p".repeat(1000)), "{message}");
        assert!(message.ends_with("more bytes)") && message.len() < 4096, "{message}");
    };
    cut(pool.submit(panic_at_length, 5000).unwrap().wait());
    for chunk in [1, 4] {
        let outcomes = pool.map(panic_at_length, [5, 5000, 7, 1_000_000]).chunk(chunk);
        let outcomes: Vec<_> = outcomes.collect();
        let [five, long, seven, longer] = <[_; 4]>::try_from(outcomes).unwrap();
        assert_eq!((panicked(five), panicked(seven)), ("p".repeat(5), "p".repeat(7)));
        cut(long);
        cut(longer);
    }
}

#[test]
fn an_initializer_whose_panic_is_longer_than_a_frame_is_told_as_such() {
    let builder = ProcessPool::builder().workers(1).max_frame(4096);
    let pool = builder.initializer(init_panics_at_length, 5000).build().unwrap();
    let Err(JobError::BrokenPool(why)) = pool.submit(double, 1).unwrap().wait() else {
        panic!("the initializer panics")
    };
    assert!(why.starts_with("the initializer panicked: pppp"), "{why}");
}

#[remote(crate = roundelay_pools)]
fn init_panics(how: u64) {
    panic_as(how);
}

struct Second;

impl Drop for Second {
    fn drop(&mut self) {
        panic!("the second")
    }
}

#[remote(crate = roundelay_pools)]
fn panic_while_panicking() {
    let _ = std::panic::catch_unwind(|| panic!("one that was caught"));
    let _second = Second;
    panic!("the first")
}

extern "C" fn panic_through_c() {
    panic!("no luck")
}

#[remote(crate = roundelay_pools)]
fn call_c() {
    panic_through_c();
}

#[test]
fn a_panic_that_cannot_unwind_is_a_death_whose_last_words_say_why() {
    let pool = pool(1);
    let last_words = |outcome| match outcome {
        Err(JobError::WorkerDied { exit: WorkerExit::Signal(6), stderr, .. }) => stderr,
        other => panic!("{other:?}"),
    };
    let words: String = last_words(pool.submit(panic_while_panicking, ()).unwrap().wait());
    let first = words.find("the first, at pools/tests/process_panics.rs:");
    let second = words.find("the second, at pools/tests/process_panics.rs:");
    assert!(first.is_some() && first < second, "{words}");
    assert!(!words.contains("caught"), "{words}");
    let words = last_words(pool.submit(call_c, ()).unwrap().wait());
    assert!(words.contains("no luck, at pools/tests/process_panics.rs:"), "{words}");
    assert!(words.contains("cannot unwind"), "{words}");
}
