//! Headers of requests, as proxies compare them.
//!
//! Of several lines of one name each value is compared by itself, and any that matches will do. Some names are the
//! exception: an Envoy joins their lines before anything looks at them.

/// Names whose lines Envoy 1.40 joins with commas.
const JOINED: [&str; 33] = [
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "authorization",
    "cache-control",
    "cdn-loop",
    "content-encoding",
    "content-type",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "pragma",
    "proxy-status",
    "referer",
    "user-agent",
    "via",
    "x-client-trace-id",
    "x-envoy-attempt-count",
    "x-envoy-original-path",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// The header of cookies, whose lines are joined in HTTP/2 only (RFC 9113, 8.2.3).
pub const COOKIE: &str = "cookie";

/// Returns whether an Envoy makes one value of several lines of this name (in lower case) by commas.
pub fn is_joined(name: &str) -> bool {
    JOINED.contains(&name)
}

/// Returns the values that are compared for a header, from those of its lines in order.
pub fn compared(name: &str, lines: &[&str]) -> Vec<String> {
    match lines {
        [_, _, ..] if is_joined(name) => vec![lines.join(",")],
        lines => lines.iter().map(ToString::to_string).collect(),
    }
}
