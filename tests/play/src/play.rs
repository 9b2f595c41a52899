//! One scenario, played.

use crate::call::call;
use crate::expect::{Want, is_http, of_candidate, wants, wrong_filters};
use crate::linkerd::Proxy;
use crate::net::Namespace;
use crate::seen::Seen;
use crate::site::{Ground, Site, candidates};
use crate::{certificates, echo, envoy};
use heddle_decide::verdict::{Candidate, Carried, Dial, Outcome};
use heddle_decide::{Request, Verdict, decide};
use heddle_model::fact::{DataPlane, Mesh};
use heddle_model::snapshot::Workload;
use heddle_model::{Map, WorkloadKey};
use heddle_scenario_tests::{Ask, Scenario};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The number of times that a request is sent at most until everything that may be seen was seen.
const TRIES: usize = 400;
/// The number of scenarios that are played at once.
const SIDE_BY_SIDE: usize = 3;

/// The result of playing.
pub struct Played {
    /// Requests that were held against their verdicts.
    pub requests: usize,
    /// Differences from the verdicts.
    pub wrong: Vec<String>,
    /// The time that each scenario took, the longest first.
    pub times: Vec<(Duration, String)>,
}

/// Plays every request of every scenario on real Envoys.
///
/// # Errors
/// Where nothing can be played at all: no Envoy, no root.
pub fn play(scenarios: &[Scenario]) -> Result<Played, String> {
    let envoy = envoy::Binary::copied()?;
    let authority = certificates::authority()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(6).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let ground = Ground { authority: &authority, envoy: envoy.path(), runtime: runtime.handle() };
    let (next, requests) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (wrong, times) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((index, scenario)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    scenarios.get(index).map(|scenario| (index, scenario))
                } {
                    let began = Instant::now();
                    let found = one(&ground, index, scenario);
                    let took = (began.elapsed(), scenario.name.clone());
                    times.lock().expect("no thread panics with it").push(took);
                    requests.fetch_add(scenario.requests.requests.len(), Ordering::Relaxed);
                    wrong.lock().expect("no thread panics with it").extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no thread panics with it");
    let mut times = times.into_inner().expect("no thread panics with it");
    times.sort_by(|a, b| b.cmp(a));
    Ok(Played { requests: requests.into_inner(), wrong, times })
}

fn one(ground: &Ground, index: usize, scenario: &Scenario) -> Vec<String> {
    let snapshot = scenario.snapshot();
    let asks = &scenario.requests.requests;
    let decided: Result<Vec<(Request, Verdict)>, String> = asks
        .iter()
        .map(|ask| {
            let request = ask.request(&snapshot).map_err(|bad| bad.0)?;
            let verdict = decide(&snapshot, &request);
            Ok((request, verdict))
        })
        .collect();
    let name = format!("hp{}x{index}", std::process::id());
    let report = |text: String| format!("{}: {text}", scenario.name);
    let built = decided.and_then(|decided| {
        let site = Site::build(ground, &name, &snapshot, &decided)?;
        Ok((decided, site))
    });
    let (decided, site) = match built {
        Ok(built) => built,
        Err(error) => return vec![report(error)],
    };
    let mut wrong = Vec::new();
    for (ask, (request, verdict)) in asks.iter().zip(&decided) {
        let (mesh, workloads) = (&*snapshot.mesh, &snapshot.workloads);
        let turn = Turn { site: &site, ask, request, verdict, mesh, workloads };
        wrong.extend(
            ground
                .runtime
                .block_on(turn.play())
                .into_iter()
                .map(|text| report(format!("{}: {text}", ask.name))),
        );
    }
    if !wrong.is_empty() {
        wrong.push(report(format!("\n{}", site.logs())));
    }
    wrong
}

/// One request.
struct Turn<'a> {
    site: &'a Site,
    ask: &'a Ask,
    request: &'a Request,
    verdict: &'a Verdict,
    mesh: &'a Mesh,
    workloads: &'a Map<WorkloadKey, Arc<Workload>>,
}

