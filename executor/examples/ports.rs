//! Which ports of this machine somebody listens on.
//!
//! ```text
//!   cargo run -p roundelay-executor --example ports 1 1024
//! ```
//!
//! Each port is one attempt to connect. Many are under way at once, but never more than a limit:
//! each costs a descriptor, and a process has only so many.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use roundelay_executor::{TcpStream, map_concurrent, run, timeout};

/// How many attempts are under way at once.
const AT_ONCE: usize = 100;
/// How long one may take. This machine answers at once, unless a firewall swallows the call.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u16| -> io::Result<u16> {
        arguments.next().map_or(Ok(default), |text| text.parse().map_err(io::Error::other))
    };
    let (first, last) = (number(1)?, number(1024)?);
    run(async {
        let tries = map_concurrent(AT_ONCE, first..=last, |port| async move {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            matches!(timeout(PATIENCE, TcpStream::connect(address)).await, Ok(Ok(_)))
        });
        let mut open = 0;
        for (port, outcome) in (first..=last).zip(tries.await) {
            if outcome? {
                println!("{port} is open");
                open += 1;
            }
        }
        println!("{open} open");
        Ok(())
    })
}
