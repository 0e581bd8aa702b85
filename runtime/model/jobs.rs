//! A job on a thread, as `to_thread` awaits it: it wakes its task, and a virtual clock does not
//! jump over it.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::callback::Key;
use crate::job_ring::Ring;
use crate::shim::task::{Wake, Waker};
use crate::small_loop::Loop;
use crate::waker::LentWaker;

/// The waker of the task in this place of the table.
fn waker_of(event_loop: &Loop, task: u32) -> Waker {
    let lent = LentWaker::new(event_loop.proxy());
    lent.lend_to(Key::new(task, 0));
    lent.waker().clone()
}

/// Turns until the clock may jump; which tasks were woken before it.
fn woken_before_the_jump(event_loop: &Loop) -> Vec<u32> {
    let mut woken = Vec::new();
    while !event_loop.may_jump() {
        woken.extend(event_loop.turn());
    }
    woken.retain(|&number| number != u32::MAX);
    woken
}

#[test]
fn the_clock_does_not_jump_before_the_task_of_a_job_that_ended_is_woken() {
    loom::model(|| {
        let event_loop = Loop::new();
        let ring = Ring::new(Some(event_loop.proxy().hold_clock()));
        ring.listen(&waker_of(&event_loop, 7));
        let other = thread::spawn(move || ring.wake());
        assert_eq!(woken_before_the_jump(&event_loop), [7]);
        other.join().unwrap();
    });
}

#[test]
fn a_job_that_ends_just_as_it_is_given_up_lets_the_clock_go_once() {
    loom::model(|| {
        let event_loop = Loop::new();
        let ring = Ring::new(Some(event_loop.proxy().hold_clock()));
        ring.listen(&waker_of(&event_loop, 7));
        let theirs = Arc::clone(&ring);
        let other = thread::spawn(move || theirs.wake());
        ring.let_go();
        let woken = woken_before_the_jump(&event_loop);
        assert!(woken.is_empty() || woken == [7], "{woken:?}");
        other.join().unwrap();
        assert!(!event_loop.inbox.is_clock_held());
    });
}

#[test]
fn whoever_listens_anew_while_the_job_ends_is_woken_or_finds_it_ended() {
    loom::model(|| {
        let event_loop = Loop::new();
        let (ring, ended) = (Ring::new(None), Arc::new(AtomicBool::new(false)));
        ring.listen(&waker_of(&event_loop, 7));
        let (theirs, theirs_ended) = (Arc::clone(&ring), Arc::clone(&ended));
        let other = thread::spawn(move || {
            // Relaxed: whoever sees the end sees it through the ring's lock.
            theirs_ended.store(true, Ordering::Relaxed);
            theirs.wake();
        });
        ring.listen(&waker_of(&event_loop, 8));
        if !ended.load(Ordering::Relaxed) {
            assert_eq!(event_loop.hear(1), [8]);
        }
        other.join().unwrap();
    });
}
