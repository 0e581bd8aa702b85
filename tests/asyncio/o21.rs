//! O21: barriers.

use roundelay::{Barrier, Task, spawn};

use crate::settle;
use crate::support::{Log, run_virtual};

/// A task that waits at the barrier and says with what it came through.
fn comer(barrier: &Barrier, log: &Log, name: char) -> Task<()> {
    let (barrier, log) = (barrier.clone(), log.clone());
    spawn(async move {
        match barrier.wait().await {
            Ok(arrival) => log.add(format!("{name}{arrival}")),
            Err(_) => log.add(format!("{name} broken")),
        }
    })
}

#[test]
fn o21_1_the_last_to_arrive_goes_on_first_then_the_others_in_the_order_of_arrival() {
    let log = Log::new();
    run_virtual(async {
        let barrier = Barrier::new(3);
        for task in ['a', 'b', 'c'].map(|name| comer(&barrier, &log, name)) {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["c2", "a0", "b1"]);
}

#[test]
fn o21_2_a_barrier_is_used_again_by_the_next_generation() {
    let log = Log::new();
    run_virtual(async {
        let barrier = Barrier::new(3);
        let tasks = ['d', 'e', 'f', 'g', 'h', 'i'].map(|name| comer(&barrier, &log, name));
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["f2", "d0", "e1", "i2", "g0", "h1"]);
}

#[test]
fn o21_3_abort_breaks_those_who_wait_and_who_come_later_and_reset_mends_it() {
    let log = Log::new();
    run_virtual(async {
        let barrier = Barrier::new(3);
        let waiting = ['x', 'y'].map(|name| comer(&barrier, &log, name));
        settle().await;
        assert_eq!((barrier.waiting(), barrier.is_broken()), (2, false));
        barrier.abort();
        for task in waiting {
            task.await.unwrap();
        }
        assert!(barrier.is_broken() && barrier.wait().await.is_err());
        barrier.reset();
        assert!(!barrier.is_broken());
        let waiting = ['x', 'y'].map(|name| comer(&barrier, &log, name));
        settle().await;
        barrier.reset();
        for task in waiting {
            task.await.unwrap();
        }
        assert!(!barrier.is_broken());
    });
    assert_eq!(log.take(), ["x broken", "y broken", "x broken", "y broken"]);
}

#[test]
fn o21_4_a_cancelled_waiter_just_leaves() {
    run_virtual(async {
        let barrier = Barrier::new(3);
        let task = comer(&barrier, &Log::new(), 'p');
        settle().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!((barrier.waiting(), barrier.is_broken()), (0, false));
    });
}
