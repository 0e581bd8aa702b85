//! Children: what a gathering combinator owns, be it a list of one type or a tuple of many.
//!
//! ```text
//!   [f, f, f]  --spawn--> Vec<Task<T>>         --all ended--> Vec<Result<T, TaskError>>
//!   (f, g)     --spawn--> (Task<A>, Task<B>)   --all ended--> (Result<A, _>, Result<B, _>)
//! ```
//!
//! One function takes both. [`Gatherable`] is implemented for everything that can be
//! iterated and for tuples; that these are different kinds is said by its parameter
//! ([`Many`], [`Mixed`]), which nobody ever writes: only one of them fits an argument.
//!
//! # Invariants
//! - The children stay tasks to the end: their outcomes lie in the task table, and a panic
//!   that nobody takes is reported when its handle is dropped.
//! - When [`Brood`] is dropped before it was let go, its children are dropped, in order,
//!   before that drop returns (one that is taking a step at that very moment: when the step
//!   ends).
//!
//! Tutorial: chapter 9. Before this: `finish_line.rs`. After this: `gather.rs`.

use std::future::Future;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use roundelay_runtime::Key;

use crate::combinators::finish_line::{AnyTask, FinishLine};
use crate::combinators::gather_error::GatherCause;
use crate::error::TaskError;
use crate::task::{Task, spawn};
use crate::task_table::Tasks;

/// Futures that can be gathered: whatever can be iterated, and tuples of two to eight.
///
/// The parameter is found by the compiler. It keeps the two kinds apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be gathered",
    label = "neither an iterator of futures nor a tuple of two to eight of them",
    note = "the futures and their outputs must be `'static`: they become tasks"
)]
pub trait Gatherable<Kind> {
    /// The tasks that these futures become.
    type Children: Children;

    /// Spawns them in order.
    #[doc(hidden)]
    #[track_caller]
    fn spawn_all(self) -> Self::Children;
}

/// The kind of [`Gatherable`], and of [`Joinable`](crate::combinators::Joinable), that is iterated.
#[derive(Debug)]
pub enum Many {}

/// The kind of both that is a tuple.
#[derive(Debug)]
pub enum Mixed {}

/// Tasks of one kind or of several: `Vec<Task<T>>`, or a tuple of tasks.
pub trait Children {
    /// Every outcome, in the order of the argument: `Vec<Result<T, TaskError>>`, or a tuple.
    type Outcomes;

