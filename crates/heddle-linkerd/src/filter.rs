//! Filters of routes and backends.

use crate::l5d::{self, outbound::http_route as route};
use heddle_model::Name;
use heddle_model::http::{Filters, HeaderChange, PathChange, Redirect, Scheme};
use route::filter::Kind;

/// Answers by itself.
pub(crate) fn answer(status: u16, message: &str) -> route::Filter {
    route::Filter { kind: Some(Kind::FailureInjector(failure(status, message))) }
}

/// An answer, for whatever kind of filter.
pub(crate) fn failure(status: u16, message: &str) -> l5d::HttpFailureInjector {
    l5d::HttpFailureInjector { status: status.into(), message: message.into(), ratio: None }
}

/// A redirect of requests in plain text to a port that was dialled; a prefix is not replaced by it.
pub(crate) fn redirect(redirect: &Redirect, dialled: u16) -> route::Filter {
    let Redirect { scheme, host, port: _, path, status } = redirect;
    let scheme = scheme.map(|scheme| l5d::Scheme {
        r#type: Some(l5d::scheme::Type::Registered(match scheme {
            Scheme::Http => l5d::scheme::Registered::Http.into(),
            Scheme::Https => l5d::scheme::Registered::Https.into(),
        })),
    });
    let path = path.as_ref().map(|(PathChange::Full(to) | PathChange::Prefix { of: _, with: to })| {
        l5d::PathModifier { replace: Some(l5d::path_modifier::Replace::Full(to.to_string())) }
    });
    route::Filter {
        kind: Some(Kind::Redirect(l5d::RequestRedirect {
            scheme,
            host: host.as_ref().map(Name::to_string).unwrap_or_default(),
            path,
            port: redirect.stated_port(dialled).map(u32::from).unwrap_or_default(),
            status: (*status).into(),
        })),
    }
}

/// The changes in the order remove, set, add: within one filter a proxy does them the other way round.
pub(crate) fn changes(filters: &Filters) -> Vec<route::Filter> {
    let Filters { request, response, host: _, path: _ } = filters;
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
