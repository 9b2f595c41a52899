//! ServerAuthorizations.

use super::authentication::{account, items, names, networks};
use super::selector::selector;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::access::Principal;
use heddle_model::server::{Authentication, Authorization, Client, Opens, Requirement};

/// One whose Servers cannot be read opens nothing.
pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Authorization, FieldError> {
    let spec = root.need("spec")?;
    spec.only(&["server", "client"])?;
    let opens = opens(&spec.need("server")?)?;
    let client = spec.need("client").and_then(|client| {
        client.only(&["networks", "unauthenticated", "meshTLS"])?;
        Ok(client)
    });
    let caller = match notes.take(client, "it admits nobody") {
        Some(client) => caller(&client, notes),
        None => Authentication::NOBODY,
    };
    Ok(Authorization { opens, requires: vec![Requirement::Here(caller)] })
}

fn opens(place: &Field<'_>) -> Result<Opens, FieldError> {
    place.only(&["name", "selector"])?;
    match (place.get("name"), place.get("selector")) {
        (Some(name), None) => Ok(Opens::Server(name.name()?.into())),
        (None, Some(labels)) => Ok(Opens::Servers(selector(&labels)?)),
        _ => Err(place.wrong("one of name and selector must be set")),
    }
}

fn caller(client: &Field<'_>, notes: &mut Diagnostics) -> Authentication {
    let networks = client.get("networks").map(|list| networks(&list, notes));
    let empty = client.value()["networks"].as_array().is_some_and(Vec::is_empty);
    let everyone = client.get("unauthenticated").map_or(Ok(false), |word| word.truth());
    let everyone = notes.take(everyone, "callers must have an identity").unwrap_or(false);
    let clients = if everyone { None } else { Some(proven(client, notes)) };
    Authentication { clients, networks: networks.filter(|_| !empty) }
}

fn proven(client: &Field<'_>, notes: &mut Diagnostics) -> Vec<Client> {
    let Some(mtls) = notes.take(client.need("meshTLS"), "it admits nobody") else { return Vec::new() };
    let known = mtls.only(&["unauthenticatedTLS", "identities", "serviceAccounts"]);
    if notes.take(known, "it admits nobody").is_none() {
        return Vec::new();
    }
    if let Some(bare) = mtls.get("unauthenticatedTLS")
        && notes.take(bare.truth(), "it admits nobody").unwrap_or(false)
    {
        notes.wrong(
            bare.unsupported("mesh TLS always proves an identity"),
            "whoever has an identity is admitted",
        );
        return vec![Client::Known(Principal::Any)];
    }
    let mut clients = names(mtls.get("identities"), notes);
    let list = items(mtls.get("serviceAccounts"), notes);
    let accounts: Vec<_> = list.iter().map(|place| service_account(place, notes)).collect();
    clients.extend(notes.take_all(accounts, "it admits nobody"));
    if mtls.get("identities").is_none() && mtls.get("serviceAccounts").is_none() {
        notes.wrong(mtls.wrong("identities or serviceAccounts must be set"), "it admits nobody");
    }
    clients
}

fn service_account(place: &Field<'_>, notes: &Diagnostics) -> Result<Client, FieldError> {
    place.only(&["namespace", "name"])?;
    let namespace = match place.get("namespace") {
        Some(namespace) => namespace.name()?.into(),
        None => notes.namespace(),
    };
    account(place, namespace, place.need("name")?.name()?)
}
