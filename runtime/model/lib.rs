//! Model checks of what threads share: how another thread's word reaches a loop that is about to
//! sleep (the tests of this file), how a job on a thread lets the clock go (`jobs.rs`), and how a
//! loop's answer reaches another thread (`replies.rs`).
//!
//! ```text
//! cargo test --release --manifest-path runtime/model/Cargo.toml
//! ```
//!
//! A test with real threads sees the few orders that this system happens to choose. [loom] runs a
//! model again and again until it has seen *every* order of its threads, and every value that a
//! relaxed load may give. So the models are small: two or three threads, a message or two. (The one
//! model of three threads and four messages is cut off at three switches at surprising places.)
//!
//! What is run are the inbox, the lent wakers, the ring of a job and the reply, from their own
//! sources: `build.rs` copies them with loom's locks and atomics in place of the system's. The
//! sources know nothing of this.
//! Around them stand a bell whose ring is remembered, which is what epoll and kqueue promise,
//! and a loop of few lines that sleeps in the order of `runtime/turn.rs`.
//!
//! Not modelled: the executor's queue (one thread owns it), and, of the fence in
//! `LentWaker::lend_to`, that it is needed: loom lets every look at an `Arc`'s count synchronise.
//!
//! [loom]: https://docs.rs/loom
#![forbid(unsafe_code)]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "parts of two crates, not all of them")]

mod shim;
pub(crate) use shim::{bridge, error, observer, own_step, reactor, timer_table};

#[cfg(test)]
mod jobs;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod small_loop;

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

pub(crate) use callback::Key;
pub(crate) use proxy::{ClockHold, LoopProxy};

/// The door, as far as wakers and jobs use it, from elsewhere than home.
mod proxy {
    use loom::sync::Arc;

    use crate::callback::Key;
    use crate::inbox::{Inbox, Message};

    #[derive(Clone)]
    pub(crate) struct LoopProxy {
        pub(crate) inbox: Arc<Inbox>,
    }

    impl LoopProxy {
        pub(crate) fn notify(&self, key: Key) {
            drop(self.inbox.leave(Message::Notify(key)));
        }

        pub(crate) fn notify_unless(&self, key: Key, told: impl FnOnce() -> bool) {
            if !told() {
                self.notify(key);
            }
        }

        pub(crate) fn hold_clock(&self) -> ClockHold {
            self.inbox.hold_clock();
            ClockHold { proxy: self.clone() }
        }
    }

    pub(crate) struct ClockHold {
        proxy: LoopProxy,
    }

    impl Drop for ClockHold {
        fn drop(&mut self) {
            if self.proxy.inbox.release_clock() {
                drop(self.proxy.inbox.leave(Message::ClockFree));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::thread;

    use crate::callback::Key;
    use crate::inbox::Message;
    use crate::small_loop::{Loop, word};
    use crate::waker::LentWaker;

    #[test]
    fn a_word_that_comes_while_the_loop_falls_asleep_wakes_it() {
        loom::model(|| {
            let event_loop = Loop::new();
            let door = event_loop.proxy();
            let other = thread::spawn(move || door.notify(Key::new(7, 0)));
            assert_eq!(event_loop.hear(1), [7]);
            other.join().unwrap();
        });
    }

    #[test]
    fn two_threads_are_both_heard_and_each_in_its_own_order() {
        // Every order with up to three switches at a surprising place: all of them take hours.
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let event_loop = Loop::new();
            let others = [0, 10].map(|base| {
                let door = event_loop.proxy();
                thread::spawn(move || {
                    door.notify(Key::new(base, 0));
                    door.notify(Key::new(base + 1, 0));
                })
            });
            let heard = event_loop.hear(4);
            for base in [0, 10] {
                let place = |n| heard.iter().position(|&h| h == n).expect("heard");
                assert!(place(base) < place(base + 1), "out of order: {heard:?}");
            }
            for other in others {
                other.join().unwrap();
            }
        });
    }

    #[test]
    fn a_burst_rings_no_more_than_once_for_each_time_that_the_loop_fell_asleep() {
        loom::model(|| {
            let event_loop = Loop::new();
            let door = event_loop.proxy();
            let other = thread::spawn(move || {
                door.notify(Key::new(0, 0));
                door.notify(Key::new(1, 0));
            });
            let mut heard = 0;
            let mut turns = 0;
            while heard < 2 {
                heard += event_loop.turn().len();
                turns += 1;
            }
            other.join().unwrap();
            assert!(event_loop.bell.times_rung() <= turns);
        });
    }

