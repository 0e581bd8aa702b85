//! The headcount: is anybody free, may one more be hired, may this one leave?
//!
//! A pool has to answer three questions, from many threads at once, and never wrongly: when
//! a job comes, is a new thread needed? When a thread has waited long enough, may it go? Is
//! everybody gone? Three numbers answer them, and they lie in *one* atomic word, so that each
//! answer is one step that nobody can get between:
//!
//! ```text
//!   63      62        61 ..... 32   31 ............... 0
//!   closed  starting  threads       spare (signed)
//!
//!   starting: one of the threads may yet turn out not to start
//!   spare  =  threads that run no job  -  jobs that no thread has taken yet
//! ```
//!
//! A positive `spare` is that many idle threads with nothing coming; a negative one is that
//! many jobs more than there are threads for them.
//!
//! # Invariants
//! - `spare` counts a job from before it is in the queue: a thread cannot leave while a job
//!   that relies on it is still on its way there.
//! - A thread leaves only while `spare > 0`; then nobody has counted on it.
//! - Threads are started one at a time, and a job counts on one that is really there, or on the
//!   one that is started for it. So if none can be had, only who has tried is to be told.
//! - Whoever leaves last after the close knows it, and nobody else does.
//!
//! The obvious version has two counters, and the race that breaks it is this: the only
//! thread decides to leave; `submit` sees the maximum of one thread still there and starts
//! none; the thread is gone, and the job waits for ever.
//!
//! Tutorial: the chapter on thread pools. Before this: `metrics.rs`. After this: `hall.rs`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Everybody who submits and every thread writes to it, so it has its cache lines for itself.
#[repr(align(128))]
pub(crate) struct Headcount {
    word: AtomicU64,
    max_threads: u32,
}

/// What `submit` is to do about a job that is about to be queued.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hire {
    /// A thread that is there will take it.
    Nobody,
    /// Nothing has been counted: when it is your turn to start a thread, ask
    /// [`job_wants_a_thread`](Headcount::job_wants_a_thread).
    Perhaps,
    /// Start one: it is counted already.
    One,
    /// The pool takes no more jobs.
    Closed,
}

/// What became of a thread that wanted to leave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// A job counts on it.
    Stay,
    /// It is no longer counted.
    Go,
    /// The same, and it was the last one of a closed pool.
    GoAsLast,
}

impl Headcount {
    pub(crate) fn new(max_threads: u32) -> Headcount {
        let nobody = Count { closed: false, starting: false, threads: 0, spare: 0 };
        Headcount { word: AtomicU64::new(nobody.pack()), max_threads }
    }

    /// A job is about to be queued.
    pub(crate) fn job_comes(&self) -> Hire {
        self.step(|count| {
            if count.closed {
                return Hire::Closed;
            }
            let nobody_is_there = count.threads == u32::from(count.starting);
            if nobody_is_there || self.wants_more(count) {
                return Hire::Perhaps;
            }
            count.spare -= 1;
            Hire::Nobody
        })
    }

    /// The same for somebody who has waited for their turn to start a thread.
    pub(crate) fn job_wants_a_thread(&self) -> Hire {
        self.step(|count| {
            if count.closed {
                return Hire::Closed;
            }
            if self.wants_more(count) {
                // One thread more and one job more: what is to spare stays the same.
                count.threads += 1;
                count.starting = true;
                return Hire::One;
            }
            count.spare -= 1;
            Hire::Nobody
        })
    }

    fn wants_more(&self, count: &Count) -> bool {
        count.spare <= 0 && count.threads < self.max_threads
    }

    /// The thread that was to be started is there.
    pub(crate) fn has_started(&self) {
        self.step(|count| count.starting = false);
    }

    /// The job of the last `job_comes` will not be queued, or was taken out of the queue.
    pub(crate) fn job_goes(&self) {
        self.step(|count| count.spare += 1);
    }

    /// A thread has nothing of the user's left to do.
    pub(crate) fn is_free(&self) {
        // The same step as `job_goes`: one job fewer, or one thread more, to spare.
        self.step(|count| count.spare += 1);
    }

    /// A thread that runs no job would like to leave.
    pub(crate) fn leave(&self) -> Leave {
        self.step(|count| {
            if count.spare <= 0 {
                return Leave::Stay;
            }
            count.spare -= 1;
            count.threads -= 1;
            if count.closed && count.threads == 0 { Leave::GoAsLast } else { Leave::Go }
        })
    }

    /// The thread that was to be started could not be. [`Leave::Stay`]: others are there, and its
    /// job stays for them. Else it would have been the only one, and its job is not counted either.
    pub(crate) fn could_not_start(&self) -> Leave {
        self.step(|count| {
            count.starting = false;
            count.threads -= 1;
            if count.threads > 0 {
                count.spare -= 1;
                return Leave::Stay;
            }
            if count.closed { Leave::GoAsLast } else { Leave::Go }
        })
    }

