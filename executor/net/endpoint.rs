//! Whom to connect to: addresses, or a name and a port.
//!
//! Written as a text it is `host:port`; a numeric IPv6 address stands in brackets, as in a URL:
//! `[::1]:80`, `[fe80::1%eth0]:80`.
//!
//! Tutorial: chapter 7. Before this: `tcp_listener.rs`. After this: `resolve.rs`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One address, several, or a name that must be looked up first.
///
/// Nobody needs to write the type: whatever takes an endpoint takes what can become one.
///
/// ```
/// use std::net::{Ipv4Addr, SocketAddr};
/// use roundelay_executor::Endpoint;
///
/// let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
/// let written = ["127.0.0.1:80", "[::1]:80", "example.org:80"].map(Endpoint::from);
/// assert_eq!(written[0], Endpoint::from(address));
/// assert_eq!(written[0], Endpoint::from(("127.0.0.1", 80)));
/// assert_eq!(written[2], Endpoint::from(("example.org", 80)));
/// assert_eq!(written.map(|endpoint| endpoint.to_string())[1], "[::1]:80");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Addresses(Vec<SocketAddr>),
    Name {
        host: String,
        port: u16,
    },
    /// Said to whoever tries to use it.
    Nonsense(String),
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Endpoint {
        Endpoint::from(vec![address])
    }
}

impl From<Vec<SocketAddr>> for Endpoint {
    fn from(addresses: Vec<SocketAddr>) -> Endpoint {
        Endpoint { place: Place::Addresses(addresses) }
    }
}

impl From<&[SocketAddr]> for Endpoint {
    fn from(addresses: &[SocketAddr]) -> Endpoint {
        Endpoint::from(addresses.to_vec())
    }
}

impl From<(IpAddr, u16)> for Endpoint {
    fn from(address: (IpAddr, u16)) -> Endpoint {
        Endpoint::from(SocketAddr::from(address))
    }
}

impl From<(&str, u16)> for Endpoint {
    fn from((host, port): (&str, u16)) -> Endpoint {
        let place = match host.parse::<IpAddr>() {
            Ok(ip) => Place::Addresses(vec![SocketAddr::new(ip, port)]),
            Err(_) => Place::Name { host: host.to_owned(), port },
        };
        Endpoint { place }
    }
}

impl From<(String, u16)> for Endpoint {
    fn from((host, port): (String, u16)) -> Endpoint {
        Endpoint::from((host.as_str(), port))
    }
}

impl From<&str> for Endpoint {
    fn from(text: &str) -> Endpoint {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Endpoint::from(address);
        }
        let parts = text.rsplit_once(':').and_then(|(host, port)| {
            let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            // Two colons without brackets are an address without a port, or a slip. What stands in
            // brackets and is no number can only be an address with its interface's name.
            let is_name = match inside {
                Some(host) => host.contains(':') && host.contains('%'),
                None => !host.is_empty() && !host.contains(':'),
            };
            Some((inside.unwrap_or(host), port.parse().ok().filter(|_| is_name)?))
        });
        match parts {
            Some(parts) => Endpoint::from(parts),
            None => Endpoint { place: Place::Nonsense(text.to_owned()) },
        }
    }
}

impl From<String> for Endpoint {
    fn from(text: String) -> Endpoint {
        Endpoint::from(text.as_str())
    }
}

impl From<&String> for Endpoint {
    fn from(text: &String) -> Endpoint {
        Endpoint::from(text.as_str())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Addresses(addresses) => {
                for (index, address) in addresses.iter().enumerate() {
                    write!(f, "{}{address}", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Place::Name { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Name { host, port } => write!(f, "{host}:{port}"),
            Place::Nonsense(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_endpoint_is_kept_to_be_named_in_the_error() {
        for text in ["", "host", "host:", ":80", "host:99999", "::1", "a:b:80", "host:-1"] {
            let endpoint = Endpoint::from(text);
            assert_eq!(endpoint.place, Place::Nonsense(text.to_owned()), "{text:?}");
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn a_numeric_address_is_an_address_in_every_notation() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8));
        let all: [Endpoint; 4] = [
            "127.0.0.1:8".into(),
            String::from("127.0.0.1:8").into(),
            ("127.0.0.1", 8).into(),
            (String::from("127.0.0.1"), 8).into(),
        ];
        assert!(all.iter().all(|endpoint| *endpoint == address.into()));
    }
}
