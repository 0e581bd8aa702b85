//! User code has five stages on a job's way, and at each of them it may refuse, panic, exit or crash.
//!
//! ```text
//!          parent                             worker
//!   1. Serialize of the arguments  -->  2. Deserialize of the arguments
//!                                       3. the call
//!   5. Deserialize of the result   <--  4. Serialize of the result
//! ```
//!
//! What happens in the worker is the job's affair; the parent is the program itself, so an exit or a
//! crash there is the program's end. `FAULTS.md` has a row for each.

mod support;

use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

use roundelay_pools::{Job, JobError, PoolError, ProcessPool, WorkerExit, remote, worker_entry};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use support::{is_alive, program, role, run_tests, wait_until};

fn main() {
    worker_entry();
    match role() {
        None => run_tests(&[
            ("a_refusal_is_an_error_at_every_stage", refusals),
            ("a_panic_in_the_worker_is_the_jobs_at_every_stage", panics_in_the_worker),
            ("an_exit_or_a_crash_in_the_worker_is_its_death_at_every_stage", deaths),
            ("a_panic_while_the_parent_encodes_is_the_submitters", panics_in_encoding),
            ("a_panic_while_the_parent_decodes_is_an_error_of_the_job", panics_in_decoding),
            ("in_a_chunk_the_other_items_have_their_values", chunks),
            ("an_exit_or_a_crash_in_the_parent_ends_the_program_and_its_workers", ends),
        ]),
        Some(role) => be_ended(&role),
    }
}

// ---- who does what, and where -----------------------------------------------------------------

const ENCODE_ARGS: u8 = 1;
const DECODE_ARGS: u8 = 2;
const CALL: u8 = 3;
const ENCODE_RESULT: u8 = 4;
const DECODE_RESULT: u8 = 5;
const NEVER: u8 = 0;

const REFUSE: u8 = 1;
const PANIC: u8 = 2;
const EXIT: u8 = 3;
const CRASH: u8 = 4;

/// Does its deed when it comes to its stage.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Traveller {
    stage: u8,
    deed: u8,
}

impl Traveller {
    /// `true`: it refuses.
    fn comes_to(self, stage: u8) -> bool {
        if stage != self.stage {
            return false;
        }
        match self.deed {
            REFUSE => true,
            PANIC => panic!("at stage {stage}"),
            EXIT => process::exit(7),
            _ => process::abort(),
        }
    }
}

fn here(in_worker: u8, in_parent: u8) -> u8 {
    let name = std::env::args().next().unwrap();
    if name.ends_with("[roundelay worker]") { in_worker } else { in_parent }
}

impl Serialize for Traveller {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.comes_to(here(ENCODE_RESULT, ENCODE_ARGS)) {
            return Err(serde::ser::Error::custom("no"));
        }
        (self.stage, self.deed).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Traveller {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Traveller, D::Error> {
        let (stage, deed) = Deserialize::deserialize(deserializer)?;
        let traveller = Traveller { stage, deed };
        if traveller.comes_to(here(DECODE_ARGS, DECODE_RESULT)) {
            return Err(serde::de::Error::custom("no"));
        }
        Ok(traveller)
    }
}

#[remote(crate = roundelay_pools)]
fn travel(traveller: Traveller) -> Traveller {
    traveller.comes_to(CALL);
    traveller
}

#[remote(crate = roundelay_pools)]
fn own_pid() -> u32 {
    process::id()
}

fn pool() -> ProcessPool {
    ProcessPool::builder().workers(1).build().unwrap()
}

fn submit(pool: &ProcessPool, stage: u8, deed: u8) -> Result<Job<Traveller>, PoolError> {
    pool.submit(travel, Traveller { stage, deed })
}

fn outcome(pool: &ProcessPool, stage: u8, deed: u8) -> Result<Traveller, JobError> {
    submit(pool, stage, deed).unwrap().wait()
}

fn worker_of(pool: &ProcessPool) -> u32 {
    pool.submit(own_pid, ()).unwrap().wait().unwrap()
}

// ---- the tests --------------------------------------------------------------------------------

fn refusals() {
    let pool = pool();
    let worker = worker_of(&pool);
    assert!(matches!(submit(&pool, ENCODE_ARGS, REFUSE), Err(PoolError::Encode(_))));
    assert!(matches!(outcome(&pool, DECODE_ARGS, REFUSE), Err(JobError::BadArgs(_))));
    assert!(matches!(outcome(&pool, ENCODE_RESULT, REFUSE), Err(JobError::BadResult(_))));
    let job = submit(&pool, DECODE_RESULT, REFUSE).unwrap();
    for _ in 0..2 {
        assert!(matches!(job.wait(), Err(JobError::BadResult(_))));
    }
    assert_eq!(worker_of(&pool), worker, "it lives on");
}

fn panics_in_the_worker() {
    let pool = pool();
    let worker = worker_of(&pool);
    for stage in [DECODE_ARGS, CALL, ENCODE_RESULT] {
        let Err(JobError::Panicked(report)) = outcome(&pool, stage, PANIC) else {
            panic!("stage {stage}: it panicked")
        };
        assert_eq!(report.message(), format!("at stage {stage}"));
        assert!(report.location().unwrap().contains("tests/stages.rs:"));
    }
    assert_eq!(worker_of(&pool), worker, "it lives on");
}

fn deaths() {
    let pool = pool();
    for stage in [DECODE_ARGS, CALL, ENCODE_RESULT] {
        for (deed, expected) in [(EXIT, WorkerExit::Code(7)), (CRASH, WorkerExit::Signal(6))] {
            let worker = worker_of(&pool);
            match outcome(&pool, stage, deed) {
                Err(JobError::WorkerDied { pid, exit, .. }) => {
                    assert_eq!((pid, exit), (worker, expected), "stage {stage}");
                }
                other => panic!("stage {stage}: {other:?}"),
            }
        }
    }
    assert!(outcome(&pool, NEVER, CRASH).is_ok(), "the pool goes on");
}

/// It unwinds out of the very call that encodes, as if the caller had called `serialize`.
fn panics_in_encoding() {
    let pool = pool();
    let worker = worker_of(&pool);
    let said = |panic: Box<dyn std::any::Any + Send>| *panic.downcast::<String>().unwrap();
    let submitted = catch_unwind(AssertUnwindSafe(|| submit(&pool, ENCODE_ARGS, PANIC)));
    assert_eq!(said(submitted.unwrap_err()), "at stage 1");

    let fine = Traveller { stage: NEVER, deed: PANIC };
    let panics = Traveller { stage: ENCODE_ARGS, deed: PANIC };
    let mut results = pool.map(travel, [panics, fine, fine, fine]).chunk(2).window(1);
    let first = catch_unwind(AssertUnwindSafe(|| results.next()));
    assert_eq!(said(first.unwrap_err()), "at stage 1");
    assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>(), [fine, fine], "the next chunk");

