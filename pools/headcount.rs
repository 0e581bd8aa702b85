//! The headcount: is anybody free, may one more be hired, may this one leave?
//!
//! A pool has to answer three questions, from many threads at once, and never wrongly: when
//! a job comes, is a new thread needed? When a thread has waited long enough, may it go? Is
//! everybody gone? Three numbers answer them, and they lie in *one* atomic word, so that each
//! answer is one step that nobody can get between:
//!
//! ```text
//!   63      62 ........ 32   31 ............... 0
//!   closed  threads          spare (signed)
//!
//!   spare = threads that run no job  -  jobs that no thread has taken yet
//! ```
//!
//! A positive `spare` is that many idle threads with nothing coming; a negative one is that
//! many jobs more than there are threads for them.
//!
//! # Invariants
//! - `spare` counts a job from before it is in the queue: a thread cannot leave while a job
//!   that relies on it is still on its way there.
//! - A thread leaves only while `spare > 0`; then nobody has counted on it.
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
        let nobody = Count { closed: false, threads: 0, spare: 0 };
        Headcount { word: AtomicU64::new(nobody.pack()), max_threads }
    }

    /// A job is about to be queued.
    pub(crate) fn job_comes(&self) -> Hire {
        self.step(|count| {
            if count.closed {
                return Hire::Closed;
            }
            let hire = count.spare <= 0 && count.threads < self.max_threads;
            count.spare -= 1;
            if hire {
                count.threads += 1;
                count.spare += 1;
            }
            if hire { Hire::One } else { Hire::Nobody }
        })
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

    /// A thread that was hired could not be started. `true`: others are there, and its job is
    /// theirs now. `false`: it would have been the only one, and is still counted.
    pub(crate) fn could_not_start(&self) -> bool {
        self.step(|count| {
            let others = count.threads > 1;
            if others {
                count.threads -= 1;
                count.spare -= 1;
            }
            others
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
    threads: u32,
    spare: i32,
}

const CLOSED: u64 = 1 << 63;

impl Count {
    fn unpack(word: u64) -> Count {
        Count {
            closed: word & CLOSED != 0,
            threads: ((word & !CLOSED) >> 32) as u32,
            // The low half carries the sign as usual; the cast cuts off the upper half.
            spare: word as u32 as i32,
        }
    }

    fn pack(&self) -> u64 {
        let closed = if self.closed { CLOSED } else { 0 };
        closed | u64::from(self.threads) << 32 | u64::from(self.spare as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_numbers_survive_being_packed() {
        for (closed, threads, spare) in [(false, 0, 0), (true, 7, -3), (false, 1 << 20, i32::MIN)] {
            let count = Count::unpack(Count { closed, threads, spare }.pack());
            assert_eq!((count.closed, count.threads, count.spare), (closed, threads, spare));
        }
    }

    #[test]
    fn a_thread_is_hired_only_while_nobody_is_free() {
        let heads = Headcount::new(2);
        assert_eq!(heads.job_comes(), Hire::One);
        assert_eq!(heads.job_comes(), Hire::One);
        assert_eq!(heads.job_comes(), Hire::Nobody, "two is the maximum");
        heads.is_free();
        heads.is_free();
        heads.is_free();
        assert_eq!(heads.job_comes(), Hire::Nobody, "both are free again");
    }

    #[test]
    fn a_thread_stays_while_a_job_is_on_its_way() {
        let heads = Headcount::new(1);
        assert_eq!(heads.job_comes(), Hire::One);
        assert_eq!(heads.leave(), Leave::Stay);
        heads.is_free();
        assert_eq!(heads.leave(), Leave::Go);
        assert_eq!(heads.job_comes(), Hire::One, "and a new one is hired for the next job");
    }

    #[test]
    fn the_last_to_leave_a_closed_pool_knows_it() {
        let heads = Headcount::new(2);
        heads.job_comes();
        heads.job_comes();
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
