//! From one thread into the loop of another.

pub(crate) mod from_thread;
pub(crate) mod loop_thread;
pub(crate) mod remote_error;
pub(crate) mod remote_task;
pub(crate) mod reply;
pub(crate) mod spawner;
