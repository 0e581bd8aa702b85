//! Callbacks for signals.
//!
//! ```text
//!   signal --> pipe --> readiness --> a callback of a later turn, like any other
//! ```
//!
//! Nothing of the program's own is interrupted: between the signal and its callback there is
//! at least the rest of whatever runs.
//!
//! # Invariants
//! - The callback is watched for again before it is called, so a panic in it does not end it.
//! - While a callback is registered, a virtual clock stands still where nothing else is ready:
//!   a signal may come at any time.
//!
//! Tutorial: chapter 8. Before this: `signal_pipe.rs`. After this: `event_loop.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::{Rc, Weak};

use crate::callback::Callback;
use crate::context::ContextValues;
use crate::loop_ref::LoopRef;
use crate::reactor::Direction;
use crate::signal::Signal;
use crate::signal_pipe::SignalPipe;
use crate::source::Source;

impl LoopRef {
    /// Calls `callback` in a turn of this loop whenever `signal` has come.
    ///
    /// Signals that come faster than the loop turns are called for once. Every callback that
    /// is registered for a signal is called, on every loop. It sees the
    /// [context variables](crate::ContextVar) of this moment.
    ///
    /// # Errors
    /// Those of [`SignalPipe::new`] and [`LoopRef::register`].
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, Signal};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let handler = event_loop.on_signal(Signal::USER_1, || println!("hello yourself"))?;
    /// assert!(handler.remove());
    /// assert!(!handler.remove());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "add_signal_handler")]
    pub fn on_signal(
        &self,
        signal: Signal,
        mut callback: impl FnMut() + 'static,
    ) -> io::Result<SignalHandler> {
        let pipe = SignalPipe::new([signal])?;
        let source = self.register(&pipe)?;
        // A new source counts as ready until somebody has tried. This one is never tried first.
        source.clear_at(self, Direction::Read);
        let mut values = ContextValues::current();
        let callback: Box<dyn FnMut()> = Box::new(move || values.run(&mut callback));
        let state = Rc::new(State {
            watch: RefCell::new(Some(Rc::new(Watch { source, pipe }))),
            callback: Cell::new(Some(callback)),
        });
        let weak = Rc::downgrade(&state);
        state.wait_at(self);
        Ok(SignalHandler { state: weak, signal })
    }
}

/// Takes back a callback that [`LoopRef::on_signal`] has registered. Dropping this changes
/// nothing.
pub struct SignalHandler {
    /// Owned by the callback that waits for the pipe.
    state: Weak<State>,
    signal: Signal,
}

impl SignalHandler {
    /// Makes sure that the callback is not called any more, and drops it. `false` if it was
    /// removed before, or if the loop is closed.
    #[doc(alias = "remove_signal_handler")]
    pub fn remove(&self) -> bool {
        let Some(state) = self.state.upgrade() else { return false };
        let watch = state.watch.take();
        let removed = watch.is_some();
        // Dropped while nothing is borrowed: destructors are the user's code.
        drop((watch, state.callback.take()));
        removed
    }

    /// As [`SignalHandler::remove`], and says whether the signal has come and the callback was not
    /// called for it any more: it is called in a later turn, and there may be none.
    ///
    /// ```
    /// use roundelay_runtime::{EventLoop, Signal};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let handler = event_loop.on_signal(Signal::USER_1, || unreachable!("no turn comes"))?;
    /// assert!(!handler.remove_and_ask()); // no signal has come, either
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove_and_ask(&self) -> bool {
        let watch = self.state.upgrade().and_then(|state| state.watch.borrow().clone());
        let came = watch.is_some_and(|watch| !watch.pipe.end().is_empty());
        self.remove();
        came
    }
}

impl fmt::Debug for SignalHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignalHandler").field(&self.signal).finish()
    }
}

struct State {
    watch: RefCell<Option<Rc<Watch>>>,
    /// Out while it is called.
    callback: Cell<Option<Box<dyn FnMut()>>>,
}

struct Watch {
    // Dropped first: the watch ends before the descriptor is closed.
    source: Source,
    pipe: SignalPipe,
}

impl State {
    fn wait_at(self: Rc<State>, home: &LoopRef) {
        // Cloned, so that nothing is borrowed when the observer is told.
        let watch = self.watch.borrow().clone();
        let Some(watch) = watch else { return };
        watch.source.wait_at(home, Direction::Read, Callback::new(move || self.look()));
    }

    /// Something was written into the pipe.
    fn look(self: Rc<State>) {
        let watch = self.watch.borrow().clone();
        let Some(watch) = watch else { return };
        let Ok(home) = watch.source.proxy().local() else { return };
        let came = !watch.pipe.take().is_empty();
        // All was taken, so only the system's next word makes it worth looking again.
        watch.source.clear_at(&home, Direction::Read);
        Rc::clone(&self).wait_at(&home);
        if came {
            self.call();
        }
    }

    fn call(&self) {
        let Some(callback) = self.callback.take() else { return };
        let mut out = Out { state: self, callback: Some(callback) };
        if let Some(callback) = &mut out.callback {
            callback();
        }
    }
}

/// Puts the callback back when it has been called, even if it panicked; not if it was removed
/// meanwhile.
struct Out<'a> {
    state: &'a State,
    callback: Option<Box<dyn FnMut()>>,
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        if self.state.watch.borrow().is_some() {
            self.state.callback.set(self.callback.take());
        }
    }
}
