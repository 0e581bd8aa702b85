//! Sockets.

pub(crate) mod readiness;
pub(crate) mod tcp;