    assert_eq!(worker_of(&pool), worker);
    assert_eq!(pool.metrics().queued, 0);
}

fn panics_in_decoding() {
    let pool = pool();
    let worker = worker_of(&pool);
    let job = submit(&pool, DECODE_RESULT, PANIC).unwrap();
    let mut told = vec![job.wait(), job.wait()];
    told.extend(job.outcome());
    assert_eq!(told.len(), 3);
    for outcome in told {
        let Err(JobError::BadResult(text)) = outcome else { panic!("not {outcome:?}") };
        assert!(text.contains("`Deserialize` panicked: at stage 5"), "{text}");
    }
    assert_eq!(worker_of(&pool), worker);
}

fn chunks() {
    let pool = pool();
    let fine = Traveller { stage: NEVER, deed: PANIC };
    let three = |stage, deed| -> [_; 3] {
        let items = [fine, Traveller { stage, deed }, fine];
        let outcomes: Vec<_> = pool.map(travel, items).chunk(3).collect();
        outcomes.try_into().unwrap()
    };
    let second = |stage, deed| {
        let [first, second, third] = three(stage, deed);
        assert_eq!((first.unwrap(), third.unwrap()), (fine, fine), "stage {stage}, deed {deed}");
        second.unwrap_err()
    };
    assert!(matches!(second(ENCODE_ARGS, REFUSE), JobError::Refused(_)));
    assert!(matches!(second(DECODE_ARGS, REFUSE), JobError::BadArgs(_)));
    assert!(matches!(second(ENCODE_RESULT, REFUSE), JobError::BadResult(_)));
    assert!(matches!(second(DECODE_RESULT, REFUSE), JobError::BadResult(_)));
    for stage in [DECODE_ARGS, CALL, ENCODE_RESULT] {
        let JobError::Panicked(report) = second(stage, PANIC) else { panic!("it panicked") };
        assert_eq!(report.message(), format!("at stage {stage}"));
        // A worker's death is everybody's.
        for deed in [EXIT, CRASH] {
            for outcome in three(stage, deed) {
                assert!(matches!(outcome, Err(JobError::WorkerDied { .. })), "{outcome:?}");
            }
        }
    }
    let JobError::BadResult(text) = second(DECODE_RESULT, PANIC) else { panic!("it panicked") };
    assert!(text.contains("`Deserialize` panicked: at stage 5"), "{text}");
}

// ---- the parent's own end ---------------------------------------------------------------------

fn ends() {
    for stage in [ENCODE_ARGS, DECODE_RESULT] {
        for deed in [EXIT, CRASH] {
            let output = program(&format!("{stage} {deed}")).output().unwrap();
            let expected = if deed == EXIT { (Some(7), None) } else { (None, Some(6)) };
            assert_eq!((output.status.code(), output.status.signal()), expected);
            let said = String::from_utf8(output.stdout).unwrap();
            let worker: u32 = said.trim().parse().unwrap();
            wait_until("the worker is gone", || !is_alive(worker));
        }
    }
}

/// Says which worker it has, and ends at that stage, by that deed.
fn be_ended(role: &str) {
    let (stage, deed) = role.split_once(' ').unwrap();
    let pool = pool();
    println!("{}", worker_of(&pool));
    let _ = submit(&pool, stage.parse().unwrap(), deed.parse().unwrap()).map(|job| job.wait());
    unreachable!("this is the end");
}
