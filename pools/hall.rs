//! The hall: where jobs wait for threads, and threads for jobs.
//!
//! A queue with two ends, and a place to sleep. Jobs are put down at the entrance, in the order in
//! which they come. Threads take them from a line at the exit, and when that is empty, everything
//! at the entrance becomes the next line, at once:
//!
//! ```text
//!   put --> entrance [ 7 6 5 ] ==== all at once, when the line is empty ====> line [ 4 3 ] --> take
//!
//!   nothing to take?   look out for a moment --> sleep, until somebody is called
//! ```
//!
//! Each end has a lock of its own, on a cache line of its own. Whoever submits a thousand jobs
//! meets the threads at each new line, and not at each job. The simple version was a channel: its
//! blocks were freed by the threads that took, so allocator and channel were two places where
//! everybody met at each job. On two processors a tiny job cost 500 ns and costs 200 to 380.
//!
//! Of the threads that find nothing, two look out (see `linger.rs`) and the others sleep. While
//! one looks out, nobody is called: a call is a system call, and whoever submits pays for it. In
//! exchange, a thread that has found something and leaves more behind calls the next.
//!
//! # Invariants
//! - First in, first out: what is in the line came before what is at the entrance.
//! - What was put down is taken by somebody: a thread says that it sleeps and then looks once
//!   more, and who puts looks after it has put whether somebody sleeps. One of the two sees the
//!   other. The same holds between a lookout's last look and its leaving.
//! - Each call wakes one sleeper, who looks again. So there are never more calls than sleepers.
//! - Locks are taken in this order: calls, line, entrance. What is put is neither called nor
//!   dropped under any of them.
//!
//! Tutorial: the chapter on thread pools. Before this: `headcount.rs`. After this: `out_of_turn.rs`.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::linger::Linger;

pub(crate) struct Hall<T> {
    /// So many may be here at a time.
    capacity: usize,
    entrance: Entrance<T>,
    exit: Exit<T>,
    idle: Idle,
}

/// What those who put write to.
#[repr(align(128))] // two cache lines: processors fetch them in pairs
struct Entrance<T> {
    arrivals: Mutex<VecDeque<T>>,
    /// A copy of "there are arrivals", so that those who look out need not take the lock.
    has_arrivals: AtomicBool,
}

/// What those who take write to.
#[repr(align(128))]
struct Exit<T> {
    line: Mutex<VecDeque<T>>,
    /// Something was taken.
    room: Condvar,
}

/// What only idle threads write to, and those who call them.
#[repr(align(128))]
struct Idle {
    lookouts: AtomicUsize,
    /// Threads that sleep and have not been called. Written under the lock of the calls.
    asleep: AtomicUsize,
    /// Calls that no sleeper has heard yet.
    calls: Mutex<usize>,
    call: Condvar,
}

/// More than one, so that two threads that a stream of tiny jobs keeps half busy need not be called
/// again and again; not many, for they take turns with those who work.
const MOST_LOOKOUTS: usize = 2;

/// Whoever gave way for long and finds so many has lost nothing: it was no stranger who had the
/// processor, but whoever has piled them up.
const HEAP: usize = 16;

/// A line that was once longer gives its memory back.
const KEPT_PLACES: usize = 4096;

impl<T> Hall<T> {
    pub(crate) fn new(capacity: Option<usize>) -> Hall<T> {
        Hall {
            capacity: capacity.unwrap_or(usize::MAX),
            entrance: Entrance { arrivals: Mutex::default(), has_arrivals: AtomicBool::new(false) },
            exit: Exit { line: Mutex::default(), room: Condvar::new() },
            idle: Idle {
                lookouts: AtomicUsize::new(0),
                asleep: AtomicUsize::new(0),
                calls: Mutex::new(0),
                call: Condvar::new(),
            },
        }
    }

    /// Puts something down, unless the hall is full: then it is handed back.
    pub(crate) fn try_put(&self, item: T) -> Result<(), T> {
        if self.is_bounded() {
            let line = self.exit.line.lock();
            let mut arrivals = self.entrance.arrivals.lock();
            if line.len() + arrivals.len() >= self.capacity {
                return Err(item);
            }
            self.arrive(&mut arrivals, item);
        } else {
            self.arrive(&mut self.entrance.arrivals.lock(), item);
        }
        self.call_one();
        Ok(())
    }

