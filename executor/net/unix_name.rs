//! The name of a Unix-domain socket: a path, or on Linux an abstract name.
//!
//! ```text
//!   "/run/inn.sock"   a file of the kind "socket"; who may connect is decided by its rights
//!   "\0inn"           abstract: no file, gone with its socket, open to everybody of the machine
//!   ""                none: refused, for the system would choose a name that nobody knows
//! ```
//!
//! The rule is one for all kinds of sockets, whether they bind, connect or send. A path that comes
//! from outside and must be a path is looked at by whoever takes it: is its first byte zero?
//!
//! Tutorial: chapter 7. Before this: `udp.rs`. After this: `unix.rs`.

use std::io;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

/// The address that `path` names.
///
/// # Errors
/// `InvalidInput`: it is empty, too long, has a zero in its middle, or is abstract where the system
/// has no such names.
pub(crate) fn address_of(path: &Path) -> io::Result<SocketAddr> {
    match path.as_os_str().as_bytes() {
        [] | [0] => Err(refused("a socket needs a name, and this one is empty")),
        [0, name @ ..] => abstract_address(name),
        _ => SocketAddr::from_pathname(path),
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(refused("a socket's name begins with a zero, and only Linux has abstract names"))
}

fn refused(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
