//! Promises about barriers: a group passes whole or not at all.
//!
//! Order facts O21 of asyncio; bug class B36.

use std::task::{Poll, Waker};

use proptest::prelude::*;
use roundelay::{Barrier, BrokenBarrier, Task, gather_all, sleep, spawn, yield_now};

use crate::support::waiting::{Boxed, Game, Held, Left, Line, moves, play};
use crate::support::{Log, ms, poll_once, run_virtual};

fn arrive(barrier: &Barrier, log: &Log, name: char) -> impl Future<Output = ()> + use<> {
    let (barrier, log) = (barrier.clone(), log.clone());
    async move {
        let number = barrier.wait().await.unwrap();
        log.add(format!("{name}{number}"));
    }
}

fn waiters(barrier: &Barrier) -> Vec<Task<Result<usize, BrokenBarrier>>> {
    (0..2).map(|_| spawn(barrier.wait())).collect()
}

async fn outcomes(tasks: Vec<Task<Result<usize, BrokenBarrier>>>) -> Vec<bool> {
    let mut broken = Vec::new();
    for task in tasks {
        broken.push(task.await.unwrap().is_err());
    }
    broken
}

#[test]
fn o21_1_the_last_to_arrive_goes_on_first_and_the_others_in_the_order_of_arrival() {
    let log = Log::new();
    run_virtual(async {
        let barrier = Barrier::new(3);
        gather_all("abc".chars().map(|name| arrive(&barrier, &log, name))).await;
    });
    assert_eq!(log.take(), ["c2", "a0", "b1"]);
}

#[test]
fn o21_2_it_can_be_used_again_and_groups_do_not_mix() {
    let log = Log::new();
    run_virtual(async {
        let barrier = Barrier::new(3);
        gather_all("defghi".chars().map(|name| arrive(&barrier, &log, name))).await;
        assert_eq!(barrier.waiting(), 0);
    });
    assert_eq!(log.take(), ["f2", "d0", "e1", "i2", "g0", "h1"]);
}

#[test]
fn o21_3_abort_breaks_waiters_and_late_comers_and_reset_breaks_waiters_only() {
    run_virtual(async {
        let barrier = Barrier::new(3);
        let tasks = waiters(&barrier);
        sleep(ms(10)).await;
        assert_eq!((barrier.waiting(), barrier.is_broken()), (2, false));
        barrier.abort();
        assert_eq!(outcomes(tasks).await, [true, true]);
        assert!(barrier.is_broken());
        assert_eq!(barrier.wait().await, Err(BrokenBarrier));
        barrier.reset();
        assert!(!barrier.is_broken());
        let tasks = waiters(&barrier);
        sleep(ms(10)).await;
        barrier.reset();
        assert_eq!(outcomes(tasks).await, [true, true]);
        assert!(!barrier.is_broken());
        let tasks = waiters(&barrier);
        sleep(ms(10)).await;
        assert_eq!(barrier.wait().await, Ok(2));
        assert_eq!(outcomes(tasks).await, [false, false]);
    });
}

#[test]
fn o21_4_a_cancelled_waiter_just_leaves() {
    run_virtual(async {
        let barrier = Barrier::new(3);
        let mut tasks = waiters(&barrier);
        sleep(ms(10)).await;
        let first = tasks.remove(0);
        first.cancel();
        assert!(first.await.is_err());
        assert_eq!((barrier.waiting(), barrier.is_broken()), (1, false));
        tasks.push(spawn(barrier.wait()));
        yield_now().await;
        // Stronger than asyncio, where two could now have the same number.
        assert_eq!(barrier.wait().await, Ok(2));
        assert_eq!(tasks.remove(0).await.unwrap(), Ok(0));
        assert_eq!(tasks.remove(0).await.unwrap(), Ok(1));
    });
}

#[test]
fn who_was_let_go_is_not_called_back_by_an_abort() {
    run_virtual(async {
        let barrier = Barrier::new(3);
        let tasks = waiters(&barrier);
        yield_now().await;
        assert_eq!(barrier.wait().await, Ok(2));
        barrier.abort();
        assert_eq!(outcomes(tasks).await, [false, false]);
    });
}

