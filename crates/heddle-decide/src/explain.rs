//! A verdict as text for people.

use crate::verdict::{
    Admission, Candidate, Dial, Forward, Outcome, RouteChoice, Share, ShareTarget, Step, Topic, Verdict,
};
use heddle_model::http::{Filters, HeaderChange, PathChange};
use heddle_model::route::RouteDefaults;
use std::borrow::Cow;
use std::fmt;

/// A verdict as a headline, its steps, and what happens at the endpoints; ends with a line break.
///
/// The headline is the worst that can happen to a share of the traffic, and says so if it is not all of it.
pub fn explain(verdict: &Verdict) -> String {
    verdict.to_string()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", headline(&self.outcome))?;
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        match &self.outcome {
            Outcome::Forwarded(forward) => write_forward(f, forward),
            Outcome::Answered { route: Some(route), .. } => write_choice(f, route),
            Outcome::Answered { route: None, .. } | Outcome::Refused { .. } | Outcome::PassedThrough => {
                Ok(())
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<11} {}", topic_word(self.topic), self.text)?;
        match (&self.source, self.field.as_str()) {
            (None, _) => Ok(()),
            (Some(source), "") => write!(f, "  [{source}]"),
            (Some(source), field) => write!(f, "  [{source} {field}]"),
        }
    }
}

fn topic_word(topic: Topic) -> &'static str {
    match topic {
        Topic::Client => "client",
        Topic::Destination => "destination",
        Topic::Protocol => "protocol",
        Topic::Route => "route",
        Topic::Backend => "backend",
        Topic::Transport => "transport",
        Topic::Access => "access",
        Topic::Audit => "audit",
    }
}

fn headline(outcome: &Outcome) -> String {
    match outcome {
        Outcome::PassedThrough => "PASSED THROUGH  past the mesh, as it is".into(),
        Outcome::Refused { why } => format!("REFUSED  {why}"),
        Outcome::Answered { status, why, .. } => format!("ANSWERED {status}  {why}"),
        Outcome::Forwarded(forward) => forwarded(forward),
    }
}

/// The worst of all shares, worst first in this order.
fn forwarded(forward: &Forward) -> String {
    let mut words: Vec<Cow<str>> = forward.shares.iter().flat_map(share_words).collect();
    let rank = |word: &str| {
        ["DENIED", "REFUSED", "400", "404", "500", "503", "UNENFORCED", "ALLOWED"]
            .iter()
            .position(|w| *w == word)
    };
    words.sort_by_key(|word| rank(word));
    words.dedup();
    match words.as_slice() {
        [] => "500  no backend".into(),
        [only] => only.to_string(),
        [worst, rest @ ..] => format!("{worst} IN PART  (else {})", rest.join(", ")),
    }
}

fn share_words(share: &Share) -> Vec<Cow<'static, str>> {
    match &share.to {
        ShareTarget::Broken { .. } => vec!["500".into()],
        ShareTarget::Endpoints { candidates, .. } if candidates.is_empty() => vec!["503".into()],
        ShareTarget::Endpoints { candidates, .. } => {
            candidates.iter().map(|candidate| admission_word(&candidate.admission)).collect()
        }
    }
}

fn admission_word(admission: &Admission) -> Cow<'static, str> {
    match admission {
        Admission::Allowed(_) => "ALLOWED".into(),
        Admission::Denied(_) => "DENIED".into(),
        Admission::Unenforced { .. } => "UNENFORCED".into(),
        Admission::Answered { status, why: _ } => status.to_string().into(),
        Admission::Refused { .. } => "REFUSED".into(),
    }
}

fn write_forward(f: &mut fmt::Formatter<'_>, forward: &Forward) -> fmt::Result {
    if let Some(route) = &forward.route {
        write_choice(f, route)?;
    }
    write_limits(f, &forward.limits)?;
    for share in &forward.shares {
        write_share(f, share)?;
    }
    Ok(())
}

fn write_choice(f: &mut fmt::Formatter<'_>, route: &RouteChoice) -> fmt::Result {
    write_filters(f, "", &route.filters)
}

fn write_filters(f: &mut fmt::Formatter<'_>, indent: &str, filters: &Filters) -> fmt::Result {
    let Filters { request, response, host, path } = filters;
    write_headers(f, &format!("{indent}request headers"), request)?;
    write_headers(f, &format!("{indent}response headers"), response)?;
    if let Some(host) = host {
        writeln!(f, "  {indent}host: {host}")?;
    }
    match path {
        None => Ok(()),
        Some(PathChange::Full(whole)) => writeln!(f, "  {indent}path: {whole}"),
        Some(PathChange::Prefix { of, with }) => writeln!(f, "  {indent}path: {of}/ becomes {with}/"),
    }
}

