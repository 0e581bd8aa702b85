//! How a task comes into the world: a slot is filled, and its first step is queued.
//!
//! ```text
//!   spawn(future) --boxed--> slot 7 --key 7--> ready queue --next turn--> first step
//! ```
//!
//! # Invariants
//! - A task is in the table before anybody is told of it.
//! - A closed table takes nobody in: what is spawned there is dropped.
//!
//! Tutorial: chapter 6. Before this: `waiter.rs`. After this: `requests.rs`.

use std::panic::Location;
use std::rc::Rc;

use roundelay_runtime::{ContextValues, Event, Interest, Key};

use crate::body::BoxedBody;
use crate::own_step::{self, NOBODY, Wait};
use crate::stage::Stage;
use crate::task_table::{Extras, Tasks};

impl Extras {
    /// What few tasks have, if this one does.
    #[inline]
    pub(crate) fn of_new(name: Option<Rc<str>>, values: ContextValues) -> Option<Box<Extras>> {
        let has_any = name.is_some() || !values.is_empty();
        has_any.then(|| Extras::put_together(name, values))
    }

    #[cold]
    #[inline(never)]
    fn put_together(name: Option<Rc<str>>, values: ContextValues) -> Box<Extras> {
        Box::new(Extras { name, values, ..Extras::default() })
    }
}

impl Tasks {
    /// Adds a task and schedules its first step; an `eager` one takes it at once. The table owns it
    /// from now on.
    ///
    /// A closed table drops the body and gives a key that leads nowhere.
    ///
    /// (What is handed over fits into registers. As one struct it was written by words, copied by
    /// pairs of words, and the processor waited for them to meet.)
    pub(crate) fn spawn(
        &self,
        body: BoxedBody,
        at: &'static Location<'static>,
        extras: Option<Box<Extras>>,
        eager: bool,
    ) -> Key {
        if self.closed.get() {
            self.bury(body);
            return Key::new(u32::MAX, u32::MAX);
        }
        let key = self.add(Stage::Waiting, Some(body), at, extras);
        match eager {
            true => self.first_step(key),
            false => self.loop_ref.run_soon(key),
        }
        key
    }

    /// Adds the main task, whose future somebody else holds and polls through
    /// [`Tasks::step_main`] when the loop's main callback is called.
    pub(crate) fn spawn_main(&self, at: &'static Location<'static>, values: ContextValues) -> Key {
        let extras = Extras::of_new(Some("main".into()), values);
        let key = self.add(Stage::Main, None, at, extras);
        self.loop_ref.call_main_soon();
        key
    }

    #[inline(always)]
    fn add(
        &self,
        stage: Stage,
        body: Option<BoxedBody>,
        at: &'static Location<'static>,
        extras: Option<Box<Extras>>,
    ) -> Key {
        let id = self.next_number();
        let extras = if self.cleanups.get() > 0 { self.with_family(extras) } else { extras };
        let now = self.loop_ref.latest();
        let key = {
            let mut slots = self.slots.borrow_mut();
            let (index, slot) = slots.take_free();
            slot.id = id;
            slot.scheduled = true;
            (slot.cancel_requested, slot.detached) = (false, false);
            slot.stage = stage;
            (slot.waits_alone, slot.told_stuck) = (false, false);
            slot.joiner = NOBODY;
            slot.put_body(body);
            (slot.wait, slot.since) = (Wait::Unknown, now);
            (slot.polls, slot.woken_by) = (0, 0);
            slot.parent = own_step::generation();
            (slot.born, slot.spawned_at) = (now, at);
            slot.put_extras(extras);
            Key::new(index, slot.generation())
        };
        self.live.set(self.live.get() + 1);
        if self.loop_ref.is_interesting(Interest::TASKS) {
            self.tell_spawned(key, matches!(stage, Stage::Main), at);
        }
        key
    }

    /// A child of a cleanup's family belongs to it.
    #[cold]
    fn with_family(&self, mut extras: Option<Box<Extras>>) -> Option<Box<Extras>> {
        if let Some(family) = self.family() {
            extras.get_or_insert_default().family = Some(family);
        }
        extras
    }

    /// Never one whose low half is zero: that is the mark of a free slot.
    #[inline]
    fn next_number(&self) -> u64 {
        let id = self.next_id.get();
        let id = id + u64::from(id as u32 == 0);
        self.next_id.set(id + 1);
        id
    }

    #[cold]
    fn tell_spawned(&self, key: Key, is_main: bool, at: &'static Location<'static>) {
        let known = self.with(key, |slot| (slot.id, slot.name().map(str::to_owned)));
        let Some((task, name)) = known else { return };
        let parent = own_step::task().and_then(|parent| self.id(parent));
        self.loop_ref.observe(|| Event::TaskSpawned { task, key, name, is_main, parent, at });
    }
}