#[test]
fn one_that_is_cancelled_after_it_was_let_go_does_not_hold_up_the_next_group() {
    let barrier = Barrier::new(2);
    let mut first = barrier.wait();
    assert!(poll_once(&mut first, Waker::noop()).is_pending());
    assert_eq!(poll_once(&mut barrier.wait(), Waker::noop()), Poll::Ready(Ok(1)));
    // While the first has not left, two more are no group.
    let mut next = [barrier.wait(), barrier.wait()];
    for wait in &mut next {
        assert!(poll_once(wait, Waker::noop()).is_pending());
    }
    drop(first);
    let numbers = next.map(|mut wait| poll_once(&mut wait, Waker::noop()));
    assert_eq!(numbers, [0, 1].map(|number| Poll::Ready(Ok(number))));
}

#[test]
fn a_party_of_one_never_waits() {
    run_virtual(async {
        let barrier = Barrier::new(1);
        for _ in 0..3 {
            assert_eq!(barrier.wait().await, Ok(0));
        }
    });
}

#[test]
#[should_panic(expected = "at least one party")]
fn a_barrier_for_nobody_is_refused() {
    let _ = Barrier::new(0);
}

#[derive(Clone, Debug)]
enum Deed {
    Abort,
    Reset,
}

type Number = Result<usize, BrokenBarrier>;

struct BarrierGame {
    barrier: Barrier,
    line: Line<(), Number>,
    broken: bool,
}

impl BarrierGame {
    /// The first so many of the line are called, the last of them first.
    fn group_passes(&mut self) {
        let parties = self.barrier.parties();
        if !self.line.called.is_empty() || self.line.standing.len() < parties {
            return;
        }
        (0..parties).for_each(|number| self.line.call(0, Ok(number)));
        let start = self.line.calls.len() - parties;
        self.line.calls[start..].rotate_right(1);
    }
}

impl Game for BarrierGame {
    type Ask = ();
    type Deed = Deed;
    type Got = Number;
    type Seen = Number;

    fn begin(&mut self, who: usize, (): &(), _: &mut Held<Number>) -> Option<Boxed<Number>> {
        self.line.comes(who, ());
        Some(Box::pin(self.barrier.wait()))
    }

    fn poll(&mut self, who: usize) -> Option<Number> {
        let Some(()) = self.line.enters(who) else {
            let number = self.line.takes(who);
            self.group_passes();
            return number;
        };
        if self.broken {
            return Some(Err(BrokenBarrier));
        }
        let last = self.barrier.parties() - 1;
        if self.line.called.is_empty() && self.line.standing.len() == last {
            (0..last).for_each(|number| self.line.call(0, Ok(number)));
            return Some(Ok(last));
        }
        self.line.stands(who, ());
        None
    }

    fn seen(got: &Number) -> Number {
        *got
    }

    fn gives_up(&mut self, who: usize) {
        if let Left::Called(_) = self.line.leaves(who) {
            self.group_passes();
        }
    }

    fn end(&mut self, _: usize, _: Number) {}

    fn act(&mut self, deed: &Deed, _: &mut Held<Number>) {
        self.broken = match deed {
            Deed::Abort => {
                self.barrier.abort();
                true
            }
            Deed::Reset => {
                self.barrier.reset();
                false
            }
        };
        self.line.call_all(Err(BrokenBarrier));
    }

    fn calls(&mut self) -> Vec<usize> {
        self.line.calls()
    }

    fn check(&self) {
        assert_eq!(self.barrier.is_broken(), self.broken);
        assert_eq!(self.barrier.waiting(), self.line.standing.len());
    }
}

proptest! {
    #![proptest_config(crate::support::properties(600))]

    #[test]
    fn any_life_of_a_barrier_lets_whole_groups_pass(
        parties in 1_usize..4,
        moves in moves(Just(()), prop_oneof![1 => Just(Deed::Abort), 3 => Just(Deed::Reset)]),
        quiet in any::<bool>(),
    ) {
        use crate::support::waiting::Move;
        // In every other life nobody aborts or resets, so that groups are completed.
        let moves = moves.into_iter().filter(|one| !quiet || !matches!(one, Move::Act(_)));
        let (barrier, line) = (Barrier::new(parties), Line::new());
        let game = BarrierGame { barrier, line, broken: false };
        prop_assert_eq!(play(game, moves.collect()).barrier.waiting(), 0);
    }
}
