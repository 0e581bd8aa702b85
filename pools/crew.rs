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
//! - A thread is free (for the headcount) only when no code of the user's runs on it.
//! - If no thread can be started, no job waits for one: what is queued is failed.
//!
//! Tutorial: the chapter on thread pools. Before this: `thread_job.rs`. After this: `thread_pool.rs`.

use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::ending::Ending;
use crate::error::{JobError, PoolError};
use crate::hall::Hall;
use crate::headcount::{Headcount, Hire, Leave};
use crate::linger::Linger;
use crate::metrics::{PoolMetrics, RunningJob, StillRunning};
use crate::panics::{contain, watch_this_thread};
use crate::thread_job::{Ran, Runnable, take_ran_while_waiting};

pub(crate) struct Crew {
    settings: Settings,
    headcount: Headcount,
    /// The queue. `None` is a nudge.
    hall: Hall<Option<Arc<dyn Runnable>>>,
    ending: Arc<Ending>,
    /// Why the pool is broken, if it is.
    broken: Mutex<Option<String>>,
    roll: Mutex<Roll>,
}

pub(crate) struct Settings {
    pub(crate) max_threads: u32,
    pub(crate) name_prefix: String,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) capacity: Option<usize>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) initializer: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// Who is there; and what those who left have done.
#[derive(Default)]
struct Roll {
    next_number: u64,
    seats: Vec<Arc<Seat>>,
    handles: Vec<JoinHandle<()>>,
    done_by_gone: u64,
    abandoned_by_gone: u64,
}

/// One thread's own numbers. Only it writes them; `metrics` reads.
struct Seat {
    name: String,
    busy: AtomicBool,
    /// Where its job was submitted; while it is not busy, its last one.
    place: Mutex<Option<&'static Location<'static>>>,
    done: AtomicU64,
    abandoned: AtomicU64,
}

/// What to do when the queue has no room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    Wait,
    Refuse,
    /// Wait; and where that is refused, the caller will run the job itself.
    RunHere,
}

impl Crew {
    pub(crate) fn new(settings: Settings) -> Arc<Crew> {
        Arc::new(Crew {
            headcount: Headcount::new(settings.max_threads),
            hall: Hall::new(settings.capacity),
            settings,
            ending: Ending::new(),
            broken: Mutex::new(None),
            roll: Mutex::default(),
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
            Hire::One => {
                if let Err(source) = self.start_thread()
                    && !self.headcount.could_not_start()
                {
                    // Nobody is there, and nobody comes. Jobs may have been queued meanwhile,
                    // trusting the thread that we could not start: answer for it.
                    self.headcount.job_goes();
                    self.fail_what_waits(&format!("no thread could be started: {source}"));
                    return Err(PoolError::Os { doing: "starting a thread of the pool", source });
                }
            }
        }
        self.queue(job, full)
    }

    fn queue(&self, job: Arc<dyn Runnable>, full: WhenFull) -> Result<(), PoolError> {
        let Err(job) = self.hall.try_put(Some(job)) else { return Ok(()) };
        // One of our own threads must not wait for room, which is made by our threads.
        if full != WhenFull::Refuse && !self.ending.is_worker_here() {
            self.hall.put(job);
            return Ok(());
        }
        self.headcount.job_goes();
        self.nudge();
        Err(PoolError::QueueFull { capacity: self.settings.capacity.unwrap_or(usize::MAX) })
    }

    fn start_thread(self: &Arc<Self>) -> std::io::Result<()> {
        let mut roll = self.roll.lock();
        let name = format!("{}-{}", self.settings.name_prefix, roll.next_number);
        let mut builder = thread::Builder::new().name(name.clone());
        if let Some(bytes) = self.settings.stack_size {
            builder = builder.stack_size(bytes);
        }
        let seat = Arc::new(Seat {
            name,
            busy: AtomicBool::new(false),
            place: Mutex::new(None),
            done: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        });
        let (crew, own_seat) = (Arc::clone(self), Arc::clone(&seat));
        let handle = builder.spawn(move || crew.work(&own_seat))?;
        roll.next_number += 1;
        roll.seats.push(seat);
        roll.handles.retain(|handle| !handle.is_finished());
        roll.handles.push(handle);
        Ok(())
    }
}

// ---- a thread's life ------------------------------------------------------------------------

impl Crew {
    fn work(&self, seat: &Arc<Seat>) {
        self.ending.enter();
        watch_this_thread();
        if let Some(initialize) = &self.settings.initializer
            && let Err(report) = contain(|| initialize())
        {
            let why = format!("the initializer panicked: {report}");
            self.break_pool(why.clone());
            self.sign_off(seat);
            return self.fail_what_waits(&why);
        }
        let mut last_place: Option<&'static Location<'static>> = None;
        let mut linger = Linger::new();
        while let Some(job) = self.next_job(seat, &mut linger) {
            let Some(place) = job.start() else {
                self.headcount.is_free(); // it was cancelled, or run by a thread that waited for it
                continue;
            };
            // Many jobs come from one place: only another one is worth the lock.
            if !last_place.is_some_and(|last| ptr::eq(last, place)) {
                last_place = Some(place);
                *seat.place.lock() = last_place;
            }
            seat.busy.store(true, Ordering::Release);
            let ran = job.run(&|| {
                seat.busy.store(false, Ordering::Release);
                add(&seat.done, 1 + take_ran_while_waiting());
                self.headcount.is_free();
            });
            if ran == Ran::Abandoned {
                add(&seat.abandoned, 1);
            }
        }
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
            self.sign_off(seat);
        }
        self.after_leaving(left)
    }

