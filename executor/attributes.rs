//! `#[main]` and `#[test]`: an async function as the program, or as a test.
//!
//! The attributes themselves are in `executor/macros`; they only move tokens. Here is what the
//! tokens call.
//!
//! Tutorial: chapter 8. Before this: `testing/sim_net.rs`. After this: `adapters/hyper.rs`.

use std::future::Future;

use crate::runner_builder::RunnerBuilder;

/// Makes an async function the program: `fn main` runs it on an event loop.
///
/// The function may return whatever `main` may: nothing, a `Result`, an `ExitCode`. What
/// [`run`](crate::run()) does at the end is done here. It calls
/// [`worker_entry`](roundelay_pools::worker_entry) first, so a program that uses a process pool
/// needs no such line.
///
/// Settings, all optional: `threads = 4`, as
/// [`RunnerBuilder::threads`](crate::RunnerBuilder::threads); `patience = Duration`, as
/// [`RunnerBuilder::patience`](crate::RunnerBuilder::patience); `crate = path`, where this
/// crate is not known as `::roundelay`.
///
/// ```
/// use std::process::ExitCode;
///
/// #[roundelay_executor::main(threads = 2, crate = roundelay_executor)] // usually: #[roundelay::main]
/// async fn main() -> ExitCode {
///     roundelay_executor::yield_now().await;
///     ExitCode::SUCCESS
/// }
/// ```
///
/// What cannot work is refused at the word that causes it:
///
/// ```compile_fail
/// #[roundelay_executor::main(crate = roundelay_executor)]
/// fn main() {} // the function must be async
/// ```
/// ```compile_fail
/// #[roundelay_executor::main(crate = roundelay_executor)]
/// async fn main(arguments: Vec<String>) {} // nobody is there to give it any
/// ```
/// ```compile_fail
/// #[roundelay_executor::main(crate = roundelay_executor)]
/// async fn main<T>() {}
/// ```
/// ```compile_fail
/// #[roundelay_executor::main(crate = roundelay_executor, colour = 3)]
/// async fn main() {} // no such setting
/// ```
pub use roundelay_executor_macros::main;

/// Makes an async function a test: it runs in virtual time, from a seed, and fails if it
/// leaves tasks running or timers set, or if something fails and nobody takes that. It stands for a
/// [`TestRun`](crate::testing::TestRun).
///
/// Settings, all optional: `seed = 7`; `leftovers = true` to allow all that;
/// `virtual_clock = false` for the real clock, which sockets need that are waited for besides
/// timers; `threads = 4`; `crate = path`. The function may take its seed, for what is random in
/// the test itself, and may return a `Result`. `#[should_panic]` and `#[ignore]` work as usual.
///
/// Write it with its path. After `use roundelay::*` a plain `#[test]` is this one, too; then
/// `use core::prelude::v1::test` brings the language's own back.
///
/// ```
/// # mod tests {
/// use std::time::Duration;
/// use roundelay_executor::{Random, now, sleep};
///
/// #[roundelay_executor::test(seed = 7, crate = roundelay_executor)] // usually: #[roundelay::test]
/// async fn a_sleep_takes_as_long_as_it_says(seed: u64) {
///     let hours = Random::seeded(seed).below(24);
///     let start = now();
///     sleep(Duration::from_secs(3600 * hours)).await;
///     assert_eq!(now() - start, Duration::from_secs(3600 * hours));
/// }
/// # }
/// ```
/// ```compile_fail
/// #[roundelay_executor::test(crate = roundelay_executor)]
/// fn not_async() {}
/// # fn main() { not_async() }
/// ```
pub use roundelay_executor_macros::test;

/// What `#[main]` expands to.
///
/// # Panics
/// As [`run`](crate::run()).
#[doc(hidden)]
#[track_caller]
pub fn __run_main<F: Future>(builder: RunnerBuilder, main: F) -> F::Output {
    roundelay_pools::worker_entry();
    let outcome = match builder.build() {
        Ok(runner) => runner.run(main),
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|error| panic!("#[roundelay::main]: {error}"))
}
