//! Promises about semaphores, queues and promises: first come, first served; nothing lost, nothing
//! doubled; whoever was granted something and is cancelled passes it on.
//!
//! Order facts O18 and O20 of asyncio; contract 6 of the house; bug classes B36 to B38.
//!
//! The models know no grants, tickets or wakers. Whoever waits stands in a list; of those the
//! first so many are *entitled* as there are permits (or items, or free places). An entitled one
//! must have been woken, and any other must not.

mod support;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};

use proptest::prelude::*;
use roundelay::{
    Abandoned, Acquire, Closed, Finished, Get, Permit, Promise, PromiseFuture, Put, Queue,
    Semaphore, TryPutError, gather_all, promise, spawn, yield_now,
};
use support::{Census, Counter, Log, ms, poll_once, run_virtual};

// ---- the semaphore: O18 -------------------------------------------------------------------

#[test]
fn at_most_so_many_are_inside_and_they_come_in_in_order() {
    let log = Log::new();
    run_virtual(async {
        let semaphore = Semaphore::new(2);
        let visits = (0..4).map(|n| {
            let (semaphore, log) = (semaphore.clone(), log.clone());
            async move {
                let _permit = semaphore.acquire().await;
                log.add(format!("{n}in"));
                roundelay::sleep(ms(if n == 0 { 80 } else { 1 })).await;
                log.add(format!("{n}out"));
            }
        });
        gather_all(visits).await;
    });
    assert_eq!(log.take().join(" "), "0in 1in 1out 2in 2out 3in 3out 0out");
}

#[test]
fn a_permit_given_back_belongs_to_the_first_in_line_at_once() {
    let log = Log::new();
    run_virtual(async {
        let semaphore = Semaphore::new(0);
        for n in 0..3 {
            let (semaphore, log) = (semaphore.clone(), log.clone());
            spawn(async move {
                semaphore.acquire().await.forget();
                log.add(n.to_string());
            })
            .detach();
        }
        yield_now().await;
        semaphore.add_permits(3);
        assert_eq!((semaphore.available_permits(), semaphore.waiting()), (0, 0));
        assert!(semaphore.is_exhausted() && semaphore.try_acquire().is_none());
        yield_now().await;
    });
    assert_eq!(log.take(), ["0", "1", "2"]);
}

#[test]
fn a_late_comer_does_not_overtake_one_who_is_owed_a_permit() {
    let log = Log::new();
    run_virtual(async {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await;
        let (waits, seen) = (semaphore.clone(), log.clone());
        let waiter = spawn(async move {
            let _permit = waits.acquire().await;
            seen.add("waiter");
        });
        yield_now().await;
        drop(permit);
        let _permit = semaphore.acquire().await;
        log.add("late comer");
        waiter.await.unwrap();
    });
    assert_eq!(log.take(), ["waiter", "late comer"]);
}

#[test]
fn a_granted_waiter_that_is_cancelled_passes_its_permit_on() {
    let log = Log::new();
    run_virtual(async {
        let semaphore = Semaphore::new(0);
        let tasks: Vec<_> = (0..2)
            .map(|n| {
                let (semaphore, log) = (semaphore.clone(), log.clone());
                spawn(async move {
                    semaphore.acquire().await.forget();
                    log.add(n.to_string());
                })
            })
            .collect();
        yield_now().await;
        semaphore.add_permits(1);
        tasks[0].cancel();
        for task in tasks {
            let _ = task.await;
        }
        assert_eq!(semaphore.available_permits(), 0);
    });
    assert_eq!(log.take(), ["1"]);
}

#[test]
fn a_permit_comes_back_on_every_way_out() {
    run_virtual(async {
        let semaphore = Semaphore::new(3);
        let inside = |semaphore: Semaphore| async move {
            let _permit = semaphore.acquire().await;
            std::future::pending::<()>().await;
        };
        let cancelled = spawn(inside(semaphore.clone()));
        let panics = spawn({
            let semaphore = semaphore.clone();
            async move {
                let _permit = semaphore.acquire().await;
                panic!("with a permit in hand")
            }
        });
        let late = roundelay::timeout(ms(1), inside(semaphore.clone()));
        yield_now().await;
        cancelled.cancel();
        assert!(cancelled.await.is_err() && late.await.is_err());
        let panics: Result<(), _> = panics.await;
        assert!(panics.is_err());
        assert_eq!(semaphore.available_permits(), 3);
    });
}

#[test]
fn a_permit_may_outlive_the_semaphore_and_the_loop() {
    let permit = run_virtual(async { Semaphore::new(1).acquire().await });
    drop(permit);
    let waits = {
        let semaphore = Semaphore::new(0);
        let mut waits = semaphore.acquire();
        assert!(poll_once(&mut waits, Waker::noop()).is_pending());
        waits
    };
    drop(waits);
}

