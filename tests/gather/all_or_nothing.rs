//! `try_gather`: the first error comes out when the others have unwound.

use std::future::pending;

use roundelay::{GatherCause, sleep, try_gather, yield_now};

use crate::support::{Log, ms, on_drop, reporting_runner, run_virtual};

#[test]
fn the_first_error_of_try_gather_comes_out_when_the_others_have_unwound() {
    let log = Log::new();
    run_virtual(async {
        let start = roundelay::now();
        let seen = log.clone();
        let waits = [(60, "a"), (10, "b"), (60, "c")].map(|(delay, name)| {
            let guard = seen.on_drop(format!("{name} is gone"));
            async move {
                let _guard = guard;
                sleep(ms(delay)).await;
                Err::<(), _>(name)
            }
        });
        let error = try_gather(waits).await.unwrap_err();
        log.add("caught");
        assert_eq!((error.index, roundelay::now() - start), (1, ms(10)));
        assert!(matches!(error.cause, GatherCause::Failed("b")));
    });
    assert_eq!(log.take(), ["b is gone", "a is gone", "c is gone", "caught"]);
}

#[test]
fn try_gather_gives_all_values_in_order_and_nothing_for_nothing() {
    run_virtual(async {
        let waits = [30, 10, 20].map(|delay| async move {
            sleep(ms(delay)).await;
            Ok::<_, ()>(delay)
        });
        assert_eq!(try_gather(waits).await.unwrap(), [30, 10, 20]);
        let none: [std::future::Ready<Result<(), ()>>; 0] = [];
        assert!(try_gather(none).await.unwrap().is_empty());
    });
}

#[test]
fn a_panic_in_a_destructor_of_a_cancelled_sibling_is_reported_and_the_first_error_stays() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let bomb = async {
                let _bomb = on_drop(|| panic!("on the way out"));
                pending::<Result<(), _>>().await
            };
            let quick = async {
                yield_now().await;
                Err::<(), _>("first")
            };
            let error = try_gather((bomb, quick)).await.unwrap_err();
            assert!(matches!(error.cause, GatherCause::Failed("first")));
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), ["DestructorPanicked: on the way out"]);
}
