//! O18: semaphores.

use roundelay::{BoundedSemaphore, Semaphore, Task, gather_all, sleep, spawn};

use crate::settle;
use crate::support::{Log, ms, poll_now, run_virtual};

/// Tasks that each take a permit, say so and keep it.
fn takers<const N: usize>(
    permits: &Semaphore,
    log: &Log,
    names: [&'static str; N],
) -> [Task<()>; N] {
    names.map(|name| {
        let (permits, log) = (permits.clone(), log.clone());
        spawn(async move {
            permits.acquire().await.forget();
            log.add(name);
        })
    })
}

#[test]
fn o18_1_at_most_so_many_are_inside_and_they_come_in_first_in_first_out() {
    let log = Log::new();
    run_virtual(async {
        let permits = Semaphore::new(2);
        let visits = (0..4).map(|n| {
            let (permits, log) = (permits.clone(), log.clone());
            async move {
                let _permit = permits.acquire().await;
                log.add(format!("{n}in"));
                sleep(ms(if n == 0 { 80 } else { 1 })).await;
                log.add(format!("{n}out"));
            }
        });
        gather_all(visits).await;
    });
    assert_eq!(log.take().join(" "), "0in 1in 1out 2in 2out 3in 3out 0out");
}

#[test]
fn o18_2_a_released_permit_is_the_first_waiters_at_once() {
    let log = Log::new();
    run_virtual(async {
        let permits = Semaphore::new(0);
        let tasks = takers(&permits, &log, ["0", "1", "2"]);
        settle().await;
        for _ in 0..3 {
            permits.add_permits(1);
        }
        assert_eq!((permits.available_permits(), log.len()), (0, 0));
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["0", "1", "2"]);
}

#[test]
fn o18_3_while_a_waiter_is_owed_a_permit_nobody_overtakes() {
    let log = Log::new();
    run_virtual(async {
        let permits = Semaphore::new(1);
        let held = permits.acquire().await;
        let [waiter] = takers(&permits, &log, ["waiter"]);
        settle().await;
        drop(held);
        assert!(permits.is_exhausted() && permits.try_acquire().is_none());
        let [late] = takers(&permits, &log, ["late comer"]);
        waiter.await.unwrap();
        permits.add_permits(1);
        late.await.unwrap();
    });
    assert_eq!(log.take(), ["waiter", "late comer"]);
}

#[test]
fn o18_3_a_permit_that_is_free_is_free_whoever_else_has_not_collected_his() {
    run_virtual(async {
        let permits = Semaphore::new(1);
        let held = permits.acquire().await;
        let mut kept = permits.acquire();
        assert!(poll_now(&mut kept).await.is_pending());
        // It is granted a permit, and nobody asks it for a long time.
        drop(held);
        permits.add_permits(1);
        drop(permits.acquire().await);
        assert!(poll_now(&mut kept).await.is_ready());
    });
}

#[test]
fn o18_4_a_permit_granted_to_one_who_is_cancelled_goes_to_the_next() {
    let log = Log::new();
    run_virtual(async {
        let permits = Semaphore::new(0);
        let tasks = takers(&permits, &log, ["0", "1"]);
        settle().await;
        permits.add_permits(1);
        tasks[0].cancel();
        settle().await;
        assert_eq!((log.take(), permits.available_permits()), (vec!["1".to_owned()], 0));

        // Cancelled before the grant: it is skipped.
        let permits = Semaphore::new(0);
        let tasks = takers(&permits, &log, ["0", "1"]);
        settle().await;
        tasks[0].cancel();
        permits.add_permits(1);
        settle().await;
        assert_eq!((log.take(), permits.available_permits()), (vec!["1".to_owned()], 0));
    });
}

#[test]
fn o18_5_permits_may_be_added_beyond_the_number_it_began_with() {
    run_virtual(async {
        // A negative number of permits does not compile.
        let permits = Semaphore::new(0);
        permits.add_permits(1);
        permits.add_permits(1);
        assert_eq!(permits.available_permits(), 2);
    });
}

#[test]
fn o18_5_the_bounded_one_refuses_to_grow() {
    run_virtual(async {
        let permits = BoundedSemaphore::new(1);
        assert!(permits.release().is_err());
    });
}
