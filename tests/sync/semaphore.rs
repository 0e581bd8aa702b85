//! Promises about semaphores: at most so many inside, first come first served, permits add up.
//!
//! Order facts O18 of asyncio; contract 6 of the house; bug classes B36 and B39.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use proptest::prelude::*;
use roundelay::{Permit, Promise, Semaphore, gather_all, promise, spawn, yield_now};

use crate::support::waiting::{Boxed, Game, Held, Left, Line, moves, play};
use crate::support::{self, Log, ms, poll_once, run_virtual};

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

proptest! {
    #![proptest_config(crate::support::properties(300))]

    /// Inside tasks: any number of deeds happen in one turn, then everything settles.
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

#[test]
fn o18_4_one_that_is_cancelled_before_the_grant_is_skipped() {
    let log = Log::new();
    run_virtual(async {
        let semaphore = Semaphore::new(0);
        let tasks = [0, 1].map(|n| {
            let (semaphore, log) = (semaphore.clone(), log.clone());
            spawn(async move {
                semaphore.acquire().await.forget();
                log.add(n.to_string());
            })
        });
        yield_now().await;
        tasks[0].cancel();
        semaphore.add_permits(1);
        for task in tasks {
            let _ = task.await;
        }
        assert_eq!(semaphore.available_permits(), 0);
        // It may exceed what it began with.
        semaphore.add_permits(2);
        assert_eq!(semaphore.available_permits(), 2);
    });
    assert_eq!(log.take(), ["1"]);
}

// ---- many at once ---------------------------------------------------------------------------

#[test]
fn a_big_request_at_the_front_holds_up_the_small_ones_behind_it() {
    let log = Log::new();
    run_virtual(async {
        let semaphore = Semaphore::new(3);
        let one = semaphore.acquire().await;
        let tasks: Vec<_> = [3, 1, 1]
            .map(|wanted| {
                let (semaphore, log) = (semaphore.clone(), log.clone());
                spawn(async move {
                    let permit = semaphore.acquire_many(wanted).await;
                    log.add(format!("{} in", permit.count()));
                    yield_now().await;
                })
            })
            .into();
        yield_now().await;
        assert_eq!((semaphore.available_permits(), semaphore.waiting()), (2, 3));
        assert!(semaphore.is_exhausted() && semaphore.try_acquire().is_none());
        log.add("one back");
        drop(one);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(semaphore.available_permits(), 3);
    });
    assert_eq!(log.take(), ["one back", "3 in", "1 in", "1 in"]);
}

#[test]
fn a_big_request_that_gives_up_lets_the_small_ones_behind_it_in() {
    run_virtual(async {
        let semaphore = Semaphore::new(2);
        let _one = semaphore.acquire().await;
        let big = spawn(semaphore.acquire_many(2));
        let small = spawn(semaphore.acquire());
        yield_now().await;
        big.cancel();
        assert_eq!(small.await.unwrap().count(), 1);
    });
}

#[test]
#[should_panic(expected = "ask for at least one")]
fn asking_for_no_permits_is_refused() {
    drop(Semaphore::new(1).acquire_many(0));
}

#[test]
fn permits_taken_together_can_be_split_and_never_to_nothing() {
    let semaphore = Semaphore::new(3);
    let mut permit = semaphore.try_acquire_many(3).unwrap();
    assert!(permit.split(0).is_none() && permit.split(3).is_none());
    let rest = permit.split(2).unwrap();
    assert_eq!((permit.count(), rest.count()), (1, 2));
    drop(permit);
    rest.forget();
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn permits_that_come_back_never_make_too_many() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(usize::MAX))).is_err());
    semaphore.add_permits(usize::MAX - 1);
    drop(permit);
    assert_eq!(semaphore.available_permits(), usize::MAX);
}

#[derive(Clone, Debug)]
enum Deed {
    Try(usize),
    Add(usize),
    Forget(usize),
    Split(usize, usize),
}

struct SemaphoreGame {
    semaphore: Semaphore,
    line: Line<usize, usize>,
    free: usize,
}

impl SemaphoreGame {
    fn add(&mut self, permits: usize) {
        self.free += permits;
        while let Some(&(_, wanted)) = self.line.standing.first()
            && wanted <= self.free
        {
            self.free -= wanted;
            self.line.call(0, wanted);
        }
    }

    fn has(&self, permits: usize) -> bool {
        self.line.standing.is_empty() && permits <= self.free
    }
}

impl Game for SemaphoreGame {
    type Ask = usize;
    type Deed = Deed;
    type Got = Permit;
    type Seen = usize;

    fn begin(&mut self, who: usize, ask: &usize, _: &mut Held<Permit>) -> Option<Boxed<Permit>> {
        self.line.comes(who, *ask);
        Some(Box::pin(self.semaphore.acquire_many(*ask)))
    }

    fn poll(&mut self, who: usize) -> Option<usize> {
        match self.line.enters(who) {
            Some(ask) if self.has(ask) => {
                self.free -= ask;
                Some(ask)
            }
            Some(ask) => {
                self.line.stands(who, ask);
                None
            }
            None => self.line.takes(who),
        }
    }

    fn seen(got: &Permit) -> usize {
        got.count()
    }

    fn gives_up(&mut self, who: usize) {
        match self.line.leaves(who) {
            Left::Called(count) => self.add(count),
            Left::Standing(_) => self.add(0),
            Left::Outside => {}
        }
    }

    fn end(&mut self, _: usize, got: Permit) {
        let count = got.count();
        drop(got);
        self.add(count);
    }

    fn act(&mut self, deed: &Deed, held: &mut Held<Permit>) {
        match *deed {
            Deed::Try(permits) => {
                let permit = self.semaphore.try_acquire_many(permits);
                assert_eq!(permit.is_some(), self.has(permits));
                if let Some(permit) = permit {
                    self.free -= permits;
                    held.push((usize::MAX, permit));
                }
            }
            Deed::Add(permits) => {
                self.semaphore.add_permits(permits);
                self.add(permits);
            }
            Deed::Forget(which) if !held.is_empty() => {
                held.swap_remove(which % held.len()).1.forget();
            }
            Deed::Split(which, permits) if !held.is_empty() => {
                let which = which % held.len();
                let before = held[which].1.count();
                let part = held[which].1.split(permits);
                assert_eq!(part.is_some(), 0 < permits && permits < before);
                held.extend(part.map(|part| (usize::MAX, part)));
            }
            _ => {}
        }
    }

    fn calls(&mut self) -> Vec<usize> {
        self.line.calls()
    }

    fn check(&self) {
        assert_eq!(self.semaphore.available_permits(), self.free);
        assert_eq!(self.semaphore.waiting(), self.line.standing.len());
        assert_eq!(self.semaphore.is_exhausted(), !self.has(1));
    }
}

proptest! {
    #![proptest_config(crate::support::properties(600))]

    #[test]
    fn any_life_of_a_semaphore_serves_small_and_big_requests_in_order(
        permits in 0_usize..5,
        moves in moves(1_usize..5, prop_oneof![
            (1_usize..4).prop_map(Deed::Try),
            (0_usize..3).prop_map(Deed::Add),
            any::<usize>().prop_map(Deed::Forget),
            (any::<usize>(), 0_usize..4).prop_map(|(which, permits)| Deed::Split(which, permits)),
        ]),
    ) {
        let semaphore = Semaphore::new(permits);
        let game = play(SemaphoreGame { semaphore, line: Line::new(), free: permits }, moves);
        prop_assert_eq!(game.semaphore.waiting(), 0);
        prop_assert_eq!(game.semaphore.available_permits(), game.free);
    }
}
