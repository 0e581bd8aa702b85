//! Ctrl-C and its relatives: from the system's signal to a future that a task awaits.
//!
//! A signal may arrive between any two instructions, so almost nothing may be done in its handler.
//! `signal-hook` does the one thing that is safe, a byte into a pipe, and a thread of ours reads
//! that pipe. From there on everything is ordinary code:
//!
//! ```text
//!   kernel --> handler --> pipe --> our thread --1st--> the waker of whoever awaits `first()`
//!                                        |
//!                                        +-------2nd--> remove the temporary file, leave at once
//! ```
//!
//! The thread needs no event loop. So a signal is not lost when it comes before the loop runs, and
//! the second one works when the loop is stuck. And it knows none: [`First`] is a future of std's
//! kind, and what it leaves with the thread is a [`Waker`], which may be woken from anywhere.
//!
//! # Invariants
//! - The first signal only asks. What is done about it is decided on the loop, between two steps.
//! - The second one asks nobody.
//! - A signal that was ignored when we started (`nohup`, a background job of a script) stays
//!   ignored.
//!
//! Tutorial: chapter 20, the capstone. Before this: `options.rs`. After this: `status.rs`.

use std::fmt;
use std::fs;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use nix::sys::signal::{SigSet, SigmaskHow};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::leftovers::Leftovers;

/// A signal that asks the program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(i32);

impl Signal {
    #[cfg(test)]
    pub(crate) const CTRL_C: Signal = Signal(SIGINT);

    /// The exit status that tells of it: 128 and its number, as a shell does it.
    pub fn status(self) -> u8 {
        128 + self.0 as u8
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            SIGINT => "SIGINT",
            SIGTERM => "SIGTERM",
            SIGHUP => "SIGHUP",
            _ => "a signal",
        })
    }
}

/// Watches for signals from now on, until the program ends. Clones share what was seen.
#[derive(Clone, Debug, Default)]
pub struct Interrupts {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    first: Option<Signal>,
    waiting: Option<Waker>,
}

impl Interrupts {
    /// Begins to watch. `leftovers` is what the second signal removes before it leaves.
    pub fn watch(leftovers: Leftovers) -> io::Result<Interrupts> {
        let interrupts = Interrupts::default();
        let seen = interrupts.clone();
        let wanted: Vec<i32> =
            [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal)).collect();
        let held = HeldBack::new(&wanted)?;
        let mut signals = Signals::new(&wanted)?;
        drop(held);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever().map(Signal) {
                if !seen.note(signal) {
                    leftovers.remove();
                    // Not `process::exit`: that waits for locks which a stuck thread may hold.
                    signal_hook::low_level::exit(signal.status().into());
                }
            }
        })?;
        Ok(interrupts)
    }

    /// A future of the first signal.
    pub fn first(&self) -> First {
        First { interrupts: self.clone() }
    }

    /// Notes the first signal and wakes whoever awaits it. `false`: it is not the first.
    pub(crate) fn note(&self, signal: Signal) -> bool {
        let waiting = {
            let mut shared = self.lock();
            if shared.first.is_some() {
                return false;
            }
            shared.first = Some(signal);
            shared.waiting.take()
        };
        // The lock has been let go: a waker is somebody else's code.
        if let Some(waker) = waiting {
            waker.wake();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The future of [`Interrupts::first`]. One task awaits at a time.
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct First {
    interrupts: Interrupts,
}

impl Future for First {
    type Output = Signal;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Signal> {
        let waker = cx.waker().clone();
        let mut shared = self.interrupts.lock();
        if let Some(signal) = shared.first {
            return Poll::Ready(signal);
        }
        let earlier = shared.waiting.replace(waker);
        drop(shared);
        drop(earlier);
        Poll::Pending
    }
}

/// Signals that come later. `signal-hook` tells the system of its handler before it knows what to do
/// in there, and one that came in between would be lost; there is one thread yet, so none comes.
struct HeldBack {
    earlier: SigSet,
}

impl HeldBack {
    fn new(signals: &[i32]) -> io::Result<HeldBack> {
        let mut set = SigSet::empty();
        for &signal in signals {
            set.add(signal.try_into()?);
        }
        Ok(HeldBack { earlier: set.thread_swap_mask(SigmaskHow::SIG_BLOCK)? })
    }
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        self.earlier.thread_set_mask().expect("what the mask was, it can be again");
    }
}

/// Was the signal ignored by whoever started us? Only Linux says so without unsafe code.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_in(&status) >> (signal - 1) & 1 == 1
}

/// The set of ignored signals in `/proc/self/status`: bit 0 is signal 1.
fn ignored_in(status: &str) -> u64 {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_is_kept_until_somebody_asks() {
        let interrupts = Interrupts::default();
        assert!(interrupts.note(Signal(SIGTERM)));
        assert!(!interrupts.note(Signal(SIGINT)), "the second is for leaving at once");
        let seen = roundelay::run(async { interrupts.first().await });
        assert_eq!((seen.to_string().as_str(), seen.status()), ("SIGTERM", 143));
    }

    #[test]
    fn a_signal_from_another_thread_wakes_the_loop() {
        let interrupts = Interrupts::default();
        let other = interrupts.clone();
        let seen = roundelay::run(async move {
            let waiting = roundelay::spawn(interrupts.first());
            roundelay::yield_now().await;
            thread::spawn(move || other.note(Signal(SIGINT)));
            waiting.await.unwrap()
        });
        assert_eq!(seen.status(), 130);
    }

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        assert_eq!(ignored_in("SigBlk:\t0000000000000000\nSigIgn:\t0000000000001002\n"), 0x1002);
        assert_eq!(ignored_in(""), 0);
    }
}
