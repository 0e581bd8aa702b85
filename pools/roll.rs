//! The roll: which threads a pool has, what each has done, and when they are really gone.
//!
//! A thread has a line here, its *seat*, from its start until it leaves the pool. But it is not
//! gone when it leaves: the destructors of its thread-locals come after everything else, they are
//! the user's code, and a `shutdown` is to wait for them, too.
//!
//! ```text
//!   start -> [ seat ] jobs .. -> sign off -> joins those who left before -> destructors -> gone
//!                                                                                |
//!             shutdown: whoever comes first joins them, the others wait for that -+
//! ```
//!
//! The obvious version takes the handles out and joins them. Then a second shutdown finds none and
//! returns at once; and handles of threads that have left an open pool pile up, or are thrown away.
//! Here a thread that leaves joins those who left before it. So few handles are kept, and whoever
//! joins those has waited for all.
//!
//! # Invariants
//! - A handle is here, or in the hands of somebody who joins it and is waited for: a shutdown that
//!   holds the lock `joining`, or a thread whose own handle is here.
//! - Nobody joins a thread that could wait for them: its own function has returned.
//!
//! Tutorial: the chapter on thread pools. Before this: `thread_job.rs`. After this: `crew.rs`.

use std::cell::Cell;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::metrics::{PoolMetrics, RunningJob};

#[derive(Default)]
pub(crate) struct Roll {
    lines: Mutex<Lines>,
    joining: Mutex<()>,
    farewell: Arc<Farewell>,
}

/// Who is there; and what those who left have done.
#[derive(Default)]
struct Lines {
    next_number: u64,
    seats: Vec<Arc<Seat>>,
    handles: Vec<JoinHandle<()>>,
    done_by_gone: u64,
    abandoned_by_gone: u64,
}

/// One thread's own numbers. Only it writes them; `metrics` reads.
pub(crate) struct Seat {
    name: String,
    busy: AtomicBool,
    /// Where its job was submitted; while it is not busy, its last one.
    place: Mutex<Option<&'static Location<'static>>>,
    done: AtomicU64,
    abandoned: AtomicU64,
}

impl Roll {
    /// Starts a thread that lives this life.
    pub(crate) fn start(
        &self,
        name_prefix: &str,
        stack_size: Option<usize>,
        life: impl FnOnce(&Arc<Seat>) + Send + 'static,
    ) -> io::Result<()> {
        let mut lines = self.lines.lock();
        let name = format!("{name_prefix}-{}", lines.next_number);
        let mut builder = thread::Builder::new().name(name.clone());
        if let Some(bytes) = stack_size {
            builder = builder.stack_size(bytes);
        }
        let seat = Arc::new(Seat {
            name,
            busy: AtomicBool::new(false),
            place: Mutex::new(None),
            done: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        });
        let (guest, own_seat) = (Guest::new(&self.farewell), Arc::clone(&seat));
        let handle = builder.spawn(move || {
            guest.stays_until_the_last_destructor();
            life(&own_seat);
        })?;
        lines.next_number += 1;
        lines.seats.push(seat);
        lines.handles.push(handle);
        Ok(())
    }

    /// This thread has left the pool: what it has done is kept, its seat is not.
    pub(crate) fn sign_off(&self, seat: &Arc<Seat>) {
        let mut lines = self.lines.lock();
        lines.done_by_gone += seat.done.load(Ordering::Relaxed);
        lines.abandoned_by_gone += seat.abandoned.load(Ordering::Relaxed);
        lines.seats.retain(|theirs| !Arc::ptr_eq(theirs, seat));
    }

    /// The last deed of a thread that has signed off.
    pub(crate) fn join_those_who_left_before(&self) {
        let left: Vec<_> =
            self.lines.lock().handles.extract_if(.., |theirs| theirs.is_finished()).collect();
        join(left);
    }

