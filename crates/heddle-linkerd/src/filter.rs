//! Filters of routes and backends.

use crate::l5d::{self, outbound::http_route as route};
use heddle_model::Name;
use heddle_model::http::HeaderChange;
use route::filter::Kind;

/// Answers by itself.
pub(crate) fn answer(status: u16, message: &str) -> route::Filter {
    route::Filter { kind: Some(Kind::FailureInjector(failure(status, message))) }
}

/// An answer, for whatever kind of filter.
pub(crate) fn failure(status: u16, message: &str) -> l5d::HttpFailureInjector {
    l5d::HttpFailureInjector { status: status.into(), message: message.into(), ratio: None }
}

/// The changes in the order remove, set, add: within one filter a proxy does them the other way round.
pub(crate) fn changes(request: &HeaderChange, response: &HeaderChange) -> Vec<route::Filter> {
    let request = steps(request).map(|(remove, set, add)| {
        Kind::RequestHeaderModifier(l5d::RequestHeaderModifier { add, set, remove })
    });
    let response = steps(response).map(|(remove, set, add)| {
        Kind::ResponseHeaderModifier(l5d::ResponseHeaderModifier { add, set, remove })
    });
    request.chain(response).map(|kind| route::Filter { kind: Some(kind) }).collect()
}

type Step = (Vec<String>, Option<l5d::Headers>, Option<l5d::Headers>);

fn steps(HeaderChange { set, add, remove }: &HeaderChange) -> impl Iterator<Item = Step> {
    let remove: Vec<String> =
        remove.iter().filter(|name| is_name(name)).map(|name| name.to_ascii_lowercase()).collect();
    let remove = (!remove.is_empty()).then_some((remove, None, None));
    let set = headers(set).map(|set| (Vec::new(), Some(set), None));
    let add = headers(add).map(|add| (Vec::new(), None, Some(add)));
    [remove, set, add].into_iter().flatten()
}

/// A header that is none would make the whole policy invalid.
fn headers(given: &[(Name, Name)]) -> Option<l5d::Headers> {
    let good = given.iter().filter(|(name, value)| is_name(name) && is_value(value));
    let header = |(name, value): &(Name, Name)| l5d::headers::Header {
        name: name.to_ascii_lowercase(),
        value: value.as_bytes().to_vec().into(),
    };
    let headers: Vec<_> = good.map(header).collect();
    (!headers.is_empty()).then_some(l5d::Headers { headers })
}

/// Returns whether a text can name a header (RFC 9110, 5.6.2).
pub(crate) fn is_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() < 1 << 15 && name.bytes().all(token)
}

/// Returns whether a text can be a header's value.
pub(crate) fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}