    /// Shows each task, in order.
    #[doc(hidden)]
    fn each(&self, show: &mut dyn FnMut(Shown<'_>));

    /// Takes all outcomes. All have ended.
    #[doc(hidden)]
    fn into_outcomes(self) -> Self::Outcomes;
}

/// Children whose outputs are `Result`s with one type of error.
pub trait FallibleChildren: Children {
    /// Every value, in the order of the argument: `Vec<T>`, or a tuple.
    type Values;

    /// Their error.
    type Error;

    /// Shows each task, in order, with a way to see whether it failed.
    #[doc(hidden)]
    fn each_fallible(&self, show: &mut dyn FnMut(Fallible<'_>));

    /// Whether a child that has ended failed, in whatever way.
    #[doc(hidden)]
    fn has_failed(&self, index: usize) -> bool;

    /// Takes all values. All have ended well.
    #[doc(hidden)]
    fn into_values(self) -> Self::Values;

    /// Takes the cause of one that failed, and detaches the others.
    #[doc(hidden)]
    fn into_cause(self, index: usize) -> GatherCause<Self::Error>;
}

/// A task that is shown by [`Children::each`].
#[allow(missing_debug_implementations, reason = "an empty shell outside of this crate")]
pub struct Shown<'a>(pub(crate) &'a dyn AnyTask);

/// A task that is shown by [`FallibleChildren::each_fallible`].
#[allow(missing_debug_implementations, reason = "an empty shell outside of this crate")]
pub struct Fallible<'a> {
    task: &'a dyn AnyTask,
    address: (Rc<Tasks>, Key),
    failed: fn(&Tasks, Key) -> bool,
}

/// Children, and the line at which they arrive.
pub(crate) struct Brood<C: Children> {
    /// `None`: let go.
    children: Option<C>,
    line: Rc<FinishLine>,
    /// How many have not arrived.
    running: usize,
}

impl<C: Children> Brood<C> {
    /// Watches children that have just been spawned. Each that ends wakes whoever waits.
    pub(crate) fn new(children: C) -> Brood<C> {
        let line = Rc::<FinishLine>::default();
        let mut running = 0;
        children.each(&mut |Shown(task)| {
            line.watch(running, task);
            running += 1;
        });
        Brood { children: Some(children), line, running }
    }

    /// The same, for somebody who is woken when all have ended.
    pub(crate) fn all(children: C) -> Brood<C> {
        let brood = Brood::new(children);
        brood.line.needs_all.set(true);
        brood.line.let_sleep_until_the_last_of(brood.running);
        brood
    }

    /// The same, for somebody who is woken when all have ended, and when one fails.
    pub(crate) fn all_or_a_failure(children: C) -> Brood<C>
    where
        C: FallibleChildren,
    {
        let line = Rc::<FinishLine>::default();
        let mut running = 0;
        children.each_fallible(&mut |Fallible { task, address: (tasks, key), failed }| {
            line.watch_with_alarm(running, task, move || failed(&tasks, key));
            running += 1;
        });
        line.let_sleep_until_the_last_of(running);
        Brood { children: Some(children), line, running }
    }

    /// The next child that has ended; `None` when all have.
    pub(crate) fn poll_next_end(&mut self, cx: &Context<'_>) -> Poll<Option<usize>> {
        if self.running == 0 {
            return Poll::Ready(None);
        }
        let index = ready!(self.line.poll_next(cx));
        self.running -= 1;
        Poll::Ready(Some(index))
    }

    /// How many have not arrived.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    pub(crate) fn children(&self) -> &C {
        self.children.as_ref().unwrap_or_else(|| polled_again())
    }

    /// Asks all that run to end.
    pub(crate) fn cancel(&self) {
        self.children().each(&mut |Shown(task)| task.ask_to_end());
    }

    /// Gives the children away: from now on nobody is dropped.
    pub(crate) fn let_go(&mut self) -> C {
        self.children.take().unwrap_or_else(|| polled_again())
    }
}

impl<C: Children> Drop for Brood<C> {
    fn drop(&mut self) {
        // Whoever drops this need not be woken by what he drops: it would cost him his place in
        // the turn. A foreign waker is dropped last, for it may do anything.
        let _waiter = self.line.send_away();
        if let Some(children) = &self.children {
            children.each(&mut |Shown(task)| task.end_now());
        }
    }
}

fn polled_again() -> ! {
    panic!("a combinator gives its answer once; keep the answer, or do not poll it again")
}

/// The outcome of a task that has ended.
pub(crate) fn outcome<T: 'static>(task: Task<T>) -> Result<T, TaskError> {
    task.try_outcome().unwrap_or_else(|_| unreachable!("outcomes are taken of what has ended"))
}

fn value<T: 'static, E: 'static>(task: Task<Result<T, E>>) -> T {
    match outcome(task) {
        Ok(Ok(value)) => value,
        _ => unreachable!("values are taken when none has failed"),
    }
}

fn cause<T: 'static, E: 'static>(task: Task<Result<T, E>>) -> GatherCause<E> {
    match outcome(task) {
        Ok(Err(error)) => GatherCause::Failed(error),
        Err(error) => GatherCause::Task(error),
        Ok(Ok(_)) => unreachable!("a cause is taken of one that failed"),
    }
}

fn failed<T: 'static, E: 'static>(task: &Task<Result<T, E>>) -> bool {
    let (tasks, key) = task.address();
    failed_at::<T, E>(&tasks, key)
}

fn failed_at<T: 'static, E: 'static>(tasks: &Tasks, key: Key) -> bool {
    let fails = |outcome: Result<&Result<T, E>, &TaskError>| !matches!(outcome, Ok(Ok(_)));
    tasks.peek(key, fails).unwrap_or(false)
}

