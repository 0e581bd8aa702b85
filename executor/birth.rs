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

use crate::own_step::{self, Wait};
use crate::stage::{BoxedBody, Stage};
use crate::task_table::{Extras, Tasks};

/// What is known of a task besides its future.
pub(crate) struct Birth {
    pub(crate) name: Option<Rc<str>>,
    pub(crate) at: &'static Location<'static>,
    pub(crate) values: ContextValues,
    /// Its first step is taken at once.
    pub(crate) eager: bool,
}

impl Birth {
    /// What few tasks have, if this one does.
    #[inline]
    fn extras(self) -> Option<Box<Extras>> {
        let has_any = self.name.is_some() || !self.values.is_empty();
        has_any.then(|| self.put_together())
    }

    #[cold]
    #[inline(never)]
    fn put_together(self) -> Box<Extras> {
        Box::new(Extras { name: self.name, values: self.values, ..Extras::default() })
    }
}

impl Tasks {
    /// Adds a task and schedules its first step. The table owns it from now on.
    ///
    /// A closed table drops the body and gives a key that leads nowhere.
    pub(crate) fn spawn(&self, body: BoxedBody, birth: Birth) -> Key {
        if self.closed.get() {
            self.bury(body);
            return Key::new(u32::MAX, u32::MAX);
        }
        let eager = birth.eager;
        let key = self.add(Stage::Waiting, Some(body), birth);
        match eager {
            true => self.first_step(key),
            false => self.loop_ref.run_soon(key),
        }
        key
    }

    /// Adds the main task, whose future somebody else holds and polls through
    /// [`Tasks::step_main`] when the loop's main callback is called.
    pub(crate) fn spawn_main(&self, at: &'static Location<'static>, values: ContextValues) -> Key {
        let birth = Birth { name: Some("main".into()), at, values, eager: false };
        let key = self.add(Stage::Main, None, birth);
        self.loop_ref.call_main_soon();
        key
    }

    #[inline(always)]
    fn add(&self, stage: Stage, body: Option<BoxedBody>, birth: Birth) -> Key {
        let id = self.next_number();
        let at = birth.at;
        let cleanup = self.is_born_of_cleanup();
        let now = self.loop_ref.latest();
        let key = {
            let mut slots = self.slots.borrow_mut();
            let (index, slot) = slots.take_free();
            slot.id = id;
            slot.scheduled = true;
            (slot.cancel_requested, slot.detached, slot.cleanup) = (false, false, cleanup);
            slot.stage = stage;
            (slot.waits_alone, slot.told_stuck) = (false, false);
            slot.put_body(body);
            (slot.wait, slot.since) = (Wait::Unknown, now);
            (slot.polls, slot.woken_by) = (0, 0);
            slot.parent = own_step::generation();
            (slot.born, slot.spawned_at) = (now, at);
            slot.put_extras(birth.extras());
            Key::new(index, slot.generation())
        };
        self.live.set(self.live.get() + 1);
        if self.loop_ref.is_interesting(Interest::TASKS) {
            self.tell_spawned(key, matches!(stage, Stage::Main), at);
        }
        key
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
