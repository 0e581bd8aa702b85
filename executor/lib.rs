//! Await X: tasks, and everything a task can wait for.
#![forbid(unsafe_code)]
