//! The operating system beside the sockets: signals, processes, files, standard streams.

pub(crate) mod signals;