    #[test]
    fn a_word_for_a_loop_that_is_being_closed_is_handed_out_or_refused_never_lost() {
        loom::model(|| {
            let event_loop = Loop::new();
            let inbox = Arc::clone(&event_loop.inbox);
            let other = thread::spawn(move || inbox.leave(word(1)).is_err());
            let handed_out = event_loop.inbox.close().len();
            let refused = other.join().unwrap();
            assert_eq!(handed_out + usize::from(refused), 1);
        });
    }

    #[test]
    fn what_was_written_before_a_word_is_seen_by_whoever_hears_it() {
        loom::model(|| {
            let event_loop = Loop::new();
            let door = event_loop.proxy();
            let value = Arc::new(AtomicUsize::new(0));
            let theirs = Arc::clone(&value);
            let other = thread::spawn(move || {
                theirs.store(42, Ordering::Relaxed);
                door.notify(Key::new(1, 0));
            });
            event_loop.hear(1);
            assert_eq!(value.load(Ordering::Relaxed), 42);
            other.join().unwrap();
        });
    }

    #[test]
    fn the_last_hold_on_the_clock_is_let_go_once_and_the_sleeping_loop_hears_of_it() {
        loom::model(|| {
            let event_loop = Loop::new();
            event_loop.inbox.hold_clock();
            event_loop.inbox.hold_clock();
            let others = [0, 1].map(|_| {
                let inbox = Arc::clone(&event_loop.inbox);
                thread::spawn(move || {
                    let last = inbox.release_clock();
                    if last {
                        drop(inbox.leave(Message::ClockFree));
                    }
                    last
                })
            });
            assert_eq!(event_loop.hear(1), [u32::MAX]);
            assert!(!event_loop.inbox.is_clock_held());
            let lasts = others.map(|other| usize::from(other.join().unwrap()));
            assert_eq!(lasts[0] + lasts[1], 1);
        });
    }

    #[test]
    fn a_kept_waker_wakes_the_task_that_it_was_lent_to_and_no_later_one() {
        loom::model(|| {
            let event_loop = Loop::new();
            let lent = LentWaker::new(event_loop.proxy());
            lent.lend_to(Key::new(7, 0));
            let clone = lent.waker().clone();
            let other = thread::spawn(move || clone.wake());
            // The executor's rule: lend it to another task only when nobody holds a clone.
            if !lent.was_kept() {
                lent.lend_to(Key::new(8, 0));
            }
            assert_eq!(event_loop.hear(1), [7]);
            other.join().unwrap();
        });
    }

    #[test]
    fn a_clone_of_a_clone_on_a_third_thread_still_counts_as_kept() {
        loom::model(|| {
            let event_loop = Loop::new();
            let lent = LentWaker::new(event_loop.proxy());
            lent.lend_to(Key::new(7, 0));
            let clone = lent.waker().clone();
            let other = thread::spawn(move || {
                let second = clone.clone();
                drop(clone);
                second.wake();
            });
            if !lent.was_kept() {
                lent.lend_to(Key::new(8, 0));
            }
            assert_eq!(event_loop.hear(1), [7]);
            other.join().unwrap();
        });
    }

    #[test]
    fn of_several_wakes_one_message_is_enough_and_what_each_has_done_is_seen() {
        loom::model(|| {
            let event_loop = Loop::new();
            let lent = LentWaker::new(event_loop.proxy());
            lent.lend_to(Key::new(7, 0));
            let done: [Arc<AtomicUsize>; 2] =
                std::array::from_fn(|_| Arc::new(AtomicUsize::new(0)));
            let others = done.clone().map(|done| {
                let clone = lent.waker().clone();
                thread::spawn(move || {
                    done.store(1, Ordering::Relaxed);
                    clone.wake();
                })
            });
            // Whoever has not seen both waits for another message: if none comes, it hangs.
            loop {
                assert_eq!(event_loop.hear(1), [7]);
                lent.looks();
                if done.iter().all(|done| done.load(Ordering::Relaxed) == 1) {
                    break;
                }
            }
            others.map(|other| other.join().unwrap());
        });
    }

    #[test]
    fn a_wake_after_the_loop_is_closed_does_nothing() {
        loom::model(|| {
            let event_loop = Loop::new();
            let lent = LentWaker::new(event_loop.proxy());
            lent.lend_to(Key::new(7, 0));
            let clone = lent.waker().clone();
            let other = thread::spawn(move || clone.wake());
            let handed_out = event_loop.inbox.close().len();
            other.join().unwrap();
            assert!(handed_out <= 1 && event_loop.collect().is_empty());
        });
    }
}
