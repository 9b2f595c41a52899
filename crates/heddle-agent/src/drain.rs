//! Telling Envoy that it will leave, and hearing when nothing is under way any more.

use crate::admin;
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
    let status = admin::ask(admin, &format!("POST /drain_listeners?{how}")).await?;
    if status.contains(" 200 ") { Ok(()) } else { Err(io::Error::other(status)) }
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
        let answer = admin::read(admin, "GET /stats?filter=downstream_(rq|cx)_active$").await;
        if answer.is_ok_and(|text| under_way(&text) == Some(0)) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns the number of requests and connections of bytes in a page of statistics; nothing where it is no such page.
fn under_way(answer: &str) -> Option<u64> {
    let (head, page) = answer.split_once("\r\n\r\n")?;
    if !head.lines().next()?.contains(" 200 ") {
        return None;
    }
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
        let answer = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\n\r\n{page}");
        assert_eq!(under_way(&answer("200 OK")), Some(6));
        assert_eq!(under_way(&answer("503 Service Unavailable")), None);
        assert_eq!(under_way("HTTP/1.1 200 OK\r\n\r\nhttp.admin.downstream_rq_active: 1\n"), Some(0));
        assert_eq!(under_way("HTTP/1.1 200 OK\r\n"), None);
    }
}
