//! The guard: the first line of `main`, and why it must be there.
//!
//! A worker is another copy of this very program, so it begins where every program begins: at
//! `main`. The guard is the fork in the road. In a worker it serves and never returns; in an
//! ordinary process it returns at once, and remembers that it has run.
//!
//! ```text
//!   main ---> worker_entry() --- no mark ---> the rest of main, where pools may be made
//!                   |
//!                   '-- a mark -------------> serve jobs, never return
//! ```
//!
//! There are two marks, so that a worker knows itself even if one is lost: the preamble in the
//! socket on standard input (see `transport.rs`), and the end of its own name.
//!
//! # Invariants (why this cannot become a fork bomb)
//! - Every process that a pool starts is marked before its first instruction.
//! - In a marked process the guard never returns, and no pool can be made.
//! - In an unmarked process no pool can be made before the guard has returned.
//!
//! So a process that a pool has started never starts a pool. Should both marks be lost (somebody
//! re-executes the program under another name, with another standard input), then still only one
//! worker is started before the first hello, and three failures break the pool.
//!
//! Tutorial: the chapter on process pools. Before this: `worker.rs`. After this: `process_pool.rs`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::PoolError;
use crate::transport::{NAME_MARK, peek_preamble};
use crate::worker::{self, EXIT_NO_SOCKET};

static HAS_RETURNED: AtomicBool = AtomicBool::new(false);

/// The first line of `main`. In a worker process it serves the pool and **never returns**; in
/// any other process it returns at once.
///
/// Without it a [`ProcessPool`](crate::ProcessPool) cannot be made: a worker process is another
/// copy of this program, and has to find out that it is one before any of your own code runs.
/// What `main` does *before* this line happens in every worker, too.
///
/// In tests there is no `main` of yours: see [`test_worker!`](crate::test_worker). In examples,
/// benches with a `main` of their own and doc tests it is the first line, as in any program.
///
/// ```
/// use roundelay_pools::{ProcessPool, remote};
///
/// #[remote(crate = roundelay_pools)] // with the crate `roundelay`: just #[remote]
/// fn double(n: u64) -> u64 { n * 2 }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     roundelay_pools::worker_entry();
///
///     let pool = ProcessPool::new()?;
///     assert_eq!(pool.submit(double, 21)?.wait()?, 42);
///     Ok(())
/// }
/// ```
pub fn worker_entry() {
    match (peek_preamble(), has_marked_name()) {
        (Some(preamble), _) => worker::serve(preamble),
        (None, true) => lost_socket(),
        (None, false) => HAS_RETURNED.store(true, Ordering::Relaxed),
    }
}

fn lost_socket() -> ! {
    let _ = writeln!(
        io::stderr(),
        "roundelay worker {}: this process was started as a worker, but its socket is no longer its \
         standard input; call roundelay::worker_entry() first in main, before anything that reads or \
         replaces standard input",
        process::id()
    );
    process::exit(EXIT_NO_SOCKET)
}

fn has_marked_name() -> bool {
    let name = std::env::args_os().next().unwrap_or_default();
    name.as_bytes().ends_with(NAME_MARK.as_bytes())
}

/// How this program is started as a worker.
pub(crate) struct WayIn {
    pub(crate) arguments: Vec<OsString>,
    pub(crate) under_test: bool,
}

/// May a pool be made here? And how do its workers find their way in?
pub(crate) fn way_in() -> Result<WayIn, PoolError> {
    if worker::is_serving() {
        return Err(PoolError::InsideWorker);
    }
    if peek_preamble().is_some() {
        return Err(PoolError::GuardMissed { mark: "the pool's socket is its standard input" });
    }
    if has_marked_name() {
        return Err(PoolError::GuardMissed { mark: "its name ends in [roundelay worker]" });
    }
    if HAS_RETURNED.load(Ordering::Relaxed) {
        // The same arguments: what is before the guard may need them, and so may a harness.
        return Ok(WayIn { arguments: std::env::args_os().skip(1).collect(), under_test: false });
    }
    // A test binary: `main` belongs to the harness, and one of its tests is the way in.
    let test = inventory::iter::<TestWorker>.into_iter().next().ok_or(PoolError::NoGuard)?;
    let name = test.path.split_once("::").map_or(test.path, |(_crate, name)| name);
    let harness = ["--exact", "--nocapture", "--test-threads=1", "--quiet"];
    let arguments = [name].into_iter().chain(harness).map(OsString::from).collect();
    Ok(WayIn { arguments, under_test: true })
}

/// Where `test_worker!` was written.
pub struct TestWorker {
    #[doc(hidden)]
    pub path: &'static str,
}

inventory::collect!(TestWorker);

/// What the test made by `test_worker!` calls.
#[doc(hidden)]
pub fn test_worker_entry() {
    match (peek_preamble(), has_marked_name()) {
        (Some(preamble), _) => worker::serve(preamble),
        (None, true) => lost_socket(),
        // An ordinary run of the tests: nothing to do, and the test passes.
        (None, false) => {}
    }
}

/// Once in a test file that makes process pools: the guard of a test binary.
///
/// The `main` of a test binary belongs to the test harness, so [`worker_entry`] cannot be its
/// first line. This adds a test, `__roundelay_worker`, that passes and does nothing; a worker
/// is the same binary, told to run only that test, and there it serves.
///
/// Write it once in each file under `tests/`, and once in a library for all its unit tests. What
/// a job prints goes to standard error there.
///
/// ```text
/// roundelay::test_worker!();
///
/// #[test]
/// fn primes_are_counted_elsewhere() {
///     let pool = roundelay::ProcessPool::new().unwrap();
///     // ...
/// }
/// ```
///
/// In a program that is not a test it is nothing:
///
/// ```
/// roundelay_pools::test_worker!();
/// ```
#[macro_export]
macro_rules! test_worker {
    () => {
        #[test]
        fn __roundelay_worker() {
            $crate::__private::test_worker_entry();
        }

        #[cfg(test)]
        $crate::__private::inventory::submit! {
            $crate::__private::TestWorker {
                path: ::core::concat!(::core::module_path!(), "::__roundelay_worker"),
            }
        }
    };
}
