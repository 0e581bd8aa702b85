//! Children whose results are wanted, in the order in which they end.
//!
//! ```text
//!   results.spawn(a), spawn(b), spawn(c)     children of the group like any other
//!   results.join_next().await                b's value, then c's, then a's, then None
//! ```
//!
//! A group keeps no results: a million children that nobody asks about cost nothing when they
//! are over. This is for those that are asked about. tokio calls such a set a `JoinSet`.
//!
//! # Invariants
//! - A value is kept until it is taken or the set is dropped.
//! - A child that fails, panics or is cancelled gives no value; its failure is the group's.
//!
//! Tutorial: chapter 12. Before this: `start.rs`. After this: `../timed_pool.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::group::child::Child;
use crate::group::error::GroupCause;
use crate::group::handle::TaskGroup;
use crate::task::TaskBuilder;
use crate::task_table::Waiter;

impl<E: 'static> TaskGroup<E> {
    /// A set of children of this group whose values are kept, in the order of their ends.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{Runner, sleep, task_group};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// let order = runner.run(task_group(async |group| {
    ///     let mut results = group.results();
    ///     for millis in [9, 1] {
    ///         results.spawn(async move {
    ///             sleep(Duration::from_millis(millis)).await;
    ///             Ok::<_, String>(millis)
    ///         });
    ///     }
    ///     Ok(results.collect().await)
    /// }))?;
    /// assert_eq!(order.unwrap(), [1, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "JoinSet")]
    #[must_use]
    pub fn results<T: 'static>(&self) -> GroupResults<T, E> {
        GroupResults { group: self.clone(), kept: Rc::new(Kept::default()) }
    }
}

/// Children of a group, and the values of those that have ended: see [`TaskGroup::results`].
///
/// Dropping it drops the values; the children go on.
pub struct GroupResults<T, E> {
    group: TaskGroup<E>,
    kept: Rc<Kept<T>>,
}

struct Kept<T> {
    values: RefCell<VecDeque<T>>,
    /// How many children have not ended.
    live: Cell<usize>,
    waiter: RefCell<Option<Waiter>>,
}

impl<T: 'static, E: 'static> GroupResults<T, E> {
    /// Starts a child of the group, as [`TaskGroup::spawn`] does, whose value is kept here.
    ///
    /// # Panics
    /// If no event loop runs on this thread.
    #[track_caller]
    pub fn spawn<F>(&self, future: F)
    where
        F: Future<Output = Result<T, E>> + 'static,
    {
        let running = self.kept.one_more();
        let future = async move {
            let value = future.await.map_err(GroupCause::Failed)?;
            running.kept.values.borrow_mut().push_back(value);
            Ok(())
        };
        let child: Child<()> =
            self.group.admit(TaskBuilder::new(), self.group.turn(), None, future);
        drop(child);
    }

    /// Waits for the next child to end well, and gives its value; `None` when no child of this
    /// set is left.
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use roundelay_executor::{run, task_group};
    ///
    /// run(task_group(async |group| {
    ///     let mut results = group.results();
    ///     results.spawn(async { Ok::<_, String>(7) });
    ///     assert_eq!(results.join_next().await, Some(7));
    ///     assert_eq!(results.join_next().await, None); // no child of the set is left
    ///     Ok(())
    /// }))
    /// .unwrap();
    /// ```
    pub async fn join_next(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Waits until no child of this set is left; gives the values that are left, in the order
    /// in which the children ended.
    ///
    /// *Cancel safety: safe.* The values stay in the set.
    ///
    /// ```
    /// use roundelay_executor::{run, task_group};
    ///
    /// let squares = run(task_group(async |group| {
    ///     let mut results = group.results();
    ///     for n in 1..=3 {
    ///         results.spawn(async move { Ok::<_, String>(n * n) });
    ///     }
    ///     Ok(results.collect().await)
    /// }));
    /// assert_eq!(squares.unwrap(), [1, 4, 9]);
    /// ```
    pub async fn collect(&mut self) -> Vec<T> {
        poll_fn(|cx| {
            if self.kept.live.get() > 0 {
                self.kept.note(cx);
            }
            // Noting may have run foreign code: the last look comes after it.
            if self.kept.live.get() > 0 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        self.kept.values.take().into()
    }

    fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<T>> {
        for noted in [false, true] {
            let value = self.kept.values.borrow_mut().pop_front();
            if value.is_some() || self.kept.live.get() == 0 {
                return Poll::Ready(value);
            }
            if !noted {
                self.kept.note(cx);
            }
        }
        Poll::Pending
    }

    /// How many children have not ended.
    #[must_use]
    pub fn running(&self) -> usize {
        self.kept.live.get()
    }

    /// How many values wait to be taken.
    ///
    /// ```
    /// use roundelay_executor::{run, task_group, yield_now};
    ///
    /// run(task_group(async |group| {
    ///     let results = group.results();
    ///     results.spawn(async { Ok::<_, String>("quick") });
    ///     results.spawn(async { yield_now().await; Ok("slower") });
    ///     yield_now().await;
    ///     assert_eq!((results.ready(), results.running()), (1, 1));
    ///     Ok(())
    /// }))
    /// .unwrap();
    /// ```
    #[must_use]
    pub fn ready(&self) -> usize {
        self.kept.values.borrow().len()
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept { values: RefCell::default(), live: Cell::new(0), waiter: RefCell::default() }
    }
}

impl<T> Kept<T> {
    fn one_more(self: &Rc<Self>) -> Running<T> {
        self.live.set(self.live.get() + 1);
        Running { kept: Rc::clone(self) }
    }

    fn note(&self, cx: &Context<'_>) {
        let earlier = self.waiter.replace(Some(Waiter::of(cx)));
        drop(earlier);
    }
}

/// Lives in a child's future: one of those that have not ended.
struct Running<T> {
    kept: Rc<Kept<T>>,
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.kept.live.set(self.kept.live.get() - 1);
        let waiter = self.kept.waiter.take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl<T, E> fmt::Debug for GroupResults<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupResults")
            .field("running", &self.kept.live.get())
            .field("ready", &self.kept.values.borrow().len())
            .finish_non_exhaustive()
    }
}
