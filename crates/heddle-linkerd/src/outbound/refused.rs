//! Destinations that are refused.
//!
//! A connection's protocol is settled when it is accepted. One that was HTTP before its destination went is told so
//! request by request; every other is closed.

use super::{http, opaque};
use crate::l5d::{self, outbound as l5d_out};
use l5d_out::proxy_protocol as protocol;
use std::time::Duration;

/// The time that the first bytes are waited for: only requests can be told why.
const DETECT: Duration = Duration::from_secs(1);

/// Refuses everything.
pub(crate) fn policy(metadata: l5d::Metadata, why: &str) -> l5d_out::OutboundPolicy {
    let routes = vec![http::answer("refused", 403, why)];
    let detect = protocol::Detect {
        timeout: Some(DETECT.into()),
        opaque: Some(opaque::forbidden()),
        http1: Some(protocol::Http1 { routes: routes.clone(), failure_accrual: None }),
        http2: Some(protocol::Http2 { routes, failure_accrual: None }),
    };
    super::policy(metadata, protocol::Kind::Detect(detect))
}
