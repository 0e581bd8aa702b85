//! The pipeline: many files at once, one order, bounded memory, and an end that leaves nothing
//! behind.
//!
//! ```text
//!                                      a task group
//!   +-------------------------------------------------------------------------------------+
//!   |  conductor            portions, hashed by the workers     a reader      a writer     |
//!   |  Ctrl-C? fail         deadline? fail                      output takes no more? fail |
//!   +-------------------------------------------------------------------------------------+
//!   source --256 at a time--> [ window: 2048 slots ] --what is finished in front--> sink
//! ```
//!
//! All tasks are children of one group. Whatever ends the run early (a signal, the deadline, an
//! output that takes no more, a broken pool) is *a child that fails*: then the group cancels the
//! others, waits until each has unwound, and gives the reason. Nothing here has to remember whom to
//! stop.
//!
//! A full pipe or a dead network disk may stop a thread. It must not stop the loop, which is the
//! one who hears Ctrl-C: so all reading, hashing and writing is done by jobs.
//!
//! # Invariants
//! - When [`run`] returns, no task of the run exists; jobs that were dropped are on their way out.
//!
//! Tutorial: chapter 20, the capstone. Before this: `conductor.rs`. After this: `making.rs`.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{GroupCause, GroupError, Queue, TaskGroup, cancellable_group, sleep};

use super::conductor::{Conductor, Event, Remains, Setting, answer, tell};
use super::ends::{Shared, Sink, Source, Stopped};
use super::progress::Amount;

/// Takes everything from `source` through the workers into `sink`.
///
/// `amount` counts how much there is, if somebody wants to know; it runs in a thread of its own.
pub(crate) async fn run<S, K>(
    source: S,
    sink: &Shared<K>,
    amount: Option<impl FnOnce() -> Amount + Send + 'static>,
    setting: &Rc<Setting>,
) -> Result<Amount, Remains<S::Item>>
where
    S: Source,
    K: Sink<Item = S::Item>,
{
    let mut conductor = Conductor::new(source, sink, setting);
    let conducted = cancellable_group(async |group| {
        watch(&group, setting);
        if let Some(amount) = amount {
            count(&group, setting, amount);
        }
        group.spawn(tick(conductor.events()));
        conductor.conduct(&group).await;
        // The watchers would wait for ever.
        group.cancel();
        Ok(())
    })
    .await;
    match conducted {
        Ok(_) => Ok(conductor.done()),
        Err(error) => Err(conductor.end(why(error))),
    }
}

/// The children that fail when the run is to end.
fn watch(group: &TaskGroup<Stopped>, setting: &Setting) {
    let signal = setting.interrupts.first();
    group.spawn(async move { Err::<Infallible, _>(Stopped::By(signal.await)) });
    if let Some(limit) = setting.deadline {
        group.spawn(async move {
            sleep(limit).await;
            Err::<Infallible, _>(Stopped::Deadline(limit))
        });
    }
}

/// A count that fails is no reason to stop: then nobody knows how much there is.
fn count(
    group: &TaskGroup<Stopped>,
    setting: &Setting,
    amount: impl FnOnce() -> Amount + Send + 'static,
) {
    let job = setting.helpers.submit(amount);
    let progress = setting.progress.clone();
    group.spawn(async move {
        if let Ok(amount) = answer(job).await {
            progress.expect(amount);
        }
        Ok(())
    });
}

/// How often what is finished is written even if it is little, and progress is shown.
const TICK: Duration = Duration::from_millis(100);

async fn tick<S: Source>(events: Queue<Event<S>>) -> Result<Infallible, Stopped> {
    loop {
        sleep(TICK).await;
        tell(&events, Event::Tick);
    }
}

/// The first failure is the reason; others were on their way at the same time.
fn why(error: GroupError<Stopped>) -> Stopped {
    match error.flatten().failures.into_iter().next().map(|failure| failure.cause) {
        Some(GroupCause::Failed(why)) => why,
        Some(GroupCause::Panicked(panic)) => Stopped::Broken(panic.message().to_owned()),
        Some(GroupCause::Group(_)) | None => unreachable!("a flat group error has no groups"),
    }
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