    /// Waits until each thread is gone, destructors and all; not beyond the deadline.
    pub(crate) fn join_all(&self, deadline: Option<Instant>) {
        // std can join a thread, or not; but not for a while.
        if deadline.is_some_and(|deadline| !self.farewell.wait(deadline)) {
            return;
        }
        let _first_come = self.joining.lock();
        let all = std::mem::take(&mut self.lines.lock().handles);
        join(all);
    }

    /// What threads do now.
    pub(crate) fn running(&self) -> Vec<RunningJob> {
        let lines = self.lines.lock();
        let jobs = lines.seats.iter().filter_map(|seat| {
            let submitted_at = seat.current()?;
            Some(RunningJob { worker: seat.name.clone(), submitted_at })
        });
        jobs.collect()
    }

    /// What the threads do now and have done, those who left included.
    pub(crate) fn add_up(&self, metrics: &mut PoolMetrics) {
        let lines = self.lines.lock();
        metrics.done += lines.done_by_gone;
        metrics.abandoned += lines.abandoned_by_gone;
        for seat in &lines.seats {
            metrics.running += usize::from(seat.current().is_some());
            metrics.done += seat.done.load(Ordering::Relaxed);
            metrics.abandoned += seat.abandoned.load(Ordering::Relaxed);
        }
    }
}

fn join(handles: Vec<JoinHandle<()>>) {
    for handle in handles {
        let _ = handle.join();
    }
}

// ---- one thread's line ----------------------------------------------------------------------

impl Seat {
    /// Its next jobs come from there.
    pub(crate) fn will_be_at(&self, place: &'static Location<'static>) {
        *self.place.lock() = Some(place);
    }

    /// It has a job.
    pub(crate) fn begins(&self) {
        self.busy.store(true, Ordering::Release);
    }

    /// It has one no more, and has done so many.
    pub(crate) fn has_done(&self, more: u64) {
        self.busy.store(false, Ordering::Release);
        add(&self.done, more);
    }

    pub(crate) fn has_done_for_nobody(&self) {
        add(&self.abandoned, 1);
    }

    /// Where the job that it has was submitted.
    fn current(&self) -> Option<&'static Location<'static>> {
        if self.busy.load(Ordering::Acquire) { *self.place.lock() } else { None }
    }
}

/// Adds to a number that only this thread writes: no other write can come between.
fn add(number: &AtomicU64, more: u64) {
    number.store(number.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

// ---- the end of a thread --------------------------------------------------------------------

/// How many threads are not gone.
#[derive(Default)]
pub(crate) struct Farewell {
    guests: Mutex<usize>,
    last_has_gone: Condvar,
}

/// A thread that was started. Dropped when it is as good as gone.
pub(crate) struct Guest {
    farewell: Arc<Farewell>,
}

thread_local! {
    static GUEST: Cell<Option<Guest>> = const { Cell::new(None) };
}

impl Guest {
    pub(crate) fn new(farewell: &Arc<Farewell>) -> Guest {
        *farewell.guests.lock() += 1;
        Guest { farewell: Arc::clone(farewell) }
    }

    /// To be called before this thread has any other thread-local with a destructor: the first to
    /// be made is the last to be dropped. (std does not promise that order. If it were another
    /// one, a shutdown with a limit would join a thread that still has a destructor to run.)
    pub(crate) fn stays_until_the_last_destructor(self) {
        GUEST.with(|own| own.set(Some(self)));
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.farewell.guests.lock();
        *guests -= 1;
        if *guests == 0 {
            self.farewell.last_has_gone.notify_all();
        }
    }
}

impl Farewell {
    /// `false`: the deadline came first.
    pub(crate) fn wait(&self, deadline: Instant) -> bool {
        let mut guests = self.guests.lock();
        while *guests > 0 {
            if self.last_has_gone.wait_until(&mut guests, deadline).timed_out() {
                return *guests == 0;
            }
        }
        true
    }
}
