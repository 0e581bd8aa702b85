//! Catching signals: from the system's handler to a descriptor that becomes readable.
//!
//! A signal arrives between any two instructions of any thread, so its handler may do almost
//! nothing: no lock, no memory, no waker. `signal-hook` does the two things that are safe:
//! it sets a flag, and puts a byte into a pipe. The loop watches the pipe like any other.
//!
//! ```text
//!   kernel --> handler --+--> flag + byte --> [pipe of listener A] --> its loop
//!                        +--> flag + byte --> [pipe of listener B] --> its loop
//!                        +--> nobody listens any more? do what the system would have done
//! ```
//!
//! # Invariants
//! - Every listener of a signal hears of it, whatever loop it is on. Two of one kind that come
//!   before a listener looks are one to it, as they are to the system.
//! - A signal that comes while the first listener is being made does what it did before, or is
//!   heard. (But for the instant in which `signal-hook` itself exchanges the handler: one that
//!   comes in there, for the first time in a process, is lost, as its pages say.)
//! - When the last listener is gone, the signal does again what it did before the first one
//!   came: end the process, as a rule, or nothing if it was ignored (`nohup`).
//!
//! Tutorial: chapter 8. Before this: `signal.rs`. After this: `signal_handler.rs`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io::{
    self,
    ErrorKind::{NotFound, PermissionDenied},
};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use signal_hook::SigId;
use signal_hook::consts::FORBIDDEN;
use signal_hook::flag;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use signal_hook::low_level::unregister;

use crate::signal::Signal;

/// Signals, as a descriptor that is readable when one of them has come.
///
/// Register it with [`LoopRef::register`](crate::LoopRef::register).
pub struct SignalPipe {
    // Dropped first: a signal that comes while this is being dropped is not lost between the
    // listener and what the system does.
    listening: Mutex<Vec<Listening>>,
    delivery: Mutex<SignalDelivery<UnixStream, SignalOnly>>,
    /// The delivery's own end of the pipe is behind a lock, and whoever asks for the
    /// descriptor cannot wait.
    readable: UnixStream,
}

impl SignalPipe {
    /// Listens for `signals` from now on.
    ///
    /// # Errors
    /// What the system says when it has no descriptors left; `InvalidInput` for a signal that
    /// nobody can listen for: `SIGKILL`, `SIGSTOP`, and those that tell of a broken program.
    ///
    /// ```
    /// use roundelay_runtime::{Signal, SignalPipe};
    ///
    /// let pipe = SignalPipe::new([Signal::WINDOW])?;
    /// # let raise = |signal: Signal| signal_hook::low_level::raise(signal.number());
    /// raise(Signal::WINDOW)?;
    /// raise(Signal::WINDOW)?;
    /// assert_eq!(pipe.take(), [Signal::WINDOW]); // two of one kind are one
    /// raise(Signal::WINDOW)?;
    /// assert_eq!(pipe.end(), [Signal::WINDOW]); // nothing is lost at the end
    /// assert!(SignalPipe::new([Signal::KILL]).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(signals: impl IntoIterator<Item = Signal>) -> io::Result<SignalPipe> {
        let signals: Vec<Signal> = signals.into_iter().collect();
        for signal in &signals {
            if FORBIDDEN.contains(&signal.number()) {
                let text = format!("nobody can listen for {signal}: leave it out of the list");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
        }
        let (ours, handlers) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        handlers.set_nonblocking(true)?;
        let readable = ours.try_clone()?;
        // In this order: until the delivery is there, a signal does what it did before.
        signals.iter().try_for_each(|signal| know(*signal))?;
        let numbers = signals.iter().map(|signal| signal.number());
        let delivery = SignalDelivery::with_pipe(ours, handlers, SignalOnly, numbers)?;
        let listening = signals.into_iter().filter_map(Listening::begin).collect();
        Ok(SignalPipe {
            listening: Mutex::new(listening),
            delivery: Mutex::new(delivery),
            readable,
        })
    }

    /// Takes the signals that have come since the last time, each kind once.
    pub fn take(&self) -> Vec<Signal> {
        self.delivery.lock().pending().filter_map(Signal::from_number).collect()
    }

    /// Listens no more, and takes what has come until then. So nothing is lost at the end: a signal
    /// either is among these, or does again what it did before this was made. (Until it is dropped,
    /// [`take`](SignalPipe::take) still tells of those that come later, and they do that as well.)
    pub fn end(&self) -> Vec<Signal> {
        self.listening.lock().clear();
        self.take()
    }
}

impl AsFd for SignalPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }
}

impl fmt::Debug for SignalPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listening = self.listening.lock();
        f.debug_list().entries(listening.iter().map(|listening| listening.signal)).finish()
    }
}

impl Signal {
    /// Whether the process was told to ignore the signal and nobody listens for it: `nohup`
    /// does that to `SIGHUP`, and a shell to the `SIGINT` of what it runs in the background.
    /// Whoever honours that does not listen. Only known on Linux; elsewhere `false`, and so where no
    /// descriptor is left to ask with.
    ///
    /// ```
    /// use roundelay_runtime::Signal;
    ///
    /// assert!(!Signal::USER_1.is_ignored());
    /// ```
    #[must_use]
    pub fn is_ignored(self) -> bool {
        match LISTENERS.lock().get(&self) {
            Some(listeners) => listeners.count == 0 && listeners.before == Before::Ignored,
            None => Before::of(self).is_ok_and(|before| before == Before::Ignored),
        }
    }
}

