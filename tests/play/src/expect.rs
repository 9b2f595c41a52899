//! The answers that a verdict lets a client see.

use crate::seen::{Echo, Seen};
use heddle_decide::Verdict;
use heddle_decide::verdict::{Admission, Candidate, Carried, Dial, Forward, Outcome, ShareTarget};
use heddle_model::http::{Filters, HeaderChange};
use heddle_scenario_tests::{Ask, Sent};

/// The name of whoever answers at addresses that are no workload's.
pub(crate) const OUTSIDE: &str = "outside";

/// One thing that a client may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// This application answers.
    Echo {
        /// The application.
        who: String,
        /// The caller's identity as the application is told it; the outer `None` where it cannot be told.
        identity: Option<Option<String>>,
    },
    /// A proxy answers.
    Status(u16),
    /// A proxy answers with a redirect to this `Location`.
    Redirect(u16, String),
    /// Nothing answers.
    Closed,
}

impl Want {
    /// Returns whether it is what was seen.
    pub(crate) fn is(&self, seen: &Seen) -> bool {
        match (self, seen) {
            (Self::Echo { who, identity }, Seen::Echo(echo)) => {
                *who == echo.who && identity.as_ref().is_none_or(|identity| *identity == echo.identity)
            }
            (Self::Status(want), Seen::Status(got)) => want == got,
            (Self::Redirect(want, to), Seen::Redirect(got, location)) => want == got && to == location,
            (Self::Closed, Seen::Closed) => true,
            (Self::Echo { .. } | Self::Status(_) | Self::Redirect(..) | Self::Closed, _) => false,
        }
    }
}

/// Everything that a client with a proxy may see, each once.
pub(crate) fn wants(verdict: &Verdict, ask: &Ask, trust_domain: &str, owner: &str) -> Vec<Want> {
    let mut wants = match &verdict.outcome {
        Outcome::PassedThrough => vec![Want::Echo { who: owner.into(), identity: Some(None) }],
        Outcome::Refused { .. } => vec![Want::Closed],
        Outcome::Answered { status, location: Some(location), .. } => {
            vec![Want::Redirect(*status, location.clone())]
        }
        Outcome::Answered { status, location: None, .. } => vec![Want::Status(*status)],
        Outcome::Forwarded(forward) => of_forward(verdict, forward, ask, trust_domain),
    };
    let mut seen = Vec::new();
    wants.retain(|want| {
        !seen.contains(want) && {
            seen.push(want.clone());
            true
        }
    });
    wants
}

fn of_forward(verdict: &Verdict, forward: &Forward, ask: &Ask, trust_domain: &str) -> Vec<Want> {
    let shares = forward.shares.iter().flat_map(|share| match &share.to {
        ShareTarget::Broken { status, .. } => vec![Want::Status(*status)],
        ShareTarget::Endpoints { candidates, .. } if candidates.is_empty() => vec![match forward.carried {
            Carried::Http => Want::Status(503),
            Carried::Bytes => Want::Closed,
        }],
        ShareTarget::Endpoints { candidates, .. } => {
            let each = candidates.iter();
            each.map(|one| of_candidate(verdict, forward.carried, one, ask, trust_domain)).collect()
        }
    });
    shares.collect()
}

/// Returns what a client may see of one endpoint.
pub(crate) fn of_candidate(
    verdict: &Verdict,
    carried: Carried,
    candidate: &Candidate,
    ask: &Ask,
    trust_domain: &str,
) -> Want {
    let no_answer = match carried {
        Carried::Http => Want::Status(503),
        Carried::Bytes => Want::Closed,
    };
    match (&candidate.admission, candidate.arrives) {
        (Admission::Allowed(_) | Admission::Unenforced { .. }, arrives) => {
            let who = candidate.workload.as_ref().map_or(OUTSIDE.into(), ToString::to_string);
            let caller = match &candidate.transport {
                Dial::Mesh(_) => verdict.caller.identity.as_ref().map(|id| id.spiffe(trust_domain)),
                Dial::Plain | Dial::Refused => None,
            };
            let is_seen = is_http(ask) && arrives != Some(Carried::Bytes);
            Want::Echo { who, identity: is_seen.then_some(caller) }
        }
        (Admission::Denied(_), Some(Carried::Http)) => Want::Status(403),
        (Admission::Answered { status, why: _ }, _) => Want::Status(*status),
        (Admission::Denied(_), Some(Carried::Bytes) | None) | (Admission::Refused { .. }, _) => no_answer,
    }
}

/// Returns whether a request is HTTP to the application that sends it.
pub(crate) fn is_http(ask: &Ask) -> bool {
    match ask.kind {
        Sent::Http | Sent::Http2 => true,
        Sent::Tcp | Sent::Tls => false,
    }
}

/// Returns what is wrong with the request that an application saw and with its response, as a verdict's filters change them.
pub(crate) fn wrong_filters(verdict: &Verdict, ask: &Ask, echo: &Echo) -> Vec<String> {
    let Outcome::Forwarded(Forward { route: Some(route), shares, carried: _, limits: _, mirrors: _ }) =
        &verdict.outcome
    else {
        return Vec::new();
    };
    let mut wrong = unlike("request", &route.filters.request, &echo.request);
    wrong.extend(unlike("response", &route.filters.response, &echo.response));
    if let [only] = shares.as_slice()
        && let ShareTarget::Endpoints { filters, .. } = &only.to
    {
        wrong.extend(unlike("request", &filters.request, &echo.request));
        wrong.extend(unlike("response", &filters.response, &echo.response));
        if let Some(target) = target(&route.filters, filters, ask)
            && target != echo.target
        {
            wrong.push(format!("the application was asked for {:?}, want {target:?}", echo.target));
        }
    }
    wrong
}

/// The authority and path that an application is asked for, where filters rewrite them.
fn target(rule: &Filters, backend: &Filters, ask: &Ask) -> Option<String> {
    let host = backend.host.as_ref().or(rule.host.as_ref()).map(|host| host.to_string());
    if host.is_none() && rule.path.is_none() {
        return None;
    }
    let host = host.or_else(|| ask.host.clone())?;
    let path = rule.path.as_ref().map_or_else(|| ask.path.clone(), |change| change.of(&ask.path));
    Some(format!("{host}{path}"))
}

fn unlike(
    what: &str,
    change: &HeaderChange,
    headers: &std::collections::BTreeMap<String, String>,
) -> Vec<String> {
    let HeaderChange { set, add, remove } = change;
    let get = |name: &str| headers.get(&name.to_ascii_lowercase());
    let mut wrong = Vec::new();
    for (name, value) in set {
        if get(name).map(String::as_str) != Some(value.as_str()) {
            wrong.push(format!("{what} header {name} is {:?}, want {value:?}", get(name)));
        }
    }
    for (name, value) in add {
        if !get(name).is_some_and(|got| got.ends_with(value.as_str())) {
            wrong.push(format!("{what} header {name} is {:?}, want {value:?} at its end", get(name)));
        }
    }
    for name in remove {
        if let Some(got) = get(name) {
            wrong.push(format!("{what} header {name} is {got:?}, want none"));
        }
    }
    wrong
}
