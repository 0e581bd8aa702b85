//! O20: queues.

use roundelay::{Queue, TryGetError, TryPutError, spawn, yield_now};

use crate::settle;
use crate::support::{Log, rounds, run_virtual};

#[test]
fn o20_1_items_and_getters_and_putters_each_keep_their_order() {
    let log = Log::new();
    run_virtual(async {
        let queue = Queue::unbounded();
        let getters = [0, 1, 2].map(|n| {
            let (queue, log) = (queue.clone(), log.clone());
            spawn(async move { log.add(format!("{n} {}", queue.get().await.unwrap())) })
        });
        settle().await;
        for item in ["a", "b", "c"] {
            queue.try_put(item).unwrap();
        }
        for getter in getters {
            getter.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["0 a", "1 b", "2 c"]);
}

#[test]
fn o20_2_a_woken_getter_has_a_right_to_its_item_and_nobody_overtakes_it() {
    let log = Log::new();
    run_virtual(async {
        let queue = Queue::unbounded();
        let getters = ["first", "second"].map(|name| {
            let (queue, log) = (queue.clone(), log.clone());
            spawn(async move { log.add(format!("{name} {}", queue.get().await.unwrap())) })
        });
        settle().await;
        queue.try_put("x").unwrap();
        // asyncio would let us take it, and send the woken getter to the back of the line.
        assert_eq!((queue.len(), queue.try_get()), (1, Err(TryGetError::Empty)));
        queue.try_put("y").unwrap();
        queue.try_put("z").unwrap();
        for getter in getters {
            getter.await.unwrap();
        }
        assert_eq!(queue.get().await, Ok("z"));
    });
    assert_eq!(log.take(), ["first x", "second y"]);
}

#[test]
fn o20_3_a_full_queue_takes_one_and_the_other_putters_enter_in_order() {
    let log = Log::new();
    run_virtual(async {
        let queue = Queue::bounded(1);
        for n in 0..4 {
            let (queue, log) = (queue.clone(), log.clone());
            spawn(async move {
                queue.put(n).await.unwrap();
                log.add(format!("accepted {n}"));
            })
            .detach();
        }
        settle().await;
        assert_eq!(log.take(), ["accepted 0"]);
        for n in 0..4 {
            assert_eq!(queue.get().await, Ok(n));
        }
    });
}

#[test]
fn o20_4_empty_and_full_are_answers() {
    let queue = Queue::bounded(1);
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    assert_eq!(queue.try_get(), Ok(1));
    queue.task_done().unwrap();
    assert!(queue.task_done().is_err(), "once too often");
}

#[test]
fn o20_5_join_waits_for_task_done_and_not_for_get_and_a_fresh_queue_is_joined_at_once() {
    run_virtual(async {
        let queue = Queue::unbounded();
        queue.try_put(1).unwrap();
        let joins = spawn(queue.join());
        yield_now().await;
        assert_eq!(queue.try_get(), Ok(1));
        settle().await;
        assert!(!joins.is_finished());
        queue.task_done().unwrap();
        joins.await.unwrap();
        let start = crate::turn();
        Queue::<()>::unbounded().join().await;
        assert_eq!(crate::turn() - start, 0);
    });
}

#[test]
fn o20_6_equal_priorities_leave_in_the_order_in_which_they_came() {
    // Only the first part is compared; asyncio would go on to the second, and may fail there.
    #[derive(Debug, PartialEq, Eq)]
    struct Item(u8, &'static str);
    impl PartialOrd for Item {
        fn partial_cmp(&self, other: &Item) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Item {
        fn cmp(&self, other: &Item) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }
    let queue = Queue::unbounded_priority();
    for item in [Item(2, "b"), Item(1, "z"), Item(1, "a")] {
        queue.try_put(item).unwrap();
    }
    let order = [(); 3].map(|()| queue.try_get().unwrap());
    assert_eq!(order, [Item(1, "z"), Item(1, "a"), Item(2, "b")]);
    let last_first = Queue::unbounded_lifo();
    for n in 0..3 {
        last_first.try_put(n).unwrap();
    }
    assert_eq!([(); 3].map(|()| last_first.try_get().unwrap()), [2, 1, 0]);
}

#[test]
fn o20_7_an_item_granted_to_a_getter_that_is_cancelled_goes_to_the_next() {
    run_virtual(async {
        let queue = Queue::unbounded();
        let [first, second] = [(); 2].map(|()| {
            spawn({
                let queue = queue.clone();
                async move { queue.get().await }
            })
        });
        settle().await;
        queue.try_put("item").unwrap();
        first.cancel();
        assert_eq!(second.await.unwrap(), Ok("item"));
    });
}

#[test]
fn o20_8_with_and_without_a_limit_are_two_constructors() {
    let free = Queue::unbounded();
    for n in 0..rounds(1000) {
        free.try_put(n).unwrap();
    }
    assert!(!free.is_full());
    let refused = std::panic::catch_unwind(|| Queue::<()>::bounded(0)).unwrap_err();
    let text = roundelay::runtime::panic_message(&*refused);
    assert!(text.starts_with("a queue needs room for at least one item"), "{text}");
}
