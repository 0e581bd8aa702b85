//! Promises about queues: first in, first out; nothing lost, nothing doubled; whoever was granted
//! something and is cancelled passes it on.
//!
//! Order facts O20 of asyncio; contract 6 of the house; bug classes B36 to B38.
//!
//! The models know no grants, tickets or wakers. Whoever waits stands in a list; of those the
//! first so many are *entitled* as there are items, or free places. An entitled one must have been
//! woken, and any other must not.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, Waker};

use proptest::prelude::*;
use roundelay::{Closed, Finished, Get, Put, Queue, TryPutError, spawn, yield_now};

use crate::support::waiting::Waiting;
use crate::support::{self, Census, Log, poll_once, run_virtual};

#[test]
fn items_getters_and_putters_keep_their_order() {
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
        for _ in 0..4 {
            log.add(format!("got {}", queue.get().await.unwrap()));
        }
    });
    let lines = log.take();
    let of = |verb: &str| {
        lines.iter().filter(|line| line.starts_with(verb)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("put"), ["put 0", "put 1", "put 2", "put 3"]);
    assert_eq!(of("got"), ["got 0", "got 1", "got 2", "got 3"]);
}

#[test]
fn nobody_takes_an_item_away_from_a_getter_that_was_there_first() {
    // Fairer than asyncio, where a direct `get` overtakes a getter that was woken.
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
        assert_eq!((queue.len(), queue.try_get()), (1, None));
        queue.try_put("y").unwrap();
        queue.try_put("z").unwrap();
        log.add(format!("direct {}", queue.get().await.unwrap()));
        yield_now().await;
    });
    // A right is to an item, not to a certain one: items leave in order whoever takes them.
    assert_eq!(log.take(), ["direct x", "first y", "second z"]);
}

#[test]
fn a_woken_getter_that_is_cancelled_leaves_its_item_to_the_next() {
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
fn a_full_queue_and_a_closed_queue_hand_the_item_back() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    let mut put = queue.put(3);
    assert!(poll_once(&mut put, Waker::noop()).is_pending());
    queue.close();
    assert_eq!(poll_once(&mut put, Waker::noop()), Poll::Ready(Err(Closed(3))));
    assert_eq!(queue.try_put(4), Err(TryPutError::Closed(4)));
    assert_eq!(poll_once(&mut queue.put(5), Waker::noop()), Poll::Ready(Err(Closed(5))));
    assert_eq!(queue.try_get(), Some(1));
    assert_eq!(poll_once(&mut queue.get(), Waker::noop()), Poll::Ready(Err(Finished)));
    queue.close();
}

#[test]
fn every_waiter_hears_of_the_close_even_if_one_of_their_wakers_panics() {
    let queue = Queue::<u8>::unbounded();
    let mut first = queue.get();
    assert!(poll_once(&mut first, &support::panicking_waker()).is_pending());
    let second = Waiting::begin(queue.get()).unwrap_or_else(|_| panic!("nothing is there"));
    let _ = catch_unwind(AssertUnwindSafe(|| queue.close()));
    assert!(second.is_woken(), "it would wait for ever");
}

#[test]
fn an_item_is_not_lost_when_the_waker_of_a_putter_panics() {
    let census = Census::new();
    let queue = Queue::bounded(1);
    assert!(queue.try_put(census.born()).is_ok());
    let mut put = queue.put(census.born());
    assert!(poll_once(&mut put, &support::panicking_waker()).is_pending());
    // Taking the first item makes room for the second, and wakes who wants to put it.
    let taken = catch_unwind(AssertUnwindSafe(|| queue.try_get()));
    assert_eq!(census.alive(), 2, "the item went down with the waker's panic");
    assert!(matches!(taken, Ok(Some(_))));
    drop(put);
}

