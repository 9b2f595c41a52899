//! Tokens whose key is not known here: what they claim counts only as far as their issuer confirms it.

use super::{BadToken, Caller, Live, NotAlive, Rules, caller, parse};
use heddle_model::{WorkloadKey, WorkloadKind};
use std::time::SystemTime;

/// The claims of a token. Nothing of it is believed before its issuer has [confirmed](Self::confirmed) it: its
/// signature was not checked.
#[derive(Debug)]
pub struct Claimed(Caller);

/// The answer of the issuer about a token that it has found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// The user: `system:serviceaccount:<namespace>:<name>`.
    pub user: String,
    /// Name and UID of the Pod that it is bound to.
    pub pod: Option<(String, String)>,
    /// For whom it is good, of those that were asked about.
    pub audiences: Vec<String>,
}

/// Reads what a token claims. One that is of another issuer, for another audience or too old is refused here:
/// its issuer need not be asked.
///
/// # Errors
/// Says why the token proves nothing, whoever signed it.
pub fn claimed(token: &str, rules: &Rules, now: SystemTime) -> Result<Claimed, BadToken> {
    caller(&parse(token)?, rules, now).map(Claimed)
}

impl Claimed {
    /// Checks that the workload lives that the token claims to be of, as [`Caller::check_alive`]: if it does not, its
    /// issuer need not be asked either.
    ///
    /// # Errors
    /// Says how the workload differs from the claims.
    pub fn check_alive(&self, live: &dyn Live) -> Result<(), NotAlive> {
        self.0.check_alive(live).map(drop)
    }

    /// Returns whose the token is, where the issuer says the same. Only the token itself says when it ends.
    ///
    /// An answer without audiences is of an issuer that does not know of any, and is not enough.
    ///
    /// # Errors
    /// The issuer says something else.
    pub fn confirmed(self, review: &Reviewed, rules: &Rules) -> Result<Caller, BadToken> {
        let Self(caller) = self;
        let Reviewed { user, pod, audiences } = review;
        if !audiences.iter().any(|audience| rules.audiences.contains(audience)) {
            return Err(BadToken::Contradicted("audience"));
        }
        let identity = &caller.identity;
        if *user != format!("system:serviceaccount:{}:{}", identity.namespace, identity.service_account) {
            return Err(BadToken::Contradicted("ServiceAccount"));
        }
        let found = pod.as_ref().map(|(name, uid)| {
            let namespace = identity.namespace.clone();
            (WorkloadKey::new(WorkloadKind::Pod, namespace, name.as_str()), uid.as_str())
        });
        if found != caller.workload.clone().zip(caller.uid.as_deref()) {
            return Err(BadToken::Contradicted("Pod"));
        }
        Ok(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
    use serde_json::{Value, json};
    use std::time::Duration;

    const NOON: SystemTime = SystemTime::UNIX_EPOCH;

    fn rules() -> Rules {
        Rules { issuer: "https://issuer".into(), audiences: ["heddle".to_string()].into() }
    }

    /// A token of Pod shop/web-0 that nobody signed.
    fn token(audience: &str, pod: Value) -> String {
        let header = json!({"alg": "ES256", "kid": "hidden"});
        let claims = json!({
            "iss": "https://issuer", "aud": [audience], "exp": 600, "sub": "system:serviceaccount:shop:web",
            "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web"}, "pod": pod},
        });
        let part = |json: Value| BASE64.encode(json.to_string());
        format!("{}.{}.{}", part(header), part(claims), BASE64.encode([0; 64]))
    }

    fn web(user: &str, pod: Option<(&str, &str)>, audiences: &[&str]) -> Reviewed {
        Reviewed {
            user: user.into(),
            pod: pod.map(|(name, uid)| (name.into(), uid.into())),
            audiences: audiences.iter().map(ToString::to_string).collect(),
        }
    }

    #[track_caller]
    fn check(pod: Value, review: &Reviewed, want: Result<&str, &str>) {
        let claimed = claimed(&token("heddle", pod), &rules(), NOON).expect("good claims");
        let got = claimed.confirmed(review, &rules()).map(|caller| {
            assert_eq!(caller.expires, NOON + Duration::from_secs(600));
            format!("{} {:?}", caller.identity, caller.workload.map(|workload| workload.to_string()))
        });
        assert_eq!(got.map_err(|error| error.to_string()), want.map(String::from).map_err(String::from));
    }

    #[test]
    fn what_a_token_claims_counts_where_its_issuer_says_the_same() {
        let (user, pod) = ("system:serviceaccount:shop:web", json!({"name": "web-0", "uid": "1"}));
        let own = Some(("web-0", "1"));
        check(pod.clone(), &web(user, own, &["heddle"]), Ok("shop/web Some(\"pod/shop/web-0\")"));
        check(Value::Null, &web(user, None, &["heddle"]), Ok("shop/web None"));

        let other = |what: &str| format!("token claims another {what} than its issuer says");
        let refused = |review: Reviewed, what: &str| check(pod.clone(), &review, Err(&other(what)));
        refused(web("system:serviceaccount:shop:cart", own, &["heddle"]), "ServiceAccount");
        refused(web("admin", own, &["heddle"]), "ServiceAccount");
        refused(web(user, Some(("web-0", "2")), &["heddle"]), "Pod");
        refused(web(user, Some(("web-1", "1")), &["heddle"]), "Pod");
        refused(web(user, None, &["heddle"]), "Pod");
        refused(web(user, own, &["vault"]), "audience");
        refused(web(user, own, &[]), "audience");
        check(Value::Null, &web(user, own, &["heddle"]), Err(&other("Pod")));
    }

    #[test]
    fn an_issuer_is_not_asked_about_what_is_refused_anyway() {
        let refused = |token: &str, now, want: &str| {
            let error = claimed(token, &rules(), now).expect_err("refused").to_string();
            assert_eq!(error, want);
        };
        let pod = json!({"name": "web-0", "uid": "1"});
        let text = "token is for audience [\"vault\"], want one of {\"heddle\"}";
        refused(&token("vault", pod.clone()), NOON, text);
        refused(&token("heddle", pod), NOON + Duration::from_secs(700), "token expired 100s ago");
        refused("a.b", NOON, "token is not three parts of base64url, separated by dots");
    }
}
