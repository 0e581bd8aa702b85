//! Scheduling: `call_soon`, `call_later`, `call_at`, and the handle that cancels.
//!
//! ```text
//!   call_soon(f) ------------------------> ready queue
//!   call_at(moment, f) --> timers -- due -> ready queue
//! ```
//!
//! # Invariants
//! - Scheduling never calls.
//! - A callback takes the context variables of its moment along.
//! - Dropping a handle changes nothing; cancelling works to the very last moment.
//!
//! Tutorial: chapters 2 and 3. Before this: `loop_timers.rs`. After this: `running.rs`.

use std::time::Duration;

use crate::callback::Callback;
use crate::clock::{Instant, Moment};
use crate::context::ContextValues;
use crate::error::LoopClosed;
use crate::loop_ref::LoopRef;
use crate::observer::Event;
use crate::timer_table::TimerKey;

impl LoopRef {
    /// Calls `callback` in the next turn, after everything that is ready already.
    ///
    /// It sees the [context variables](crate::ContextVar) as they are now, and what it sets is
    /// gone when it returns. A panic in it is reported to the loop's failure policy and does not
    /// reach you.
    ///
    /// # Errors
    /// [`LoopClosed`]; the callback is dropped.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    /// use roundelay_runtime::EventLoop;
    ///
    /// let order = Rc::new(RefCell::new(Vec::new()));
    /// let event_loop = EventLoop::new()?;
    /// for name in ["first", "second"] {
    ///     let order = order.clone();
    ///     event_loop.call_soon(move || order.borrow_mut().push(name))?;
    /// }
    /// event_loop.run_once()?;
    /// assert_eq!(*order.borrow(), ["first", "second"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) -> Result<CallHandle, LoopClosed> {
        self.schedule(with_values(callback))
    }

    /// Calls `callback` once `delay` has passed, never earlier.
    ///
    /// With a zero delay it runs in the next turn, behind everything that is ready by then.
    /// A delay that no clock can hold means never.
    ///
    /// # Errors
    /// [`LoopClosed`]; the callback is dropped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::EventLoop;
    ///
    /// // In virtual time an hour takes no time.
    /// let event_loop = EventLoop::builder().virtual_clock().build()?;
    /// let start = event_loop.time();
    /// let inner = event_loop.loop_ref().clone();
    /// event_loop.call_later(Duration::from_secs(3600), move || inner.stop())?;
    /// event_loop.run_forever()?;
    /// assert_eq!(event_loop.time() - start, Duration::from_secs(3600));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn call_later(
        &self,
        delay: Duration,
        callback: impl FnOnce() + 'static,
    ) -> Result<CallHandle, LoopClosed> {
        self.call_at_moment(self.now().after(delay), callback)
    }

    /// Calls `callback` once the loop's clock shows `deadline`, never earlier.
    ///
    /// Callbacks that become due together are called by deadline; those with the same
    /// deadline in the order in which they were scheduled (asyncio promises no order for
    /// them).
    ///
    /// # Errors
    /// [`LoopClosed`]; the callback is dropped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::builder().virtual_clock().build()?;
    /// let inner = event_loop.loop_ref().clone();
    /// event_loop.call_at(event_loop.time() + Duration::from_millis(5), move || inner.stop())?;
    /// event_loop.run_forever()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn call_at(
        &self,
        deadline: Instant,
        callback: impl FnOnce() + 'static,
    ) -> Result<CallHandle, LoopClosed> {
        self.call_at_moment(self.moment(deadline), callback)
    }

    fn call_at_moment(
        &self,
        deadline: Moment,
        callback: impl FnOnce() + 'static,
    ) -> Result<CallHandle, LoopClosed> {
        let timer = self.set_timer(deadline, with_values(callback))?;
        Ok(CallHandle { loop_ref: self.clone(), waits: Waits::ForTime(timer) })
    }

    pub(crate) fn schedule(&self, callback: Callback) -> Result<CallHandle, LoopClosed> {
        let place = self.push_callback(callback).ok_or(LoopClosed)?;
        Ok(CallHandle { loop_ref: self.clone(), waits: Waits::ForItsTurn(place) })
    }
}

/// A callback that will see the context variables as they are now.
fn with_values(callback: impl FnOnce() + 'static) -> Callback {
    match ContextValues::any_here() {
        true => Callback::new(ContextValues::current().wrap(callback)),
        // Callbacks are called without values, so there is nothing to pack.
        false => Callback::new(callback),
    }
}

/// Cancels a scheduled callback.
///
/// Dropping it does nothing: the callback is called all the same, as in asyncio.
#[derive(Clone, Debug)]
pub struct CallHandle {
    loop_ref: LoopRef,
    waits: Waits,
}

#[derive(Clone, Copy, Debug)]
enum Waits {
    ForItsTurn(u64),
    ForTime(TimerKey),
}

impl CallHandle {
    /// Makes sure that the callback is not called. `false` if it was called, or cancelled,
    /// before.
    ///
    /// Works up to the last moment: a callback of the same turn may cancel one that stands
    /// behind it in the queue.
    ///
    /// ```
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let never = event_loop.call_soon(|| panic!("not called"))?;
    /// assert!(never.cancel());
    /// assert!(!never.cancel());
    /// event_loop.run_once()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> bool {
        match self.waits {
            Waits::ForTime(timer) => self.loop_ref.cancel_timer(timer),
            Waits::ForItsTurn(place) => {
                let closure = self.loop_ref.core.ready.borrow_mut().cancel(place);
                if closure.is_some() {
                    self.loop_ref.observe(|| Event::CallCancelled { place });
                }
                closure.is_some()
            }
        }
    }

    /// Whether the callback is still to be called.
    ///
    /// ```
    /// use roundelay_runtime::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let call = event_loop.call_soon(|| ())?;
    /// assert!(call.is_waiting());
    /// event_loop.run_once()?;
    /// assert!(!call.is_waiting());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        match self.waits {
            Waits::ForTime(timer) => self.loop_ref.is_timer_set(timer),
            Waits::ForItsTurn(place) => self.loop_ref.core.ready.borrow().is_waiting(place),
        }
    }
}
