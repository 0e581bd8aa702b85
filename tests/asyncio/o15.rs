//! O15: shielding.

use std::future::pending;

use roundelay::{shield, sleep, spawn, timeout, yield_now};

use crate::support::{Log, ms, reporting_runner, run_virtual};

#[test]
fn o15_1_the_outer_is_cancelled_and_the_inner_goes_on() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let outer = spawn(shield(async move {
            sleep(ms(30)).await;
            seen.add("inner result");
        }));
        yield_now().await;
        yield_now().await;
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), [""; 0]);
        sleep(ms(40)).await;
    });
    assert_eq!(log.take(), ["inner result"]);
}

#[test]
fn o15_2_the_inner_is_cancelled_and_so_is_the_shield() {
    run_virtual(async {
        let inner = shield(pending::<()>());
        yield_now().await;
        // The shield is the inner task's handle.
        inner.cancel();
        assert!(inner.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn o15_3_the_outer_is_cancelled_and_the_inner_fails_later_and_is_reported() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let outer = spawn(shield(async {
                sleep(ms(10)).await;
                panic!("lost");
            }));
            yield_now().await;
            outer.cancel();
            sleep(ms(30)).await;
        })
        .unwrap();
    assert_eq!(reports.take(), ["TaskPanicked: lost"]);
}

#[test]
fn o15_5_a_limit_around_a_shield_leaves_the_inner_running() {
    run_virtual(async {
        let mut inner = shield(async {
            sleep(ms(30)).await;
            7
        });
        assert!(timeout(ms(10), &mut inner).await.is_err());
        assert!(!inner.is_finished());
        assert_eq!(inner.await.unwrap(), 7);
    });
}