#[test]
fn too_many_permits_are_refused_and_nothing_is_broken_by_it() {
    let semaphore = Semaphore::new(usize::MAX);
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(1))).is_err());
    assert_eq!(semaphore.available_permits(), usize::MAX);
    let permit = semaphore.try_acquire().unwrap();
    assert_eq!(semaphore.available_permits(), usize::MAX - 1);
    drop(permit);
}

#[test]
fn the_largest_number_of_permits_is_added_in_no_time() {
    support::must_end(|| {
        let semaphore = Semaphore::new(0);
        semaphore.add_permits(usize::MAX);
        assert_eq!(semaphore.available_permits(), usize::MAX);
    });
}

#[derive(Clone, Debug)]
enum Step {
    Start,
    Poll(usize),
    Cancel(usize),
    Release(usize),
    Forget(usize),
    TryAcquire,
    Add(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Start),
        5 => any::<usize>().prop_map(Step::Poll),
        4 => any::<usize>().prop_map(Step::Cancel),
        5 => any::<usize>().prop_map(Step::Release),
        1 => any::<usize>().prop_map(Step::Forget),
        2 => Just(Step::TryAcquire),
        2 => (0_usize..3).prop_map(Step::Add),
    ];
    prop::collection::vec(step, 0..80)
}

/// Somebody who waits, polled by hand.
struct Waiting<F> {
    future: F,
    counter: Arc<Counter>,
    /// How many wakes it had had when it was polled last.
    seen: usize,
}

impl<F: Future + Unpin> Waiting<F> {
    fn begin(mut future: F) -> Result<Waiting<F>, F::Output> {
        let (counter, waker) = Counter::new();
        match poll_once(&mut future, &waker) {
            Poll::Ready(output) => Err(output),
            Poll::Pending => Ok(Waiting { future, seen: counter.wakes(), counter }),
        }
    }

    /// Polls with a waker that it has never seen, as a future does that has moved.
    fn poll(&mut self) -> Poll<F::Output> {
        let (counter, waker) = Counter::new();
        let outcome = poll_once(&mut self.future, &waker);
        (self.seen, self.counter) = (0, counter);
        outcome
    }

