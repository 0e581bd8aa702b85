//! What a cancelled scope means for the code in it: to wait, to end, or to go on.
//!
//! What is polled inside of a scope may lie there (then it is dropped with the scope) or be
//! only borrowed (then it lives on), and nobody can tell before the scope is gone. So a part
//! of a cancelled scope waits for the scope's own next step, and that decides:
//!
//! ```text
//!   cancel() --> the parts take no step --> the scope's step:
//!       no shield runs in it:  the scope drops its future and has left; what was only
//!                              borrowed is woken and goes on
//!       a shield runs in it:   the parts are woken, and end without waiting for the shield
//! ```
//!
//! # Invariants
//! - A region that has left cuts nobody. Holds still pass through it, for what was borrowed in it
//!   may lie in the scope around.
//!
//! Tutorial: chapter 10. Before this: `region.rs`. After this: `scope.rs`.

use std::rc::Rc;

use crate::cancel::region::{Kind, Region, Stage};

/// What is around a region, as far as shields let that through.
pub(crate) enum Around {
    /// Nothing that was cancelled.
    Calm,
    /// A scope that was cancelled and has not taken a step since.
    Undecided(Rc<Region>),
    /// A scope that was cancelled and waits for a shield: whoever can end by himself ends.
    Cut,
}

impl Region {
    /// Whether the code in here takes no more steps for now: it was cancelled, or something
    /// around it was, and no shield runs in it.
    pub(crate) fn must_stop(&self) -> bool {
        self.held.get() == 0 && (self.cancelled.get() || !matches!(self.around(), Around::Calm))
    }

    /// Whether something around it was cancelled, and what follows from that.
    pub(crate) fn around(&self) -> Around {
        let mut was_borrowed = false;
        let mut next = self.outer.borrow().clone();
        while let Some(region) = next {
            if region.kind == Kind::Shield {
                return Around::Calm;
            }
            let stage = region.stage.get();
            was_borrowed |= stage == Stage::Left;
            if region.cancelled.get() && stage != Stage::Left {
                return match stage {
                    // Whoever had borrowed it is gone, so nobody awaits it in that scope.
                    Stage::WaitsForShield if was_borrowed => Around::Calm,
                    Stage::WaitsForShield => Around::Cut,
                    _ => Around::Undecided(region),
                };
            }
            next = region.outer.borrow().clone();
        }
        Around::Calm
    }

    /// Has this region woken when `scope` has decided.
    pub(crate) fn wait_for(self: &Rc<Region>, scope: &Region) {
        if !self.is_parked.replace(true) {
            scope.parked.borrow_mut().push(Rc::clone(self));
        }
    }

    /// This scope's own step finds that a shield keeps it waiting, if it was cancelled.
    pub(crate) fn stays(&self) {
        if self.cancelled.get() {
            self.stage.set(Stage::WaitsForShield);
            self.release_parked();
        }
    }

    /// The code in here has ended, or is dropped before the guard is.
    pub(crate) fn leave(&self) -> HasLeft<'_> {
        self.stage.set(Stage::Left);
        self.forget_waiter();
        HasLeft { region: self }
    }

    fn release_parked(&self) {
        for region in self.parked.take() {
            region.is_parked.set(false);
            region.wake();
        }
    }
}

/// A region that has left. Dropped when its future is gone: whoever waits until then lives on.
#[must_use = "those who wait for the region's end are woken when this is dropped"]
pub(crate) struct HasLeft<'a> {
    region: &'a Region,
}

impl Drop for HasLeft<'_> {
    fn drop(&mut self) {
        self.region.release_parked();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::region::innermost;

    fn inside(outer: &Rc<Region>, region: &Rc<Region>) {
        outer.poll_inside(|| region.set_outer(innermost()));
    }

    #[test]
    fn what_is_around_a_shield_does_not_end_what_is_inside_of_it() {
        let (a, shield, inner) = (Region::scope(), Region::shield(), Region::scope());
        inside(&a, &shield);
        inside(&shield, &inner);
        shield.raise();
        assert!(a.cancel() && !a.cancel());
        assert!(!a.must_stop() && !inner.must_stop());
        inner.cancel();
        assert!(inner.must_stop());
        shield.lower();
        assert!(a.must_stop());
    }

    #[test]
    fn a_region_that_has_left_lets_holds_through_and_no_cancel() {
        let (outer, left, part, shield) =
            (Region::scope(), Region::scope(), Region::part_of(None), Region::shield());
        for pair in [&outer, &left, &part, &shield].windows(2) {
            inside(pair[0], pair[1]);
        }
        assert!(left.cancel());
        assert!(matches!(part.around(), Around::Undecided(_)));
        drop(left.leave());
        assert!(matches!(part.around(), Around::Calm));
        shield.raise();
        outer.cancel();
        assert!(!outer.must_stop());
        outer.stays();
        shield.lower();
        // Nobody awaits the part in the outer scope any more, so it is not cut there.
        assert!(outer.must_stop() && matches!(part.around(), Around::Calm));
        inside(&outer, &part);
        assert!(matches!(part.around(), Around::Cut));
    }
}
