//! What a group knows: its children, what they have left behind, and who waits for them.
//!
//! ```text
//!   spawn --> children { 4: task, 5: task, 7: task }
//!                          |  its future is dropped: "number 5 leaves"
//!                          v
//!             left [ 5 ] --> the group's next step: outcome taken, entry gone
//!                                              \--> failures [ first, second, ... ]
//! ```
//!
//! # Invariants
//! - A child that has left and was collected leaves nothing behind but its failure: a million
//!   short children need the room of those that live at one time.
//! - Failures stand in the order in which the children ended.
//! - Children are asked to end in the order in which they were spawned.
//! - A group that is over keeps nothing alive: neither children nor whoever awaited it.
//! - Nothing is borrowed while a child is dropped, an outcome is taken or somebody is woken.
//!
//! Tutorial: chapter 12. Before this: `stage.rs`. After this: `child.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Context;

use roundelay_runtime::{Failure, FailureKind, contain, report_here};

use crate::cancel::region::{Region, innermost};
use crate::error::{TaskError, lost_panic};
use crate::group::error::{GroupCause, GroupError, GroupFailure};
use crate::group::stage::{Happening, Stage};
use crate::sync::semaphore::Semaphore;
use crate::task::Task;
use crate::task_table::Waiter;
use crate::told::Number;

/// Everything that a group's handles, children and future share.
pub(crate) struct Shared<E> {
    stage: Cell<Stage>,
    /// Children that were not collected, by number.
    children: RefCell<BTreeMap<u64, Entry<E>>>,
    next_number: Cell<u64>,
    /// How observers know the group.
    pub(crate) name: Number,
    /// How many have not left.
    live: Cell<usize>,
    /// The numbers of those who are leaving, in that order.
    left: RefCell<Vec<u64>>,
    /// All children were asked to end.
    asked: Cell<bool>,
    failures: RefCell<Vec<GroupFailure<E>>>,
    /// The task that awaits the group.
    parent: RefCell<Option<Waiter>>,
    /// The group as a part of the scope that it is awaited in, if it is in one.
    region: RefCell<Option<Rc<Region>>>,
    /// How many children may run at one time.
    pub(crate) limit: Option<Semaphore>,
}

/// A child, as its group knows it.
pub(crate) struct Entry<E> {
    pub(crate) task: Task<ChildEnd<E>>,
    /// Who waits for it to be ready.
    pub(crate) starter: Option<Rc<dyn Starter<E>>>,
}

/// How a child's future ends, if it is not cancelled and does not panic.
pub(crate) enum ChildEnd<E> {
    Done,
    /// The scope around its group was cancelled.
    Cut,
    Failed(GroupCause<E>),
}

/// Somebody who waits for a child to be ready, and hears of its end before that.
pub(crate) trait Starter<E> {
    /// The child has ended, well or with a failure. What comes back is the group's business.
    fn child_ended(&self, failure: Option<GroupCause<E>>) -> Option<GroupCause<E>>;

    /// The child was cancelled.
    fn child_cancelled(&self);
}

/// A child has ended: tells whoever waits for it to be ready, and gives what is the group's
/// business.
fn settle<E>(
    starter: Option<&dyn Starter<E>>,
    outcome: Result<ChildEnd<E>, TaskError>,
) -> Option<GroupCause<E>> {
    let failure = match outcome {
        Ok(ChildEnd::Done) => None,
        Ok(ChildEnd::Failed(cause)) => Some(cause),
        Err(TaskError::Panicked(panic)) => Some(GroupCause::Panicked(panic)),
        Ok(ChildEnd::Cut) | Err(TaskError::Cancelled) => {
            // Told, and not left to the drop of `starter`: the child's half may lie anywhere.
            if let Some(starter) = starter {
                starter.child_cancelled();
            }
            return None;
        }
    };
    match starter {
        Some(starter) => starter.child_ended(failure),
        None => failure,
    }
}

impl<E> Shared<E> {
    pub(crate) fn new(limit: Option<usize>) -> Rc<Shared<E>> {
        Rc::new(Shared {
            stage: Cell::new(Stage::Open),
            children: RefCell::default(),
            next_number: Cell::new(0),
            name: Number::default(),
            live: Cell::new(0),
            left: RefCell::default(),
            asked: Cell::new(false),
            failures: RefCell::default(),
            parent: RefCell::default(),
            region: RefCell::default(),
            limit: limit.map(Semaphore::new),
        })
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }

    pub(crate) fn happens(&self, happening: Happening) {
        self.stage.set(self.stage.get().after(happening));
    }

