//! Promises about shielding: order facts O15 of asyncio.

mod support;

use std::future::pending;

use roundelay::{TaskError, shield, sleep, spawn, timeout, yield_now};
use support::{Log, ms, reporting_runner, run_virtual, virtual_runner};

#[test]
fn cancelling_who_awaits_leaves_the_shielded_work_running() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let caller = spawn(async move {
            let work = shield(async move {
                sleep(ms(10)).await;
                seen.add("done");
            });
            work.await.unwrap();
        });
        sleep(ms(5)).await;
        caller.cancel();
        assert!(caller.await.unwrap_err().is_cancelled());
        log.add("the caller is gone");
        sleep(ms(10)).await;
    });
    assert_eq!(log.take(), ["the caller is gone", "done"]);
}

#[test]
fn a_limit_around_the_borrowed_handle_stops_the_waiting_only() {
    run_virtual(async {
        let mut work = shield(async {
            sleep(ms(30)).await;
            "inner result"
        });
        assert!(timeout(ms(10), &mut work).await.is_err());
        assert!(!work.is_finished());
        assert_eq!(work.await.unwrap(), "inner result");
    });
}

#[test]
fn inner_cancelled_means_outer_says_cancelled() {
    run_virtual(async {
        let work = shield(pending::<()>());
        work.cancel();
        assert!(matches!(work.await, Err(TaskError::Cancelled)));
    });
}

#[test]
fn a_shielded_failure_that_nobody_awaits_is_reported() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            drop(shield(async {
                yield_now().await;
                panic!("lost");
            }));
            shield(async { Err::<(), _>("lost too") }).report_errors();
            sleep(ms(5)).await;
        })
        .unwrap();
    assert_eq!(reports.take(), ["TaskFailed: lost too", "TaskPanicked: lost"]);
}

#[test]
fn a_shield_does_not_outlive_its_loop() {
    let log = Log::new();
    let runner = virtual_runner();
    let guard = log.on_drop("unwound");
    runner
        .run(async {
            drop(shield(async move {
                let _guard = guard;
                sleep(ms(50)).await;
                unreachable!("the loop ended before");
            }));
            sleep(ms(1)).await;
        })
        .unwrap();
    drop(runner);
    assert_eq!(log.take(), ["unwound"]);
}
