//! The attributes `#[main]` and `#[test]`, as a user writes them. What they refuse, and where they
//! point, is tested in their own crate.

mod support;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use roundelay::testing::TestRun;
use roundelay::{Random, current_loop, now, sleep, spawn, to_thread, yield_now};

use support::in_a_process;

mod programs {
    //! Each is the `main` of some program.
    use super::*;

    pub(crate) mod plain {
        #[roundelay::main]
        pub(crate) async fn main() {
            roundelay::yield_now().await;
        }
    }

    pub(crate) mod fallible {
        use super::*;

        /// It has a doc, and settings.
        #[roundelay::main(threads = 1 + 1, patience = Duration::from_secs(1))]
        pub(crate) async fn main() -> io::Result<()> {
            let read = to_thread(|| std::fs::read("/no/such/file")).await;
            read.map_err(io::Error::other)??;
            Ok(())
        }
    }

    pub(crate) mod with_code {
        use super::*;

        #[roundelay::main(crate = ::roundelay)]
        pub(crate) async fn main() -> ExitCode {
            yield_now().await;
            if std::env::args().count() == 0 {
                return ExitCode::FAILURE;
            }
            ExitCode::from(3)
        }
    }
}

#[test]
fn main_runs_an_async_function_and_gives_what_it_returns() {
    programs::plain::main();
    assert_eq!(programs::fallible::main().unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(format!("{:?}", programs::with_code::main()), format!("{:?}", ExitCode::from(3)));
}

#[roundelay::test]
async fn a_test_runs_in_virtual_time() {
    let start = now();
    sleep(Duration::from_secs(86_400)).await;
    assert_eq!(now() - start, Duration::from_secs(86_400));
}

#[roundelay::test(seed = 7)]
async fn a_test_is_given_its_seed(seed: u64) {
    assert_eq!(seed, 7);
    assert_eq!(Random::new(), Random::seeded(Random::seeded(7).next_u64()));
}

#[roundelay::test]
async fn a_test_may_return_a_result() -> Result<(), io::Error> {
    let none: Result<u8, io::Error> = Ok(7);
    assert_eq!(none?, 7);
    Ok(())
}

#[roundelay::test]
#[should_panic(expected = "as it should")]
async fn a_test_may_be_one_that_should_panic() {
    yield_now().await;
    panic!("as it should");
}

#[roundelay::test]
#[should_panic(expected = "the test leaves tasks running")]
async fn a_test_that_leaves_a_task_running_fails() {
    spawn(std::future::pending::<()>()).detach();
}

#[roundelay::test]
#[should_panic(expected = "the test leaves 1 timer(s) set")]
async fn a_test_that_leaves_a_timer_set_fails() {
    current_loop().unwrap().call_later(Duration::from_secs(5), || ()).unwrap();
}

#[roundelay::test]
#[should_panic(expected = "nobody took this")]
async fn a_test_fails_with_a_task_that_nobody_awaits() {
    spawn(async { panic!("nobody took this") }).detach();
    yield_now().await;
    yield_now().await;
}

#[roundelay::test(leftovers = true)]
async fn a_test_may_say_that_timers_and_failures_may_be_left() {
    current_loop().unwrap().call_later(Duration::from_secs(5), || ()).unwrap();
    spawn(async { panic!("this is only reported") }).detach();
    yield_now().await;
    yield_now().await;
}

#[roundelay::test(leftovers = true)]
async fn a_test_may_say_that_it_leaves_tasks_running() {
    spawn(std::future::pending::<()>()).detach();
}

#[roundelay::test]
async fn a_task_that_was_asked_to_end_is_not_left_running() {
    let task = spawn(std::future::pending::<()>());
    task.cancel();
    task.detach();
}

#[roundelay::test(virtual_clock = false, threads = 1)]
async fn a_test_may_run_on_the_real_clock() {
    sleep(Duration::from_millis(1)).await;
}

#[test]
fn tasks_that_are_left_running_are_told_with_name_and_place() {
    let outcome = std::panic::catch_unwind(|| {
        TestRun::new().run(async |_| {
            let named = roundelay::TaskBuilder::new().name("listener");
            named.spawn(std::future::pending::<()>()).detach();
        });
    });
    let payload = outcome.unwrap_err();
    let text = payload.downcast_ref::<String>().unwrap();
    assert!(text.contains("(listener), spawned at tests/macros.rs:"), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn a_test_that_can_never_end_fails_instead_of_hanging() {
    let outcome = std::panic::catch_unwind(|| {
        TestRun::new().run(async |_| {
            std::future::pending::<()>().await;
        })
    });
    let payload = outcome.unwrap_err();
    assert!(payload.downcast_ref::<String>().unwrap().contains("sleep for ever"));
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn a_test_that_fails_tells_its_seed() {
    let ended = in_a_process("a_test_that_fails_tells_its_seed", || {
        let _ = std::panic::catch_unwind(|| {
            TestRun::new().seed(41).run(async |seed| assert_eq!(seed, 42));
        });
    });
    assert!(ended.well().stderr.contains("the test failed with seed 41"));
}
