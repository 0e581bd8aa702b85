//! Promises about task groups: no child is ever left behind.
//!
//! Order facts O12, O13 and O33 of asyncio; bug class B42.

#[path = "../support/mod.rs"]
mod support;

mod company;
mod early_end;
mod errors;
mod in_the_making;
mod nobody_left;
mod order;
mod outside;
mod random;
mod results;
mod room;
mod start;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use roundelay::{
    CancellableGroup, ChildEnded, GroupBuilder, GroupCause, GroupError, GroupFailure, StartError,
    TaskBuilder, TaskGroup, cancellable_group, current_loop, promise, sleep, spawn, task_group,
    timeout, yield_now,
};
use support::{
    Census, Crowd, Log, in_a_process, ms, must_end, on_drop, reporting_runner, rounds, run_virtual,
};

fn messages<E: std::fmt::Display>(error: &GroupError<E>) -> Vec<String> {
    error
        .failures
        .iter()
        .map(|failure| match &failure.cause {
            GroupCause::Failed(error) => error.to_string(),
            GroupCause::Panicked(panic) => format!("panic: {}", panic.message()),
            GroupCause::Group(inner) => format!("({})", messages(inner).join(", ")),
        })
        .collect()
}

/// A group in a box, with a handle to it, polled once.
type Boxed<E> = Pin<Box<dyn Future<Output = Result<Option<()>, GroupError<E>>>>>;

async fn opened<E: 'static>() -> (Boxed<E>, CancellableGroup<E>) {
    let handle = Rc::new(RefCell::new(None));
    let give = Rc::clone(&handle);
    let mut whole: Boxed<E> =
        Box::pin(cancellable_group(async move |group: CancellableGroup<E>| {
            *give.borrow_mut() = Some(group);
            pending().await
        }));
    assert!(support::poll_now(&mut whole).await.is_pending());
    let group = handle.take().unwrap();
    (whole, group)
}
