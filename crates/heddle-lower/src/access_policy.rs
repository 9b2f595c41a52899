//! AccessPolicies.

use crate::access_rule;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::inbound_policy::{ports, selector};
use heddle_model::access::{Action, Mode, Rule};
use heddle_model::fact::{AccessPolicy, Covers, Target};

const ACTIONS: [(&str, Action); 2] = [("Allow", Action::Allow), ("Deny", Action::Deny)];

const MODES: [(&str, Mode); 2] = [("Enforce", Mode::Enforce), ("Audit", Mode::Audit)];

/// An action that cannot be read closes and admits nothing. Where what is covered cannot be read, the whole
/// namespace is, and an Allow then admits nobody: it might admit them where it was not meant to.
pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<AccessPolicy, FieldError> {
    let spec = root.need("spec")?;
    spec.object()?;
    let action = spec.get("action").map_or(Ok(Action::Allow), |word| word.one_of(&ACTIONS));
    let action = notes.take(action, "it admits nobody");
    let mode = spec.get("mode").map_or(Ok(Mode::Enforce), |word| word.one_of(&MODES));
    let mode = notes.take(mode, "it is enforced").unwrap_or(Mode::Enforce);
    let covers = spec
        .only(&["targetRefs", "selector", "ports", "action", "mode", "rules"])
        .and_then(|()| covers(&spec));
    let instead = match action {
        Some(Action::Deny) => "the whole namespace is covered",
        Some(Action::Allow) | None => "the whole namespace is covered, and nobody is admitted",
    };
    let covers = notes.take(covers, instead);
    let rules = match (action, &covers) {
        (Some(Action::Deny), _) => deny_rules(&spec, notes),
        (Some(Action::Allow), Some(_)) => allow_rules(&spec, notes),
        (Some(Action::Allow), None) | (None, _) => Vec::new(),
    };
    let (covers, action) = (covers.unwrap_or(Covers::Namespace), action.unwrap_or(Action::Allow));
    Ok(AccessPolicy { covers, action, mode, rules })
}

fn allow_rules(spec: &Field<'_>, notes: &mut Diagnostics) -> Vec<Rule> {
    let list = spec.get("rules").map(|rules| rules.list());
    let list = list.and_then(|rules| notes.take(rules, "it admits nobody")).unwrap_or_default();
    let mut rules = Vec::new();
    for (index, place) in list.iter().enumerate() {
        let rule = access_rule::read((index, place), Action::Allow, notes);
        rules.extend(notes.take(rule, "it admits nothing").flatten());
    }
    rules
}

fn deny_rules(spec: &Field<'_>, notes: &mut Diagnostics) -> Vec<Rule> {
    let list = spec.need("rules").and_then(|rules| match rules.list()? {
        list if list.is_empty() => Err(rules.wrong("a Deny needs at least one rule")),
        list => Ok(list),
    });
    let Some(list) = notes.take(list, "it denies everything") else { return vec![Rule::default()] };
    let mut rules = Vec::new();
    for (index, place) in list.iter().enumerate() {
        let rule = access_rule::read((index, place), Action::Deny, notes);
        let rule = notes.take(rule, "it denies everything").flatten();
        rules.push(rule.unwrap_or_else(|| Rule { index, ..Rule::default() }));
    }
    rules
}

fn covers(spec: &Field<'_>) -> Result<Covers, FieldError> {
    let Some(targets) = spec.get("targetRefs") else {
        if spec.get("selector").is_none() && spec.get("ports").is_none() {
            return Ok(Covers::Namespace);
        }
        return Ok(Covers::Workloads { selector: selector(spec)?, ports: ports(spec)? });
    };
    if spec.get("selector").is_some() || spec.get("ports").is_some() {
        return Err(targets.wrong("targetRefs excludes selector and ports"));
    }
    let list = targets.list()?;
    if list.is_empty() {
        return Err(targets.wrong("must not be empty"));
    }
    Ok(Covers::Targets(list.iter().map(target).collect::<Result<_, _>>()?))
}

fn target(place: &Field<'_>) -> Result<Target, FieldError> {
    place.only(&["group", "kind", "name", "sectionName"])?;
    let group = place.get("group").map_or(Ok(""), |group| group.text())?;
    let kind = place.need("kind")?.text()?;
    let name = place.need("name")?.name()?.into();
    let section = place.get("sectionName");
    match (group, kind) {
        ("", "Service") => {
            let port = section.map(|section| section.name()).transpose()?;
            Ok(Target::Service { name, port: port.map(Into::into) })
        }
        ("gateway.networking.k8s.io", "HTTPRoute") => match section {
            None => Ok(Target::HttpRoute { name }),
            Some(section) => Err(section.wrong("sectionName names a port of a Service")),
        },
        _ => Err(place.wrong(format!(
            "{kind:?} of group {group:?} is neither a Service of group \"\" nor an HTTPRoute of gateway.networking.k8s.io"
        ))),
    }
}
