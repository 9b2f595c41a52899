//! Rules of AccessPolicies: who, and which requests.

use crate::alternatives::Alternatives;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::route::{header_name, prefix};
use heddle_model::access::{Action, Network, Peer, Principal, RequestMatch, Rule};
use heddle_model::http::{KeyMatch, PathMatch, ValueMatch};
use heddle_model::{Identity, Name, path};
use ipnet::IpNet;

/// Reads the rule at a place in the list; `None` if it matches nothing (only an Allow can).
pub(crate) fn read(
    (index, place): (usize, &Field<'_>),
    action: Action,
    notes: &mut Diagnostics,
) -> Result<Option<Rule>, FieldError> {
    place.only(&["from", "requests"])?;
    if place.get("from").is_none() && place.get("requests").is_none() {
        return Err(
            place.wrong("one of from, requests must be set; everyone is 0.0.0.0/0 and ::/0 of networks")
        );
    }
    let from: &dyn Fn(&Field<'_>, &mut Diagnostics) -> _ = &|place, notes| peer(place, action, notes);
    let requests: &dyn Fn(&Field<'_>, &mut Diagnostics) -> _ = &|place, notes| request(place, action, notes);
    let from = Alternatives::read(&[(place.get("from"), from)], action, notes);
    let requests = Alternatives::read(&[(place.get("requests"), requests)], action, notes);
    let rule = from.into_list().zip(requests.into_list());
    Ok(rule.map(|(from, requests)| Rule { index, from, requests }))
}

/// A part of which nothing was left after its faults were noted.
fn nothing_left(place: &Field<'_>) -> FieldError {
    place.wrong("nothing of it can be read")
}

fn peer(place: &Field<'_>, action: Action, notes: &mut Diagnostics) -> Result<Peer, FieldError> {
    let fields = ["identities", "serviceAccounts", "namespaces", "networks"];
    place.only(&fields)?;
    let [identities, accounts, namespaces, networks] = fields.map(|field| place.get(field));
    if [&identities, &accounts, &namespaces, &networks].into_iter().all(Option::is_none) {
        return Err(place.wrong(format!("one of {} must be set", fields.join(", "))));
    }
    let principals = Alternatives::read(
        &[(identities, &identity), (accounts, &account), (namespaces, &namespace)],
        action,
        notes,
    );
    let read_network: &dyn Fn(&Field<'_>, &mut Diagnostics) -> _ =
        &|place, notes| network(place, action, notes);
    let networks = Alternatives::read(&[(networks, read_network)], action, notes);
    let both = principals.into_list().zip(networks.into_list());
    let (principals, networks) = both.ok_or_else(|| nothing_left(place))?;
    Ok(Peer::new(principals, networks))
}

/// `*`, or a SPIFFE ID: compared as a whole, so one with a wildcard would match nobody.
pub(crate) fn identity(place: &Field<'_>, _: &mut Diagnostics) -> Result<Principal, FieldError> {
    let text = place.text()?;
    if text == "*" {
        return Ok(Principal::Any);
    }
    let path = text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/'));
    let good =
        path.is_some_and(|(domain, path)| !domain.is_empty() && path.split('/').all(|part| !part.is_empty()));
    if good && text.len() <= 2048 && !text.contains(|c: char| c == '*' || c.is_whitespace()) {
        return Ok(Principal::Spiffe(text.into()));
    }
    Err(place.wrong(format!("{} is neither \"*\" nor a SPIFFE ID", place.shown())))
}

fn account(place: &Field<'_>, notes: &mut Diagnostics) -> Result<Principal, FieldError> {
    place.only(&["namespace", "name"])?;
    let namespace = match place.get("namespace") {
        Some(namespace) => Name::from(namespace.name()?),
        None => notes.namespace(),
    };
    let identity = Identity::new(namespace, place.need("name")?.name()?);
    identity.map(Principal::Account).map_err(|bad| place.wrong(bad.to_string()))
}

fn namespace(place: &Field<'_>, _: &mut Diagnostics) -> Result<Principal, FieldError> {
    Identity::new(place.name()?, "default").map_err(|bad| place.wrong(bad.to_string()))?;
    Ok(Principal::Namespace(place.name()?.into()))
}

/// A hole that cannot be read makes an Allow's network unreadable, and is no hole in a Deny's.
fn network(place: &Field<'_>, action: Action, notes: &mut Diagnostics) -> Result<Network, FieldError> {
    place.only(&["cidr", "except"])?;
    let cidr = cidr(&place.need("cidr")?)?;
    let holes = place.get("except").map_or(Ok(Vec::new()), |except| except.list())?;
    let holes = holes.iter().map(self::cidr);
    let except = match action {
        Action::Allow => holes.collect::<Result<Vec<_>, _>>()?,
        Action::Deny => notes.take_all(holes, "it is denied too"),
    };
    Ok(Network { cidr, except })
}

fn cidr(place: &Field<'_>) -> Result<IpNet, FieldError> {
    place.parse::<IpNet>("a network in CIDR notation").map(|network| network.trunc())
}

fn request(place: &Field<'_>, action: Action, notes: &mut Diagnostics) -> Result<RequestMatch, FieldError> {
    let fields = ["methods", "paths", "headers"];
    place.only(&fields)?;
    let [methods, paths, headers] = fields.map(|field| place.get(field));
    if [&methods, &paths, &headers].into_iter().all(Option::is_none) {
        return Err(place.wrong(format!("one of {} must be set", fields.join(", "))));
    }
    let methods = Alternatives::read(&[(methods, &method)], action, notes).into_list();
    let paths = Alternatives::read(&[(paths, &path)], action, notes).into_list();
    let headers = match headers {
        Some(headers) => all_headers(&headers, action, notes),
        None => Some(Vec::new()),
    };
    let (Some(methods), Some(paths), Some(headers)) = (methods, paths, headers) else {
        return Err(nothing_left(place));
    };
    Ok(RequestMatch { methods: methods.into_iter().collect(), paths: paths.into_iter().collect(), headers })
}

/// Headers that must all match. One that cannot be read fails an Allow; a Deny does without it.
fn all_headers(place: &Field<'_>, action: Action, notes: &mut Diagnostics) -> Option<Vec<KeyMatch>> {
    match action {
        Action::Allow => {
            let headers = place.list().and_then(|list| match list.is_empty() {
                true => Err(place.wrong("must not be empty")),
                false => list.iter().map(header).collect::<Result<Vec<_>, _>>(),
            });
            notes.take(headers, "it admits nothing")
        }
        Action::Deny => {
            let list =
                notes.take(place.list(), "requests are denied whatever their headers").unwrap_or_default();
            Some(notes.take_all(list.iter().map(header), "requests are denied with and without it"))
        }
    }
}

fn method(place: &Field<'_>, _: &mut Diagnostics) -> Result<Name, FieldError> {
    let text = place.name()?;
    if text.chars().all(|c| c.is_ascii_uppercase()) {
        return Ok(text.into());
    }
    Err(place.wrong(format!("{} is not a method in upper case", place.shown())))
}

fn path(place: &Field<'_>, _: &mut Diagnostics) -> Result<PathMatch, FieldError> {
    place.only(&["type", "value"])?;
    let value = place.need("value")?;
    let text = value.text()?;
    if let Some((before, _)) = text.split_once('*') {
        let elements = before.rsplit_once('/').map_or("/", |(elements, _)| elements);
        let prefix = if elements.is_empty() { "/" } else { elements };
        let shown = value.shown();
        let instead = format!("use type PathPrefix with value {prefix:?} (a * in a path is written %2A)");
        return Err(value.wrong(format!("{shown} has a *, which stands for nothing in paths; {instead}")));
    }
    let kinds = [("Exact", true), ("PathPrefix", false)];
    let exact = place.get("type").map_or(Ok(false), |kind| kind.one_of(&kinds))?;
    let path = path::canonical(text);
    let path = path.map_err(|bad| value.wrong(format!("{} cannot be compared: {bad}", value.shown())))?;
    Ok(if exact { PathMatch::Exact(path) } else { prefix(&path) })
}

fn header(place: &Field<'_>) -> Result<KeyMatch, FieldError> {
    place.only(&["name", "type", "value"])?;
    let name = header_name(&place.need("name")?)?;
    let kind = place.get("type").map_or(Ok("Exact"), |kind| {
        kind.one_of(&[("Exact", "Exact"), ("Prefix", "Prefix"), ("Present", "Present")])
    })?;
    let value = place.get("value").map(|value| value.name()).transpose()?;
    let value = match (kind, value) {
        ("Exact", Some(value)) => ValueMatch::Exact(value.into()),
        ("Prefix", Some(value)) => ValueMatch::Prefix(value.into()),
        ("Present", None) => ValueMatch::Present,
        _ => return Err(place.wrong("value must be set for Exact and Prefix, and only for them")),
    };
    Ok(KeyMatch { name, value })
}
