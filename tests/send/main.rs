//! Promises about threads: what may travel, what may be shared, and what stays on the thread of its
//! loop. Contract 11 of the house; bug class B10.
//!
//! Tasks and what they meet at are not `Send`, and whoever makes them so by mistake lets two
//! threads write one cell. Sockets, sleeps and errors are, and whoever takes that away breaks
//! every library that keeps one behind an `Arc`.

mod parts;
mod table;