#[test]
#[should_panic(expected = "room for at least one item")]
fn a_queue_without_room_is_refused() {
    let _ = Queue::<u8>::bounded(0);
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

#[test]
fn an_item_whose_destructor_uses_the_queue_is_welcome() {
    let queue = Queue::<support::OnDrop>::bounded(2);
    let reach = queue.clone();
    let guard = support::on_drop(move || {
        assert!(reach.try_get().is_none());
        let _ = reach.try_put(support::on_drop(|| ()));
        reach.close();
    });
    assert!(queue.try_put(guard).is_ok());
    drop(queue.try_get());
    assert!(queue.is_closed() && queue.len() == 1);
}

#[derive(Clone, Debug)]
enum Move {
    Put,
    Get,
    TryPut,
    TryGet,
    PollPutter(usize),
    PollGetter(usize),
    CancelPutter(usize),
    CancelGetter(usize),
    Close,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        60 => Just(Move::Put),
        60 => Just(Move::Get),
        20 => Just(Move::TryPut),
        20 => Just(Move::TryGet),
        50 => any::<usize>().prop_map(Move::PollPutter),
        50 => any::<usize>().prop_map(Move::PollGetter),
        40 => any::<usize>().prop_map(Move::CancelPutter),
        40 => any::<usize>().prop_map(Move::CancelGetter),
        4 => Just(Move::Close),
    ];
    prop::collection::vec(one, 0..100)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn any_life_of_a_queue_keeps_its_items_and_both_its_lines(
        capacity in 1_usize..4,
        moves in moves(),
    ) {
        let queue = Queue::bounded(capacity);
        let mut items: VecDeque<u32> = VecDeque::new();
        let mut getters: Vec<Waiting<Get<u32>>> = Vec::new();
        let mut putters: Vec<(u32, Waiting<Put<u32>>)> = Vec::new();
        // Getters that were in line in vain when the queue was closed.
        let mut dismissed: Vec<Waiting<Get<u32>>> = Vec::new();
        let (mut next, mut closed) = (0, false);
        for one in moves {
            let room = |items: &VecDeque<u32>, putters: &Vec<_>| {
                capacity - items.len() > putters.len()
            };
            match one {
                Move::Put => {
                    next += 1;
                    match Waiting::begin(queue.put(next)) {
                        Err(Ok(())) => {
                            prop_assert!(!closed && room(&items, &putters));
                            items.push_back(next);
                        }
                        Err(Err(Closed(item))) => prop_assert!(closed && item == next),
                        Ok(waiting) => {
                            prop_assert!(!closed && !room(&items, &putters));
                            putters.push((next, waiting));
                        }
                    }
                }
                Move::TryPut => {
                    next += 1;
                    match queue.try_put(next) {
                        Ok(()) => {
                            prop_assert!(!closed && room(&items, &putters));
                            items.push_back(next);
                        }
                        Err(TryPutError::Closed(item)) => prop_assert!(closed && item == next),
                        Err(TryPutError::Full(item)) => {
                            prop_assert!(!closed && !room(&items, &putters) && item == next);
                        }
                    }
                }
                Move::Get => match Waiting::begin(queue.get()) {
                    Err(Ok(item)) => {
                        prop_assert!(items.len() > getters.len());
                        prop_assert_eq!(Some(item), items.pop_front());
                    }
                    Err(Err(Finished)) => prop_assert!(closed && items.len() <= getters.len()),
                    Ok(waiting) => {
                        prop_assert!(!closed && items.len() <= getters.len());
                        getters.push(waiting);
                    }
                },
                Move::TryGet => {
                    let expected = (items.len() > getters.len()).then(|| items.pop_front().unwrap());
                    prop_assert_eq!(queue.try_get(), expected);
                }
                Move::PollPutter(which) if !putters.is_empty() => {
                    let which = which % putters.len();
                    let entitled = which < capacity - items.len();
                    match putters[which].1.poll() {
                        Poll::Ready(Ok(())) => {
                            prop_assert!(entitled && !closed);
                            items.push_back(putters.remove(which).0);
                        }
                        Poll::Ready(Err(Closed(item))) => {
                            prop_assert!(closed);
                            prop_assert_eq!(putters.remove(which).0, item);
                        }
                        Poll::Pending => prop_assert!(!entitled && !closed),
                    }
                }
                Move::PollGetter(which) if which % 4 == 3 && !dismissed.is_empty() => {
                    let mut waiting = dismissed.remove(which / 4 % dismissed.len());
                    match waiting.poll() {
                        Poll::Ready(Ok(item)) => {
                            prop_assert!(items.len() > getters.len());
                            prop_assert_eq!(Some(item), items.pop_front());
                        }
                        Poll::Ready(Err(Finished)) => prop_assert!(items.len() <= getters.len()),
                        Poll::Pending => prop_assert!(false, "it waits at a closed queue"),
                    }
                }
                Move::PollGetter(which) if !getters.is_empty() => {
                    let which = which % getters.len();
                    let entitled = which < items.len();
                    match getters[which].poll() {
                        Poll::Ready(Ok(item)) => {
                            prop_assert!(entitled);
                            prop_assert_eq!(Some(item), items.pop_front());
                            drop(getters.remove(which));
                        }
                        Poll::Ready(Err(Finished)) => prop_assert!(false, "it had a right"),
                        Poll::Pending => prop_assert!(!entitled && !closed),
                    }
                }
                Move::CancelPutter(which) if !putters.is_empty() => {
                    drop(putters.remove(which % putters.len()));
                }
                Move::CancelGetter(which) if !getters.is_empty() => {
                    drop(getters.remove(which % getters.len()));
                }
                Move::Close => {
                    queue.close();
                    if !closed {
                        closed = true;
                        dismissed = getters.split_off(items.len().min(getters.len()));
                    }
                }
                _ => {}
            }
            for (place, getter) in getters.iter().enumerate() {
                prop_assert_eq!(getter.is_woken(), place < items.len(), "getter {}", place);
            }
            for (place, (_, putter)) in putters.iter().enumerate() {
                let entitled = closed || place < capacity - items.len();
                prop_assert_eq!(putter.is_woken(), entitled, "putter {}", place);
            }
            prop_assert!(dismissed.iter().all(Waiting::is_woken));
            prop_assert_eq!((queue.len(), queue.is_closed()), (items.len(), closed));
            if !closed {
                prop_assert_eq!(queue.is_full(), !room(&items, &putters));
            }
        }
        // Whatever is left comes out, in order.
        drop((getters, putters, dismissed));
        let rest: VecDeque<u32> = std::iter::from_fn(|| queue.try_get()).collect();
        prop_assert_eq!(rest, items);
    }

    /// Tasks that put and get, cancelled at random: what came out is what went in, in order, and
    /// what did not come out is still inside.
    #[test]
    fn any_producers_and_consumers_lose_and_double_nothing(
        capacity in 1_usize..4,
        deeds in prop::collection::vec((0_u8..5, any::<usize>()), 0..60),
    ) {
        run_virtual(async {
            let queue = Queue::bounded(capacity);
            let (put, got) = (Log::new(), Log::new());
            let mut tasks = Vec::new();
            let mut next = 0;
            for (deed, choice) in deeds {
                match deed {
                    0 => {
                        let (queue, log, number) = (queue.clone(), put.clone(), next);
                        next += 1;
                        tasks.push(spawn(async move {
                            // What `put` accepts is in the queue in the very same step.
                            if queue.put(number).await.is_ok() {
                                log.add(number.to_string());
                            }
                        }));
                    }
                    1 => {
                        let (queue, log) = (queue.clone(), got.clone());
                        tasks.push(spawn(async move {
                            if let Ok(number) = queue.get().await {
                                log.add(number.to_string());
                            }
                        }));
                    }
                    2 if !tasks.is_empty() => {
                        let task = tasks.swap_remove(choice % tasks.len());
                        task.cancel();
                        task.detach();
                    }
                    _ => yield_now().await,
                }
            }
            for _ in 0..4 {
                yield_now().await;
            }
            for task in tasks {
                task.cancel();
                let _ = task.await;
            }
            let mut out = got.take();
            out.extend(std::iter::from_fn(|| queue.try_get()).map(|number: i32| number.to_string()));
            assert_eq!(out, put.take());
        });
    }
}