fn write_limits(f: &mut fmt::Formatter<'_>, limits: &RouteDefaults) -> fmt::Result {
    let RouteDefaults { request_timeout, backend_timeout, retry } = limits;
    for (name, limit) in [("timeout", request_timeout), ("timeout of one attempt", backend_timeout)] {
        match limit {
            None => {}
            Some(limit) if limit.is_zero() => writeln!(f, "  {name}: none")?,
            Some(limit) => writeln!(f, "  {name}: {limit:?}")?,
        }
    }
    if let Some(retry) = retry {
        write!(f, "  retries: {} after a failed connection", retry.attempts)?;
        if !retry.codes.is_empty() {
            write!(f, " or {:?}", retry.codes)?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn write_headers(f: &mut fmt::Formatter<'_>, what: &str, change: &HeaderChange) -> fmt::Result {
    let HeaderChange { set, add, remove } = change;
    let removed = remove.iter().map(|name| format!("remove {name}"));
    let set = set.iter().map(|(name, value)| format!("set {name}={value}"));
    let added = add.iter().map(|(name, value)| format!("add {name}={value}"));
    let all: Vec<String> = removed.chain(set).chain(added).collect();
    if all.is_empty() { Ok(()) } else { writeln!(f, "  {what}: {}", all.join(", ")) }
}

/// Exact where four decimals say it, else rounded to them.
fn percent(share: &Share) -> String {
    let text = format!("{:.4}", 100.0 * share.weight as f64 / share.total as f64);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn write_share(f: &mut fmt::Formatter<'_>, share: &Share) -> fmt::Result {
    let percent = percent(share);
    match &share.to {
        ShareTarget::Broken { status, reason, message } => {
            writeln!(f, "  {percent}% answered {status}: {message} ({reason})")
        }
        ShareTarget::Endpoints { service, filters, candidates, absent } => {
            match service {
                Some(service) => writeln!(f, "  {percent}% to {service}")?,
                None => writeln!(f, "  {percent}% to this address alone")?,
            }
            write_filters(f, "  ", filters)?;
            if let Some(absent) = absent {
                writeln!(f, "    no endpoint: 503: {absent}")?;
            }
            write_candidates(f, candidates)
        }
    }
}

/// Endpoints that fare alike are printed together: a Service may have a thousand of them.
fn write_candidates(f: &mut fmt::Formatter<'_>, candidates: &[Candidate]) -> fmt::Result {
    let mut groups: Vec<Vec<&Candidate>> = Vec::new();
    for candidate in candidates {
        let alike = |group: &&mut Vec<&Candidate>| {
            group.first().is_some_and(|first| fares(first) == fares(candidate))
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.push(candidate),
            None => groups.push(vec![candidate]),
        }
    }
    groups.iter().try_for_each(|group| write_group(f, group))
}

/// Returns what makes two endpoints differ to a reader, besides where they are.
fn fares(candidate: &Candidate) -> (&Dial, &Admission, bool, &[Step]) {
    (&candidate.transport, &candidate.admission, candidate.draining, &candidate.steps)
}

fn write_group(f: &mut fmt::Formatter<'_>, group: &[&Candidate]) -> fmt::Result {
    const SHOWN: usize = 3;
    let Some(first) = group.first() else { return Ok(()) };
    let place = |candidate: &Candidate| {
        let at = std::net::SocketAddr::new(candidate.address, candidate.port);
        match &candidate.workload {
            Some(workload) => format!("{at} ({workload})"),
            None => at.to_string(),
        }
    };
    let mut shown: Vec<String> = group.iter().take(SHOWN).map(|c| place(c)).collect();
    if group.len() > SHOWN {
        shown.push(format!("and {} more", group.len() - SHOWN));
    }
    let draining = if first.draining { "  draining" } else { "" };
    let word = admission_word(&first.admission).to_lowercase();
    write!(f, "    {word}{draining}  {}", shown.join(", "))?;
    match &first.admission {
        Admission::Unenforced { why } | Admission::Refused { why } => writeln!(f, ": {why}")?,
        Admission::Answered { status: _, why } => writeln!(f, ": {why}")?,
        Admission::Allowed(_) | Admission::Denied(_) => writeln!(f)?,
    }
    first.steps.iter().try_for_each(|step| writeln!(f, "      {step}"))
}
