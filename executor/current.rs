//! Which executor runs on this thread.
//!
//! An executor is a table of tasks, and the thread pool that its tasks hand blocking work
//! to. While it runs, a note on its thread lets `spawn` and the like find it.
//!
//! The note is asked for at nearly every wait. One that has a destructor is first asked whether the
//! thread has run it; this one has none: [`Entered`] clears it, as it has written it.
//!
//! # Invariants
//! - The note is there exactly while the loop runs or is being closed.
//!
//! Tutorial: chapter 8. Before this: `shutdown.rs`. After this: `task_info.rs`.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::task::Context;

use roundelay_runtime::{Callback, Key};

use crate::own_step::{self, OwnStep};
use crate::task_table::{Tasks, Waiter};

thread_local! {
    static CURRENT: Cell<Note> = const { Cell::new(None) };
}

/// Whoever takes it for good drops it.
type Note = Option<ManuallyDrop<Rc<Tasks>>>;

/// The tasks of the executor that runs here.
#[inline]
pub(crate) fn current_tasks() -> Option<Rc<Tasks>> {
    CURRENT.with(|current| {
        let note = current.take();
        let tasks = note.as_deref().cloned();
        current.set(note);
        tasks
    })
}

/// Whether it is these that run here.
#[inline]
pub(crate) fn is_current(tasks: &Rc<Tasks>) -> bool {
    CURRENT.with(|current| {
        let note = current.take();
        let is_current = note.as_ref().is_some_and(|current| Rc::ptr_eq(current, tasks));
        current.set(note);
        is_current
    })
}

/// Exchanges the note.
fn exchange(tasks: Option<Rc<Tasks>>) -> Option<Rc<Tasks>> {
    CURRENT.replace(tasks.map(ManuallyDrop::new)).map(ManuallyDrop::into_inner)
}

/// As [`current_tasks`], for what makes no sense without one.
#[track_caller]
pub(crate) fn expect_tasks(what: &str) -> Rc<Tasks> {
    current_tasks().unwrap_or_else(|| {
        panic!(
            "{what} needs a running event loop on this thread, and there is none; call it \
             inside `roundelay::run(async {{ .. }})`"
        )
    })
}

/// Notes that `tasks` run here until the guard is dropped; then the earlier note is back. (A
/// runner may be closed in a step of another runner's task. That step is none of the tasks that
/// are closed.)
pub(crate) fn enter(tasks: &Rc<Tasks>) -> Entered {
    let earlier = exchange(Some(Rc::clone(tasks)));
    let step = own_step::read();
    own_step::put(OwnStep::NONE);
    Entered { earlier, step }
}

/// Puts the earlier note back when dropped.
pub(crate) struct Entered {
    earlier: Option<Rc<Tasks>>,
    step: OwnStep,
}

impl Drop for Entered {
    fn drop(&mut self) {
        drop(exchange(self.earlier.take()));
        own_step::put(self.step);
    }
}

impl Waiter {
    /// Whoever polls with `cx`.
    #[inline]
    pub(crate) fn of(cx: &Context<'_>) -> Waiter {
        match Waiter::task_that_polls(cx) {
            Some((tasks, key)) => Waiter::Task(tasks, key),
            None => Waiter::of_stranger(cx),
        }
    }

    /// The task of ours that polls with `cx`, and is to be woken. Two words, which are passed in
    /// registers: who puts a `Waiter` together where it is to stay, spares its way over the stack.
    /// (It is three words, written one by one and copied as a whole, and the processor waits.)
    #[inline(always)]
    pub(crate) fn task_that_polls(cx: &Context<'_>) -> Option<(Rc<Tasks>, Key)> {
        let key = own_step::owner_of(cx.waker())?;
        let tasks = current_tasks()?;
        own_step::count_wake(1);
        Some((tasks, key))
    }

    /// The task that polls with `cx`, if it is one of these. Nothing is cloned, nor counted.
    #[inline(always)]
    pub(crate) fn task_among(tasks: &Rc<Tasks>, cx: &Context<'_>) -> Option<Key> {
        own_step::owner_of(cx.waker()).filter(|_| is_current(tasks))
    }

    /// A foreign combinator has a waker of its own, and may stand for several.
    #[cold]
    pub(crate) fn of_stranger(cx: &Context<'_>) -> Waiter {
        own_step::count_wake(2);
        Waiter::Other(cx.waker().clone())
    }

    /// Wakes whoever polls with `cx`: what `Waiter::of(cx).wake()` does, with nothing cloned.
    #[inline]
    pub(crate) fn wake_poller(cx: &Context<'_>) {
        if !own_step::ask_for_another(cx.waker().data()) {
            Waiter::Other(cx.waker().clone()).wake();
        }
    }

    /// The same, as something a timer or a socket can call.
    #[inline]
    pub(crate) fn callback(cx: &Context<'_>) -> Callback {
        match Waiter::task_of(cx) {
            Some(key) => Callback::Notify(key),
            None => Waiter::foreign_callback(cx),
        }
    }

    /// The key of the task of ours that polls with `cx` and is to be woken.
    #[inline]
    pub(crate) fn task_of(cx: &Context<'_>) -> Option<Key> {
        let key = own_step::owner_of(cx.waker());
        own_step::count_wake(if key.is_some() { 1 } else { 2 });
        key
    }

    /// As [`Waiter::callback`], for a waker that is nobody's of ours.
    #[cold]
    pub(crate) fn foreign_callback(cx: &Context<'_>) -> Callback {
        let waker = cx.waker().clone();
        Callback::new(move || waker.wake())
    }
}