    fn after_leaving(&self, left: Leave) -> bool {
        match left {
            Leave::Stay => return false,
            Leave::Go if self.headcount.is_closed() => self.nudge(),
            Leave::Go => {}
            Leave::GoAsLast => self.ending.raise(),
        }
        true
    }

    fn sign_off(&self, seat: &Arc<Seat>) {
        let mut roll = self.roll.lock();
        roll.done_by_gone += seat.done.load(Ordering::Relaxed);
        roll.abandoned_by_gone += seat.abandoned.load(Ordering::Relaxed);
        roll.seats.retain(|theirs| !Arc::ptr_eq(theirs, seat));
    }

    /// Takes the place of a thread that cannot work: fails each job that counts on it.
    fn fail_what_waits(&self, why: &str) {
        while !self.after_leaving(self.headcount.leave()) {
            if let Some(Some(job)) = self.hall.take(None, &mut Linger::new()) {
                job.fail(JobError::BrokenPool(why.to_owned()));
                self.headcount.is_free();
            }
        }
    }
}

impl Seat {
    /// Where the job that it has was submitted.
    fn current(&self) -> Option<&'static Location<'static>> {
        if self.busy.load(Ordering::Acquire) { *self.place.lock() } else { None }
    }
}

/// Adds to a number that only this thread writes: no other write can come between.
fn add(number: &AtomicU64, more: u64) {
    number.store(number.load(Ordering::Relaxed) + more, Ordering::Relaxed);
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

    /// If the queue is full there is no need: whoever empties it looks at the headcount.
    fn nudge(&self) {
        let _ = self.hall.try_put(None);
    }

    pub(crate) fn cancel_queued(&self) -> usize {
        let mut cancelled = 0;
        // What is submitted while this runs is none of our business: a bounded number of looks.
        for _ in 0..self.hall.len() {
            match self.hall.try_take() {
                Some(Some(job)) => {
                    cancelled += usize::from(job.fail(JobError::Cancelled));
                    self.headcount.job_goes();
                    self.nudge();
                }
                Some(None) => self.nudge(),
                None => break,
            }
        }
        cancelled
    }

    /// Waits until the last thread of a closed pool has left, and joins the threads.
    pub(crate) fn wait_for_end(&self, deadline: Option<Instant>) -> Result<(), StillRunning> {
        if !self.ending.wait(deadline) {
            let jobs = self.running();
            let queued = self.headcount.waiting(jobs.len());
            return Err(StillRunning { jobs, queued });
        }
        let handles = std::mem::take(&mut self.roll.lock().handles);
        for handle in handles {
            // They have left the loop; what may remain is thread-local destructors. With a
            // deadline we do not wait for those.
            if deadline.is_none() || handle.is_finished() {
                let _ = handle.join();
            }
        }
        Ok(())
    }

    pub(crate) fn max_threads(&self) -> usize {
        self.settings.max_threads as usize
    }

    pub(crate) fn ending(&self) -> &Arc<Ending> {
        &self.ending
    }

    pub(crate) fn running(&self) -> Vec<RunningJob> {
        let roll = self.roll.lock();
        let jobs = roll.seats.iter().filter_map(|seat| {
            let submitted_at = seat.current()?;
            Some(RunningJob { worker: seat.name.clone(), submitted_at })
        });
        jobs.collect()
    }

    pub(crate) fn metrics(&self) -> PoolMetrics {
        let roll = self.roll.lock();
        let mut metrics = PoolMetrics {
            workers: self.headcount.threads(),
            queued: 0,
            running: 0,
            done: roll.done_by_gone,
            abandoned: roll.abandoned_by_gone,
        };
        for seat in &roll.seats {
            metrics.running += usize::from(seat.current().is_some());
            metrics.done += seat.done.load(Ordering::Relaxed);
            metrics.abandoned += seat.abandoned.load(Ordering::Relaxed);
        }
        metrics.queued = self.headcount.waiting(metrics.running);
        metrics
    }
}
