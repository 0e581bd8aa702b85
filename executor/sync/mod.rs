//! Meeting points of tasks.

pub(crate) mod closed;
pub(crate) mod queue;
pub(crate) mod queue_item;
pub(crate) mod queue_lines;
pub(crate) mod queue_order;
pub(crate) mod semaphore;
pub(crate) mod wait_queue;
