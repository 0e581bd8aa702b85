//! Promises about semaphores and promises: first come, first served; nothing lost, nothing
//! doubled; whoever was granted something and is cancelled passes it on.
//!
//! Order facts O18 of asyncio (queues: `queues/`); contract 6 of the house; bug classes B36 to B38.
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
    Abandoned, Acquire, Permit, Promise, PromiseFuture, Queue, Semaphore, gather_all, promise,
    spawn, yield_now,
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
