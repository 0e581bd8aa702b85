//! Promises about racing: the first answer wins, and the losers are gone.

mod support;

use std::future::{Future, pending, ready};

use roundelay::{
    Either, Semaphore, TaskError, race, race_ok, race_tasks, select, sleep, timeout, yield_now,
};
use support::{Census, Log, ms, reporting_runner, run_virtual};

/// Gives its delay after it, and notes when it is dropped.
fn runner(log: &Log, name: &str, delay: u64) -> impl Future<Output = u64> + use<> {
    let guard = log.on_drop(format!("{name} is gone"));
    async move {
        let _guard = guard;
        sleep(ms(delay)).await;
        delay
    }
}

#[test]
fn the_losers_are_dropped_in_order_before_the_winner_comes_out() {
    let log = Log::new();
    run_virtual(async {
        let runners = [("a", 30), ("b", 10), ("c", 20)].map(|(name, d)| runner(&log, name, d));
        assert_eq!(race(runners).await, (1, 10));
        log.add("won");
    });
    assert_eq!(log.take(), ["b is gone", "a is gone", "c is gone", "won"]);
}

#[test]
fn of_two_that_are_ready_the_first_wins() {
    run_virtual(async {
        assert_eq!(race([ready('a'), ready('b')]).await, (0, 'a'));
        assert_eq!(race_ok([Err(1), Ok('b'), Ok('c')].map(ready)).await.unwrap(), (1, 'b'));
        assert_eq!(select(ready('a'), ready("b")).await, Either::Left('a'));
        assert_eq!(select(ready(1), ready(2)).await.into_inner(), 1);
    });
}

#[test]
fn a_race_may_borrow() {
    run_virtual(async {
        let words = ["long".to_owned(), "short".to_owned()];
        let lengths = words.iter().map(|word| async move {
            yield_now().await;
            word.len()
        });
        assert_eq!(race(lengths).await, (0, 4));
    });
}

#[test]
fn a_dropped_race_drops_its_runners() {
    let log = Log::new();
    run_virtual(async {
        let racing = race([runner(&log, "a", 30), runner(&log, "b", 20)]);
        assert!(timeout(ms(5), racing).await.is_err());
        log.add("out of time");
    });
    assert_eq!(log.take(), ["a is gone", "b is gone", "out of time"]);
}

#[test]
#[should_panic(expected = "`race` needs at least one future")]
fn a_race_of_nobody_is_refused() {
    drop(race(Vec::<std::future::Ready<()>>::new()));
}

#[test]
fn the_first_success_wins_and_errors_only_leave_the_race() {
    run_virtual(async {
        let start = roundelay::now();
        let tries = [(10, Err("refused")), (30, Ok("slow")), (20, Ok("quick"))];
        let tries = tries.map(|(delay, answer)| async move {
            sleep(ms(delay)).await;
            answer
        });
        assert_eq!(race_ok(tries).await.unwrap(), (2, "quick"));
        assert_eq!(roundelay::now() - start, ms(20));
    });
}

#[test]
fn when_all_fail_all_errors_come_out_in_the_order_of_the_argument() {
    run_virtual(async {
        let tries = [(20, "first"), (10, "second")].map(|(delay, error)| async move {
            sleep(ms(delay)).await;
            Err::<(), _>(error)
        });
        let failed = race_ok(tries).await.unwrap_err();
        assert_eq!(failed.errors, ["first", "second"]);
        assert_eq!(failed.to_string(), "all 2 that were raced failed: first; second");
        let none: [std::future::Ready<Result<(), &str>>; 0] = [];
        let failed = race_ok(none).await.unwrap_err();
        assert_eq!(failed.to_string(), "nobody won the race: there was no future to run in it");
    });
}

#[test]
fn a_select_drops_the_loser_before_it_answers() {
    let log = Log::new();
    run_virtual(async {
        let first = select(runner(&log, "slow", 20), runner(&log, "quick", 10));
        assert_eq!(first.await, Either::Right(10));
        log.add("won");
    });
    assert_eq!(log.take(), ["quick is gone", "slow is gone", "won"]);
}

#[test]
fn a_loser_that_was_just_granted_a_permit_gives_it_back() {
    run_virtual(async {
        let semaphore = Semaphore::new(1);
        let held = semaphore.acquire().await;
        let waits = select(
            async {
                sleep(ms(5)).await;
            },
            semaphore.acquire(),
        );
        let mut waits = Box::pin(waits);
        assert!(support::poll_now(&mut waits).await.is_pending());
        drop(held); // the waiter in the select is granted it
        sleep(ms(10)).await;
        assert!(matches!(waits.await, Either::Left(())));
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_race_of_tasks_answers_when_the_losers_have_unwound() {
    let log = Log::new();
    run_virtual(async {
        let runners = [("a", 30), ("b", 10), ("c", 20)].map(|(name, d)| runner(&log, name, d));
        let (winner, outcome) = race_tasks(runners).await;
        log.add("won");
        assert_eq!((winner, outcome.unwrap()), (1, 10));
    });
    assert_eq!(log.take(), ["b is gone", "a is gone", "c is gone", "won"]);
}

#[test]
fn in_a_race_of_tasks_a_panic_can_win_and_a_losing_panic_is_reported() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let (winner, outcome) = race_tasks((0..2).map(|n| async move {
                if n < 2 {
                    panic!("number {n}");
                }
            }))
            .await;
            assert!(matches!((winner, outcome), (0, Err(TaskError::Panicked(_)))));
        })
        .unwrap();
    drop(runner);
    assert_eq!(reports.take(), ["TaskPanicked: number 1"]);
}

#[test]
fn a_dropped_race_of_tasks_has_dropped_them_when_the_drop_returns() {
    let census = Census::new();
    run_virtual(async {
        let racing = race_tasks((0..3).map(|_| {
            let guard = census.born();
            async move {
                let _guard = guard;
                pending::<()>().await;
            }
        }));
        yield_now().await;
        assert_eq!(census.alive(), 3);
        drop(racing);
        assert_eq!(census.alive(), 0);
    });
}
