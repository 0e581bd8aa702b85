//! The family of queues: order, room, ends and counting.

use std::task::{Poll, Waker};

use roundelay::{
    Closed, Finished, Queue, TaskDoneError, TryGetError, TryPutError, gather_all, spawn, yield_now,
};

use crate::support::{self, Census, Log, poll_once, rounds, run_virtual};
use crate::waiting::Waiting;

#[test]
fn o20_1_items_getters_and_putters_keep_their_order() {
    let log = Log::new();
    run_virtual(async {
        let queue = Queue::unbounded();
        let getters: Vec<_> = (0..3)
            .map(|n| {
                let (queue, log) = (queue.clone(), log.clone());
                spawn(async move { log.add(format!("{n}{}", queue.get().await.unwrap())) })
            })
            .collect();
        yield_now().await;
        for item in ["a", "b", "c"] {
            queue.try_put(item).unwrap();
        }
        for getter in getters {
            getter.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["0a", "1b", "2c"]);
}

#[test]
fn o20_2_nobody_takes_an_item_away_from_a_getter_that_was_there_first() {
    // Fairer than asyncio, where a direct `get` overtakes a getter that was woken. What is handed
    // over is a right, not the item: until the getter's step the item counts as inside.
    let log = Log::new();
    run_virtual(async {
        let queue = Queue::unbounded();
        for name in ["first", "second"] {
            let (queue, log) = (queue.clone(), log.clone());
            spawn(async move { log.add(format!("{name} {}", queue.get().await.unwrap())) })
                .detach();
        }
        yield_now().await;
        queue.try_put("x").unwrap();
        assert_eq!((queue.len(), queue.try_get()), (1, Err(TryGetError::Empty)));
        queue.try_put("y").unwrap();
        queue.try_put("z").unwrap();
        assert_eq!(queue.len(), 3);
        log.add(format!("direct {}", queue.get().await.unwrap()));
        yield_now().await;
    });
    // A right is to an item, not to a certain one: items leave in order whoever takes them.
    assert_eq!(log.take(), ["direct x", "first y", "second z"]);
}

#[test]
fn o20_3_a_full_queue_lets_putters_in_one_by_one_in_the_order_in_which_they_came() {
    let log = Log::new();
    run_virtual(async {
        let queue = Queue::bounded(1);
        for n in 0..4 {
            let (queue, log) = (queue.clone(), log.clone());
            spawn(async move {
                queue.put(n).await.unwrap();
                log.add(format!("put {n}"));
            })
            .detach();
        }
        yield_now().await;
        assert_eq!(log.take(), ["put 0"]);
        let mut out = Vec::new();
        for _ in 0..4 {
            out.push(queue.get().await.unwrap());
        }
        assert_eq!(out, [0, 1, 2, 3]);
    });
    assert_eq!(log.take(), ["put 1", "put 2", "put 3"]);
}

#[test]
fn o20_4_what_cannot_be_done_without_waiting_is_an_error_that_says_why() {
    let queue = Queue::bounded(1);
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    assert_eq!(queue.task_done(), Ok(()));
    assert_eq!(queue.task_done(), Err(TaskDoneError));
    queue.close();
    assert_eq!(queue.try_put(3), Err(TryPutError::Closed(3)));
    assert_eq!((queue.try_get(), queue.try_get()), (Ok(1), Err(TryGetError::Finished)));
}

#[test]
fn o20_5_join_waits_until_the_work_is_done_and_not_only_taken() {
    run_virtual(async {
        let queue = Queue::unbounded();
        queue.join().await;
        queue.try_put(1).unwrap();
        let join = spawn(queue.join());
        yield_now().await;
        assert_eq!(queue.try_get(), Ok(1));
        yield_now().await;
        assert!(!join.is_finished());
        queue.task_done().unwrap();
        join.await.unwrap();
    });
}

#[test]
fn o20_6_smallest_first_and_equals_in_the_order_in_which_they_came() {
    /// Only the rank is compared, so a payload need not be comparable at all.
    struct Job(u8, &'static str);
    impl Ord for Job {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }
    impl PartialOrd for Job {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl PartialEq for Job {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Job {}
    let queue = Queue::unbounded_priority();
    for (rank, name) in [(2, "b"), (1, "z"), (1, "a")] {
        assert!(queue.try_put(Job(rank, name)).is_ok());
    }
    let names: Vec<_> = std::iter::from_fn(|| queue.try_get().ok()).map(|job| job.1).collect();
    assert_eq!(names, ["z", "a", "b"]);
    let queue = Queue::unbounded_lifo();
    (0..3).for_each(|n| queue.try_put(n).unwrap());
    assert_eq!(std::iter::from_fn(|| queue.try_get().ok()).collect::<Vec<_>>(), [2, 1, 0]);
}

#[test]
fn o20_7_a_woken_getter_that_is_cancelled_leaves_its_item_to_the_next() {
    run_virtual(async {
        let queue = Queue::unbounded();
        let (first, second) = (spawn(queue.get()), spawn(queue.get()));
        yield_now().await;
        queue.try_put("item").unwrap();
        first.cancel();
        assert_eq!(second.await.unwrap(), Ok("item"));
        assert!(first.await.is_err());
    });
}

#[test]
fn o20_8_without_a_limit_is_a_constructor_of_its_own() {
    let queue = Queue::unbounded();
    let many = rounds(1000);
    (0..many).for_each(|n| queue.try_put(n).unwrap());
    assert_eq!((queue.is_full(), queue.capacity(), queue.len()), (false, None, many));
    assert_eq!(Queue::<u8>::bounded_lifo(7).capacity(), Some(7));
}

#[test]
#[should_panic(expected = "room for at least one item")]
fn a_queue_without_room_is_refused() {
    let _ = Queue::<u8>::bounded(0);
}

#[test]
fn o32_2_after_a_gentle_close_what_is_left_can_be_taken_and_join_still_counts() {
    run_virtual(async {
        let queue = Queue::bounded(2);
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        let (put, join) = (spawn(queue.put(3)), spawn(queue.join()));
        yield_now().await;
        queue.close();
        assert_eq!(put.await.unwrap(), Err(Closed(3)));
        let mut out = Vec::new();
        while let Ok(item) = queue.get().await {
            out.push(item);
        }
        assert_eq!(out, [1, 2]);
        yield_now().await;
        assert!(!join.is_finished(), "nobody has said that the work is done");
        queue.task_done().unwrap();
        queue.task_done().unwrap();
        join.await.unwrap();
    });
}

#[test]
fn o32_2_closing_now_hands_back_what_is_left_and_releases_join() {
    run_virtual(async {
        let queue = Queue::bounded(2);
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        let (put, join) = (spawn(queue.put(3)), spawn(queue.join()));
        yield_now().await;
        assert_eq!(queue.close_now(), [1, 2]);
        assert_eq!(put.await.unwrap(), Err(Closed(3)));
        assert_eq!(queue.get().await, Err(Finished));
        join.await.unwrap();
    });
}

#[test]
fn closing_now_does_not_release_a_join_that_waits_for_work_under_way() {
    run_virtual(async {
        let queue = Queue::unbounded();
        queue.try_put("under way").unwrap();
        queue.try_put("left").unwrap();
        let item = queue.get_item().await.unwrap();
        let join = spawn(queue.join());
        yield_now().await;
        assert_eq!(queue.close_now(), ["left"]);
        yield_now().await;
        assert!(!join.is_finished());
        assert_eq!((queue.unfinished(), item.into_inner()), (1, "under way"));
        join.await.unwrap();
    });
}

#[test]
fn a_getter_that_was_promised_an_item_hears_of_the_end_when_the_queue_is_closed_now() {
    run_virtual(async {
        let queue = Queue::unbounded();
        let get = spawn(queue.get());
        yield_now().await;
        queue.try_put(1).unwrap();
        assert_eq!(queue.close_now(), [1]);
        assert_eq!(get.await.unwrap(), Err(Finished));
    });
}

#[test]
fn nobody_hears_of_the_end_while_an_item_is_left_that_its_getter_may_yet_not_take() {
    run_virtual(async {
        let queue = Queue::unbounded();
        let promised = spawn(queue.get());
        yield_now().await;
        queue.try_put("the last").unwrap();
        queue.close();
        let late = spawn(queue.get());
        // Spawned in the same turn, `late` looks before the cancel below is carried out.
        let mut other = queue.get();
        assert!(poll_once(&mut other, Waker::noop()).is_pending());
        promised.cancel();
        assert!(promised.await.is_err());
        drop(other);
        assert_eq!(late.await.unwrap(), Ok("the last"));
        assert_eq!(queue.get().await, Err(Finished));
    });
}

#[test]
fn an_item_is_done_on_every_way_out_of_its_consumer() {
    run_virtual(async {
        let queue = Queue::unbounded();
        (0..3).for_each(|n| queue.try_put(n).unwrap());
        let consumers = (0..3).map(|way| {
            let queue = queue.clone();
            async move {
                let item = queue.get_item().await.unwrap();
                match way {
                    0 => panic!("with item {} in hand", *item),
                    1 => std::future::pending().await,
                    _ => drop(item),
                }
            }
        });
        let _ = roundelay::timeout(support::ms(1), gather_all(consumers)).await;
        queue.join().await;
        assert_eq!(queue.unfinished(), 0);
    });
}

#[test]
fn whoever_joins_is_released_when_the_count_was_zero_even_if_more_was_put_since() {
    run_virtual(async {
        let queue = Queue::unbounded();
        queue.try_put(1).unwrap();
        let joins: Vec<_> = (0..2).map(|_| spawn(queue.join())).collect();
        yield_now().await;
        drop(queue.try_get_item().unwrap());
        queue.try_put(2).unwrap();
        for join in joins {
            join.await.unwrap();
        }
        assert_eq!(queue.unfinished(), 1);
    });
}

#[test]
fn the_item_is_gone_before_its_end_is_counted() {
    let queue = Queue::unbounded();
    let (seen, inside) = (Log::new(), queue.clone());
    let log = seen.clone();
    let item = support::on_drop(move || log.add(format!("{} unfinished", inside.unfinished())));
    assert!(queue.try_put(item).is_ok());
    drop(queue.try_get_item().unwrap());
    seen.add(format!("{} unfinished", queue.unfinished()));
    assert_eq!(seen.take(), ["1 unfinished", "0 unfinished"]);
}

#[test]
fn a_full_queue_and_a_closed_queue_hand_the_item_back() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let mut put = queue.put(3);
    assert!(poll_once(&mut put, Waker::noop()).is_pending());
    queue.close();
    assert_eq!(poll_once(&mut put, Waker::noop()), Poll::Ready(Err(Closed(3))));
    assert_eq!(poll_once(&mut queue.put(5), Waker::noop()), Poll::Ready(Err(Closed(5))));
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(poll_once(&mut queue.get(), Waker::noop()), Poll::Ready(Err(Finished)));
    queue.close();
    assert!(queue.close_now().is_empty());
}

#[test]
fn a_put_that_is_dropped_takes_its_item_along_and_leaves_its_place_to_the_next() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let first = Waiting::begin(queue.put(1)).unwrap_or_else(|_| panic!("it is full"));
    let mut second = Waiting::begin(queue.put(2)).unwrap_or_else(|_| panic!("it is full"));
    assert_eq!(queue.try_get(), Ok(0));
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    assert!(second.is_woken());
    assert_eq!(second.poll(), Poll::Ready(Ok(())));
    assert_eq!((queue.try_get(), queue.try_get()), (Ok(2), Err(TryGetError::Empty)));
}

#[test]
fn items_left_in_a_queue_are_dropped_with_its_last_clone() {
    let census = Census::new();
    let queue = Queue::bounded(3);
    for _ in 0..3 {
        assert!(queue.try_put(census.born()).is_ok());
    }
    let mut put = queue.put(census.born());
    assert!(poll_once(&mut put, Waker::noop()).is_pending());
    let clone = queue.clone();
    drop(queue);
    assert_eq!(census.alive(), 4);
    drop(put);
    assert_eq!(census.alive(), 3);
    drop(clone);
    assert_eq!(census.alive(), 0);
}
