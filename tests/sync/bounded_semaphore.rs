//! Promises about bounded semaphores: never more permits than at the beginning.
//!
//! Order fact O18.5 of asyncio; bug class B39.

use proptest::prelude::*;
use roundelay::{BoundedSemaphore, OverReleased, Permit, spawn, yield_now};

use crate::support::run_virtual;
use crate::support::waiting::{Boxed, Game, Held, Left, Line, moves, play};

#[test]
fn o18_5_a_release_above_the_bound_is_an_error_and_changes_nothing() {
    let semaphore = BoundedSemaphore::new(1);
    assert_eq!(semaphore.release(), Err(OverReleased { bound: 1 }));
    let permit = semaphore.try_acquire().unwrap();
    // The permit is in a guard: released by hand it would come back twice.
    let error = semaphore.release().unwrap_err();
    assert!(error.to_string().contains("whose 1 permits are all here or in guards"));
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_permit_released_by_hand_goes_to_the_first_in_line() {
    run_virtual(async {
        let semaphore = BoundedSemaphore::new(1);
        semaphore.acquire().await.forget();
        let waits = semaphore.clone();
        let task = spawn(async move { waits.acquire().await.forget() });
        yield_now().await;
        assert_eq!(semaphore.release(), Ok(()));
        task.await.unwrap();
        assert_eq!((semaphore.release(), semaphore.available_permits()), (Ok(()), 1));
    });
}

#[test]
#[should_panic(expected = "3 permits were asked of a semaphore that never has more than 2")]
fn more_permits_than_there_can_ever_be_are_refused_at_once() {
    drop(BoundedSemaphore::new(2).acquire_many(3));
}

#[test]
#[should_panic(expected = "needs at least one permit")]
fn a_bound_of_zero_is_refused() {
    let _ = BoundedSemaphore::new(0);
}

#[derive(Clone, Debug)]
enum Deed {
    Try(usize),
    Forget(usize),
    Release,
}

struct BoundedGame {
    semaphore: BoundedSemaphore,
    line: Line<usize, usize>,
    free: usize,
    forgotten: usize,
}

impl BoundedGame {
    fn add(&mut self, permits: usize) {
        self.free += permits;
        while let Some(&(_, wanted)) = self.line.standing.first()
            && wanted <= self.free
        {
            self.free -= wanted;
            self.line.call(0, wanted);
        }
    }
}

impl Game for BoundedGame {
    type Ask = usize;
    type Deed = Deed;
    type Got = Permit;
    type Seen = usize;

    fn begin(&mut self, who: usize, ask: &usize, _: &mut Held<Permit>) -> Option<Boxed<Permit>> {
        let ask = 1 + ask % self.semaphore.bound();
        self.line.comes(who, ask);
        Some(Box::pin(self.semaphore.acquire_many(ask)))
    }

    fn poll(&mut self, who: usize) -> Option<usize> {
        match self.line.enters(who) {
            Some(ask) if self.line.standing.is_empty() && ask <= self.free => {
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
            Deed::Try(ask) => {
                let ask = 1 + ask % self.semaphore.bound();
                let permit = self.semaphore.try_acquire_many(ask);
                assert_eq!(permit.is_some(), self.line.standing.is_empty() && ask <= self.free);
                if let Some(permit) = permit {
                    self.free -= ask;
                    held.push((usize::MAX, permit));
                }
            }
            Deed::Forget(which) if !held.is_empty() => {
                let (_, permit) = held.swap_remove(which % held.len());
                self.forgotten += permit.count();
                permit.forget();
            }
            Deed::Forget(_) => {}
            Deed::Release => {
                let released = self.semaphore.release();
                assert_eq!(released.is_ok(), self.forgotten > 0);
                if released.is_ok() {
                    self.forgotten -= 1;
                    self.add(1);
                }
            }
        }
    }

    fn calls(&mut self) -> Vec<usize> {
        self.line.calls()
    }

    fn check(&self) {
        assert_eq!(self.semaphore.available_permits(), self.free);
        assert_eq!(self.semaphore.waiting(), self.line.standing.len());
    }
}

proptest! {
    #![proptest_config(crate::support::properties(500))]

    #[test]
    fn any_life_of_a_bounded_semaphore_keeps_its_bound(
        bound in 1_usize..5,
        moves in moves(0_usize..5, prop_oneof![
            (0_usize..5).prop_map(Deed::Try),
            any::<usize>().prop_map(Deed::Forget),
            Just(Deed::Release),
        ]),
    ) {
        let semaphore = BoundedSemaphore::new(bound);
        let game = BoundedGame { semaphore, line: Line::new(), free: bound, forgotten: 0 };
        let game = play(game, moves);
        prop_assert_eq!(game.semaphore.available_permits() + game.forgotten, bound);
        for _ in 0..game.forgotten {
            prop_assert_eq!(game.semaphore.release(), Ok(()));
        }
        prop_assert_eq!(game.semaphore.release(), Err(OverReleased { bound }));
    }
}
