//! Meeting points of tasks.

pub(crate) mod queue;
pub(crate) mod semaphore;
pub(crate) mod wait_queue;
