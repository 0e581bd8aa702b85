//! Futures of the clock: sleeping, time limits, ticks.

pub(crate) mod sleep;
pub(crate) mod block_for;
pub(crate) mod timeout;
pub(crate) mod timeout_join;
pub(crate) mod deadline;
pub(crate) mod interval;
