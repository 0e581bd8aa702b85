//! A context variable set for one future.
//!
//! `REQUEST.set(7)` holds for the rest of the task. `REQUEST.scope(7, future)` holds for the
//! future: its steps and its destructors see 7, and the rest of the task what it saw before.
//!
//! ```text
//!   poll:  put the future's value in, poll, take it out again, put the task's back
//! ```
//!
//! # Invariants
//! - Between two polls the value lives in the future. What the future sets it to stays there.
//!
//! Tutorial: chapter 14. Before this: `on_done.rs`. After this: `interrupt.rs`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use roundelay_runtime::{ContextValues, ContextVar};

use crate::task::Task;

/// Adds [`scope`](ContextScope::scope) to [`ContextVar`].
pub trait ContextScope<T: Clone + Send + Sync + 'static> {
    /// A future that sees the variable with this value, whoever polls it.
    ///
    /// It is a plain future, not a task: other variables are shared with whoever awaits it.
    ///
    /// *Cancel safety*: that of `future`.
    ///
    /// ```
    /// use roundelay_executor::{ContextScope, ContextVar, run, yield_now};
    ///
    /// static REQUEST: ContextVar<u64> = ContextVar::new("request");
    ///
    /// run(async {
    ///     let inner = REQUEST.scope(7, async {
    ///         yield_now().await;
    ///         REQUEST.get()
    ///     });
    ///     assert_eq!((inner.await, REQUEST.get()), (Some(7), None));
    /// });
    /// ```
    fn scope<F: Future>(&'static self, value: T, future: F) -> WithVariable<T, F>;
}

impl<T: Clone + Send + Sync + 'static> ContextScope<T> for ContextVar<T> {
    fn scope<F: Future>(&'static self, value: T, future: F) -> WithVariable<T, F> {
        WithVariable { variable: self, value: Some(value), future: Some(future) }
    }
}

/// The variables of another task.
impl<T> Task<T> {
    /// A copy of the task's [context variables](crate::ContextVar), as its last step has left
    /// them; empty while it takes a step.
    ///
    /// ```
    /// use roundelay_executor::{ContextVar, run, spawn, yield_now};
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// run(async {
    ///     let task = spawn(async {
    ///         drop(USER.set("ada"));
    ///         std::future::pending::<()>().await;
    ///     });
    ///     yield_now().await;
    ///     assert_eq!(task.context().run(|| USER.get()), Some("ada"));
    ///     task.cancel();
    /// });
    /// ```
    #[must_use]
    pub fn context(&self) -> ContextValues {
        self.tasks.values(self.key)
    }
}

pin_project! {
    /// The future of [`ContextScope::scope`].
    #[derive(Debug)]
    #[must_use = "a future does nothing unless awaited"]
    pub struct WithVariable<T, F>
    where
        T: Clone,
        T: Send,
        T: Sync,
        T: 'static,
    {
        variable: &'static ContextVar<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T, F> PinnedDrop for WithVariable<T, F>
    where
        T: Clone,
        T: Send,
        T: Sync,
        T: 'static,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Looked at through its pin: a `&` to the whole future would void a `&mut` that it
            // holds to a variable of its own.
            if this.future.as_mut().as_pin_mut().is_some() {
                with_own(this.variable, this.value, || this.future.set(None));
            }
        }
    }
}

impl<T, F> Future for WithVariable<T, F>
where
    T: Clone + Send + Sync + 'static,
    F: Future,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        with_own(this.variable, this.value, || {
            let future = this.future.as_mut().as_pin_mut();
            let future = future.expect("a future that has given its output is polled again");
            let polled = future.poll(cx);
            if polled.is_ready() {
                // Its destructors belong to it.
                this.future.set(None);
            }
            polled
        })
    }
}

/// Calls `work` while the variable has the value that is kept in `own`, and keeps there what
/// it is afterwards.
fn with_own<T, R>(
    variable: &'static ContextVar<T>,
    own: &mut Option<T>,
    work: impl FnOnce() -> R,
) -> R
where
    T: Clone + Send + Sync + 'static,
{
    let Some(value) = own.clone() else { return work() };
    variable.with_value(value, || {
        let outcome = work();
        *own = variable.get();
        outcome
    })
}