impl Turn<'_> {
    async fn play(&self) -> Vec<String> {
        let Some(from) = self.site.of(&self.request.client) else {
            return vec!["there is no such client".into()];
        };
        if !self.verdict.caller.proxied() && matches!(self.verdict.outcome, Outcome::Forwarded(_)) {
            return self.each_endpoint(from).await;
        }
        if let Some(proxy) = self.site.linkerd(&self.request.client) {
            return self.as_linkerd(proxy, from).await;
        }
        if self.is_beyond_an_envoy() {
            return vec![];
        }
        let to = SocketAddr::new(self.request.address, self.request.port);
        let owner = self.site.at(self.request.address);
        let wants = wants(self.verdict, self.ask, self.trust_domain(), owner);
        let mut wrong = self.until_all_seen(from, to, &wants).await;
        wrong.extend(self.secrecy(from, to).await);
        wrong.extend(self.limits(from, to).await);
        wrong
    }

    /// Returns whether bytes went by mesh TLS or in plain text, which no application can tell: the client's proxy counts
    /// its handshakes, one for each connection that carries bytes.
    async fn secrecy(&self, from: &Namespace, to: SocketAddr) -> Vec<String> {
        let Outcome::Forwarded(forward) = &self.verdict.outcome else { return vec![] };
        let mut dials =
            candidates(self.verdict).map(|candidate| matches!(candidate.transport, Dial::Mesh(_)));
        let (Carried::Bytes, Some(first)) = (forward.carried, dials.next()) else { return vec![] };
        if dials.any(|other| other != first) {
            return vec![];
        }
        let before = envoy::handshakes(from);
        let Seen::Echo(_) = call(from, self.ask, to, &[]).await else { return vec![] };
        let after = envoy::handshakes(from);
        let ciphered = after > before;
        let counted = before.is_some() && after.is_some();
        if counted && ciphered == first {
            return vec![];
        }
        vec![format!("handshakes before {before:?}, after {after:?}, want mesh TLS: {first}")]
    }

    /// Without a proxy, which endpoint it is is up to kube-proxy, which is not played: each is dialled.
    async fn each_endpoint(&self, from: &Namespace) -> Vec<String> {
        let mut wrong = Vec::new();
        for candidate in candidates(self.verdict) {
            let to = SocketAddr::new(candidate.address, candidate.port);
            let want = of_candidate(self.verdict, Carried::Bytes, candidate, self.ask, self.trust_domain());
            wrong.extend(self.until_all_seen(from, to, &[want]).await);
        }
        wrong
    }

    /// Returns what an Envoy makes of a linkerd2-proxy's request, at each endpoint. What happens between two of those, and before
    /// the request leaves the client, is not ours to play.
    async fn as_linkerd(&self, proxy: &Proxy, from: &Namespace) -> Vec<String> {
        let mut wrong = Vec::new();
        for candidate in candidates(self.verdict).filter(|candidate| self.is_of_envoy(candidate)) {
            let to = SocketAddr::new(candidate.address, candidate.port);
            let want = of_candidate(self.verdict, Carried::Bytes, candidate, self.ask, self.trust_domain());
            let seen = match &candidate.transport {
                Dial::Mesh(server) => proxy.call(from, self.ask, (to, server), self.mesh).await,
                Dial::Plain => call(from, self.ask, to, &[]).await,
                Dial::Refused => Seen::Closed,
            };
            if !want.is(&seen) {
                wrong.push(format!("at {to}: saw {seen:?}, want {want:?}"));
            }
        }
        wrong
    }

    /// Returns whether a linkerd2-proxy reads requests within mesh TLS that an Envoy in its place would take for bytes.
    fn is_beyond_an_envoy(&self) -> bool {
        let Outcome::Forwarded(forward) = &self.verdict.outcome else { return false };
        let read = |candidate: &Candidate| {
            let is_seen = forward.carried == Carried::Http || candidate.transport == Dial::Plain;
            !is_seen && candidate.arrives == Some(Carried::Http) && !self.is_of_envoy(candidate)
        };
        candidates(self.verdict).any(read)
    }

    fn is_of_envoy(&self, candidate: &Candidate) -> bool {
        let workload = candidate.workload.as_ref().and_then(|key| self.workloads.get(key));
        workload.is_some_and(|workload| workload.plane != Some(DataPlane::Linkerd))
    }

    fn trust_domain(&self) -> &str {
        &self.mesh.trust_domain
    }

    /// Sends the request until each of `wants` was seen, and nothing else ever.
    async fn until_all_seen(&self, from: &Namespace, to: SocketAddr, wants: &[Want]) -> Vec<String> {
        let mut left: Vec<&Want> = wants.iter().collect();
        let least = if wants.len() > 1 { 20 } else { 2 };
        for tried in 0..TRIES {
            if left.is_empty() && tried >= least {
                return Vec::new();
            }
            let seen = call(from, self.ask, to, &[]).await;
            if !wants.iter().any(|want| want.is(&seen)) {
                return vec![format!("saw {seen:?}, want one of {wants:?}")];
            }
            if let Seen::Echo(echo) = &seen {
                let headers = wrong_filters(self.verdict, self.ask, echo);
                if !headers.is_empty() {
                    return headers;
                }
            }
            left.retain(|want| !want.is(&seen));
        }
        vec![format!("never saw {left:?} in {TRIES} tries")]
    }

    /// Time limits and retries, where the rule has some and the application answers.
    async fn limits(&self, from: &Namespace, to: SocketAddr) -> Vec<String> {
        let Outcome::Forwarded(forward) = &self.verdict.outcome else { return vec![] };
        let limits = &forward.limits;
        let mut wrong = Vec::new();
        let given = [limits.request_timeout, limits.backend_timeout].into_iter().flatten();
        let limit = given.filter(|limit| !limit.is_zero()).min();
        if let Some(limit) = limit.filter(|limit| *limit <= Duration::from_secs(2) && is_http(self.ask)) {
            let delay = (limit.as_millis() + 1500).to_string();
            let seen = call(from, self.ask, to, &[(echo::DELAY, delay)]).await;
            if seen != Seen::Status(504) {
                wrong.push(format!("an answer past the limit of {limit:?}: saw {seen:?}, want 504"));
            }
        }
        let retried = limits.retry.as_ref().filter(|retry| retry.codes.contains(&503) && retry.attempts > 0);
        let fails = retried.map_or(0, |retry| retry.attempts);
        if fails > 0 {
            let seen = call(from, self.ask, to, &[(echo::FAIL, fails.to_string())]).await;
            if !matches!(seen, Seen::Echo(_)) {
                wrong.push(format!("{fails} failures with as many retries: saw {seen:?}, want an answer"));
            }
        }
        if limits.retry.as_ref().is_some_and(|retry| retry.attempts == 0) {
            let seen = call(from, self.ask, to, &[(echo::FAIL, "1".into())]).await;
            if seen != Seen::Status(503) {
                wrong.push(format!("a failure without retries: saw {seen:?}, want 503"));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_not_an_answer_of_the_application() {
        let want = Want::Echo { who: crate::expect::OUTSIDE.into(), identity: None };
        assert!(!want.is(&Seen::Status(200)));
        assert!(!want.is(&Seen::Closed));
    }
}
