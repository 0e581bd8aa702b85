//! Values from one task to another.
//!
//! | | who gets a value | who waits |
//! |---|---|---|
//! | [`promise`](crate::promise()) | one, once | the receiver |
//! | [`channel`](crate::channel()) | one receiver | the receiver; senders while it is full |
//! | [`broadcast`](crate::broadcast()) | every receiver | the receivers; a slow one misses some |
//! | [`watch`](crate::watch()) | whoever looks, the latest only | the receivers |
//!
//! Many consumers that share the work take it from a [`Queue`](crate::Queue).

pub(crate) mod audience;
pub(crate) mod broadcast;
pub(crate) mod mpsc;
pub(crate) mod pipe;
pub(crate) mod watch;
