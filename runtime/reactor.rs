//! The reactor: asks the operating system what is ready.
//!
//! A *source* is anything with a file descriptor that can be waited for: a socket, a pipe.
//! The operating system (epoll, kqueue; through mio) tells of *changes* only: "this can be
//! read now" is said once, when it becomes true. So the reactor remembers it: each source
//! has a latch for reading and one for writing.
//!
//! ```text
//!   event from the system --> latch := ready,  waiting callbacks --> ready queue
//!   read() says WouldBlock --> latch := not ready
//! ```
//!
//! Whoever wants to read tries first, and waits only after the system has said `WouldBlock`.
//!
//! # Invariants
//! - A latch is cleared by `WouldBlock`, or by a read or write of fewer bytes than asked for.
//!   (The system tells when a source *becomes* ready, not that it *is*; "edge-triggered".)
//! - An event for a source that is gone, or for an earlier source in the same slot, is
//!   ignored: every token carries the slot's generation.
//! - A source is deregistered before its descriptor is closed.
//! - Callbacks are handed out, never called here.
//!
//! mio is named in this file only.
//!
//! Tutorial: chapter 7. Before this: `fine_wait.rs`. After this: `inbox.rs`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use slab::Slab;

use crate::callback::{Callback, Key};
use crate::fine_wait::FineWait;
use crate::latch::{Latch, Watch};

/// The two things that a source can be ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// There is something to read, or the end of it.
    Read,
    /// There is room to write.
    Write,
}

/// One waiting callback of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitKey {
    pub(crate) source: Key,
    pub(crate) direction: Direction,
    number: u64,
}

/// What a turn learned from the operating system about one source.
pub(crate) struct News {
    pub(crate) source: Key,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// Waits for the operating system, and remembers what it said.
pub(crate) struct Reactor {
    poll: Poll,
    fine_wait: FineWait,
    /// Sources are not the system's affair: a script says when they are ready.
    scripted: bool,
    sources: Slab<Watch>,
    next_generation: u32,
    next_wait: u64,
    /// How many callbacks wait for readiness.
    waiting: usize,
}

impl Reactor {
    /// A reactor, and the bell that ends its wait from any thread.
    pub(crate) fn new(scripted: bool) -> io::Result<(Reactor, Bell)> {
        let poll = Poll::new()?;
        let bell = Bell {
            waker: Waker::new(poll.registry(), BELL)?,
            registry: poll.registry().try_clone()?,
        };
        let reactor = Reactor {
            poll,
            fine_wait: FineWait::default(),
            scripted,
            sources: Slab::new(),
            next_generation: 0,
            next_wait: 0,
            waiting: 0,
        };
        Ok((reactor, bell))
    }

    /// Watches a descriptor from now on, for both directions.
    pub(crate) fn register(&mut self, fd: BorrowedFd<'_>) -> io::Result<Key> {
        let entry = self.sources.vacant_entry();
        let index = u32::try_from(entry.key()).expect("a loop holds fewer than 2^32 sources");
        let key = Key::new(index, self.next_generation);
        if !self.scripted {
            self.poll.registry().register(&mut SourceFd(&fd.as_raw_fd()), token(key), INTEREST)?;
        }
        entry.insert(Watch::new(self.next_generation));
        // The last value is left out: it belongs to the bell's token.
        self.next_generation = (self.next_generation + 1) % u32::MAX;
        Ok(key)
    }

    /// Forgets a source. Its waiting callbacks are handed out to be dropped.
    ///
    /// The descriptor must have been taken off the system's list: [`Bell::deregister`].
    pub(crate) fn forget(&mut self, key: Key) -> Vec<Callback> {
        if self.source(key).is_none() {
            return Vec::new();
        }
        let source = self.sources.remove(key.index());
        let callbacks: Vec<Callback> = source.into_callbacks().collect();
        self.waiting -= callbacks.len();
        callbacks
    }

    /// Whether it is worth trying: `false` from a `WouldBlock` until the next event.
    pub(crate) fn is_ready(&self, key: Key, direction: Direction) -> bool {
        let source = self.sources.get(key.index());
        source
            .filter(|source| source.generation == key.generation())
            // Whoever asks about a source that is gone will hear it from the system.
            .is_none_or(|source| match direction {
                Direction::Read => source.read.is_ready(),
                Direction::Write => source.write.is_ready(),
            })
    }

    /// The system said `WouldBlock`.
    pub(crate) fn clear_ready(&mut self, key: Key, direction: Direction) {
        if let Some(latch) = self.latch(key, direction) {
            latch.clear();
        }
    }

    /// All that there was has been taken. If the other side has closed, it stays ready.
    pub(crate) fn clear_drained(&mut self, key: Key, direction: Direction) {
        if let Some(latch) = self.latch(key, direction) {
            latch.clear_unless_ended();
        }
    }

