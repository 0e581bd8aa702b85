//! Foreign combinators poll our futures with wakers of their own, and are woken through those.

use roundelay::{Queue, Semaphore, promise, sleep, spawn, yield_now};

use crate::support::{self, Crowd, ms, poll_now, run_virtual};

#[test]
fn our_futures_inside_a_foreign_combinator_are_woken_through_its_own_wakers() {
    run_virtual(async {
        let (semaphore, queue) = (Semaphore::new(1), Queue::<u32>::bounded(1));
        let (set, value) = promise::<u32>();
        let mut crowd = Crowd::<u32>::new();
        crowd.push(async move { value.await.unwrap() });
        for n in 10..13 {
            let semaphore = semaphore.clone();
            crowd.push(async move {
                let _permit = semaphore.acquire().await;
                sleep(ms(5)).await;
                n
            });
        }
        let taker = queue.clone();
        crowd.push(async move { taker.get().await.unwrap() + taker.get().await.unwrap() });
        crowd.push(async {
            spawn(async {
                yield_now().await;
                99
            })
            .await
            .unwrap()
        });
        let giver = spawn(async move {
            sleep(ms(7)).await;
            queue.put(20).await.unwrap();
            queue.put(22).await.unwrap();
            sleep(ms(1)).await;
            set.resolve(1).unwrap();
        });
        let order = (&mut crowd).await;
        assert_eq!(order, [(5, 99), (1, 10), (4, 42), (0, 1), (2, 11), (3, 12)]);
        giver.await.unwrap();
    });
}

#[test]
fn one_future_handed_from_waker_to_waker_wakes_the_last_one_only() {
    run_virtual(async {
        let semaphore = Semaphore::new(0);
        let mut waits = semaphore.acquire();
        let wakers: Vec<_> = (0..3).map(|_| support::Counter::new()).collect();
        for (_, waker) in &wakers {
            assert!(support::poll_once(&mut waits, waker).is_pending());
        }
        semaphore.add_permits(1);
        let wakes: Vec<_> = wakers.iter().map(|(counter, _)| counter.wakes()).collect();
        assert_eq!((wakes, semaphore.waiting()), (vec![0, 0, 1], 0));
        drop(waits.await);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_task_awaited_first_by_one_and_then_by_another_wakes_the_last() {
    run_virtual(async {
        let mut slow = spawn(sleep(ms(10)));
        assert!(poll_now(&mut slow).await.is_pending());
        let other = spawn(async move { slow.await.is_ok() });
        assert!(other.await.unwrap());
    });
}
