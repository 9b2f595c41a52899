//! A verdict in a few words, as the author of a request writes what is wanted.

use heddle_decide::Verdict;
use heddle_decide::verdict::{Admission, Candidate, Dial, Ground, Outcome, Share, ShareTarget};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// The summary of a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// `passed`, `refused`, `404`, `500`, or for each share, with its percentage where there are several: `500`
    /// (broken), `503` (no endpoint), or what happens at its endpoints: `allowed mtls`, `denied plain`,
    /// `unenforced plain`, `refused -`, alternatives between bars.
    pub want: String,
    /// The workloads that may answer.
    pub at: BTreeSet<String>,
    /// The rule that admits or refuses: `AccessPolicy shop/a[0]`, `AccessPolicy shop/a` (no rule of it), `posture Deny`.
    pub by: String,
    /// `shop/cart[0]`
    pub route: String,
}

impl From<&Verdict> for Summary {
    fn from(verdict: &Verdict) -> Self {
        let candidates: Vec<&Candidate> = candidates(verdict).collect();
        let by: BTreeSet<String> = candidates.iter().filter_map(|c| ground(&c.admission)).collect();
        Self {
            want: want(&verdict.outcome),
            at: candidates.iter().map(|candidate| place(candidate)).collect(),
            by: by.into_iter().collect::<Vec<_>>().join(" | "),
            route: route(&verdict.outcome),
        }
    }
}

fn candidates(verdict: &Verdict) -> impl Iterator<Item = &Candidate> {
    let shares = match &verdict.outcome {
        Outcome::Forwarded(forward) => forward.shares.as_slice(),
        Outcome::PassedThrough | Outcome::Refused { .. } | Outcome::Answered { .. } => &[],
    };
    shares.iter().flat_map(|share| match &share.to {
        ShareTarget::Endpoints { candidates, .. } => candidates.as_slice(),
        ShareTarget::Broken { .. } => &[],
    })
}

fn place(candidate: &Candidate) -> String {
    match &candidate.workload {
        Some(workload) => workload.to_string(),
        None => SocketAddr::new(candidate.address, candidate.port).to_string(),
    }
}

fn want(outcome: &Outcome) -> String {
    match outcome {
        Outcome::PassedThrough => "passed".into(),
        Outcome::Refused { .. } => "refused".into(),
        Outcome::Answered { status, location: Some(location), .. } => format!("{status} {location}"),
        Outcome::Answered { status, .. } => status.to_string(),
        Outcome::Forwarded(forward) => match forward.shares.as_slice() {
            [only] => share(only),
            shares => {
                let each = shares.iter().map(|one| format!("{}% {}", percent(one), share(one)));
                each.collect::<Vec<_>>().join(", ")
            }
        },
    }
}

fn percent(share: &Share) -> String {
    let text = format!("{:.4}", 100.0 * share.weight as f64 / share.total as f64);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn share(share: &Share) -> String {
    match &share.to {
        ShareTarget::Broken { status, .. } => status.to_string(),
        ShareTarget::Endpoints { candidates, .. } if candidates.is_empty() => "503".into(),
        ShareTarget::Endpoints { candidates, .. } => {
            let words: BTreeSet<String> = candidates.iter().map(fate).collect();
            words.into_iter().collect::<Vec<_>>().join(" | ")
        }
    }
}

fn fate(candidate: &Candidate) -> String {
    let word = match &candidate.admission {
        Admission::Allowed(_) => "allowed".to_owned(),
        Admission::Denied(_) => "denied".to_owned(),
        Admission::Unenforced { .. } => "unenforced".to_owned(),
        Admission::Answered { status, why: _ } => status.to_string(),
        Admission::Refused { .. } => "refused".to_owned(),
    };
    let dial = match &candidate.transport {
        Dial::Mesh(_) => "mtls",
        Dial::Plain => "plain",
        Dial::Refused => "-",
    };
    format!("{word} {dial}")
}

fn ground(admission: &Admission) -> Option<String> {
    let (Admission::Allowed(ground) | Admission::Denied(ground)) = admission else { return None };
    Some(match ground {
        Ground::Rule { policy, rule, action: _ } => format!("{policy}[{rule}]"),
        Ground::LowerEscape => "lower-case escape".into(),
        Ground::Tunnel => "tunnel".into(),
        Ground::NotRouted => "no route".into(),
        Ground::NoRuleMatches { policies } => {
            policies.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        Ground::Posture { posture, source: _ } => format!("posture {posture:?}"),
    })
}

fn route(outcome: &Outcome) -> String {
    let route = match outcome {
        Outcome::Forwarded(forward) => forward.route.as_ref(),
        Outcome::Answered { route, .. } => route.as_ref(),
        Outcome::PassedThrough | Outcome::Refused { .. } => None,
    };
    let name = route.map(|r| format!("{}/{}[{}]", r.source.namespace, r.source.name, r.rule));
    name.unwrap_or_default()
}