fn fallible<T: 'static, E: 'static>(task: &Task<Result<T, E>>) -> Fallible<'_> {
    Fallible { task, address: task.address(), failed: failed_at::<T, E> }
}

// ---- of one type ------------------------------------------------------------------------

impl<I, F> Gatherable<Many> for I
where
    I: IntoIterator<Item = F>,
    F: Future + 'static,
    F::Output: 'static,
{
    type Children = Vec<Task<F::Output>>;

    #[track_caller]
    fn spawn_all(self) -> Self::Children {
        let mut children = Vec::new();
        for future in self {
            children.push(spawn(future));
        }
        children
    }
}

impl<T: 'static> Children for Vec<Task<T>> {
    type Outcomes = Vec<Result<T, TaskError>>;

    fn each(&self, show: &mut dyn FnMut(Shown<'_>)) {
        for task in self {
            show(Shown(task));
        }
    }

    fn into_outcomes(self) -> Self::Outcomes {
        self.into_iter().map(outcome).collect()
    }
}

impl<T: 'static, E: 'static> FallibleChildren for Vec<Task<Result<T, E>>> {
    type Values = Vec<T>;
    type Error = E;

    fn each_fallible(&self, show: &mut dyn FnMut(Fallible<'_>)) {
        for task in self {
            show(fallible(task));
        }
    }

    fn has_failed(&self, index: usize) -> bool {
        failed(&self[index])
    }

    fn into_values(self) -> Vec<T> {
        self.into_iter().map(value).collect()
    }

    fn into_cause(mut self, index: usize) -> GatherCause<E> {
        cause(self.remove(index))
    }
}

// ---- of several types -------------------------------------------------------------------

macro_rules! tuple {
    ($(($number:tt $future:ident $output:ident)),+) => {
        impl<$($future),+> Gatherable<Mixed> for ($($future,)+)
        where
            $($future: Future + 'static, $future::Output: 'static,)+
        {
            type Children = ($(Task<$future::Output>,)+);

            #[track_caller]
            fn spawn_all(self) -> Self::Children {
                ($(spawn(self.$number),)+)
            }
        }

        impl<$($output: 'static),+> Children for ($(Task<$output>,)+) {
            type Outcomes = ($(Result<$output, TaskError>,)+);

            fn each(&self, show: &mut dyn FnMut(Shown<'_>)) {
                $(show(Shown(&self.$number));)+
            }

            fn into_outcomes(self) -> Self::Outcomes {
                ($(outcome(self.$number),)+)
            }
        }

        impl<$($output: 'static,)+ Error: 'static> FallibleChildren
            for ($(Task<Result<$output, Error>>,)+)
        {
            type Values = ($($output,)+);
            type Error = Error;

            fn each_fallible(&self, show: &mut dyn FnMut(Fallible<'_>)) {
                $(show(fallible(&self.$number));)+
            }

            fn has_failed(&self, index: usize) -> bool {
                match index {
                    $($number => failed(&self.$number),)+
                    _ => false,
                }
            }

            fn into_values(self) -> Self::Values {
                ($(value(self.$number),)+)
            }

            fn into_cause(self, index: usize) -> GatherCause<Error> {
                match index {
                    $($number => cause(self.$number),)+
                    _ => unreachable!("a tuple has no such member"),
                }
            }
        }
    };
}

tuple!((0 A TA), (1 B TB));
tuple!((0 A TA), (1 B TB), (2 C TC));
tuple!((0 A TA), (1 B TB), (2 C TC), (3 D TD));
tuple!((0 A TA), (1 B TB), (2 C TC), (3 D TD), (4 E TE));
tuple!((0 A TA), (1 B TB), (2 C TC), (3 D TD), (4 E TE), (5 F TF));
tuple!((0 A TA), (1 B TB), (2 C TC), (3 D TD), (4 E TE), (5 F TF), (6 G TG));
tuple!((0 A TA), (1 B TB), (2 C TC), (3 D TD), (4 E TE), (5 F TF), (6 G TG), (7 H TH));
