//! The inbox: what other threads leave for the loop.
//!
//! Two parties share it. Any thread puts messages in; the loop's thread takes them all out
//! at once, each turn. The one difficult moment is when the loop goes to sleep: a message
//! that arrives just then must wake it, and a message that arrives while it works need not
//! (ringing the bell is a system call).
//!
//! ```text
//!   loop:  lock { messages? do not sleep : asleep = true }  sleep  lock { asleep = false }
//!          lock { take all }
//!   other: lock { push; was asleep? asleep = false, ring }
//! ```
//!
//! Both decide under the same lock, so there is no gap between "the inbox is empty" and
//! "I am asleep" in which a message could fall unheard. The loop is not in the system call
//! yet when it says "I am asleep". That does no harm: the system remembers a ring, and the
//! next wait ends at once.
//!
//! # Invariants
//! - A message is collected, or dropped when the loop closes, or refused after that.
//! - The bell rings once for a burst: the first message after the loop fell asleep.
//! - Messages of one thread are collected in the order in which it left them.
//! - A message is dropped when the lock is not held: its destructor is user code.
//!
//! Tutorial: chapter 18. Before this: `reactor.rs`. After this: `linger.rs`.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::callback::Key;
use crate::observer::Event;
use crate::reactor::{Bell, WaitKey};
use crate::timer_table::TimerKey;

/// What another thread may ask of a loop.
pub(crate) enum Message {
    Call(Box<dyn FnOnce() + Send>),
    Notify(Key),
    /// Something that keeps a timer, such as a sleep, was dropped on another thread.
    CancelTimer(TimerKey),
    CancelWait(WaitKey),
    /// Something to tell the observer.
    Tell(Box<Event>),
    Forget(Key),
    /// The last hold on the clock is gone: look again whether it may jump.
    ClockFree,
    Stop,
}

/// The shared half of a loop: all of it that other threads can see.
pub(crate) struct Inbox {
    /// The loop's number, unique in this process.
    pub(crate) id: u64,
    state: Mutex<State>,
    /// A copy of "there are messages", so that a busy loop need not take the lock to look.
    has_messages: AtomicBool,
    /// How many guards keep the virtual clock from jumping.
    clock_holds: AtomicUsize,
    bell: Bell,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    asleep: bool,
    closed: bool,
}

impl Inbox {
    pub(crate) fn new(id: u64, bell: Bell) -> Inbox {
        Inbox {
            id,
            state: Mutex::default(),
            has_messages: AtomicBool::new(false),
            clock_holds: AtomicUsize::new(0),
            bell,
        }
    }

    /// Leaves a message. A closed loop refuses it, and gives it back.
    pub(crate) fn leave(&self, message: Message) -> Result<(), Message> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(message);
        }
        state.messages.push(message);
        self.has_messages.store(true, Ordering::Release);
        let ring = std::mem::take(&mut state.asleep);
        drop(state);
        if ring {
            self.bell.ring();
        }
        Ok(())
    }

    /// Before the loop sleeps: `false` if there is a message after all.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut state = self.state.lock();
        state.asleep = state.messages.is_empty();
        state.asleep
    }

    /// Whether anything was left. Takes no lock.
    #[inline]
    pub(crate) fn has_messages(&self) -> bool {
        self.has_messages.load(Ordering::Acquire)
    }

    /// Takes everything that was left; `buffer` lends the room for it.
    pub(crate) fn collect(&self, buffer: &mut Vec<Message>) {
        let mut state = self.state.lock();
        self.has_messages.store(false, Ordering::Relaxed);
        std::mem::swap(&mut state.messages, buffer);
    }

    /// After the loop slept: nobody needs to ring any more.
    pub(crate) fn wake_up(&self) {
        self.state.lock().asleep = false;
    }

    /// Refuses everything from now on. Hands out what was left, to be dropped.
    pub(crate) fn close(&self) -> Vec<Message> {
        let mut state = self.state.lock();
        state.closed = true;
        self.has_messages.store(false, Ordering::Relaxed);
        std::mem::take(&mut state.messages)
    }

    /// Whether it refuses everything.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    pub(crate) fn hold_clock(&self) {
        self.clock_holds.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets go of the clock. `true` if that was the last hold.
    pub(crate) fn release_clock(&self) -> bool {
        self.clock_holds.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(crate) fn is_clock_held(&self) -> bool {
        self.clock_holds.load(Ordering::Acquire) > 0
    }

    /// Takes a descriptor off the system's list; see [`Bell::deregister`].
    pub(crate) fn deregister(&self, fd: RawFd) {
        self.bell.deregister(fd);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::Reactor;

    fn inbox() -> (Reactor, Inbox) {
        let (reactor, bell) = Reactor::new(false).unwrap();
        (reactor, Inbox::new(1, bell))
    }

    #[test]
    fn a_message_left_before_the_loop_sleeps_keeps_it_awake() {
        let (_reactor, inbox) = inbox();
        assert!(inbox.fall_asleep());
        inbox.wake_up();
        assert!(inbox.leave(Message::Stop).is_ok());
        assert!(!inbox.fall_asleep());
    }

    #[test]
    fn messages_are_collected_once_and_in_order() {
        let (_reactor, inbox) = inbox();
        for n in 0..3 {
            assert!(inbox.leave(Message::Notify(Key::new(n, 0))).is_ok());
        }
        let mut messages = Vec::new();
        inbox.collect(&mut messages);
        let indices = messages.iter().map(|message| match message {
            Message::Notify(key) => key.index(),
            _ => usize::MAX,
        });
        assert_eq!(indices.collect::<Vec<_>>(), [0, 1, 2]);
        messages.clear();
        inbox.collect(&mut messages);
        assert!(messages.is_empty());
    }

    #[test]
    fn a_closed_inbox_gives_the_message_back() {
        let (_reactor, inbox) = inbox();
        assert!(inbox.leave(Message::Stop).is_ok());
        assert_eq!(inbox.close().len(), 1);
        assert!(matches!(inbox.leave(Message::Stop), Err(Message::Stop)));
    }
}
