//! Sockets.

pub(crate) mod readiness;
pub(crate) mod stream;
pub(crate) mod halves;
pub(crate) mod tcp;
pub(crate) mod tcp_listener;
pub(crate) mod endpoint;
pub(crate) mod resolve;
pub(crate) mod connect;
pub(crate) mod udp;
pub(crate) mod unix_name;
pub(crate) mod unix;
pub(crate) mod unix_listener;
pub(crate) mod unix_datagram;
pub(crate) mod duplex;
pub(crate) mod line_reader;
pub(crate) mod accept;
pub(crate) mod server;