    /// Puts something down, and waits for room if need be. Handed back: the deadline came first.
    pub(crate) fn put(&self, item: T, deadline: Option<Instant>) -> Result<(), T> {
        let mut line = self.exit.line.lock();
        let mut arrivals = self.entrance.arrivals.lock();
        while line.len() + arrivals.len() >= self.capacity {
            drop(arrivals);
            match deadline {
                None => self.exit.room.wait(&mut line),
                Some(deadline) => {
                    if self.exit.room.wait_until(&mut line, deadline).timed_out() {
                        drop(line);
                        return self.try_put(item);
                    }
                }
            }
            arrivals = self.entrance.arrivals.lock();
        }
        self.arrive(&mut arrivals, item);
        drop((arrivals, line));
        self.call_one();
        Ok(())
    }

    fn arrive(&self, arrivals: &mut VecDeque<T>, item: T) {
        arrivals.push_back(item);
        // Exchanged and not stored: it must not be overtaken by the look in `call_one`.
        self.entrance.has_arrivals.swap(true, Ordering::SeqCst);
    }

    /// Takes the first, if there is one.
    pub(crate) fn try_take(&self) -> Option<T> {
        let mut line = self.exit.line.lock();
        if line.is_empty() {
            if !self.entrance.has_arrivals.load(Ordering::SeqCst) {
                return None;
            }
            if line.capacity() > KEPT_PLACES {
                *line = VecDeque::new();
            }
            let mut arrivals = self.entrance.arrivals.lock();
            self.entrance.has_arrivals.store(false, Ordering::SeqCst);
            mem::swap(&mut *line, &mut *arrivals);
        }
        let first = line.pop_front();
        drop(line);
        if self.is_bounded() {
            self.exit.room.notify_one();
        }
        first
    }

    /// Takes the first, and waits for it if need be. `None`: there was none for so long.
    pub(crate) fn take(&self, limit: Option<Duration>, linger: &mut Linger) -> Option<T> {
        if let Some(item) = self.try_take() {
            return Some(item);
        }
        // A limit beyond what the clock can say is no limit.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let taken = loop {
            if let Some(item) = self.look_out(linger, deadline).or_else(|| self.fall_asleep()) {
                break Some(item);
            }
            let called = self.sleep(deadline);
            match self.try_take() {
                // Another thread was there first.
                None if called => {}
                taken => break taken,
            }
        };
        let left = if taken.is_some() { self.len() } else { 0 };
        if left > 0 {
            self.call_one();
        }
        if left >= HEAP {
            linger.has_lost_nothing();
        }
        taken
    }

    /// How many are here.
    pub(crate) fn len(&self) -> usize {
        let line = self.exit.line.lock();
        line.len() + self.entrance.arrivals.lock().len()
    }

    fn is_bounded(&self) -> bool {
        self.capacity < usize::MAX
    }
}

// ---- idle threads ---------------------------------------------------------------------------

impl<T> Hall<T> {
    fn look_out(&self, linger: &mut Linger, deadline: Option<Instant>) -> Option<T> {
        let others = self.idle.lookouts.fetch_add(1, Ordering::SeqCst);
        let is_one = others < MOST_LOOKOUTS;
        let found = if is_one { linger.linger(deadline, || self.try_take()) } else { None };
        self.idle.lookouts.fetch_sub(1, Ordering::SeqCst);
        found
    }

    /// From here on this thread counts as asleep; unless there is something after all.
    fn fall_asleep(&self) -> Option<T> {
        let calls = self.idle.calls.lock();
        self.idle.asleep.fetch_add(1, Ordering::SeqCst);
        let found = self.try_take();
        if found.is_some() {
            self.idle.asleep.fetch_sub(1, Ordering::SeqCst);
        }
        drop(calls);
        found
    }

    /// Sleeps until a call. `false`: the deadline came first.
    fn sleep(&self, deadline: Option<Instant>) -> bool {
        let mut calls = self.idle.calls.lock();
        while *calls == 0 {
            match deadline {
                None => self.idle.call.wait(&mut calls),
                Some(deadline) => {
                    let timed_out = self.idle.call.wait_until(&mut calls, deadline).timed_out();
                    if timed_out && *calls == 0 {
                        self.idle.asleep.fetch_sub(1, Ordering::SeqCst);
                        return false;
                    }
                }
            }
        }
        *calls -= 1;
        true
    }

