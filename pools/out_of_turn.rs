//! Out of turn: a job that runs on a thread where another job waits for it.
//!
//! A thread that takes jobs from the queue has nothing of anybody's on it between two of them. A
//! thread that waits in the middle of a job has: whoever submitted that one may have put something
//! there for it, such as an executor its context variables. The job that runs meanwhile may be
//! anybody's. It is to see none of it, and to leave nothing behind.
//!
//! ```text
//!   outer job:  [ alice's variables  .. wait() ...................... goes on, still alice's ]
//!                                         | [ nobody's ] inner job |
//! ```
//!
//! This crate does not know what lies there. So whoever puts it there tells how to put it aside;
//! it is asked for jobs that run out of turn only, and the others pay nothing.
//!
//! # Invariants
//! - A job that runs out of turn finds what it would find on a thread that takes it from the queue.
//! - Nothing panics out of here: the job that waits goes on.
//! - The job is called, whatever becomes of what is to be put aside.
//!
//! Tutorial: the chapter on thread pools. Before this: `hall.rs`. After this: `thread_job.rs`.

use std::sync::OnceLock;

use crate::panics::contain_quietly;

/// Calls a job once while what this thread has of another one is put aside.
pub type PutAside = fn(job: &mut dyn FnMut());

static PUT_ASIDE: OnceLock<PutAside> = OnceLock::new();

/// For an executor: from here on, jobs that run out of turn are called by `put_aside`. A process
/// has one of these, and the first stays.
pub fn put_aside_with(put_aside: PutAside) {
    let _ = PUT_ASIDE.set(put_aside);
}

/// Calls a job that runs out of turn.
pub(crate) fn apart(job: impl FnOnce()) {
    let mut job = Some(job);
    // The second time it does nothing.
    let mut call = || {
        if let Some(job) = job.take() {
            job();
        }
    };
    if let Some(put_aside) = PUT_ASIDE.get() {
        // What the job has left behind is dropped in there, and that is the user's code.
        contain_quietly(|| put_aside(&mut call));
    }
    // Where there is nothing to put aside; and on a thread that is about to end, whose destructors
    // wait for a job when what would be put aside is gone already, with the place where it was.
    call();
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local!(static NOTE: Cell<u8> = const { Cell::new(0) });

    fn put_note_aside(job: &mut dyn FnMut()) {
        let own = NOTE.replace(0);
        assert_ne!(own, 9, "the place where it lies may be gone");
        job();
        NOTE.set(own);
        assert_ne!(own, 7, "what is dropped here may panic");
    }

    #[test]
    fn a_job_sees_nothing_of_the_one_that_waits_and_leaves_nothing_behind() {
        put_aside_with(put_note_aside);
        for note in [1, 7] {
            NOTE.set(note);
            let mut seen = None;
            apart(|| seen = Some(NOTE.replace(5)));
            assert_eq!((seen, NOTE.get()), (Some(0), note));
        }
    }

    #[test]
    fn a_job_is_called_although_what_is_to_be_put_aside_is_gone() {
        put_aside_with(put_note_aside);
        NOTE.set(9);
        let mut called = 0;
        apart(|| called += 1);
        assert_eq!(called, 1, "or whoever waits for it would do so for ever");
    }
}
