//! Changes to headers.
//!
//! Envoy removes before it adds, as the Gateway API wants. `Host` is no header to Envoy: setting it is a rewrite of
//! the authority, and it can be neither removed nor added to. Values are text: what Envoy would read as a
//! command (`%…%`) is escaped.

use crate::xds;
use crate::xds::header_value_option::HeaderAppendAction;
use heddle_model::Name;
use heddle_model::http::{Filters, HeaderChange};

/// Returns what is set and added, in that order.
pub(crate) fn added(change: &HeaderChange) -> Vec<xds::HeaderValueOption> {
    let HeaderChange { set, add, remove: _ } = change;
    let set = of(set, HeaderAppendAction::OverwriteIfExistsOrAdd);
    set.chain(of(add, HeaderAppendAction::AppendIfExistsOrAdd)).collect()
}

/// Returns what is taken out.
pub(crate) fn removed(change: &HeaderChange) -> Vec<String> {
    change.remove.iter().filter(|name| is_plain(name)).map(Name::to_string).collect()
}

/// Returns what the authority is rewritten to.
pub(crate) fn host(filters: &Filters) -> Option<String> {
    let mut hosts = filters.request.set.iter().filter(|(name, _)| is_host(name)).map(|(_, value)| value);
    filters.host.as_ref().or_else(|| hosts.next_back()).map(Name::to_string)
}

fn of(values: &[(Name, Name)], action: HeaderAppendAction) -> impl Iterator<Item = xds::HeaderValueOption> {
    values.iter().filter(|(name, _)| is_plain(name)).map(move |(name, value)| xds::HeaderValueOption {
        header: Some(xds::HeaderValue {
            key: name.to_string(),
            value: value.replace('%', "%%"),
            ..xds::HeaderValue::default()
        }),
        append_action: action.into(),
        keep_empty_value: true,
    })
}

fn is_host(name: &str) -> bool {
    name.eq_ignore_ascii_case("host")
}

/// Envoy refuses changes of the authority and of what begins with a colon, and all its neighbours with them.
fn is_plain(name: &str) -> bool {
    !is_host(name) && !name.starts_with(':')
}