    /// Ends the group early.
    pub(crate) fn cancel(&self) {
        self.happens(Happening::Cancelled);
        self.wake_parent();
    }

    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }

    /// Whether every child was collected, and none is in the making: in its first step, and not
    /// yet known here.
    pub(crate) fn is_empty(&self) -> bool {
        self.live.get() == 0 && self.children.borrow().is_empty()
    }

    /// A new child is about to be spawned: its number, and the guard of its leaving.
    pub(crate) fn expect_child(self: &Rc<Shared<E>>) -> Leaving<E> {
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        self.live.set(self.live.get() + 1);
        Leaving { shared: Rc::clone(self), number }
    }

    fn add_child(&self, number: u64, entry: Entry<E>) {
        self.children.borrow_mut().insert(number, entry);
    }

    /// Asks every child to end, in the order of spawning. Once is enough: an aborting group
    /// lets nobody in.
    pub(crate) fn ask_children_to_end(&self) {
        if self.asked.replace(true) {
            return;
        }
        // Cancelling only marks and queues: no user code runs while the list is borrowed.
        for child in self.children.borrow().values() {
            child.task.cancel();
        }
    }

    /// The group's future is polled: by whom, and inside of which scope.
    pub(crate) fn begin_poll(&self, cx: &Context<'_>) {
        let earlier = self.parent.replace(Some(Waiter::of(cx)));
        drop(earlier);
        let scope = innermost();
        let region = self.region.borrow().clone();
        match region {
            Some(region) => region.set_outer(scope),
            // Without a scope at its first poll a group never is a part of one, and its
            // children cost nothing extra.
            None if scope.is_some() => {
                self.region.replace(Some(Region::part_of(scope)));
            }
            None => {}
        }
    }

    /// The region of a child that is spawned now.
    pub(crate) fn child_region(&self) -> Option<Rc<Region>> {
        let group = self.region.borrow().clone();
        group.map(|group| Region::part_of(Some(group)))
    }

    fn wake_parent(&self) {
        let parent = self.parent.take();
        if let Some(parent) = parent {
            parent.wake();
        }
    }
}

impl<E: 'static> Shared<E> {
    /// A child was spawned. If it is an eager one, its first step may have ended the group, which
    /// did not know it yet: then it fares as the others did.
    pub(crate) fn admit(&self, number: u64, entry: Entry<E>) {
        if self.asked.get() {
            entry.task.cancel();
        }
        self.add_child(number, entry);
        if self.stage() == Stage::Over {
            self.abandon();
        }
    }

    /// Lets go of the children that have left, and keeps their failures.
    pub(crate) fn collect_left(&self, cx: &Context<'_>) {
        for number in self.left.take() {
            let entry = self.children.borrow_mut().remove(&number);
            let Some(Entry { task, starter }) = entry else { continue };
            let who = (task.name(), task.spawned_at());
            let outcome = match task.try_outcome() {
                Ok(outcome) => outcome,
                // It said that it leaves, and the step in which it said so has not ended: its
                // end itself will be heard.
                Err(task) => {
                    task.wake_when_over(Waiter::of(cx));
                    self.add_child(number, Entry { task, starter });
                    self.left.borrow_mut().push(number);
                    continue;
                }
            };
            if let Some(cause) = settle(starter.as_deref(), outcome) {
                self.failures.borrow_mut().push(GroupFailure { who: Some(who), cause });
                self.happens(Happening::SomebodyFailed);
            }
        }
    }

    /// The group has ended: its failures.
    pub(crate) fn end(&self) -> Vec<GroupFailure<E>> {
        self.happens(Happening::Ended);
        let (parent, region) = (self.parent.take(), self.region.take());
        if let Some(region) = &region {
            drop(region.leave());
        }
        drop((parent, region));
        self.failures.take()
    }

    /// The group's future is gone. If that was before its end, the children are dropped now,
    /// and what they failed with is reported, since nobody can take it any more.
    pub(crate) fn abandon(&self) {
        let mut lost = self.end();
        // A child's destructor may call anything: take, let go, drop.
        let children = self.children.take();
        for child in children.values() {
            child.task.drop_now();
        }
        for (_, Entry { task, starter }) in children {
            let who = Some((task.name(), task.spawned_at()));
            // One that was taking a step just now ends with that step, and was asked to.
            let outcome = task.try_outcome().unwrap_or(Err(TaskError::Cancelled));
            if let Some(cause) = settle(starter.as_deref(), outcome) {
                lost.push(GroupFailure { who, cause });
            }
        }
        if lost.is_empty() {
            return;
        }
        for failure in (GroupError { failures: lost }).flatten().failures {
            report_lost(failure);
        }
    }
}

fn report_lost<E>(failure: GroupFailure<E>) {
    let (name, at) = failure.who.unwrap_or_else(|| ("the group's body".to_owned(), None));
    let who = format!("task {name}");
    let mut lost = match &failure.cause {
        GroupCause::Panicked(panic) => lost_panic(who, panic),
        // What the error says of itself is not known here, only what it is.
        GroupCause::Failed(_) | GroupCause::Group(_) => {
            let kind = std::any::type_name::<E>();
            let what = format!("its group was dropped before it could hand on this `{kind}`");
            Failure::new(FailureKind::TaskFailed, who, what)
        }
    };
    lost.origin = at;
    report_here(lost.clone());
    // An error's destructor is foreign code, and this may be called while a body's panic unwinds.
    if let Err(message) = contain(|| drop(failure.cause)) {
        (lost.kind, lost.message) = (FailureKind::DestructorPanicked, message);
        report_here(lost);
    }
}

/// Lives in a child's future and so notices its end, whatever the end is.
pub(crate) struct Leaving<E> {
    shared: Rc<Shared<E>>,
    pub(crate) number: u64,
}

impl<E> Drop for Leaving<E> {
    fn drop(&mut self) {
        self.shared.live.set(self.shared.live.get() - 1);
        self.shared.left.borrow_mut().push(self.number);
        self.shared.wake_parent();
    }
}
