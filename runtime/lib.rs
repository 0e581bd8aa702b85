//! When X happens, *call* this: roundelay's event loop.
//!
//! One thread, one queue, one place where callbacks are called. One pass of the loop is a
//! *turn*, and a turn has five steps:
//!
//! ```text
//!   1. how long may we sleep?   2. wait for events   3. collect the inbox
//!   4. collect due timers       5. run what is ready
//! ```
//!
//! This crate speaks callbacks. It never runs a task: the executor does, a crate above this
//! one. This crate only lends it words, in some events, failures and errors.
//!
//! Read its files in the order in which they are listed here: first what a turn is made of,
//! then who may ask for what, and near the end `turn.rs`, where it all comes together. The
//! picture is read from below; an upper line uses the lower ones.
//!
//! ```text
//!   turn, event_loop, builder                     the turn, and who runs it (and watches it)
//!      |
//!   loop_ref, schedule, running, proxy, home_timer, source    who may ask, from where
//!      |
//!   timers, ready, latch, reactor, inbox, doors   what waits
//!      |
//!   error, failure, clock, callback, context, observer
//! ```
//!
//! # How a timer fires
//! `call_later` reads the clock and puts deadline and callback into `timers.rs`.
//!
//! If nothing is ready, step 1 asks the timers for the next deadline, and step 2 sleeps until
//! then (`reactor.rs`). On the virtual clock step 2 does not sleep: it moves the clock to the
//! deadline. If something is ready, step 2 does not sleep either; now and then it looks
//! outside, and the clock is read.
//!
//! Step 4 moves what is due to the back of the ready queue (`ready.rs`). Step 5 calls it. Up
//! to that moment it can be cancelled, for its callback stays in the timer table.
#![forbid(unsafe_code)]

#[cfg(not(unix))]
compile_error!("roundelay needs a Unix: it waits for file descriptors, through epoll or kqueue");

mod error;
mod failure;
mod clock;
mod callback;
mod context;
mod far_timers;
mod near_timers;
mod limits;
mod timer_table;
mod timers;
#[cfg(test)]
mod timers_model;
mod ready;
mod observer;
mod interest;
mod scheduler;
mod readiness_script;
mod latch;
mod fine_wait;
mod reactor;
mod inbox;
mod linger;
mod doors;
mod loop_ref;
mod observing;
mod loop_timers;
mod schedule;
mod running;
mod proxy;
mod home_timer;
mod source;
mod signal;
mod signal_pipe;
mod signal_handler;
mod event_loop;
mod turn;
mod short_turn;
mod waiting;
mod script_play;
mod fetch_ahead;
mod arrange;
mod held_up;
mod spans;
mod span_watch;
mod slow_watch;
mod on_duty;
mod watchdog;
mod metrics;
mod builder;

pub use builder::EventLoopBuilder;
pub use callback::{Callback, Key, Target};
pub use clock::{Instant, Moment};
pub use context::{ContextValues, ContextVar, Reset};
pub use error::{LoopClosed, RunError, Stuck, WrongLoop};
pub use event_loop::EventLoop;
pub use failure::{Failure, FailureKind, FailurePolicy, contain, panic_message, tell_stderr};
pub use held_up::{HeldUp, SlowSpan};
pub use home_timer::HomeTimer;
pub use interest::{Interest, Observer};
pub use loop_ref::LoopRef;
pub use metrics::{Metrics, MetricsSnapshot};
pub use observer::{Awaited, Event, SyncDeed, TaskEnd, Work};
pub use on_duty::{Call, OnDuty};
pub use proxy::{ClockHold, LoopProxy};
pub use reactor::{Direction, WaitKey};
pub use readiness_script::ReadinessScript;
pub use running::{
    current_loop, is_interesting_here, is_observed_here, loops_here, observe_here, observe_here_of,
    report_here, running_since,
};
pub use schedule::CallHandle;
pub use scheduler::{ReadyEntry, Scheduler};
pub use signal::Signal;
pub use signal_handler::SignalHandler;
pub use signal_pipe::{ExitAtSecond, SignalPipe};
pub use source::Source;
pub use timer_table::TimerKey;
