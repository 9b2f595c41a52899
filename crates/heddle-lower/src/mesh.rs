//! The Mesh.

use crate::diagnostics::Diagnostics;
use crate::duration::duration;
use crate::field::{Field, FieldError};
use crate::namespace::POSTURES;
use heddle_model::Name;
use heddle_model::access::Posture;
use heddle_model::fact::{AccessLog, Egress, Mesh, Scope};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::time::Duration;

const SCOPES: [(&str, Scope); 2] = [("OnDemand", Scope::OnDemand), ("All", Scope::All)];

const EGRESS: [(&str, Egress); 2] = [("Allow", Egress::Allow), ("Deny", Egress::Deny)];

/// A name of an identity has 152 characters at most before its suffix, and a DNS name 253.
const LONGEST_SUFFIX: usize = 101;

const LOGS: [(&str, AccessLog); 3] =
    [("Off", AccessLog::Off), ("Errors", AccessLog::Errors), ("All", AccessLog::All)];

/// A Mesh without a readable trust domain, or of another name, is none: every identity hangs on it.
pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Mesh, FieldError> {
    let name = root.need("metadata")?.need("name")?;
    if name.text()? != "default" {
        return Err(name.wrong(format!("{} is not \"default\", as the only Mesh is named", name.shown())));
    }
    let spec = root.need("spec")?;
    let trust_domain = dns_name(&spec.need("trustDomain")?)?;
    let identity_suffix = identity_suffix(&spec, &trust_domain)?;
    Ok(Mesh {
        trust_domain,
        identity_suffix,
        networks: networks(&spec, "networks", "the mesh has no networks", notes),
        address_grants: address_grants(&spec, notes),
        posture: word(
            &spec,
            "defaultPosture",
            &POSTURES,
            [Posture::Allow, Posture::Deny],
            "it is Deny",
            notes,
        ),
        scope: word(&spec, "scope", &SCOPES, [Scope::OnDemand, Scope::OnDemand], "it is OnDemand", notes),
        egress: word(&spec, "egress", &EGRESS, [Egress::Allow, Egress::Deny], "it is Deny", notes),
        access_log: word(&spec, "accessLog", &LOGS, [AccessLog::Off, AccessLog::Off], "it is Off", notes),
        connect_timeout: connect_timeout(&spec, notes),
    })
}

/// The suffix of identities' names, with which the longest of them are DNS names.
fn identity_suffix(spec: &Field<'_>, trust_domain: &Name) -> Result<Name, FieldError> {
    let place = spec.get("identitySuffix");
    let suffix = match &place {
        Some(suffix) => dns_name(suffix)?,
        None => format!("heddle.{trust_domain}").into(),
    };
    if suffix.len() <= LONGEST_SUFFIX {
        return Ok(suffix);
    }
    let place = place.map_or_else(|| spec.need("trustDomain"), Ok)?;
    Err(place.wrong(format!(
        "identities would end with {} characters, at most {LONGEST_SUFFIX} leave room for their names: state a shorter identitySuffix",
        suffix.len()
    )))
}

/// One of a few words; `[unset, unreadable]` hold where it does not say.
fn word<T: Copy>(
    spec: &Field<'_>,
    field: &str,
    words: &[(&str, T)],
    [unset, unreadable]: [T; 2],
    instead: &str,
    notes: &mut Diagnostics,
) -> T {
    let written = spec.get(field).map(|written| written.one_of(words));
    written.map_or(unset, |word| notes.take(word, instead).unwrap_or(unreadable))
}

/// The grants by namespace. Of two for one namespace the first counts, as for a list that is a map.
fn address_grants(spec: &Field<'_>, notes: &mut Diagnostics) -> BTreeMap<Name, Vec<IpNet>> {
    let list = spec.get("addressGrants").map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "nothing is granted")).unwrap_or_default();
    let mut grants = BTreeMap::new();
    for item in &list {
        let namespace = item.need("namespace").and_then(|namespace| namespace.name());
        let Some(namespace) = notes.take(namespace, "nothing is granted by it") else { continue };
        let cidrs = networks(item, "cidrs", "nothing is granted by it", notes);
        grants.entry(Name::from(namespace)).or_insert(cidrs);
    }
    grants
}

/// Returns the networks in a list.
pub(crate) fn networks(
    parent: &Field<'_>,
    field: &str,
    instead: &str,
    notes: &mut Diagnostics,
) -> Vec<IpNet> {
    let list = parent.get(field).map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, instead)).unwrap_or_default();
    let parsed = list.iter().map(|item| item.parse::<IpNet>("a network in CIDR notation"));
    notes.take_all(parsed, "it is not used").into_iter().map(|network| network.trunc()).collect()
}

fn connect_timeout(spec: &Field<'_>, notes: &mut Diagnostics) -> Duration {
    let written = spec.get("connectTimeout").map(|place| {
        let timeout = duration(&place)?;
        let fits = timeout > Duration::ZERO && timeout <= Duration::from_secs(60);
        if fits {
            Ok(timeout)
        } else {
            Err(place.wrong(format!("{} is not above 0s and at most 1m", place.shown())))
        }
    });
    written.and_then(|timeout| notes.take(timeout, "it is 5s")).unwrap_or(Duration::from_secs(5))
}

fn dns_name(place: &Field<'_>) -> Result<Name, FieldError> {
    let text = place.text()?;
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |label: &str| {
        label.starts_with(alphanumeric)
            && label.ends_with(alphanumeric)
            && label.chars().all(|c| alphanumeric(c) || c == '-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.into());
    }
    Err(place.wrong(format!("{} is not a DNS name in lower case", place.shown())))
}