    /// Leaves a callback for the next readiness. Gives it back if it is ready already, or
    /// if the source is gone.
    pub(crate) fn wait(
        &mut self,
        source: Key,
        direction: Direction,
        callback: Callback,
    ) -> Result<WaitKey, Callback> {
        let number = self.next_wait;
        match self.latch(source, direction) {
            Some(latch) => latch.wait(number, callback)?,
            None => return Err(callback),
        }
        self.next_wait += 1;
        self.waiting += 1;
        Ok(WaitKey { source, direction, number })
    }

    /// Puts another callback in the place of one that waits; hands back the one not used.
    /// `Err` if it no longer waits.
    pub(crate) fn replace(
        &mut self,
        wait: WaitKey,
        callback: Callback,
    ) -> Result<Callback, Callback> {
        match self.latch(wait.source, wait.direction) {
            Some(latch) => latch.replace(wait.number, callback),
            None => Err(callback),
        }
    }

    /// Takes back a callback that waits.
    pub(crate) fn cancel_wait(&mut self, wait: WaitKey) -> Option<Callback> {
        let callback = self.latch(wait.source, wait.direction)?.cancel(wait.number)?;
        self.waiting -= 1;
        Some(callback)
    }

    /// Takes every waiting callback out, for closing the loop.
    pub(crate) fn take_all(&mut self) -> Vec<Callback> {
        let mut callbacks = Vec::new();
        for (_, source) in &mut self.sources {
            source.release(Some(true), Some(true), &mut callbacks);
        }
        self.waiting = 0;
        callbacks
    }

    /// How many callbacks wait for a source.
    pub(crate) fn waiting_callbacks(&self) -> usize {
        self.waiting
    }

    /// Waits for events, and adds the callbacks that they release to `released`.
    ///
    /// The wait is never shorter than `timeout` unless there is an event. It may end without
    /// one: a timer of an earlier wait may go off in this one.
    pub(crate) fn poll(
        &mut self,
        events: &mut EventBuffer,
        timeout: Option<Duration>,
        released: &mut Vec<Callback>,
        mut tell: impl FnMut(News),
    ) -> io::Result<usize> {
        let timeout = match timeout {
            Some(timeout) if !timeout.is_zero() => {
                let registry = self.poll.registry();
                self.fine_wait.set(timeout, |timer| {
                    registry.register(&mut SourceFd(&timer), NOBODY, Interest::READABLE)
                })
            }
            timeout => timeout,
        };
        match self.poll.poll(&mut events.0, timeout) {
            // A signal arrived. Whoever cares about it has another way to hear of it.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            outcome => outcome?,
        }
        let mut count = 0;
        for event in events.0.iter().filter(|event| ![BELL, NOBODY].contains(&event.token())) {
            count += 1;
            let key = Key::from_bits(event.token().0 as u64);
            // An error or a hang-up is for everybody: the next try will say which.
            let broken = event.is_error();
            let read_ended = event.is_read_closed() || event.is_priority() || broken;
            let write_ended = event.is_write_closed() || broken;
            let readable = (event.is_readable() || read_ended).then_some(read_ended);
            let writable = (event.is_writable() || write_ended).then_some(write_ended);
            if self.release(key, readable, writable, released) {
                let (readable, writable) = (readable.is_some(), writable.is_some());
                tell(News { source: key, readable, writable });
            }
        }
        Ok(count)
    }

    /// A source is ready: whoever waits for it goes. `false` if it is gone. `Some(true)` in a
    /// direction is its last event.
    pub(crate) fn release(
        &mut self,
        key: Key,
        readable: Option<bool>,
        writable: Option<bool>,
        released: &mut Vec<Callback>,
    ) -> bool {
        let Some(source) = self.source(key) else { return false };
        self.waiting -= source.release(readable, writable, released);
        true
    }

    fn source(&mut self, key: Key) -> Option<&mut Watch> {
        let source = self.sources.get_mut(key.index());
        source.filter(|source| source.generation == key.generation())
    }

    fn latch(&mut self, key: Key, direction: Direction) -> Option<&mut Latch> {
        let source = self.source(key)?;
        Some(match direction {
            Direction::Read => &mut source.read,
            Direction::Write => &mut source.write,
        })
    }
}

/// Room for the events of one wait, kept from turn to turn.
pub(crate) struct EventBuffer(Events);

impl EventBuffer {
    pub(crate) fn new() -> EventBuffer {
        EventBuffer(Events::with_capacity(1024))
    }
}

/// Ends the reactor's wait from any thread, and takes descriptors off its list.
#[derive(Debug)]
pub(crate) struct Bell {
    waker: Waker,
    registry: Registry,
}

impl Bell {
    pub(crate) fn ring(&self) {
        // It fails only if the loop's descriptors are gone, and then nobody listens.
        let _ = self.waker.wake();
    }

