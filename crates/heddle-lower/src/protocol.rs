//! What a port speaks, as Services and Heddle's kinds say it.

use crate::notes::Notes;
use crate::place::{Place, UNSUPPORTED, Wrong};
use heddle_model::fact::Protocol;

/// What Heddle's kinds call each protocol.
pub(crate) const WORDS: [(&str, Protocol); 6] = [
    ("HTTP", Protocol::Http),
    ("HTTP2", Protocol::Http2),
    ("GRPC", Protocol::Grpc),
    ("TCP", Protocol::Tcp),
    ("Opaque", Protocol::Opaque),
    ("Detect", Protocol::Detect),
];

/// The protocol of a Service's port: `appProtocol`, else the port's name or its part before the first `-`.
///
/// An `appProtocol` of somebody's domain that is not known here says nothing (KEP-1422), and then neither
/// does the name.
pub(crate) fn of_port(port: &Place<'_>, name: &str, notes: &mut Notes) -> Option<Protocol> {
    let Some(written) = port.get("appProtocol") else {
        return by_name(name.split('-').next().unwrap_or_default());
    };
    let text = notes.take(written.text(), "the protocol is detected")?;
    let word = text.to_ascii_lowercase();
    let known = by_domain(&word).or_else(|| by_name(&word));
    if known.is_none() && !word.contains('/') {
        let message = format!("{} is not a protocol that is known here", written.shown());
        let wrong = Wrong { field: written.path().into(), reason: UNSUPPORTED, message };
        notes.wrong(wrong, "the protocol is detected");
    }
    known
}

/// Names that Kubernetes itself defines for `appProtocol` (KEP-3726).
fn by_domain(word: &str) -> Option<Protocol> {
    match word {
        "kubernetes.io/h2c" => Some(Protocol::Http2),
        "kubernetes.io/ws" => Some(Protocol::Http),
        "kubernetes.io/wss" => Some(Protocol::Opaque),
        _ => None,
    }
}

/// IANA service names, and those that port names commonly begin with. Where the server speaks first or the
/// application brings TLS of its own, the bytes must not be waited for or looked at.
fn by_name(word: &str) -> Option<Protocol> {
    match word {
        "http" | "ws" => Some(Protocol::Http),
        "http2" | "h2c" => Some(Protocol::Http2),
        "grpc" => Some(Protocol::Grpc),
        "tcp" | "redis" | "mongo" | "mongodb" | "postgres" | "postgresql" => Some(Protocol::Tcp),
        "https" | "tls" | "wss" | "mysql" | "smtp" | "imap" | "pop3" | "ftp" => Some(Protocol::Opaque),
        _ => None,
    }
}
