//! Sockets.

pub(crate) mod readiness;
pub(crate) mod tcp;
pub(crate) mod accept;
pub(crate) mod server;
