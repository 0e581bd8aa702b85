//! O22: how a run ends.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use roundelay::{Runner, spawn, to_thread, yield_now};

use crate::support::{Log, ms, must_end, on_drop, reporting_runner, run_virtual};

#[test]
fn o22_1_when_main_ends_all_others_are_cancelled_and_awaited() {
    let log = Log::new();
    let value = run_virtual(async {
        for name in ["a", "b"] {
            let guard = log.on_drop(format!("{name} unwound"));
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
        }
        yield_now().await;
        log.add("main returns");
        5
    });
    log.add("run returned");
    assert_eq!(value, 5);
    assert_eq!(log.take(), ["main returns", "a unwound", "b unwound", "run returned"]);
}

#[test]
fn o22_2_an_error_of_a_leftover_is_reported() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            spawn(async {
                let _bad = on_drop(|| panic!("in cleanup"));
                pending::<()>().await;
            })
            .detach();
            yield_now().await;
        })
        .unwrap();
    assert_eq!(reports.take(), [""; 0]);
    drop(runner);
    assert_eq!(reports.take(), ["DestructorPanicked: in cleanup"]);
}

#[test]
fn o22_3_then_the_thread_pool_finishes_the_jobs_that_it_was_given() {
    must_end(|| {
        let (done, seen) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel::<()>();
        let runner = Runner::builder().patience(ms(60_000)).build().unwrap();
        runner
            .run(async {
                let job = to_thread(move || {
                    begun.send(()).unwrap();
                    wait.recv().unwrap();
                    done.send("executor job done").unwrap();
                });
                spawn(job).detach();
                yield_now().await;
                begins.recv().unwrap();
            })
            .unwrap();
        go.send(()).unwrap();
        drop(runner);
        // Not waited for: the job was done before the drop returned.
        assert_eq!(seen.try_recv(), Ok("executor job done"));
    });
}

#[test]
fn o22_4_mains_own_failure_comes_out_after_all_that() {
    let log = Log::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let guard = log.on_drop("b unwound");
        roundelay::run(async move {
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
            yield_now().await;
            panic!("main failed");
        })
    }));
    log.add("the failure came out");
    let text = roundelay::runtime::panic_message(&*outcome.unwrap_err());
    assert_eq!(text, "main failed");
    assert_eq!(log.take(), ["b unwound", "the failure came out"]);
}

#[test]
fn o22_5_a_task_born_during_the_sweep_is_swept_too() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        spawn(async move {
            let _again = on_drop(move || {
                let guard = seen.on_drop("born during shutdown, and unwound");
                spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                })
                .detach();
            });
            pending::<()>().await;
        })
        .detach();
        yield_now().await;
    });
    assert_eq!(log.take(), ["born during shutdown, and unwound"]);
}