/// Who listens, in the whole process: it has one handler for each signal.
static LISTENERS: Mutex<BTreeMap<Signal, Listeners>> = Mutex::new(BTreeMap::new());

struct Listeners {
    count: usize,
    before: Before,
    /// Read by the handler: then it does what the system would have done.
    nobody: Arc<AtomicBool>,
}

/// What a signal did before we came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// What the system does by itself.
    Default,
    Ignored,
    /// A handler of somebody else's, which is called as before.
    Handled,
}

impl Before {
    /// An error (no descriptor left) is not "nothing special": what is forgotten here is forgotten
    /// for as long as the process lives.
    fn of(signal: Signal) -> io::Result<Before> {
        let status = match std::fs::read_to_string("/proc/self/status") {
            // Another system, or one that keeps this to itself.
            Err(error) if [NotFound, PermissionDenied].contains(&error.kind()) => String::new(),
            outcome => outcome?,
        };
        Ok(match signal {
            _ if is_in("SigIgn:", &status, signal) => Before::Ignored,
            _ if is_in("SigCgt:", &status, signal) => Before::Handled,
            _ => Before::Default,
        })
    }
}

/// Whether a line of `/proc/self/status` names the signal: bit 0 is signal 1.
fn is_in(line: &str, status: &str, signal: Signal) -> bool {
    let set = status.lines().find_map(|found| found.strip_prefix(line));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
    set >> (signal.number() - 1) & 1 == 1
}

/// One listener of one signal, until it is dropped.
struct Listening {
    signal: Signal,
}

/// Takes a signal over from the system, before anybody listens.
fn know(signal: Signal) -> io::Result<()> {
    if let Entry::Vacant(new) = LISTENERS.lock().entry(signal) {
        let before = Before::of(signal)?;
        let nobody = Arc::new(AtomicBool::new(true));
        if before == Before::Default {
            flag::register_conditional_default(signal.number(), Arc::clone(&nobody))?;
        }
        new.insert(Listeners { count: 0, before, nobody });
    }
    Ok(())
}

impl Listening {
    /// `None` if the signal is not known.
    fn begin(signal: Signal) -> Option<Listening> {
        let mut listeners = LISTENERS.lock();
        let listeners = listeners.get_mut(&signal)?;
        listeners.count += 1;
        listeners.nobody.store(false, Ordering::SeqCst);
        Some(Listening { signal })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = LISTENERS.lock();
        let Some(listeners) = listeners.get_mut(&self.signal) else { return };
        listeners.count -= 1;
        if listeners.count == 0 {
            listeners.nobody.store(true, Ordering::SeqCst);
        }
    }
}

/// Ends the process at the second signal of a kind: see [`ExitAtSecond::new`].
#[derive(Debug)]
pub struct ExitAtSecond {
    handlers: [SigId; 2],
}

impl ExitAtSecond {
    /// From now on the second `signal` ends the process at once with `status`, from inside the
    /// handler, so that it works even if every thread is stuck. Nothing is cleaned up: whoever
    /// asks twice does not want to wait. Dropping this takes it back.
    ///
    /// Somebody should listen for the first one.
    ///
    /// # Errors
    /// `InvalidInput` for a signal that nobody can listen for.
    ///
    /// ```
    /// use roundelay_runtime::{ExitAtSecond, Signal, SignalPipe};
    ///
    /// let pipe = SignalPipe::new([Signal::USER_2])?; // somebody listens for the first one
    /// let exit = ExitAtSecond::new(Signal::USER_2, 130)?;
    /// # let raise = |signal: Signal| signal_hook::low_level::raise(signal.number());
    /// raise(Signal::USER_2)?;
    /// assert_eq!(pipe.take(), [Signal::USER_2]);
    /// drop(exit);
    /// raise(Signal::USER_2)?; // without that `drop` the program would end here
    /// assert_eq!(pipe.take(), [Signal::USER_2]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(signal: Signal, status: i32) -> io::Result<ExitAtSecond> {
        let came = Arc::new(AtomicBool::new(false));
        let number = signal.number();
        // Handlers are called in this order, so the first one passes the first handler.
        let leave = flag::register_conditional_shutdown(number, status, Arc::clone(&came))?;
        match flag::register(number, came) {
            Ok(arm) => Ok(ExitAtSecond { handlers: [leave, arm] }),
            Err(error) => {
                unregister(leave);
                Err(error)
            }
        }
    }
}

impl Drop for ExitAtSecond {
    fn drop(&mut self) {
        for handler in self.handlers {
            unregister(handler);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_of_a_process_are_read_bit_by_bit() {
        let status = "Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        let signals = [Signal::HANGUP, Signal::INTERRUPT, Signal::PIPE];
        let ignored = signals.map(|signal| is_in("SigIgn:", status, signal));
        let caught = signals.map(|signal| is_in("SigCgt:", status, signal));
        assert_eq!((ignored, caught), ([true, false, true], [false, true, false]));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no signals")]
    fn a_signal_does_what_it_did_before_until_its_first_listener_hears_it() {
        let nobody_listens = || LISTENERS.lock()[&Signal::USER_2].nobody.load(Ordering::SeqCst);
        know(Signal::USER_2).unwrap();
        assert!(nobody_listens(), "taken over, and there is nobody yet");
        let pipe = SignalPipe::new([Signal::USER_2]).unwrap();
        assert!(!nobody_listens());
        drop(pipe);
        assert!(nobody_listens());
    }

    #[test]
    fn a_signal_that_nobody_can_listen_for_is_refused_in_words() {
        let error = SignalPipe::new([Signal::USER_1, Signal::KILL]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("SIGKILL"), "{error}");
    }
}
