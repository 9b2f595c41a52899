//! The protocol of a port, as Services and Heddle's kinds say it.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError, UNSUPPORTED};
use heddle_model::fact::{PortProtocol, Protocol};

/// The word of Heddle's kinds for each protocol.
pub(crate) const WORDS: [(&str, Protocol); 6] = [
    ("HTTP", Protocol::Http),
    ("HTTP2", Protocol::Http2),
    ("GRPC", Protocol::Grpc),
    ("TCP", Protocol::Tcp),
    ("Opaque", Protocol::Opaque),
    ("Detect", Protocol::Detect),
];

/// Returns what a Service says of a port: `appProtocol`, else the prefix of the port's name.
///
/// An `appProtocol` of somebody's domain that is not known here says nothing (KEP-1422), and then neither
/// does the name.
pub(crate) fn of_port(port: &Field<'_>, name: &str, notes: &mut Diagnostics) -> PortProtocol {
    let Some(written) = port.get("appProtocol") else {
        return by_prefix(name).map_or(PortProtocol::Unset, PortProtocol::Named);
    };
    let Some(text) = notes.take(written.text(), "the protocol is detected") else {
        return PortProtocol::Unset;
    };
    let word = text.to_ascii_lowercase();
    let known = lookup(&DOMAIN_NAMES, &word).or_else(|| lookup(&SERVICE_NAMES, &word));
    if known.is_none() && !word.contains('/') {
        let message = format!("{} is not a protocol that is known here", written.shown());
        let wrong = FieldError { field: written.path().into(), reason: UNSUPPORTED, message };
        notes.wrong(wrong, "the protocol is detected");
    }
    known.map_or(PortProtocol::Unset, PortProtocol::Declared)
}

/// Returns the protocol that a port's name begins with: the longest of [`SERVICE_NAMES`] that is the whole name or
/// stands before a `-`. So `grpc-web-x` is `grpc-web`, and `grpcweb` is no protocol.
pub(crate) fn by_prefix(name: &str) -> Option<Protocol> {
    let ends = name.match_indices('-').map(|(end, _)| end).chain([name.len()]);
    let mut prefixes: Vec<&str> = ends.filter_map(|end| name.get(..end)).collect();
    prefixes.reverse();
    prefixes.into_iter().find_map(|prefix| lookup(&SERVICE_NAMES, prefix))
}

fn lookup(names: &[(&str, Protocol)], word: &str) -> Option<Protocol> {
    names.iter().find(|(name, _)| *name == word).map(|(_, protocol)| *protocol)
}

/// Values of `appProtocol` that Kubernetes defines (KEP-3726), and those that Linkerd adds.
const DOMAIN_NAMES: [(&str, Protocol); 5] = [
    ("kubernetes.io/h2c", Protocol::Http2),
    ("kubernetes.io/ws", Protocol::Http),
    ("kubernetes.io/wss", Protocol::Opaque),
    ("linkerd.io/opaque", Protocol::Opaque),
    ("linkerd.io/tcp", Protocol::Opaque),
];

/// IANA service names, and other words that port names commonly begin with. Opaque are those whose server speaks
/// first, and those that bring TLS of their own. gRPC-Web is HTTP: it is served over HTTP/1.1 too.
const SERVICE_NAMES: [(&str, Protocol); 20] = [
    ("http", Protocol::Http),
    ("ws", Protocol::Http),
    ("grpc-web", Protocol::Http),
    ("http2", Protocol::Http2),
    ("h2c", Protocol::Http2),
    ("grpc", Protocol::Grpc),
    ("tcp", Protocol::Tcp),
    ("redis", Protocol::Tcp),
    ("mongo", Protocol::Tcp),
    ("mongodb", Protocol::Tcp),
    ("postgres", Protocol::Tcp),
    ("postgresql", Protocol::Tcp),
    ("https", Protocol::Opaque),
    ("tls", Protocol::Opaque),
    ("wss", Protocol::Opaque),
    ("mysql", Protocol::Opaque),
    ("smtp", Protocol::Opaque),
    ("imap", Protocol::Opaque),
    ("pop3", Protocol::Opaque),
    ("ftp", Protocol::Opaque),
];
