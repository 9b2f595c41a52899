//! Names and protocols of ports.

use crate::Name;

/// The protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP/1.1, or HTTP/2 where the client asks for it.
    Http,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// gRPC.
    Grpc,
    /// Bytes.
    Tcp,
    /// Bytes that must not be looked at, not even to tell TLS: server speaks first, or TLS of its own.
    Opaque,
    /// Not declared: told from the first bytes.
    Detect,
}

/// The protocol of a Service's port, as far as the Service says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortProtocol {
    /// Nothing is said.
    #[default]
    Unset,
    /// By the prefix of the port's name. A route that names the port stands before it.
    Named(Protocol),
    /// By `appProtocol`, before everything else.
    Declared(Protocol),
}

/// The port at which a Service's workloads listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// The same port on every workload.
    Number(u16),
    /// The port that each workload declares under this name.
    Name(Name),
}
