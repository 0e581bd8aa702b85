//! What every promise about sockets begins with: a loop in made-up time, and somebody who listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use roundelay::TcpListener;

use super::{must_end, run_virtual};

/// A port of this machine's that the system chooses.
pub(crate) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A test in made-up time that may hang.
#[track_caller]
pub(crate) fn on_a_loop<T: Send + 'static>(main: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    must_end(|| run_virtual(main()))
}

/// A listener of the loop that runs here, and where it listens.
pub(crate) fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(ANYWHERE).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
