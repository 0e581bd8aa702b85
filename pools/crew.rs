//! The crew: the threads of a pool, and everything they share.
//!
//! One thread's life is a short loop: get a job, run it, get the next; leave when there has
//! been none for a while, or when the pool is closed and nobody counts on this thread.
//!
//! ```text
//!   submit --> headcount: is somebody free? --> hall --> a thread: start, run, free
//!                   | no                                       ^
//!                   +--> start a thread -----------------------/
//! ```
//!
//! A closed pool has to get its sleeping threads out of the hall. It sends one *nudge*, an
//! empty message; whoever gets it looks at the headcount, leaves, and passes a nudge on.
//!
//! # Invariants
//! - A thread that the headcount does not let go gets a job, or a nudge: it never sleeps on
//!   in vain. So whoever takes a job out of the queue without being a thread nudges.
//! - A job counts until it has ended: also one that is cancelled, until its captures are gone.
//! - A thread is free (for the headcount) only when no code of the user's runs on it.
//! - If no thread can be started, no job waits for one: whoever submits is told.
//!
//! Tutorial: the chapter on thread pools. Before this: `roll.rs`. After this: `thread_pool.rs`.

use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::ending::Ending;
use crate::error::{JobError, PoolError};
use crate::hall::Hall;
use crate::headcount::{Headcount, Hire, Leave};
use crate::linger::Linger;
use crate::metrics::{PoolMetrics, RunningJob, StillRunning};
use crate::panics::{contain, contain_quietly, install_hook, watch_this_thread};
use crate::roll::{Roll, Seat};
use crate::thread_job::{Ran, Runnable, take_ran_while_waiting};

pub(crate) struct Crew {
    settings: Settings,
    headcount: Headcount,
    /// The queue. `None` is a nudge.
    hall: Hall<Option<Arc<dyn Runnable>>>,
    /// Held by whoever starts a thread, until it is known whether it has started.
    hiring: Mutex<()>,
    ending: Arc<Ending>,
    /// Why the pool is broken, if it is.
    broken: Mutex<Option<String>>,
    roll: Roll,
}

pub(crate) struct Settings {
    pub(crate) max_threads: u32,
    pub(crate) name_prefix: String,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) capacity: Option<usize>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) initializer: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// What to do when the queue has no room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    Wait,
    WaitUntil(Instant),
    Refuse,
    /// Wait; and where that is refused, the caller will run the job itself.
    RunHere,
}

impl Crew {
    pub(crate) fn new(settings: Settings) -> Arc<Crew> {
        Arc::new(Crew {
            headcount: Headcount::new(settings.max_threads),
            hall: Hall::new(settings.capacity),
            hiring: Mutex::new(()),
            settings,
            ending: Ending::new(),
            broken: Mutex::new(None),
            roll: Roll::default(),
        })
    }

    /// Queues a job, and starts a thread for it if nobody is free.
    pub(crate) fn accept(
        self: &Arc<Self>,
        job: Arc<dyn Runnable>,
        full: WhenFull,
    ) -> Result<(), PoolError> {
        match self.headcount.job_comes() {
            Hire::Nobody => {}
            Hire::Closed => return Err(self.why_closed()),
            Hire::Perhaps | Hire::One => self.hire()?,
        }
        self.queue(job, full)
    }

    /// Starts a thread for a job, if that is still wanted when it is our turn.
    fn hire(self: &Arc<Self>) -> Result<(), PoolError> {
        install_hook(); // may wait for a hook that is being called, so under no lock
        let turn = self.hiring.lock();
        match self.headcount.job_wants_a_thread() {
            Hire::Closed => return Err(self.why_closed()),
            Hire::One => {}
            Hire::Nobody | Hire::Perhaps => return Ok(()),
        }
        let Err(source) = self.start_thread() else {
            self.headcount.has_started();
            return Ok(());
        };
        let left = self.headcount.could_not_start();
        drop(turn); // the end of a pool wakes others
        if self.after_leaving(left) {
            return Err(PoolError::Os { doing: "starting a thread of the pool", source });
        }
        Ok(()) // others are there
    }

    fn queue(&self, job: Arc<dyn Runnable>, full: WhenFull) -> Result<(), PoolError> {
        let Err(job) = self.hall.try_put(Some(job)) else { return Ok(()) };
        let placed = match full {
            WhenFull::Refuse => false,
            WhenFull::WaitUntil(deadline) => self.hall.put(job, Some(deadline)).is_ok(),
            // One of our own threads must not wait for room, which is made by our threads.
            WhenFull::Wait | WhenFull::RunHere => {
                !self.ending.is_worker_here() && self.hall.put(job, None).is_ok()
            }
        };
        if placed {
            return Ok(());
        }
        self.job_is_gone();
        Err(PoolError::QueueFull { capacity: self.settings.capacity.unwrap_or(usize::MAX) })
    }

    fn start_thread(self: &Arc<Self>) -> std::io::Result<()> {
        let crew = Arc::clone(self);
        let Settings { name_prefix, stack_size, .. } = &self.settings;
        self.roll.start(name_prefix, *stack_size, move |seat| {
            crew.work(seat);
            crew.roll.join_those_who_left_before();
        })
    }
}

// ---- a thread's life ------------------------------------------------------------------------

