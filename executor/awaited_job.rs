//! A pool's job, as a task awaits it.
//!
//! A [`Job`] is a future already. What a task adds is its loop: the virtual clock must not
//! jump over work that is under way, the observer is told, and the job can find its host.
//!
//! ```text
//!   poll:  the job keeps a ring ----> [ the task's waker | a hold on the clock ]
//!   the job ends:   the ring wakes the task, then lets the clock go
//!   dropped before: the job is cancelled if it is queued; else it runs on, for nobody, or is
//!                   killed, if it can be and that was asked for
//! ```
//!
//! # Invariants
//! - While a job of real threads is under way, a virtual clock does not jump over it; when it has
//!   ended, the clock goes on, whether or not somebody has come for the result.
//! - A job that has not begun when its awaiter is dropped never begins.
//!
//! Tutorial: chapter 15. Before this: `job_ring.rs`. After this: `to_thread.rs`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use roundelay_pools::__private::poll_done;
use roundelay_pools::{Job, JobError};
use roundelay_runtime::{Awaited, Event, Interest, LoopProxy};

use crate::current::current_tasks;
use crate::host::Host;
use crate::job_ring::Ring;
use crate::own_step::Wait;
use crate::task_table::Tasks;
use crate::told::awaits_numbered;

pub(crate) struct AwaitedJob<T> {
    job: Job<T>,
    number: u64,
    home: LoopProxy,
    host: Arc<Host>,
    ring: Arc<Ring>,
    /// Whoever drops it does not want the job to run on.
    pub(crate) kills: bool,
    /// It has given its result.
    over: bool,
}

/// A job that is about to be handed to a pool.
pub(crate) struct Announced {
    number: u64,
    pub(crate) host: Arc<Host>,
}

impl Announced {
    /// Numbers the job and tells the observer, who hears of its beginning only after this.
    pub(crate) fn new(tasks: &Tasks, pool: &'static str) -> Announced {
        let number = tasks.blocking.next_number();
        tasks.loop_ref.observe(|| Event::JobSubmitted { job: number, pool });
        let watched = tasks.loop_ref.is_interesting(Interest::JOBS).then_some(number);
        let host = Host::new(tasks.loop_ref.proxy(), watched, tasks.family());
        Announced { number, host }
    }

    /// The pool did not take it.
    pub(crate) fn was_refused(&self, tasks: &Tasks) {
        tasks.loop_ref.observe(|| Event::JobEnded { job: self.number, done: false });
    }
}

impl<T> AwaitedJob<T> {
    /// Takes up a job that was just handed to a pool. `holds_clock`: it ends in the world's time.
    pub(crate) fn new(
        tasks: &Tasks,
        job: Job<T>,
        announced: Announced,
        holds_clock: bool,
    ) -> AwaitedJob<T> {
        let Announced { number, host } = announced;
        let home = tasks.loop_ref.proxy();
        let ring = Ring::new(holds_clock.then(|| home.hold_clock()));
        AwaitedJob { job, number, home, host, ring, kills: false, over: false }
    }

    /// For a future that may not be polled for long: the end of its job lets the clock go all the
    /// same, or a task that sleeps first, and awaits it then, would sleep for ever.
    pub(crate) fn hear_of_its_end(&mut self) {
        if poll_done(&mut self.job, &Waker::from(Arc::clone(&self.ring))) {
            self.ring.let_go();
        }
    }

    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<T, JobError>> {
        assert!(!self.over, "a future that has given the job's result is polled again");
        self.ring.listen(cx.waker());
        let ring = Waker::from(Arc::clone(&self.ring));
        let outcome = Pin::new(&mut self.job).poll(&mut Context::from_waker(&ring));
        if outcome.is_ready() {
            self.over = true;
            self.ring.let_go();
            let done = matches!(outcome, Poll::Ready(Ok(_)));
            self.tell(Event::JobEnded { job: self.number, done });
        } else {
            awaits_numbered(Wait::Job(self.number), || Awaited::Job(self.number));
        }
        outcome
    }

    /// Nobody wants the value any more: a queued job is cancelled, a running one is told, or killed.
    pub(crate) fn give_up(&self) {
        self.host.leave();
        match self.kills {
            true => self.job.kill(),
            false => self.job.cancel(),
        };
    }

    /// Also when its task is dropped by a runner that closes, whose loop runs no more.
    fn tell(&self, event: Event) {
        if let Some(tasks) = current_tasks().filter(|tasks| tasks.loop_ref.id() == self.home.id()) {
            tasks.loop_ref.observe(|| event);
        }
    }
}

impl<T> Drop for AwaitedJob<T> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        self.give_up();
        self.ring.let_go();
        self.tell(Event::JobAbandoned { job: self.number });
    }
}
