//! Telling Envoy that it will leave, and hearing when nothing is under way any more.

use crate::admin;
use http::Method;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The time between two questions of what is under way.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks Envoy to send its inbound connections elsewhere as they answer, while it goes on taking new ones: for the time
/// between a Pod's deletion and the end of its application.
///
/// # Errors
/// When Envoy cannot be asked, or refuses.
pub async fn drain_inbound(envoy_admin: SocketAddr) -> io::Result<()> {
    // Without skip_exit the listeners would close after the drain time, and callers that know no better be refused.
    drain(envoy_admin, "inboundonly&graceful&skip_exit").await
}

async fn drain(admin: SocketAddr, how: &str) -> io::Result<()> {
    let answer = admin::ask(admin, Method::POST, &format!("/drain_listeners?{how}")).await;
    answer.and_then(admin::expect_ok).map(drop).map_err(io::Error::other)
}

/// Asks Envoy to end its listeners gracefully: requests in flight go on, and connections are closed as they
/// become idle. That it fails changes nothing: the child is ended after the drain time anyway.
pub(crate) async fn drain_listeners(admin: SocketAddr) {
    match drain(admin, "graceful").await {
        Ok(()) => tracing::info!("envoy drains its listeners"),
        Err(error) => tracing::warn!(%error, "envoy does not drain its listeners"),
    }
}

/// Returns once Envoy has no request and no connection of bytes under way; never, while it does not say.
pub(crate) async fn idle(admin: SocketAddr) {
    loop {
        let answer = admin::page(admin, "/stats?filter=downstream_(rq|cx)_active$").await;
        if answer.is_ok_and(|text| under_way(&text) == Some(0)) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns the number of requests and connections of bytes in a page of statistics; nothing where it is no such page.
fn under_way(page: &str) -> Option<u64> {
    let counts = |line: &&str| {
        let requests = line.starts_with("http.") && line.contains(".downstream_rq_active: ");
        let bytes = line.starts_with("tcp.") && line.contains(".downstream_cx_active: ");
        // The question itself is a request.
        (requests || bytes) && !line.starts_with("http.admin.")
    };
    page.lines().filter(counts).map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_connections_of_bytes_count() {
        let page = "http.admin.downstream_rq_active: 1\nhttp.in:80.downstream_rq_active: 2\n\
                    http.in:80.downstream_cx_active: 5\ntcp.in:81.downstream_cx_active: 4\n";
        assert_eq!(under_way(page), Some(6));
        assert_eq!(under_way("http.admin.downstream_rq_active: 1\n"), Some(0));
        assert_eq!(under_way("http.in:80.downstream_rq_active: many\n"), None);
    }
}
