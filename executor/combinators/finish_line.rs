//! The finish line: who of many tasks has ended, in the order in which they did.
//!
//! A task tells one waiter of its end. Here that waiter is a line that all tasks run to,
//! each with a number. Whoever stands at the line is woken by the first that arrives, and
//! then takes them one by one: he need not ask the others, so an end costs the same among
//! three tasks as among thirty thousand.
//!
//! Who needs all of them, or all unless one fails, is woken by the last, or by the failure,
//! and by nobody else: among thirty thousand he is polled twice.
//!
//! ```text
//!   task 0 ......................
//!   task 1 ............>|              [ 1  2 ] --> whoever polls: 1, then 2
//!   task 2 ................>|
//! ```
//!
//! Who is on the way here, nobody writes down: each task knows whom it tells of its end, and a dump
//! asks them.
//!
//! # Invariants
//! - A task arrives once, after its future has been dropped.
//! - The order of arrival is the order of ending, also among those that had ended before
//!   they were watched.
//! - Who stands at the line is woken while nothing is borrowed, and an alarm asked.
//!
//! Tutorial: chapter 9. Before this: `peek.rs`. After this: `children.rs`.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::own_step::{self, Wait};
use crate::task::Task;
use crate::task_table::{Listener, Waiter};

/// Where tasks arrive when they have ended.
#[derive(Default)]
pub(crate) struct FinishLine {
    arrived: RefCell<VecDeque<usize>>,
    waiter: RefCell<Option<Waiter>>,
    /// So many wake nobody when they arrive, unless their alarm says that they must.
    silent: Cell<usize>,
    /// By which a dump finds those on their way here; zero before anybody stands here.
    number: Cell<u64>,
    /// Whoever stands here needs all of them.
    pub(crate) needs_all: Cell<bool>,
}

thread_local! {
    /// The last number of a line. None is ever given twice.
    static LAST: Cell<u64> = const { Cell::new(0) };
}

impl FinishLine {
    /// Watches several tasks, numbered as they come.
    pub(crate) fn watch_all<'a, T: AnyTask + 'a, A: Fn() -> bool + 'static>(
        self: &Rc<Self>,
        tasks: impl Iterator<Item = &'a T>,
        alarm: impl Fn(&'a T) -> A,
    ) {
        let mut ended = Vec::new();
        for (number, task) in tasks.enumerate() {
            match task.is_over() {
                true => ended.push((Reverse(task.ended_ago()), number)),
                false => task.tell(Some(self.waiter_for(number, alarm(task)))),
            }
        }
        ended.sort();
        self.arrived.borrow_mut().extend(ended.into_iter().map(|(_, number)| number));
    }

    /// Watches one more task.
    pub(crate) fn watch(self: &Rc<Self>, number: usize, task: &dyn AnyTask) {
        self.watch_with_alarm(number, task, || false);
    }

    /// Watches one more task. Whether its end wakes whoever stands here although not all have
    /// arrived is for `alarm` to say, which is asked when it has ended.
    pub(crate) fn watch_with_alarm(
        self: &Rc<Self>,
        number: usize,
        task: &dyn AnyTask,
        alarm: impl Fn() -> bool + 'static,
    ) {
        match task.is_over() {
            true => self.arrived.borrow_mut().push_back(number),
            false => task.tell(Some(self.waiter_for(number, alarm))),
        }
    }

    /// Of the tasks that are being watched, so many altogether, only the last wakes whoever
    /// stands here, and those who raise their alarm.
    pub(crate) fn let_sleep_until_the_last_of(&self, watched: usize) {
        let missing = watched.saturating_sub(self.arrived.borrow().len());
        self.silent.set(missing.saturating_sub(1));
    }

    /// The next that has ended.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<usize> {
        if let Some(number) = self.next_arrived() {
            return Poll::Ready(number);
        }
        // Cloning and dropping a waker may be foreign code, which may end a task: look again.
        let earlier = self.waiter.replace(Some(Waiter::of(cx)));
        drop(earlier);
        if let Some(number) = self.next_arrived() {
            return Poll::Ready(number);
        }
        self.note_wait();
        Poll::Pending
    }

    /// Whoever is being polled waits here.
    fn note_wait(&self) {
        if self.number.get() == 0 {
            LAST.set(LAST.get() + 1);
            self.number.set(LAST.get());
        }
        own_step::note(match self.needs_all.get() {
            true => Wait::AllOf(self.number.get()),
            false => Wait::AnyOf(self.number.get()),
        });
    }

    /// The next that has ended, if one has.
    pub(crate) fn next_arrived(&self) -> Option<usize> {
        self.arrived.borrow_mut().pop_front()
    }

    /// Sends whoever stands here away: he is told of nothing any more.
    pub(crate) fn send_away(&self) -> Option<Waiter> {
        self.waiter.take()
    }

    fn waiter_for(self: &Rc<Self>, number: usize, alarm: impl Fn() -> bool + 'static) -> Waiter {
        Waiter::Listener(Rc::new(Lane { line: Rc::clone(self), number, alarm }))
    }
}

/// A task's way to the line, with its number. An allocation of its own for each task that is
/// watched, so that the many that are not need no room for a number.
struct Lane<A> {
    line: Rc<FinishLine>,
    number: usize,
    alarm: A,
}

impl<A: Fn() -> bool> Listener for Lane<A> {
    fn hear(&self) {
        let line = &self.line;
        line.arrived.borrow_mut().push_back(self.number);
        let silent = line.silent.get();
        if silent > 0 {
            line.silent.set(silent - 1);
            if !(self.alarm)() {
                return;
            }
        }
        let waiter = line.waiter.take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    fn line(&self) -> Option<u64> {
        Some(self.line.number.get())
    }
}

/// A task of whatever output.
pub(crate) trait AnyTask {
    fn is_over(&self) -> bool;
    /// How many tasks of its loop have ended since it did.
    fn ended_ago(&self) -> u32;
    /// Who is to be told of its end.
    fn tell(&self, waiter: Option<Waiter>);
    fn ask_to_end(&self);
    /// Drops its future before this returns.
    fn end_now(&self);
}

impl<T> AnyTask for Task<T> {
    fn is_over(&self) -> bool {
        self.is_finished()
    }

    fn ended_ago(&self) -> u32 {
        self.ended_since()
    }

    fn tell(&self, waiter: Option<Waiter>) {
        self.wake_when_over(waiter);
    }

    fn ask_to_end(&self) {
        self.cancel();
    }

    fn end_now(&self) {
        if !self.is_finished() {
            self.drop_now();
        }
    }
}
