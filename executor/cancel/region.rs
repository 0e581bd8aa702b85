//! Regions: which scopes and shields lie around the code that is being polled.
//!
//! A scope is dropped from outside, so somebody must know *from outside* whether a shield is
//! running in it. Scopes, shields and the children of groups are therefore regions, and each
//! knows the region around it:
//!
//! ```text
//!   scope a <--- group's child <--- scope b <--- shield <--- scope c
//!     held: 1        held: 1          held: 1      running      (nothing gets in here from
//!                                                                a or b: a shield ends the walk)
//! ```
//!
//! While a region is polled it is noted for its thread, as the innermost one; whatever
//! region is polled inside finds it there. A shield that runs *holds* the region around it,
//! and a region that is held holds the one around it in turn, up to the next shield.
//!
//! # Invariants
//! - A region is held exactly as often as regions directly inside of it hold it.
//! - No region lies inside of itself, however futures are moved about.
//! - The note belongs to the task that polls: code that another task runs, even inside of
//!   this one's step, is not inside.
//! - A region that is let go of for the last time wakes whoever polls it, for it may be
//!   cancelled by then.
//!
//! Tutorial: chapter 10. Before this: `token.rs`. After this: `around.rs`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Context;

use crate::current::current_tasks;
use crate::own_step;
use crate::task_table::Waiter;

/// A piece of code, as seen by those who would cancel it.
pub(crate) struct Region {
    pub(crate) kind: Kind,
    /// The region around this one, as of the last poll.
    pub(crate) outer: RefCell<Option<Rc<Region>>>,
    pub(crate) cancelled: Cell<bool>,
    pub(crate) stage: Cell<Stage>,
    /// Who waits for this scope's decision, and whether this region waits for one.
    pub(crate) parked: RefCell<Vec<Rc<Region>>>,
    pub(crate) is_parked: Cell<bool>,
    /// How many regions directly inside of this one hold it. A shield that runs counts itself.
    pub(crate) held: Cell<usize>,
    /// Who polls it.
    waiter: RefCell<Option<Waiter>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Can be cancelled itself: a scope.
    Scope,
    /// Is cancelled with what lies around it: a group, or a child of one.
    Part,
    Shield,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Here,
    /// It was cancelled, and its own step found a shield to wait for.
    WaitsForShield,
    /// Its code has ended or is being dropped.
    Left,
}

/// A region and the number of the task that polls it.
type Note = (Rc<Region>, Option<u64>);

thread_local! {
    static INNERMOST: RefCell<Option<Note>> = const { RefCell::new(None) };
}

/// The region around the code that is being polled.
pub(crate) fn innermost() -> Option<Rc<Region>> {
    // Most programs have no scope: for them this is one look at a thread-local.
    let note = INNERMOST.try_with(|note| note.borrow().clone()).ok().flatten();
    let (region, task) = note?;
    (task == current_task_id()).then_some(region)
}

fn current_task_id() -> Option<u64> {
    let tasks = current_tasks()?;
    tasks.id(own_step::task()?)
}

impl Region {
    pub(crate) fn scope() -> Rc<Region> {
        Region::new(Kind::Scope)
    }

    /// The child of a group that runs in `outer`, or that group.
    pub(crate) fn part_of(outer: Option<Rc<Region>>) -> Rc<Region> {
        let region = Region::new(Kind::Part);
        region.outer.replace(outer);
        region
    }

    pub(crate) fn shield() -> Rc<Region> {
        Region::new(Kind::Shield)
    }

    fn new(kind: Kind) -> Rc<Region> {
        Rc::new(Region {
            kind,
            outer: RefCell::default(),
            cancelled: Cell::new(false),
            stage: Cell::new(Stage::Here),
            parked: RefCell::default(),
            is_parked: Cell::new(false),
            held: Cell::new(0),
            waiter: RefCell::default(),
        })
    }

