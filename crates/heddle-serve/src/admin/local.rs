//! Debug pages show the whole mesh: they are for who is on this machine, and not for a browser's scripts.

use super::Asker;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// Refuses whoever is not on loopback, and requests that a web page made.
pub(crate) async fn only(request: Request, next: Next) -> Response {
    let asker = request.extensions().get::<Asker>().map(|asker| asker.0.ip());
    match refusal(asker, request.headers()) {
        Some(text) => (StatusCode::FORBIDDEN, text).into_response(),
        None => next.run(request).await,
    }
}

/// A page of another origin cannot leave `Origin` out of a request that it makes, and a name that was bent to
/// point here ("DNS rebinding") stands in `Host`.
fn refusal(asker: Option<IpAddr>, headers: &HeaderMap) -> Option<&'static str> {
    if !asker.is_some_and(|address| address.to_canonical().is_loopback()) {
        return Some("debug pages are served on loopback only\n");
    }
    if headers.contains_key(header::ORIGIN) {
        return Some("debug pages are not served to web pages\n");
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority: Option<http::uri::Authority> = host.parse().ok();
    let name = authority.as_ref().map(|authority| authority.host()).unwrap_or_default();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match name == "localhost" || address.is_ok() {
        true => None,
        false => Some("debug pages are served to \"localhost\" or an address, not to other host names\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asker: &str, host: &'static str, origin: Option<&'static str>, want: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        assert_eq!(refusal(asker.parse().ok(), &headers), want);
    }

    #[test]
    fn debug_pages_are_for_this_machine() {
        let machine = Some("debug pages are served on loopback only\n");
        let page = Some("debug pages are not served to web pages\n");
        let name = Some("debug pages are served to \"localhost\" or an address, not to other host names\n");
        check("127.0.0.1", "localhost:9000", None, None);
        check("::1", "[::1]:9000", None, None);
        check("::ffff:127.0.0.1", "127.0.0.1:9000", None, None);
        check("10.0.0.1", "localhost:9000", None, machine);
        check("127.0.0.1", "localhost:9000", Some("https://evil.example"), page);
        check("127.0.0.1", "evil.example:9000", None, name);
    }
}
