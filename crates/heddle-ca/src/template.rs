//! The content of a leaf certificate, before there is a key.
//!
//! Everything that a leaf says and that is not here is the same for all: version 3, empty subject, critical
//! SAN (RFC 5280, 4.1.2.6), `CA:false`, key usage `digitalSignature`, extended key usage of server and client.

use heddle_model::Identity;
use std::time::{Duration, SystemTime};

/// The time by which a certificate is dated back, so that a peer whose clock is a little behind takes it.
pub const SKEW: Duration = Duration::from_secs(60);

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum San {
    /// A DNS name.
    Dns(String),
    /// A URI.
    Uri(String),
}

impl std::fmt::Display for San {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Uri(name) => write!(f, "URI:{name}"),
        }
    }
}

/// The content of a leaf to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its names, in order.
    pub names: Vec<San>,
    /// The time that it is good from now on, unless its issuer ends earlier. Whole seconds; at least one.
    pub lifetime: Duration,
}

impl Template {
    /// A workload's leaf: the DNS name first, for linkerd2-proxy takes a client's first name as its identity;
    /// then the SPIFFE ID, the only name that Envoy, gRPC and ztunnel compare.
    pub fn workload(identity: &Identity, trust_domain: &str, suffix: &str, lifetime: Duration) -> Self {
        let names = vec![San::Dns(identity.dns(suffix)), San::Uri(identity.spiffe(trust_domain))];
        Self { names, lifetime }
    }

    /// The controller's serving leaf: the names that proxies dial, then its own identity.
    pub fn controller(dialled: impl IntoIterator<Item = String>, own: Template) -> Self {
        let Self { names, lifetime } = own;
        Self { names: dialled.into_iter().map(San::Dns).chain(names).collect(), lifetime }
    }

    /// From when to when a leaf of this template is good, signed now by an issuer with this validity; `None`
    /// if the issuer is not good now, or ends within the second.
    ///
    /// Dated back by [`SKEW`], but not past the issuer's beginning; never outlives the issuer.
    pub fn validity(&self, issuer: Validity, now: SystemTime) -> Option<Validity> {
        let now = whole_seconds(now);
        let back = now.checked_sub(SKEW).unwrap_or(SystemTime::UNIX_EPOCH);
        let end = now.checked_add(whole(self.lifetime))?;
        let leaf = Validity { not_before: back.max(issuer.not_before), not_after: end.min(issuer.not_after) };
        (issuer.not_before <= now && now < leaf.not_after).then_some(leaf)
    }
}

/// From when to when a certificate is good, both ends included. Whole seconds: X.509 has no parts of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: SystemTime,
    /// The last moment.
    pub not_after: SystemTime,
}

impl Validity {
    /// Returns whether `now` lies within.
    pub fn holds(&self, now: SystemTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Returns the time left of an authority's life, if it is so short that its operator should act: at most
    /// 30 days, and at most a fifth of its life (one that lives for a day is renewed within that day).
    pub fn ends_soon(&self, now: SystemTime) -> Option<Duration> {
        const SHORT: Duration = Duration::from_secs(30 * 24 * 3600);
        let left = self.not_after.duration_since(now).unwrap_or_default();
        let life = self.not_after.duration_since(self.not_before).unwrap_or_default();
        (left <= SHORT.min(life / 5)).then_some(left)
    }
}

pub(crate) fn whole(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

pub(crate) fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + whole(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[track_caller]
    fn check(lifetime: u64, issuer: (u64, u64), now: SystemTime, want: Option<(u64, u64)>) {
        let template = Template { names: Vec::new(), lifetime: Duration::from_secs(lifetime) };
        let issuer = Validity { not_before: at(issuer.0), not_after: at(issuer.1) };
        let got = template.validity(issuer, now);
        assert_eq!(got, want.map(|(a, b)| Validity { not_before: at(a), not_after: at(b) }));
    }

    #[test]
    fn a_leaf_is_dated_back_and_never_outlives_its_issuer() {
        check(3600, (0, 100_000), at(5000), Some((4940, 8600)));
        check(3600, (4990, 100_000), at(5000), Some((4990, 8600)));
        check(3600, (0, 5001), at(5000), Some((4940, 5001)));
        check(3600, (0, 5000), at(5000), None);
        check(3600, (5001, 9000), at(5000), None);
        check(0, (0, 9000), at(5000), None);
    }

    #[test]
    fn an_authority_ends_soon_in_its_last_fifth_and_its_last_month() {
        const DAY: u64 = 24 * 3600;
        #[track_caller]
        fn check(life_days: u64, now_days: u64, want_days: Option<u64>) {
            let validity = Validity { not_before: at(0), not_after: at(life_days * DAY) };
            assert_eq!(
                validity.ends_soon(at(now_days * DAY)),
                want_days.map(|days| Duration::from_secs(days * DAY))
            );
        }
        check(3650, 3619, None);
        check(3650, 3620, Some(30));
        check(90, 71, None);
        check(90, 72, Some(18));
        check(90, 91, Some(0));
    }

    #[test]
    fn parts_of_a_second_are_dropped_before_they_can_matter() {
        check(3, (0, 9000), at(5000) + Duration::from_millis(999), Some((4940, 5003)));
    }

    #[test]
    fn the_dns_name_comes_first() {
        let id = Identity::new("shop", "web").expect("valid");
        let own = Template::workload(&id, "td", "heddle.td", Duration::from_secs(60));
        let names: Vec<_> = own.names.iter().map(San::to_string).collect();
        assert_eq!(
            names,
            ["DNS:web.shop.serviceaccount.identity.heddle.td", "URI:spiffe://td/ns/shop/sa/web"]
        );
        let serving = Template::controller(["heddle.heddle.svc".to_string()], own);
        assert_eq!(serving.names[0], San::Dns("heddle.heddle.svc".into()));
        assert_eq!(serving.names.len(), 3);
    }
}