    /// Cancels a scope and wakes who polls it. `false` if it was cancelled before, or has left:
    /// then there is nobody to cut.
    pub(crate) fn cancel(&self) -> bool {
        let first = !self.cancelled.replace(true);
        if first {
            self.wake();
        }
        first && self.stage.get() != Stage::Left
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// Notes the region around this one: whatever is the innermost when this one is polled.
    pub(crate) fn set_outer(self: &Rc<Region>, outer: Option<Rc<Region>>) {
        let same = match (&*self.outer.borrow(), &outer) {
            (Some(old), Some(new)) => Rc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        if same {
            return;
        }
        if let Some(outer) = &outer {
            self.cut_circle(outer);
        }
        // It is polled somewhere else than before, and takes its hold with it.
        let holds = self.held.get() > 0;
        let earlier = self.outer.replace(outer.clone());
        if holds {
            if let Some(outer) = outer {
                outer.hold();
            }
            if let Some(earlier) = earlier {
                earlier.let_go();
            }
        }
    }

    /// A future may be moved into one that lay inside of it before. What that one's region knows
    /// of the region around it is of an earlier poll, and does not hold any more.
    fn cut_circle(self: &Rc<Region>, outer: &Rc<Region>) {
        let mut next = Some(Rc::clone(outer));
        while let Some(region) = next {
            let around = region.outer.borrow().clone();
            if around.as_ref().is_some_and(|around| Rc::ptr_eq(around, self)) {
                region.outer.take();
                if region.held.get() > 0 {
                    self.let_go();
                }
                return;
            }
            next = around;
        }
    }

    /// A shield begins to run.
    pub(crate) fn raise(&self) {
        self.held.set(1);
        let outer = self.outer.borrow().clone();
        if let Some(outer) = outer {
            outer.hold();
        }
    }

    /// A shield has ended, or was dropped.
    pub(crate) fn lower(&self) {
        if self.held.replace(0) > 0
            && let Some(outer) = self.outer.take()
        {
            outer.let_go();
        }
    }

    /// One more region directly inside holds this one.
    fn hold(self: &Rc<Region>) {
        let mut next = Some(Rc::clone(self));
        while let Some(region) = next {
            // A running shield is held by itself already, and holds what is around it.
            let held = region.held.get();
            if region.kind == Kind::Shield {
                return;
            }
            region.held.set(held + 1);
            next = if held == 0 { region.outer.borrow().clone() } else { None };
        }
    }

    /// One region less holds this one.
    fn let_go(self: &Rc<Region>) {
        let mut next = Some(Rc::clone(self));
        while let Some(region) = next {
            if region.kind == Kind::Shield {
                return;
            }
            let held = region.held.get() - 1;
            region.held.set(held);
            if held > 0 {
                return;
            }
            region.wake();
            next = region.outer.borrow().clone();
        }
    }

    /// Polls something inside of this region.
    pub(crate) fn poll_inside<T>(self: &Rc<Region>, poll: impl FnOnce() -> T) -> T {
        let note = (Rc::clone(self), current_task_id());
        let earlier = INNERMOST.try_with(|innermost| innermost.borrow_mut().replace(note));
        let _back = PutBack { earlier: earlier.ok().flatten() };
        poll()
    }

    /// Notes who polls this region, to be woken when it is cancelled or let go of.
    pub(crate) fn note_waiter(&self, cx: &Context<'_>) {
        let earlier = self.waiter.replace(Some(Waiter::of(cx)));
        drop(earlier);
    }

    pub(crate) fn has_waiter(&self) -> bool {
        self.waiter.borrow().is_some()
    }

    /// Nobody polls it any more.
    pub(crate) fn forget_waiter(&self) {
        let earlier = self.waiter.take();
        drop(earlier);
    }

    /// Wakes who polls it.
    pub(crate) fn wake(&self) {
        // Take, let the borrow end, then wake: a waker may run code that comes back here.
        let waiter = self.waiter.take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl Drop for Region {
    /// A long chain is let go of link by link and not one inside the other.
    fn drop(&mut self) {
        let mut next = self.outer.take();
        while let Some(region) = next {
            next = Rc::into_inner(region).and_then(|region| region.outer.take());
        }
    }
}

/// Puts the earlier note back when a poll has ended, even with a panic.
struct PutBack {
    earlier: Option<Note>,
}

impl Drop for PutBack {
    fn drop(&mut self) {
        let earlier = self.earlier.take();
        let ended = INNERMOST.try_with(|note| std::mem::replace(&mut *note.borrow_mut(), earlier));
        drop(ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(outer: &Rc<Region>, region: &Rc<Region>) {
        outer.poll_inside(|| region.set_outer(innermost()));
    }

    #[test]
    fn a_shield_holds_all_around_it_up_to_the_next_shield() {
        let (a, b, outer) = (Region::scope(), Region::scope(), Region::shield());
        let (c, inner) = (Region::scope(), Region::shield());
        for pair in [&a, &b, &outer, &c, &inner].windows(2) {
            inside(pair[0], pair[1]);
        }
        outer.raise();
        inner.raise();
        assert_eq!([&a, &b, &c].map(|region| region.held.get()), [1, 1, 1]);
        inner.lower();
        assert_eq!([&a, &b, &c].map(|region| region.held.get()), [1, 1, 0]);
        outer.lower();
        outer.lower();
        assert_eq!([&a, &b, &c].map(|region| region.held.get()), [0, 0, 0]);
    }

    #[test]
    fn a_region_that_is_polled_elsewhere_takes_its_hold_with_it() {
        let (a, b, part, shield) =
            (Region::scope(), Region::scope(), Region::part_of(None), Region::shield());
        inside(&a, &part);
        inside(&part, &shield);
        shield.raise();
        assert_eq!((a.held.get(), b.held.get()), (1, 0));
        inside(&b, &part);
        assert_eq!((a.held.get(), b.held.get()), (0, 1));
        shield.lower();
        assert_eq!((a.held.get(), b.held.get(), part.held.get()), (0, 0, 0));
    }

    #[test]
    fn a_region_that_is_polled_inside_of_what_lay_in_it_lies_around_that_no_more() {
        let (a, b, shield) = (Region::scope(), Region::scope(), Region::shield());
        let part = Region::part_of(Some(Rc::clone(&b)));
        inside(&a, &b);
        inside(&b, &shield);
        shield.raise();
        assert_eq!((a.held.get(), b.held.get()), (1, 1));
        inside(&part, &a);
        assert_eq!((a.held.get(), b.held.get(), part.held.get()), (0, 1, 0));
        b.cancel();
        shield.lower();
        assert!(a.must_stop() && part.must_stop() && b.outer.borrow().is_none());
        assert_eq!((a.held.get(), b.held.get(), part.held.get()), (0, 0, 0));
    }

    #[test]
    fn a_very_long_chain_is_dropped_without_a_deep_stack() {
        let mut last = Region::scope();
        let links = if cfg!(miri) { 100 } else { 100_000 };
        for _ in 0..links {
            last = Region::part_of(Some(last));
        }
        drop(last);
    }
}
