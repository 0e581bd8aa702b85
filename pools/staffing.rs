//! Staffing: is one more worker needed, and when is it time to give up?
//!
//! The rules of a process pool, without its locks, threads and processes: numbers go in, a
//! decision comes out.
//!
//! ```text
//!   needs_another   more jobs than workers that are free or starting, and room for one more
//!   pause           after failed starts: 10 ms, 20, 40 .. 1280 before the next
//!   is_hopeless     too many failures in a row
//! ```
//!
//! # Invariants
//! - Before the first worker has ever been ready, only one is started at a time, and three
//!   failures in a row are the end. A program that forgot its guard stays a handful of processes.
//! - Later twelve are: somebody outside may be killing workers, and stop again. While other
//!   workers are there, failures are not the end at all, only a reason to pause.
//! - Workers that say hello and are dead when the first job comes are a loop too. At most as
//!   many as the pool has places can have been killed while they were idle; twelve more are no
//!   accident.
//!
//! Tutorial: the chapter on process pools. Before this: `job_queue.rs`. After this: `team.rs`.

use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Staffing {
    pub(crate) places: usize,
    pub(crate) eager: bool,
    first_pause: Duration,
    pub(crate) door: Door,
    /// Supervisors: those that start a worker, those that are free, those that have a job.
    pub(crate) present: usize,
    pub(crate) starting: usize,
    pub(crate) free: usize,
    /// Workers are no longer wanted, not even to finish what they do.
    pub(crate) killed: bool,
    /// Some worker of this pool has once been ready.
    ever_ready: bool,
    failed_starts: u32,
    /// Workers found dead when they were to get a job, since the last job that ended.
    found_dead: usize,
}

#[derive(Debug, Default)]
pub(crate) enum Door {
    #[default]
    Open,
    Closed,
    Broken(String),
}

const FAILURES_AT_FIRST: u32 = 3;
const FAILURES_LATER: u32 = 12;

/// After the first failure; the longest is 128 times as long.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);

impl Staffing {
    pub(crate) fn new(places: usize, eager: bool, first_pause: Duration) -> Staffing {
        Staffing {
            places,
            eager,
            first_pause,
            door: Door::Open,
            present: 0,
            starting: 0,
            free: 0,
            killed: false,
            ever_ready: false,
            failed_starts: 0,
            found_dead: 0,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.door, Door::Open)
    }

    /// Should one more worker be started, with that many jobs in the queue?
    pub(crate) fn needs_another(&self, queued: usize) -> bool {
        let wanted = match self.door {
            _ if self.killed => 0,
            Door::Open if self.eager => self.places,
            Door::Open | Door::Closed => queued,
            Door::Broken(_) => 0,
        };
        self.present < self.places
            && wanted > self.free + self.starting
            && (self.ever_ready || self.starting == 0)
    }

    /// Just before a start: is it still worth while?
    pub(crate) fn wants_workers(&self, queued: usize) -> bool {
        match self.door {
            _ if self.killed => false,
            Door::Open => true,
            Door::Closed => queued > 0,
            Door::Broken(_) => false,
        }
    }

    /// How long to wait before the next start.
    pub(crate) fn pause(&self) -> Duration {
        let beyond_accident = self.found_dead.saturating_sub(self.places);
        let failures = self.failed_starts.max(u32::try_from(beyond_accident).unwrap_or(u32::MAX));
        if failures == 0 { Duration::ZERO } else { self.first_pause * (1 << (failures - 1).min(7)) }
    }

    pub(crate) fn start_begins(&mut self) {
        self.present += 1;
        self.starting += 1;
    }

    /// The new worker is there, and free.
    pub(crate) fn worker_is_ready(&mut self) {
        self.starting -= 1;
        self.free += 1;
        self.ever_ready = true;
        self.failed_starts = 0;
    }

    /// It could not be started. `true`: and that is the end of the pool.
    pub(crate) fn start_failed(&mut self) -> bool {
        self.starting -= 1;
        self.failed_starts += 1;
        let limit = if self.ever_ready { FAILURES_LATER } else { FAILURES_AT_FIRST };
        // Whoever else is there is busy, free or starting; this one is still counted.
        let alone = self.present - self.starting == 1;
        !self.killed && alone && self.failed_starts >= limit
    }

    /// A worker was dead when it was to get a job. `true`: and that is the end of the pool.
    pub(crate) fn was_found_dead(&mut self) -> bool {
        self.found_dead += 1;
        !self.killed && self.found_dead >= self.places.saturating_add(FAILURES_LATER as usize)
    }

    /// A worker has had a job, whatever came of it.
    pub(crate) fn job_done(&mut self) {
        self.found_dead = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(places: usize) -> Staffing {
        let mut staff = Staffing::new(places, false, PAUSE);
        staff.start_begins();
        staff.worker_is_ready();
        staff
    }

    #[test]
    fn the_first_worker_is_started_alone_and_the_others_when_it_is_ready() {
        let mut staff = Staffing::new(3, false, PAUSE);
        assert!(!staff.needs_another(0) && staff.needs_another(5));
        staff.start_begins();
        assert!(!staff.needs_another(5));
        staff.worker_is_ready();
        assert!(!staff.needs_another(1), "it is free for that one");
        assert!(staff.needs_another(5));
        staff.start_begins();
        staff.start_begins();
        assert!(!staff.needs_another(5), "no more places");
    }

    #[test]
    fn an_eager_pool_fills_its_places_while_it_is_open() {
        let mut staff = Staffing::new(2, true, PAUSE);
        assert!(staff.needs_another(0));
        staff.start_begins();
        staff.worker_is_ready();
        assert!(staff.needs_another(0));
        staff.door = Door::Closed;
        assert!(!staff.needs_another(0));
    }

    #[test]
    fn three_failed_starts_end_a_new_pool_and_twelve_one_that_has_worked() {
        let fail_until_the_end = |mut staff: Staffing| {
            (1..).find(|_| {
                staff.start_begins();
                let end = staff.start_failed();
                staff.present -= 1;
                end
            })
        };
        assert_eq!(fail_until_the_end(Staffing::new(2, false, PAUSE)), Some(3));
        let mut worked = ready(2);
        worked.free = 0;
        worked.present = 0;
        assert_eq!(fail_until_the_end(worked), Some(12));
    }

    #[test]
    fn while_another_worker_is_there_failed_starts_are_only_a_reason_to_pause() {
        let mut staff = ready(2);
        let mut pauses = Vec::new();
        for _ in 0..100 {
            staff.start_begins();
            assert!(!staff.start_failed());
            staff.present -= 1;
            pauses.push(staff.pause().as_millis());
        }
        assert_eq!(pauses[..9], [10, 20, 40, 80, 160, 320, 640, 1280, 1280]);
        staff.start_begins();
        staff.worker_is_ready();
        assert_eq!(staff.pause(), Duration::ZERO);
    }

    #[test]
    fn idle_workers_that_are_all_killed_are_no_loop_but_a_dozen_more_are() {
        let mut staff = ready(4);
        for _ in 0..4 {
            assert!(!staff.was_found_dead());
            assert_eq!(staff.pause(), Duration::ZERO);
        }
        let more = (1..).find(|_| staff.was_found_dead());
        assert_eq!(more, Some(12));
        staff.job_done();
        assert_eq!(staff.pause(), Duration::ZERO);
    }
}
