//! Jobs that run elsewhere: a thread pool and a process pool.
#![forbid(unsafe_code)]
