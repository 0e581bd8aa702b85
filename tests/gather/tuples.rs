//! A tuple of futures of different types.

use std::future::pending;

use roundelay::{GatherCause, TaskError, gather, gather_all, sleep, try_gather, yield_now};

use crate::support::{Census, Log, ms, reporting_runner, run_virtual};

#[test]
fn a_tuple_of_different_types_gives_a_tuple_of_values() {
    run_virtual(async {
        let late = async {
            sleep(ms(5)).await;
            Ok::<_, String>("late")
        };
        assert_eq!(gather((late, async { Ok(7_u8) })).await.unwrap(), ("late", 7));
        let (number, word) = gather_all((async { 7 }, async { "seven" })).await;
        assert_eq!((number.unwrap(), word.unwrap()), (7, "seven"));
        let eight = try_gather((
            async { Ok::<_, ()>(0_u8) },
            async { Ok(1_i8) },
            async { Ok(2_u16) },
            async { Ok(3_i16) },
            async { Ok('4') },
            async { Ok("5") },
            async { Ok(6.0) },
            async { Ok(Some(7)) },
        ));
        assert_eq!(eight.await.unwrap(), (0, 1, 2, 3, '4', "5", 6.0, Some(7)));
    });
}

#[test]
fn the_first_error_in_a_tuple_comes_out_with_its_place_and_the_others_go_on() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        let slow = async move {
            sleep(ms(20)).await;
            seen.add("slow went on");
            Ok(())
        };
        let error = gather((slow, async { Err::<u8, _>("first") })).await.unwrap_err();
        assert_eq!(error.index, 1);
        assert!(matches!(error.cause, GatherCause::Failed("first")));
        log.add("caught");
        sleep(ms(30)).await;
    });
    assert_eq!(log.take(), ["caught", "slow went on"]);
}

#[test]
fn every_outcome_of_a_tuple_keeps_its_place_panics_too() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let (a, b, c) = gather_all((
                async { Err::<(), _>("no") },
                async {
                    yield_now().await;
                    panic!("bad luck");
                },
                async { 'c' },
            ))
            .await;
            assert_eq!((a.unwrap(), c.unwrap()), (Err("no"), 'c'));
            assert!(matches!(b, Err(TaskError::Panicked(_))));
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn a_dropped_gather_has_dropped_its_children_when_the_drop_returns() {
    let census = Census::new();
    run_virtual(async {
        let forever = |census: &Census| {
            let guard = census.born();
            async move {
                let _guard = guard;
                pending::<Result<(), ()>>().await
            }
        };
        let gathered = gather((forever(&census), forever(&census)));
        let nested = {
            let census = census.clone();
            gather_all([async move { gather_all([forever(&census)]).await }])
        };
        yield_now().await;
        yield_now().await;
        assert_eq!(census.alive(), 3);
        drop(gathered);
        drop(nested);
        assert_eq!(census.alive(), 0, "without a turn, and the grandchild too");
    });
}
