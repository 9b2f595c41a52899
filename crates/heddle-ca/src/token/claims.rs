//! The claims of a token, believed only after its signature.

use super::{BadToken, Caller, LEEWAY, Rules, shown};
use heddle_model::{Identity, Name, WorkloadKey, WorkloadKind};
use serde::Deserialize;
use std::time::{Duration, SystemTime};

/// The registered claims that are used, the private ones of Kubernetes, and ours.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
    sub: String,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Kubernetes,
    #[serde(rename = "heddle.dev", default)]
    heddle: Heddle,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Kubernetes {
    namespace: String,
    serviceaccount: Object,
    pod: Option<Object>,
}

#[derive(Default, Deserialize)]
struct Heddle {
    externalworkload: Option<Object>,
}

#[derive(Deserialize)]
struct Object {
    name: String,
    uid: Option<String>,
}

impl Claims {
    /// Issuer, audience and times. Returns when the token ends, leeway not included.
    pub(super) fn check(&self, rules: &Rules, now: SystemTime) -> Result<SystemTime, BadToken> {
        if self.iss != rules.issuer {
            return Err(BadToken::Issuer { is: shown(&self.iss), want: rules.issuer.clone() });
        }
        let audiences = self.audiences();
        if !audiences.iter().any(|audience| rules.audiences.contains(audience)) {
            let is = audiences.iter().take(4).map(|audience| shown(audience)).collect();
            return Err(BadToken::Audience { is, want: rules.audiences.clone() });
        }
        let expires = moment(self.exp)?;
        if let Ok(ago) = now.duration_since(expires)
            && ago >= LEEWAY
        {
            return Err(BadToken::Expired(ago));
        }
        let from = self.nbf.map(moment).transpose()?.unwrap_or(SystemTime::UNIX_EPOCH);
        match from.duration_since(now) {
            Ok(wait) if wait > LEEWAY => Err(BadToken::NotYetValid(wait)),
            _ => Ok(expires),
        }
    }

    fn audiences(&self) -> &[String] {
        match &self.aud {
            Audience::One(audience) => std::slice::from_ref(audience),
            Audience::Many(audiences) => audiences,
        }
    }

    pub(super) fn caller(self, expires: SystemTime) -> Result<Caller, BadToken> {
        let Kubernetes { namespace, serviceaccount, pod } = self.kubernetes;
        if self.sub != format!("system:serviceaccount:{namespace}:{}", serviceaccount.name) {
            return Err(BadToken::Claims("sub and kubernetes.io name two accounts"));
        }
        let (kind, bound) = match (pod, self.heddle.externalworkload) {
            (Some(_), Some(_)) => return Err(BadToken::Claims("bound to two workloads")),
            (Some(pod), None) => (WorkloadKind::Pod, Some(pod)),
            (None, external) => (WorkloadKind::External, external),
        };
        if kind == WorkloadKind::Pod && bound.as_ref().is_some_and(|pod| pod.uid.is_none()) {
            return Err(BadToken::Claims("bound to a pod without a UID"));
        }
        let namespace = Name::from(namespace);
        let uid = bound.as_ref().and_then(|object| object.uid.as_deref().map(Name::from));
        let workload = bound.map(|object| WorkloadKey::new(kind, namespace.clone(), object.name));
        let identity = Identity::new(namespace, serviceaccount.name)?;
        Ok(Caller { identity, workload, uid, expires })
    }
}

/// A NumericDate (RFC 7519, 2), which may have a fraction.
fn moment(seconds: f64) -> Result<SystemTime, BadToken> {
    let since = Duration::try_from_secs_f64(seconds).ok();
    let moment = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    moment.ok_or(BadToken::Claims("a time that is no time"))
}
