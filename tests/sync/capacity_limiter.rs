//! Promises about capacity limiters: one token for one borrower, and it is known who has which.
//!
//! trio's rules; bug classes B36 and B39.

use std::collections::{BTreeMap, BTreeSet};
use std::task::{Poll, Waker};

use proptest::prelude::*;
use roundelay::{BorrowError, Borrower, CapacityLimiter, LimiterToken, spawn, yield_now};

use crate::support::waiting::{Boxed, Game, Held, Left, Line, moves, play};
use crate::support::{Log, poll_once, run_virtual};

#[test]
fn tasks_come_in_in_order_and_at_most_so_many() {
    let log = Log::new();
    run_virtual(async {
        let limiter = CapacityLimiter::new(2);
        let tasks = (0..4).map(|n| {
            let (limiter, log) = (limiter.clone(), log.clone());
            async move {
                let _token = limiter.acquire().await.unwrap();
                log.add(format!("{n} in"));
                yield_now().await;
                log.add(format!("{n} out"));
            }
        });
        roundelay::gather_all(tasks).await;
        assert_eq!(limiter.statistics().borrowed, 0);
    });
    let expected = ["0 in", "1 in", "0 out", "1 out", "2 in", "3 in", "2 out", "3 out"];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_task_that_borrows_twice_is_told_so_instead_of_waiting_for_itself() {
    run_virtual(async {
        let limiter = CapacityLimiter::new(1);
        let token = limiter.acquire().await.unwrap();
        let me = token.borrower().clone();
        assert_eq!(me.name(), "main");
        assert_eq!(limiter.acquire().await.unwrap_err(), BorrowError::HoldsOne(me.clone()));
        assert_eq!(limiter.try_acquire().unwrap_err(), BorrowError::HoldsOne(me));
        drop(token);
        drop(limiter.acquire().await.unwrap());
    });
}

#[test]
fn a_token_is_given_back_by_its_borrower_only_and_only_once() {
    let limiter = CapacityLimiter::new(1);
    let (anna, bert) = (Borrower::new("anna"), Borrower::new("anna"));
    let token = limiter.try_acquire_on_behalf_of(&anna).unwrap();
    let foreign = limiter.release_on_behalf_of(&bert);
    assert_eq!(foreign, Err(BorrowError::HoldsNone(bert.clone())));
    assert_eq!(limiter.release_on_behalf_of(&anna), Ok(()));
    let next = limiter.try_acquire_on_behalf_of(&bert).unwrap();
    // The old guard has nothing more to give back.
    drop(token);
    assert_eq!(limiter.available_tokens(), 0);
    assert_eq!(limiter.statistics().borrowers, [bert]);
    drop(next);
    assert_eq!(limiter.available_tokens(), 1);
}

#[test]
fn outside_of_a_task_somebody_must_be_named() {
    let limiter = CapacityLimiter::new(1);
    assert_eq!(limiter.try_acquire().unwrap_err(), BorrowError::NoTask);
    let mut waits = limiter.acquire();
    let polled = poll_once(&mut waits, Waker::noop());
    assert!(matches!(polled, Poll::Ready(Err(BorrowError::NoTask))));
    assert_eq!(limiter.available_tokens(), 1);
}

#[test]
fn raising_the_total_lets_waiters_in_and_lowering_it_keeps_them_out() {
    let log = Log::new();
    run_virtual(async {
        let limiter = CapacityLimiter::new(0);
        for n in 0..3 {
            let (limiter, log) = (limiter.clone(), log.clone());
            spawn(async move {
                limiter.acquire().await.unwrap().keep();
                log.add(n.to_string());
            })
            .detach();
        }
        yield_now().await;
        limiter.set_total(2);
        yield_now().await;
        assert_eq!(log.take(), ["0", "1"]);
        limiter.set_total(1);
        let held = limiter.statistics().borrowers;
        assert_eq!((held.len(), limiter.available_tokens()), (2, 0));
        limiter.release_on_behalf_of(&held[0]).unwrap();
        yield_now().await;
        assert_eq!(log.take(), [""; 0]);
        limiter.release_on_behalf_of(&held[1]).unwrap();
        yield_now().await;
    });
    assert_eq!(log.take(), ["2"]);
}

#[test]
fn errors_name_the_borrower_and_say_what_to_do() {
    let anna = Borrower::new("anna");
    let limiter = CapacityLimiter::new(0);
    let error = limiter.try_acquire_on_behalf_of(&anna).unwrap_err();
    assert!(matches!(error, BorrowError::NoneFree(_)));
    assert!(error.to_string().contains("(anna)"), "{error}");
    assert!(BorrowError::NoTask.to_string().contains("acquire_on_behalf_of"));
}

#[derive(Clone, Debug)]
enum Deed {
    SetTotal(usize),
    Try(usize),
    Release(usize),
    Keep(usize),
}

type Got = Result<LimiterToken, BorrowError>;

struct LimiterGame {
    limiter: CapacityLimiter,
    borrowers: Vec<Borrower>,
    line: Line<usize, usize>,
    total: usize,
    taken: usize,
    /// Borrowers who wait or were called.
    waiting: BTreeSet<usize>,
    /// Who holds a token, and by which loan.
    holders: BTreeMap<usize, usize>,
    tries: usize,
}

impl LimiterGame {
    fn refused(&self, who: usize) -> Option<&'static str> {
        if self.holders.contains_key(&who) {
            return Some("holds one");
        }
        self.waiting.contains(&who).then_some("waits already")
    }

    fn has_room(&self) -> bool {
        self.line.standing.is_empty() && self.taken < self.total
    }

    fn give_back(&mut self) {
        self.taken -= 1;
        self.serve();
    }

    fn serve(&mut self) {
        while self.taken < self.total && !self.line.standing.is_empty() {
            self.taken += 1;
            let borrower = self.line.standing[0].1;
            self.line.call(0, borrower);
        }
    }
}