    /// Wakes a sleeper, if there is one and nobody looks out.
    fn call_one(&self) {
        let idle = &self.idle;
        if idle.lookouts.load(Ordering::SeqCst) > 0 || idle.asleep.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut calls = idle.calls.lock();
        if idle.asleep.load(Ordering::SeqCst) > 0 {
            idle.asleep.fetch_sub(1, Ordering::SeqCst);
            *calls += 1;
            drop(calls);
            idle.call.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    fn put<T: std::fmt::Debug>(hall: &Hall<T>, item: T) {
        hall.put(item, None).expect("without a deadline there is room in the end");
    }

    /// How many calls nobody has heard.
    fn calls<T>(hall: &Hall<T>) -> usize {
        *hall.idle.calls.lock()
    }

    #[test]
    fn what_came_first_is_taken_first_whichever_end_it_lies_at() {
        let hall = Hall::new(None);
        (0..3).for_each(|n| put(&hall, n));
        assert_eq!(hall.try_take(), Some(0)); // now 1 and 2 are the line
        (3..5).for_each(|n| put(&hall, n));
        assert_eq!(hall.len(), 4);
        let rest: Vec<_> = std::iter::from_fn(|| hall.try_take()).collect();
        assert_eq!(rest, [1, 2, 3, 4]);
    }

    #[test]
    fn a_full_hall_hands_back_and_counts_both_ends() {
        let hall = Hall::new(Some(2));
        assert_eq!((hall.try_put(0), hall.try_put(1), hall.try_put(2)), (Ok(()), Ok(()), Err(2)));
        assert_eq!(hall.try_take(), Some(0)); // 1 is in the line
        assert_eq!((hall.try_put(2), hall.try_put(3)), (Ok(()), Err(3)));
    }

    #[test]
    fn who_waits_for_room_gets_it_when_something_is_taken() {
        let hall = Arc::new(Hall::new(Some(1)));
        put(&hall, 0);
        let other = Arc::clone(&hall);
        let putter = thread::spawn(move || put(&other, 1));
        let linger = &mut Linger::new();
        assert_eq!((hall.take(None, linger), hall.take(None, linger)), (Some(0), Some(1)));
        putter.join().unwrap();
    }

    #[test]
    fn who_waits_for_room_until_a_deadline_gets_back_what_found_none() {
        let hall = Hall::new(Some(1));
        let now = Some(Instant::now());
        assert_eq!((hall.put(0, now), hall.put(1, now)), (Ok(()), Err(1)));
        assert_eq!((hall.try_take(), hall.put(1, now)), (Some(0), Ok(())));
    }

    #[test]
    fn who_waits_for_something_gets_it_and_gives_up_when_the_time_is_up() {
        let hall = Arc::new(Hall::new(None));
        let other = Arc::clone(&hall);
        let taker = thread::spawn(move || other.take(None, &mut Linger::new()));
        put(&hall, "here");
        assert_eq!(taker.join().unwrap(), Some("here"));
        assert_eq!(hall.take(Some(Duration::ZERO), &mut Linger::new()), None);
        assert_eq!(hall.idle.asleep.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn nobody_is_called_while_somebody_looks_out() {
        let hall = Hall::new(None);
        assert_eq!(hall.fall_asleep(), None);
        hall.idle.lookouts.fetch_add(1, Ordering::SeqCst);
        put(&hall, 0);
        assert_eq!(calls(&hall), 0);
        hall.idle.lookouts.fetch_sub(1, Ordering::SeqCst);
        put(&hall, 1);
        put(&hall, 2);
        assert_eq!(calls(&hall), 1, "one slept, so one was called");
        assert!(hall.sleep(None), "and it hears the call");
    }

    #[test]
    fn a_thread_that_leaves_something_behind_calls_the_next() {
        let hall = Hall::new(None);
        assert_eq!((hall.fall_asleep(), hall.fall_asleep()), (None, None));
        hall.idle.lookouts.fetch_add(1, Ordering::SeqCst);
        (0..3).for_each(|n| put(&hall, n));
        hall.idle.lookouts.fetch_sub(1, Ordering::SeqCst);
        // A lookout would find the first like this.
        assert_eq!((hall.look_out(&mut Linger::new(), None), calls(&hall)), (Some(0), 0));
        hall.call_one();
        assert!(hall.sleep(None));
        assert_eq!(hall.fall_asleep(), Some(1), "what is there is seen before sleeping");
        assert_eq!(hall.idle.asleep.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_line_that_was_very_long_gives_its_memory_back() {
        let hall = Hall::new(None);
        (0..10 * KEPT_PLACES).for_each(|n| put(&hall, n));
        while hall.try_take().is_some() {}
        put(&hall, 0);
        assert_eq!(hall.try_take(), Some(0));
        let kept = hall.exit.line.lock().capacity() + hall.entrance.arrivals.lock().capacity();
        assert!(kept <= KEPT_PLACES, "{kept}");
    }
}