    /// No more jobs. `Some(true)`: and nobody is there, so this is the end. `None`: it was
    /// closed already.
    pub(crate) fn close(&self) -> Option<bool> {
        self.step(|count| {
            if count.closed {
                return None;
            }
            count.closed = true;
            Some(count.threads == 0)
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        Count::unpack(self.word.load(Ordering::Acquire)).closed
    }

    pub(crate) fn threads(&self) -> usize {
        Count::unpack(self.word.load(Ordering::Acquire)).threads as usize
    }

    /// How many jobs wait for a thread while `running` threads have one.
    pub(crate) fn waiting(&self, running: usize) -> usize {
        let Count { threads, spare, .. } = Count::unpack(self.word.load(Ordering::Acquire));
        let waiting = i64::from(threads) - running as i64 - i64::from(spare);
        usize::try_from(waiting).unwrap_or(0)
    }

    /// Changes all three numbers in one step, as often as it takes to get in between others.
    fn step<R>(&self, change: impl Fn(&mut Count) -> R) -> R {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let mut count = Count::unpack(word);
            let answer = change(&mut count);
            let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
            match self.word.compare_exchange_weak(word, count.pack(), success, failure) {
                Ok(_) => return answer,
                Err(current) => word = current,
            }
        }
    }
}

struct Count {
    closed: bool,
    starting: bool,
    threads: u32,
    spare: i32,
}

const CLOSED: u64 = 1 << 63;
const STARTING: u64 = 1 << 62;

/// What fits into the word; far more than any system gives.
pub(crate) const MOST_THREADS: u32 = (1 << 30) - 1;

impl Count {
    fn unpack(word: u64) -> Count {
        Count {
            closed: word & CLOSED != 0,
            starting: word & STARTING != 0,
            threads: (word >> 32) as u32 & MOST_THREADS,
            // The low half carries the sign as usual; the cast cuts off the upper half.
            spare: word as u32 as i32,
        }
    }

    fn pack(&self) -> u64 {
        let closed = if self.closed { CLOSED } else { 0 };
        let starting = if self.starting { STARTING } else { 0 };
        closed | starting | u64::from(self.threads) << 32 | u64::from(self.spare as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_survive_being_packed() {
        let most = (false, true, MOST_THREADS, i32::MIN);
        for (closed, starting, threads, spare) in
            [(false, false, 0, 0), (true, false, 7, -3), (true, true, 1 << 20, 5), most]
        {
            let count = Count::unpack(Count { closed, starting, threads, spare }.pack());
            assert_eq!((count.closed, count.starting), (closed, starting));
            assert_eq!((count.threads, count.spare), (threads, spare));
        }
    }

    /// A job comes, and a thread is started for it.
    fn hire(heads: &Headcount) {
        assert_eq!((heads.job_comes(), heads.job_wants_a_thread()), (Hire::Perhaps, Hire::One));
        heads.has_started();
    }

    #[test]
    fn a_thread_is_hired_only_while_nobody_is_free() {
        let heads = Headcount::new(2);
        hire(&heads);
        hire(&heads);
        assert_eq!(heads.job_comes(), Hire::Nobody, "two is the maximum");
        heads.is_free();
        heads.is_free();
        heads.is_free();
        assert_eq!(heads.job_comes(), Hire::Nobody, "both are free again");
    }

    #[test]
    fn a_thread_stays_while_a_job_is_on_its_way() {
        let heads = Headcount::new(1);
        hire(&heads);
        assert_eq!(heads.leave(), Leave::Stay);
        heads.is_free();
        assert_eq!(heads.leave(), Leave::Go);
        hire(&heads); // a new one, for the next job
    }

    #[test]
    fn a_job_counts_on_nobody_who_is_not_there_yet() {
        let heads = Headcount::new(1);
        heads.job_comes();
        heads.job_wants_a_thread();
        assert_eq!(heads.job_comes(), Hire::Perhaps, "the only thread may not start");
        assert_eq!(heads.could_not_start(), Leave::Go);
        assert_eq!((heads.threads(), heads.waiting(0)), (0, 0));
        hire(&heads);
        assert_eq!(heads.job_comes(), Hire::Nobody);
    }

    #[test]
    fn a_job_whose_thread_cannot_be_started_is_left_to_those_who_are_there() {
        let heads = Headcount::new(2);
        hire(&heads);
        assert_eq!(heads.job_wants_a_thread(), Hire::One);
        assert_eq!(heads.could_not_start(), Leave::Stay);
        assert_eq!((heads.threads(), heads.waiting(1)), (1, 1));
    }

    #[test]
    fn who_could_not_start_the_only_thread_of_a_closed_pool_is_the_last() {
        let heads = Headcount::new(2);
        heads.job_wants_a_thread();
        assert_eq!((heads.close(), heads.could_not_start()), (Some(false), Leave::GoAsLast));
    }

    #[test]
    fn the_last_to_leave_a_closed_pool_knows_it() {
        let heads = Headcount::new(2);
        hire(&heads);
        hire(&heads);
        assert_eq!(heads.close(), Some(false));
        assert_eq!(heads.close(), None);
        assert_eq!(heads.job_comes(), Hire::Closed);
        heads.is_free();
        assert_eq!(heads.leave(), Leave::Go);
        assert_eq!(heads.leave(), Leave::Stay, "the other one has a job");
        heads.is_free();
        assert_eq!(heads.leave(), Leave::GoAsLast);
    }
}