fn kind(error: &BorrowError) -> &'static str {
    match error {
        BorrowError::HoldsOne(_) => "holds one",
        BorrowError::WaitsAlready(_) => "waits already",
        BorrowError::HoldsNone(_) => "holds none",
        BorrowError::NoneFree(_) => "none free",
        BorrowError::NoTask => "no task",
    }
}

impl Game for LimiterGame {
    type Ask = usize;
    type Deed = Deed;
    type Got = Got;
    type Seen = Result<(), &'static str>;

    fn begin(&mut self, who: usize, ask: &usize, _: &mut Held<Got>) -> Option<Boxed<Got>> {
        self.line.comes(who, *ask);
        Some(Box::pin(self.limiter.acquire_on_behalf_of(&self.borrowers[*ask])))
    }

    fn poll(&mut self, who: usize) -> Option<Self::Seen> {
        let borrower = match self.line.enters(who) {
            Some(borrower) => {
                if let Some(why) = self.refused(borrower) {
                    return Some(Err(why));
                }
                if !self.has_room() {
                    self.waiting.insert(borrower);
                    self.line.stands(who, borrower);
                    return None;
                }
                self.taken += 1;
                borrower
            }
            None => self.line.takes(who)?,
        };
        self.waiting.remove(&borrower);
        self.holders.insert(borrower, who);
        Some(Ok(()))
    }

    fn seen(got: &Got) -> Self::Seen {
        got.as_ref().map(|_| ()).map_err(kind)
    }

    fn gives_up(&mut self, who: usize) {
        match self.line.leaves(who) {
            Left::Called(borrower) => {
                self.waiting.remove(&borrower);
                self.give_back();
            }
            Left::Standing(borrower) => drop(self.waiting.remove(&borrower)),
            Left::Outside => {}
        }
    }

    fn end(&mut self, who: usize, got: Got) {
        drop(got);
        let holder = self.holders.iter().find(|(_, loan)| **loan == who).map(|(who, _)| *who);
        if let Some(borrower) = holder {
            self.holders.remove(&borrower);
            self.give_back();
        }
    }

    fn act(&mut self, deed: &Deed, held: &mut Held<Got>) {
        match *deed {
            Deed::SetTotal(total) => {
                self.limiter.set_total(total);
                self.total = total;
                self.serve();
            }
            Deed::Try(borrower) => {
                let got = self.limiter.try_acquire_on_behalf_of(&self.borrowers[borrower]);
                let expected = match self.refused(borrower) {
                    Some(why) => Err(why),
                    None if self.has_room() => Ok(()),
                    None => Err("none free"),
                };
                assert_eq!(Self::seen(&got), expected);
                if got.is_ok() {
                    self.tries += 1;
                    let loan = usize::MAX - self.tries;
                    self.taken += 1;
                    self.holders.insert(borrower, loan);
                    held.push((loan, got));
                }
            }
            Deed::Release(borrower) => {
                let released = self.limiter.release_on_behalf_of(&self.borrowers[borrower]);
                assert_eq!(released.is_ok(), self.holders.remove(&borrower).is_some());
                if released.is_ok() {
                    self.give_back();
                }
            }
            Deed::Keep(which) if !held.is_empty() => {
                let (_, got) = held.swap_remove(which % held.len());
                let _ = got.map(LimiterToken::keep);
            }
            Deed::Keep(_) => {}
        }
    }

    fn calls(&mut self) -> Vec<usize> {
        self.line.calls()
    }

    fn check(&self) {
        let statistics = self.limiter.statistics();
        assert_eq!((statistics.total, statistics.borrowed), (self.total, self.taken));
        assert_eq!(statistics.waiting, self.line.standing.len());
        let holders: Vec<_> = self.holders.keys().map(|&who| self.borrowers[who].clone()).collect();
        assert_eq!(statistics.borrowers, holders);
        assert_eq!(self.limiter.available_tokens(), self.total.saturating_sub(self.taken));
    }
}

proptest! {
    #![proptest_config(crate::support::properties(600))]

    #[test]
    fn any_life_of_a_limiter_knows_who_has_its_tokens(
        total in 0_usize..4,
        moves in moves(0_usize..6, prop_oneof![
            (0_usize..5).prop_map(Deed::SetTotal),
            (0_usize..6).prop_map(Deed::Try),
            (0_usize..6).prop_map(Deed::Release),
            any::<usize>().prop_map(Deed::Keep),
        ]),
    ) {
        let game = play(LimiterGame {
            limiter: CapacityLimiter::new(total),
            borrowers: (0..6).map(|n| Borrower::new(n.to_string())).collect(),
            line: Line::new(),
            total,
            taken: 0,
            waiting: BTreeSet::new(),
            holders: BTreeMap::new(),
            tries: 0,
        }, moves);
        // What is left was kept on purpose.
        for &kept in game.holders.keys() {
            prop_assert_eq!(game.limiter.release_on_behalf_of(&game.borrowers[kept]), Ok(()));
        }
        prop_assert_eq!(game.limiter.statistics().borrowed, 0);
    }
}
