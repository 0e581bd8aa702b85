//! A loop's answer on its way to another thread: it comes, once, to whoever waits in whichever
//! way, and it does not get lost.

use loom::sync::Arc;
use loom::thread;

use crate::bridge::remote_error::RemoteError;
use crate::callback::Key;
use crate::reply::{Asked, Reply};
use crate::shim::task::Context;
use crate::small_loop::Loop;
use crate::waker::LentWaker;

#[test]
fn a_thread_that_blocks_hears_the_answer_whenever_it_comes() {
    loom::model(|| {
        let (reply, answer) = Reply::new();
        let other = thread::spawn(move || {
            reply.block(None);
            reply.take()
        });
        answer.settle(Ok(7)).unwrap();
        assert_eq!(other.join().unwrap(), Some(Ok(7)));
    });
}

#[test]
fn a_thread_that_blocks_hears_that_the_answer_was_dropped_unsaid() {
    loom::model(|| {
        let (reply, answer) = Reply::<u8>::new();
        let other = thread::spawn(move || {
            reply.block(None);
            reply.take()
        });
        drop(answer);
        assert_eq!(other.join().unwrap(), Some(Err(RemoteError::LoopClosed)));
    });
}

#[test]
fn a_task_that_polls_just_as_the_answer_comes_has_it_or_is_woken() {
    loom::model(|| {
        let event_loop = Loop::new();
        let lent = LentWaker::new(event_loop.proxy());
        lent.lend_to(Key::new(7, 0));
        let (reply, answer) = Reply::new();
        let other = thread::spawn(move || answer.settle(Ok(1)).unwrap());
        if !reply.poll_settled(&Context::from_waker(lent.waker())) {
            assert_eq!(event_loop.hear(1), [7]);
        }
        assert_eq!(reply.take(), Some(Ok(1)));
        other.join().unwrap();
    });
}

#[test]
fn an_answer_that_comes_just_as_nobody_wants_it_any_more_is_handed_back_to_one_of_the_two() {
    loom::model(|| {
        let event_loop = Loop::new();
        let lent = LentWaker::new(event_loop.proxy());
        let (reply, answer) = Reply::new();
        reply.poll_settled(&Context::from_waker(lent.waker()));
        let other = thread::spawn(move || answer.settle(Ok(1)).is_err());
        let renounced = reply.renounce().is_some();
        assert_ne!(renounced, other.join().unwrap());
    });
}

#[test]
fn of_two_that_take_the_answer_one_has_it_and_the_other_hears_that_it_is_gone() {
    loom::model(|| {
        let (reply, answer) = Reply::new();
        let theirs = Arc::clone(&reply);
        let other = thread::spawn(move || theirs.take());
        answer.settle(Ok(1)).unwrap();
        let mine = reply.take();
        match other.join().unwrap() {
            Some(Ok(1)) => assert_eq!(mine, Some(Err(RemoteError::Taken))),
            None => assert_eq!(mine, Some(Ok(1))),
            Some(theirs) => {
                assert_eq!((theirs, mine), (Err(RemoteError::Taken), Some(Ok(1))));
            }
        }
    });
}

#[test]
fn a_cancel_that_comes_just_as_the_task_starts_is_seen_by_one_of_the_two() {
    loom::model(|| {
        let key = Key::new(7, 1);
        let (reply, answer) = Reply::<u8>::new();
        let other = thread::spawn(move || (answer.has_started(key), answer));
        let asked = reply.ask_to_cancel();
        let (goes_on, answer) = other.join().unwrap();
        match asked {
            Asked::Withdrawn => assert!(!goes_on),
            Asked::Running(started) => assert!(goes_on && started == key),
            Asked::TooLate => panic!("it has not ended"),
        }
        assert!(answer.is_cancel_requested());
        answer.settle(Ok(1)).unwrap();
        assert!(matches!(reply.ask_to_cancel(), Asked::TooLate));
    });
}
