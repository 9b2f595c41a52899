//! A proof from inside a Pod that its traffic is captured, before its proxy listens.
//!
//! Nobody may list packet rules without `CAP_NET_ADMIN`, but everybody can see what they do: a connection to an address that
//! nobody has (RFC 5737, RFC 3849) arrives at the proxy's port. All rules are written in one transaction, so that it
//! proves the inbound ones too.

use crate::rules::{Capture, DNS};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Addresses of documentation, which no network routes, of each family.
const NOBODY: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// The time that a connection within the Pod may take.
const LIMIT: Duration = Duration::from_millis(500);

/// Traffic is not captured, as far as can be seen from inside.
#[derive(Debug, thiserror::Error)]
pub enum NotCaptured {
    /// The proxy's port is taken, or another listens there.
    #[error("cannot listen at port {port}, the proxy's: {error}")]
    Listen {
        /// The proxy's outbound port.
        port: u16,
        /// The system's error.
        error: io::Error,
    },
    /// Nothing could be captured at any port.
    #[error("all outbound ports are skipped: leave one, by which capture can be seen")]
    NoPort,
    /// A connection went another way.
    #[error("a connection to {to} did not arrive at the proxy's port: {error}")]
    Elsewhere {
        /// The address of nobody.
        to: SocketAddr,
        /// The end that it took.
        error: io::Error,
    },
}

/// Proves that outbound connections arrive at the proxy's port, where nobody may listen yet. The user must not be the proxy's.
///
/// # Errors
/// Says what became of the connection.
pub fn prove(capture: &Capture) -> Result<(), NotCaptured> {
    let port = capture.proxy.outbound_port();
    let listener = listen(port).map_err(|error| NotCaptured::Listen { port, error })?;
    let skipped = |port: &u16| *port == DNS || capture.skip_outbound.iter().any(|range| range.contains(port));
    let dialled = (1..=u16::MAX).find(|port| !skipped(port)).ok_or(NotCaptured::NoPort)?;
    let mut failure = NotCaptured::NoPort;
    for ip in NOBODY {
        let to = SocketAddr::new(ip, dialled);
        match arrives(&listener, to) {
            Ok(()) => return Ok(()),
            // The other family says little where a Pod has one: the first failure is told.
            Err(error) if matches!(failure, NotCaptured::NoPort) => {
                failure = NotCaptured::Elsewhere { to, error };
            }
            Err(_) => {}
        }
    }
    Err(failure)
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let six = TcpListener::bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port));
    let listener = six.or_else(|_| TcpListener::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A connection that was led here is queued at the listener before its client knows that it stands.
fn arrives(listener: &TcpListener, to: SocketAddr) -> io::Result<()> {
    let dialled = TcpStream::connect_timeout(&to, LIMIT)?;
    let from = dialled.local_addr()?;
    loop {
        match listener.accept() {
            Ok((_, peer)) if canonical(peer) == canonical(from) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(io::Error::other("somebody else answers there"));
            }
            Err(error) => return Err(error),
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