    fn is_woken(&self) -> bool {
        self.counter.wakes() > self.seen
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_life_of_a_semaphore_keeps_its_permits_and_its_line(
        permits in 0_usize..4,
        steps in steps(),
    ) {
        let semaphore = Semaphore::new(permits);
        let mut line: Vec<Waiting<Acquire>> = Vec::new();
        let mut held: Vec<Permit> = Vec::new();
        // Permits that are in nobody's hand, promised or not.
        let mut free = permits;
        for step in steps {
            match step {
                Step::Start => match Waiting::begin(semaphore.acquire()) {
                    Err(permit) => {
                        prop_assert!(free > line.len(), "overtook the line");
                        free -= 1;
                        held.push(permit);
                    }
                    Ok(waiting) => {
                        prop_assert!(free <= line.len(), "waits although a permit is free");
                        line.push(waiting);
                    }
                },
                Step::Poll(which) if !line.is_empty() => {
                    let which = which % line.len();
                    let entitled = which < free;
                    match line[which].poll() {
                        Poll::Ready(permit) => {
                            prop_assert!(entitled, "number {} got it with {} free", which, free);
                            free -= 1;
                            held.push(permit);
                            drop(line.remove(which));
                        }
                        Poll::Pending => prop_assert!(!entitled),
                    }
                }
                Step::Cancel(which) if !line.is_empty() => drop(line.remove(which % line.len())),
                Step::Release(which) if !held.is_empty() => {
                    drop(held.swap_remove(which % held.len()));
                    free += 1;
                }
                Step::Forget(which) if !held.is_empty() => {
                    held.swap_remove(which % held.len()).forget();
                }
                Step::TryAcquire => match semaphore.try_acquire() {
                    Some(permit) => {
                        prop_assert!(free > line.len());
                        free -= 1;
                        held.push(permit);
                    }
                    None => prop_assert!(free <= line.len()),
                },
                Step::Add(more) => {
                    semaphore.add_permits(more);
                    free += more;
                }
                _ => {}
            }
            for (place, waiting) in line.iter().enumerate() {
                prop_assert_eq!(waiting.is_woken(), place < free, "place {} of the line", place);
            }
            let entitled = free.min(line.len());
            prop_assert_eq!(semaphore.available_permits(), free - entitled);
            prop_assert_eq!(semaphore.waiting(), line.len() - entitled);
            prop_assert_eq!(semaphore.is_exhausted(), free == entitled);
        }
        drop(line);
        prop_assert_eq!((semaphore.available_permits(), semaphore.waiting()), (free, 0));
    }

    /// The same inside tasks: any number of deeds happen in one turn, then everything settles.
    #[test]
    fn any_tasks_at_a_semaphore_come_in_as_long_as_there_are_permits(
        permits in 0_usize..3,
        batches in prop::collection::vec(prop::collection::vec(0_u8..3, 0..6), 0..12),
        choices in prop::collection::vec(any::<usize>(), 80),
    ) {
        run_virtual(async {
            let semaphore = Semaphore::new(permits);
            let log = Log::new();
            let (mut free, mut next) = (permits, 0);
            let mut choices = choices.into_iter();
            // In line, in order; inside, with the promise that lets it out.
            let mut line = VecDeque::new();
            let mut inside = Vec::new();
            for batch in batches {
                for deed in batch {
                    let choice = choices.next().unwrap_or_default();
                    match deed {
                        0 => {
                            let (leave, left) = promise::<()>();
                            let (semaphore, log) = (semaphore.clone(), log.clone());
                            let number = next;
                            next += 1;
                            let task = spawn(async move {
                                let _permit = semaphore.acquire().await;
                                log.add(number.to_string());
                                let _ = left.await;
                            });
                            line.push_back((number, task, leave));
                        }
                        1 if !line.is_empty() => {
                            let (_, task, leave) = line.remove(choice % line.len()).unwrap();
                            assert!(task.cancel());
                            drop(leave);
                        }
                        2 if !inside.is_empty() => {
                            let (_, task, leave): (usize, roundelay::Task<()>, Promise<()>) =
                                inside.swap_remove(choice % inside.len());
                            leave.resolve(()).unwrap();
                            task.detach();
                            free += 1;
                        }
                        _ => {}
                    }
                }
                for _ in 0..6 {
                    yield_now().await;
                }
                let mut came: Vec<usize> =
                    log.take().iter().map(|number| number.parse().unwrap()).collect();
                came.sort_unstable();
                let enter = free.min(line.len());
                let expected: Vec<usize> = line.iter().take(enter).map(|entry| entry.0).collect();
                assert_eq!(came, expected);
                free -= enter;
                inside.extend(line.drain(..enter));
                assert_eq!(semaphore.available_permits(), free);
                assert_eq!(semaphore.waiting(), line.len());
            }
        });
    }
}

// ---- the queue: O20 -------------------------------------------------------------------------

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

// ---- promises ---------------------------------------------------------------------------------

#[test]
fn a_promise_that_is_dropped_tells_its_waiter() {
    let (set, mut value) = promise::<u8>();
    let (counter, waker) = Counter::new();
    assert!(poll_once(&mut value, &waker).is_pending());
    drop(set);
    assert_eq!(counter.wakes(), 1);
    assert_eq!(poll_once(&mut value, &waker), Poll::Ready(Err(Abandoned)));
}

#[test]
fn a_value_nobody_will_take_is_handed_back() {
    let (set, value) = promise();
    assert!(set.is_awaited());
    drop(value);
    assert!(!set.is_awaited());
    assert_eq!(set.resolve(7), Err(7));
}

#[test]
fn a_value_that_was_set_but_not_taken_is_dropped_with_the_future() {
    let census = Census::new();
    let (set, value) = promise();
    assert!(set.resolve(census.born()).is_ok());
    assert_eq!((census.alive(), value.is_settled()), (1, true));
    drop(value);
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_promise_that_holds_its_own_future_and_a_value_that_holds_its_promise_do_no_harm() {
    let (set, value) = promise::<PromiseFuture<()>>();
    let (_never, inner) = promise::<()>();
    assert!(set.resolve(inner).is_ok());
    drop(value);
    let (outer, outer_value) = promise::<Promise<u8>>();
    let (inner, mut inner_value) = promise::<u8>();
    assert!(outer.resolve(inner).is_ok());
    drop(outer_value);
    assert_eq!(poll_once(&mut inner_value, Waker::noop()), Poll::Ready(Err(Abandoned)));
}

#[test]
fn a_waker_that_comes_back_while_it_is_woken_finds_everything_let_go() {
    // B2: from inside the wake, the same semaphore, queue and promise are used again. The waker
    // must be `Send`, so it finds them through the thread.
    thread_local! {
        static THINGS: (Semaphore, Queue<u8>) = (Semaphore::new(0), Queue::bounded(1));
    }
    THINGS.with(|(semaphore, queue)| {
        let waker = support::waker_that_calls(|| {
            THINGS.with(|(semaphore, queue)| {
                let _ = (semaphore.available_permits(), semaphore.waiting(), queue.len());
                drop(semaphore.try_acquire());
                let _ = queue.try_get();
                let _ = queue.try_put(9);
                let mut waits = semaphore.acquire();
                drop(poll_once(&mut waits, Waker::noop()));
            });
        });
        let mut permits: Vec<_> = (0..3).map(|_| semaphore.acquire()).collect();
        let mut gets: Vec<_> = (0..3).map(|_| queue.get()).collect();
        for (permit, get) in permits.iter_mut().zip(&mut gets) {
            assert!(poll_once(permit, &waker).is_pending());
            assert!(poll_once(get, &waker).is_pending());
        }
        semaphore.add_permits(1);
        drop(permits);
        assert_eq!(semaphore.available_permits(), 1);
        let _ = queue.try_put(1);
        queue.close();
        drop(gets);
    });
}