impl Crew {
    fn work(self: &Arc<Self>, seat: &Arc<Seat>) {
        self.ending.enter();
        watch_this_thread();
        if let Some(initialize) = &self.settings.initializer
            && let Err(report) = contain(|| initialize())
        {
            let why = format!("the initializer panicked: {report}");
            self.break_pool(why.clone());
            self.roll.sign_off(seat);
            return self.fail_what_waits(&why);
        }
        let mut last_place: Option<&'static Location<'static>> = None;
        let mut linger = Linger::new();
        while let Some(job) = self.next_job(seat, &mut linger) {
            let Some(place) = job.start() else {
                self.skip(job);
                continue;
            };
            // Many jobs come from one place: only another one is worth the lock.
            if !last_place.is_some_and(|last| ptr::eq(last, place)) {
                last_place = Some(place);
                seat.will_be_at(place);
            }
            seat.begins();
            let ran = job.run(&|| {
                seat.has_done(1 + take_ran_while_waiting());
                self.headcount.is_free();
            });
            if ran == Ran::Abandoned {
                seat.has_done_for_nobody();
            }
        }
    }

    /// Lets go of a job that was cancelled, or run by a thread that waited for it.
    fn skip(self: &Arc<Self>, job: Arc<dyn Runnable>) {
        // One that is just being cancelled counts until what it captured is gone. Nobody waits for
        // that here: those destructors may wait for this very thread.
        let mut at_once = true;
        if job.is_withdrawn() {
            let crew = Arc::clone(self);
            at_once = job.when_gone(Box::new(move || crew.job_is_gone())).is_some();
        }
        if at_once {
            self.job_is_gone();
        }
        // It may be the last to hold a result that nobody wants.
        contain_quietly(move || drop(job));
    }

    /// A job has ended without a thread of ours. Somebody may have stayed for it.
    fn job_is_gone(&self) {
        self.headcount.job_goes();
        self.nudge();
    }

    /// The next job; `None`: this thread is to leave, and is no longer counted.
    fn next_job(&self, seat: &Arc<Seat>, linger: &mut Linger) -> Option<Arc<dyn Runnable>> {
        loop {
            if self.headcount.is_closed() && self.leave(seat) {
                return None;
            }
            match self.hall.take(self.settings.idle_timeout, linger) {
                Some(Some(job)) => return Some(job),
                Some(None) => {} // a nudge: look at the headcount again
                None if self.leave(seat) => return None,
                None => {} // idle for long enough, but a job is on its way
            }
        }
    }

    /// Leaves, if no job counts on this thread.
    fn leave(&self, seat: &Arc<Seat>) -> bool {
        // Signed off before the end is announced, so that the last one leaves an empty roll.
        let left = self.headcount.leave();
        if left != Leave::Stay {
            self.roll.sign_off(seat);
        }
        self.after_leaving(left)
    }

    fn after_leaving(&self, left: Leave) -> bool {
        match left {
            Leave::Stay => return false,
            Leave::Go => self.nudge(),
            Leave::GoAsLast => self.ending.raise(),
        }
        true
    }

    /// Takes the place of a thread that cannot work: fails each job that counts on it.
    fn fail_what_waits(self: &Arc<Self>, why: &str) {
        while !self.after_leaving(self.headcount.leave()) {
            if let Some(Some(job)) = self.hall.take(None, &mut Linger::new()) {
                self.fail(job, JobError::BrokenPool(why.to_owned()));
            }
        }
    }

    /// `false`: it had ended, or somebody else ends it.
    fn fail(self: &Arc<Self>, job: Arc<dyn Runnable>, error: JobError) -> bool {
        job.fail(error, &|| self.job_is_gone()).map_err(|job| self.skip(job)).is_ok()
    }
}

// ---- the end --------------------------------------------------------------------------------

impl Crew {
    pub(crate) fn close(&self) {
        match self.headcount.close() {
            Some(true) => self.ending.raise(),
            Some(false) => self.nudge(),
            None => {}
        }
    }

    fn break_pool(&self, why: String) {
        self.broken.lock().get_or_insert(why);
        self.close();
    }

    fn why_closed(&self) -> PoolError {
        match &*self.broken.lock() {
            Some(why) => PoolError::Broken(why.clone()),
            None => PoolError::ShutDown,
        }
    }

    /// In an open pool there is no need: who sleeps is wanted, or leaves when its time is up, and
    /// `close` nudges. (It would take a place from a job.) Nor is there if the queue is full:
    /// whoever empties it looks at the headcount.
    fn nudge(&self) {
        if self.headcount.is_closed() {
            let _ = self.hall.try_put(None);
        }
    }

    pub(crate) fn cancel_queued(self: &Arc<Self>) -> usize {
        let mut cancelled = 0;
        // What is submitted while this runs is none of our business: a bounded number of looks.
        for _ in 0..self.hall.len() {
            match self.hall.try_take() {
                Some(Some(job)) => cancelled += usize::from(self.fail(job, JobError::Cancelled)),
                Some(None) => self.nudge(),
                None => break,
            }
        }
        cancelled
    }

    /// Waits until the last thread of a closed pool has left, and joins the threads; if those
    /// take longer than the deadline to be gone, they are left to another shutdown.
    pub(crate) fn wait_for_end(&self, deadline: Option<Instant>) -> Result<(), StillRunning> {
        if !self.ending.wait(deadline) {
            let jobs = self.running();
            let queued = self.headcount.waiting(jobs.len());
            return Err(StillRunning { jobs, queued, starting: Vec::new() });
        }
        // They have left the loop; what may remain is destructors of thread-locals.
        self.roll.join_all(deadline);
        Ok(())
    }

    pub(crate) fn max_threads(&self) -> usize {
        self.settings.max_threads as usize
    }

    pub(crate) fn ending(&self) -> &Arc<Ending> {
        &self.ending
    }

    pub(crate) fn running(&self) -> Vec<RunningJob> {
        self.roll.running()
    }

    pub(crate) fn metrics(&self) -> PoolMetrics {
        let mut metrics =
            PoolMetrics { workers: self.headcount.threads(), ..PoolMetrics::default() };
        self.roll.add_up(&mut metrics);
        metrics.queued = self.headcount.waiting(metrics.running);
        metrics
    }
}