    /// Takes a descriptor off the system's list. Must come before the descriptor is closed:
    /// its number may belong to a stranger a moment later.
    pub(crate) fn deregister(&self, fd: RawFd) {
        // It fails only if the descriptor was never registered.
        let _ = self.registry.deregister(&mut SourceFd(&fd));
    }
}

// A key is 64 bits, and a token must hold all of it.
const _: () = assert!(usize::BITS >= 64, "roundelay needs a 64-bit machine");

/// The tokens of the bell and of the timer that ends a wait, which only wake the loop: of a
/// generation that no source gets.
const BELL: Token = Token(usize::MAX);
const NOBODY: Token = Token(usize::MAX - 1);

/// What the system tells of each source; urgent data, because a read ends there, short of more.
/// (Miri's `epoll` knows nothing of urgent data.)
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE).add(Interest::PRIORITY);
#[cfg(any(not(any(target_os = "linux", target_os = "android")), miri))]
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

fn token(key: Key) -> Token {
    Token(key.to_bits() as usize)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write, pipe};
    use std::os::fd::AsFd;

    use super::*;

    fn notify(n: u32) -> Callback {
        Callback::Notify(Key::new(n, 0))
    }

    fn poll(reactor: &mut Reactor) -> Vec<Callback> {
        let mut released = Vec::new();
        let events = &mut EventBuffer::new();
        reactor.poll(events, Some(Duration::ZERO), &mut released, |_| ()).unwrap();
        released
    }

    #[test]
    fn readiness_is_remembered_until_would_block() {
        let (mut reactor, _bell) = Reactor::new(false).unwrap();
        let (mut here, mut there) = pipe().unwrap();
        let key = reactor.register(here.as_fd()).unwrap();
        reactor.clear_ready(key, Direction::Read);
        poll(&mut reactor);
        there.write_all(b"0123456789").unwrap();
        let wait = reactor.wait(key, Direction::Read, notify(1));
        assert!(wait.is_ok() && reactor.waiting_callbacks() == 1);
        assert_eq!(poll(&mut reactor).len(), 1);
        // Half is read; the system will not tell again, but the latch still knows.
        here.read_exact(&mut [0; 5]).unwrap();
        assert!(poll(&mut reactor).is_empty());
        assert!(reactor.is_ready(key, Direction::Read));
        assert!(reactor.wait(key, Direction::Read, notify(1)).is_err());
    }

    #[test]
    fn an_event_for_a_source_that_is_gone_reaches_nobody() {
        let (mut reactor, bell) = Reactor::new(false).unwrap();
        let (here, mut there) = pipe().unwrap();
        let old = reactor.register(here.as_fd()).unwrap();
        bell.deregister(here.as_raw_fd());
        reactor.forget(old);
        let (other, _peer) = pipe().unwrap();
        let new = reactor.register(other.as_fd()).unwrap();
        assert_eq!(old.index(), new.index());
        reactor.clear_ready(new, Direction::Read);
        poll(&mut reactor);
        reactor.clear_ready(old, Direction::Read);
        there.write_all(b"x").unwrap();
        assert!(poll(&mut reactor).is_empty() && !reactor.is_ready(new, Direction::Read));
        assert!(reactor.wait(old, Direction::Read, notify(1)).is_err());
    }

    #[test]
    fn two_callbacks_may_wait_for_one_direction_and_one_may_leave() {
        let (mut reactor, _bell) = Reactor::new(false).unwrap();
        let (here, mut there) = pipe().unwrap();
        let key = reactor.register(here.as_fd()).unwrap();
        reactor.clear_ready(key, Direction::Read);
        poll(&mut reactor);
        reactor.clear_ready(key, Direction::Read);
        let first = reactor.wait(key, Direction::Read, notify(1)).unwrap();
        reactor.wait(key, Direction::Read, notify(2)).unwrap();
        assert!(reactor.cancel_wait(first).is_some() && reactor.cancel_wait(first).is_none());
        there.write_all(b"x").unwrap();
        assert!(matches!(poll(&mut reactor)[..], [Callback::Notify(key)] if key.index() == 2));
        assert_eq!(reactor.waiting_callbacks(), 0);
    }

    #[test]
    fn the_bell_ends_a_wait_without_an_event() {
        let (mut reactor, bell) = Reactor::new(false).unwrap();
        bell.ring();
        let count = reactor.poll(&mut EventBuffer::new(), None, &mut Vec::new(), |_| ()).unwrap();
        assert_eq!(count, 0);
    }
}
