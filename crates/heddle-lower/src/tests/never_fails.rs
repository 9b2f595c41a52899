//! Whatever comes, lowering has an answer.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use super::*;
use heddle_model::server::{Authentication, Requirement};
use proptest::prelude::*;

/// Any JSON, of the words that lowering looks for.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(WORDS.to_vec());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0u32..70_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_string(), value))
                .collect()),
        ]
    })
}

const WORDS: &[&str] = &[
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "heddle.dev/plane",
    "heddle.dev/default-posture",
    "heddle.dev/skip-inbound-ports",
    "spec",
    "status",
    "podIPs",
    "ip",
    "containers",
    "ports",
    "containerPort",
    "port",
    "targetPort",
    "protocol",
    "appProtocol",
    "selector",
    "matchLabels",
    "clusterIPs",
    "None",
    "endpoints",
    "addresses",
    "addressType",
    "IPv4",
    "10.0.0.1",
    "fd00::1",
    "10.0.0.0/8",
    "parentRefs",
    "rules",
    "matches",
    "path",
    "type",
    "value",
    "RegularExpression",
    "Exact",
    "PathPrefix",
    "/a",
    "headers",
    "queryParams",
    "filters",
    "RequestHeaderModifier",
    "requestHeaderModifier",
    "set",
    "backendRefs",
    "weight",
    "timeouts",
    "request",
    "5s",
    "retry",
    "codes",
    "attempts",
    "targetRefs",
    "kind",
    "Service",
    "action",
    "Deny",
    "Allow",
    "from",
    "identities",
    "serviceAccounts",
    "namespaces",
    "networks",
    "cidr",
    "except",
    "requests",
    "methods",
    "paths",
    "trustDomain",
    "default",
    "mtls",
    "Strict",
    "(a",
    "[a-z]{3}",
    "*",
    "serviceAccount",
    "initContainers",
    "group",
    "linkerd",
    "config.linkerd.io/default-inbound-policy",
    "config.linkerd.io/opaque-ports",
    "all-authenticated",
    "80,1000-1002,a",
    "retry.linkerd.io/http",
    "5xx,404-410",
    "timeout.linkerd.io/request",
    "balancer.linkerd.io/failure-accrual",
    "consecutive",
    "podSelector",
    "matchExpressions",
    "key",
    "operator",
    "Exists",
    "proxyProtocol",
    "accessPolicy",
    "server",
    "client",
    "meshTLS",
    "unauthenticated",
    "targetRef",
    "requiredAuthenticationRefs",
    "policy.linkerd.io",
    "Server",
    "ServiceAccount",
    "identityRefs",
    "*.shop.serviceaccount.identity.linkerd.td",
    "total",
    "requestsPerSecond",
    "overrides",
    "clientRefs",
    "trafficPolicy",
    "routes",
    "condition",
    "pathRegex",
    "all",
    "any",
    "isRetryable",
    "dstOverrides",
    "authority",
    "web.shop.svc.cluster.local:80",
    "identity",
    "workloadIPs",
];

/// A sound object of each kind, to be spoilt.
fn sound() -> Vec<(Kind, Value)> {
    let meta = json!({"name": "default", "namespace": "shop", "labels": {"a": "b"}});
    let object = |spec: Value| json!({"metadata": meta, "spec": spec});
    let rule = json!({
        "from": [{"identities": ["*"], "networks": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}]}],
        "requests": [{"methods": ["GET"], "paths": [{"value": "/"}], "headers": [{"name": "a", "value": "b"}]}],
    });
    let route = json!({
        "parentRefs": [{"group": "", "kind": "Service", "name": "web", "port": 80}],
        "rules": [{
            "matches": [{"path": {"type": "RegularExpression", "value": "/a.*"}, "headers": [{"name": "a", "value": "b"}]}],
            "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}}],
            "backendRefs": [{"name": "web", "port": 80, "weight": 1}],
            "timeouts": {"request": "5s"}, "retry": {"codes": [500], "attempts": 2, "backoff": "1s"},
        }],
    });
    vec![
        (Kind::Namespace, object(json!({}))),
        (Kind::Node, object(json!({"podCIDRs": ["10.1.0.0/24"]}))),
        (Kind::ServiceCidr, object(json!({"cidrs": ["10.96.0.0/16", "fd00::/112"]}))),
        (
            Kind::Pod,
            object(
                json!({"serviceAccountName": "a", "containers": [{"ports": [{"name": "a", "containerPort": 1}]}]}),
            ),
        ),
        (
            Kind::Service,
            object(json!({"clusterIPs": ["10.0.0.1"], "ports": [{"port": 80, "targetPort": "a"}]})),
        ),
        (
            Kind::EndpointSlice,
            json!({"metadata": meta, "addressType": "IPv4", "ports": [{"port": 1}], "endpoints": [{"addresses": ["10.0.0.1"]}]}),
        ),
        (Kind::HttpRoute, object(route)),
        (
            Kind::ReferenceGrant,
            object(json!({
                "from": [{"group": "", "kind": "Service", "namespace": "a"}],
                "to": [{"group": "", "kind": "Pod", "name": "b"}],
            })),
        ),
        (Kind::Mesh, object(json!({"trustDomain": "td", "networks": ["10.0.0.0/8"]}))),
        (Kind::InboundPolicy, object(json!({"selector": {"matchLabels": {"a": "b"}}, "mtls": "Strict"}))),
        (
            Kind::AccessPolicy,
            object(json!({"targetRefs": [{"kind": "Service", "name": "a"}], "rules": [rule]})),
        ),
        (
            Kind::ExternalWorkload,
            object(json!({"addresses": ["10.0.0.1"], "serviceAccount": "a", "ports": [{"port": 1}]})),
        ),
    ]
    .into_iter()
    .chain(sound_of_linkerd())
    .collect()
}

fn sound_of_linkerd() -> Vec<(Kind, Value)> {
    let meta = json!({"name": "a", "namespace": "shop", "labels": {"a": "b"}});
    let object = |spec: Value| json!({"metadata": meta, "spec": spec});
    let server = json!({"group": "policy.linkerd.io", "kind": "Server", "name": "a"});
    let account = json!({"kind": "ServiceAccount", "name": "a"});
    let selector = json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]});
    let condition = json!({"any": [{"pathRegex": "/a.*", "method": "GET"}, {"all": [{"method": "PUT"}]}]});
    let mut profile = object(json!({
        "routes": [{"name": "a", "condition": condition, "timeout": "5s", "isRetryable": true}],
        "dstOverrides": [{"authority": "web.shop.svc.cluster.local:80", "weight": "500m"}],
    }));
    profile["metadata"]["name"] = "web.shop.svc.cluster.local".into();
    vec![
        (Kind::Server, object(json!({"podSelector": selector, "port": "http", "proxyProtocol": "HTTP/1"}))),
        (
            Kind::ServerAuthorization,
            object(json!({
                "server": {"selector": selector},
                "client": {"networks": [{"cidr": "10.0.0.0/8"}], "meshTLS": {"identities": ["*"], "serviceAccounts": [{"name": "a"}]}},
            })),
        ),
        (
            Kind::AuthorizationPolicy,
            object(json!({"targetRef": server, "requiredAuthenticationRefs": [account]})),
        ),
        (
            Kind::MeshTlsAuthentication,
            object(
                json!({"identities": ["*.shop.serviceaccount.identity.linkerd.td"], "identityRefs": [account]}),
            ),
        ),
        (
            Kind::NetworkAuthentication,
            object(json!({"networks": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.1"]}]})),
        ),
        (
            Kind::LinkerdHttpRoute,
            object(json!({"parentRefs": [server], "rules": [{"matches": [{"path": {"value": "/a"}}]}]})),
        ),
        (
            Kind::RateLimitPolicy,
            object(json!({
                "targetRef": server, "total": {"requestsPerSecond": 9},
                "overrides": [{"requestsPerSecond": 5, "clientRefs": [account]}],
            })),
        ),
        (
            Kind::EgressNetwork,
            object(
                json!({"trafficPolicy": "Deny", "networks": [{"cidr": "192.0.2.0/24", "except": ["192.0.2.1"]}]}),
            ),
        ),
        (Kind::ServiceProfile, profile),
        (
            Kind::LinkerdExternalWorkload,
            object(json!({
                "meshTLS": {"identity": "spiffe://td/ns/shop/sa/a", "serverName": "a.shop.serviceaccount.identity.linkerd.td"},
                "workloadIPs": [{"ip": "10.0.0.1"}], "ports": [{"port": 1, "name": "a"}],
            })),
        ),
    ]
}

/// Puts `new` in place of the value that `at` picks among all values within `value`.
fn spoil(value: &mut Value, at: &mut usize, new: &Value) {
    if *at == 0 {
        *value = new.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, at, new)),
        Value::Object(fields) => fields.values_mut().for_each(|field| spoil(field, at, new)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_sound_object_has_no_faults() {
    for (kind, object) in sound() {
        assert_eq!(lower(kind, &object).diagnostics, [], "{object}");
    }
}

proptest! {
    #[test]
    fn any_json_is_lowered(value in any_json()) {
        for kind in Kind::ALL {
            prop_assert_eq!(lower(kind, &value).source.kind, kind);
        }
    }

    /// A spoilt part is either named, or was nothing that this kind reads.
    #[test]
    fn a_spoilt_object_is_lowered_the_same_way_each_time(which in 0usize..20, at in 0usize..60, new in any_json()) {
        let (kind, mut object) = sound().swap_remove(which);
        spoil(&mut object, &mut at.clone(), &new);
        let lowered = lower(kind, &object);
        prop_assert_eq!(&lowered, &lower(kind, &object));
        if let Fact::Invalid(invalid) = &lowered.fact {
            prop_assert!(!invalid.message.is_empty());
            // Unknown keys may have been named before it.
            let last = lowered.diagnostics.last();
            prop_assert!(last.is_some_and(|last| invalid.message.starts_with(&last.field)));
        }
    }

    /// An Allow with one part spoilt admits no rule that matches more than the sound one did.
    #[test]
    fn a_spoilt_allow_never_admits_everyone(at in 0usize..24, new in any_json()) {
        let object = &mut json!({"metadata": {"name": "a"}, "spec": {"rules": [{
            "from": [{"identities": ["*"], "networks": [{"cidr": "10.0.0.0/8"}]}],
            "requests": [{"methods": ["GET"], "paths": [{"value": "/"}]}],
        }]}});
        let rule = &mut object["spec"]["rules"][0]["from"];
        spoil(rule, &mut at.clone(), &new);
        prop_assume!(!rule.is_null());
        if let Fact::AccessPolicy(policy) = lower(Kind::AccessPolicy, object).fact {
            for rule in &policy.rules {
                prop_assert!(!rule.from.is_empty());
                prop_assert!(rule.from.iter().all(|peer| !peer.principals.is_empty() || !peer.networks.is_empty()));
            }
        }
    }

    /// An authorization with one part spoilt asks as much of its callers as the sound one, or admits nobody.
    #[test]
    fn a_spoilt_authorization_never_admits_everyone(which in 0usize..20, at in 0usize..24, new in any_json()) {
        let (kind, mut object) = sound().swap_remove(which);
        let asks = |authentication: &Authentication| {
            authentication.clients.is_some() || authentication.networks.is_some()
        };
        spoil(&mut object["spec"], &mut at.clone(), &new);
        // To be open to all is a word of its own.
        prop_assume!(object["spec"]["client"]["unauthenticated"] != true);
        prop_assume!(object["spec"]["requiredAuthenticationRefs"] != json!([]));
        match lower(kind, &object).fact {
            Fact::Authentication(authentication) => prop_assert!(asks(&authentication)),
            Fact::Authorization(authorization) => {
                let asks = authorization.requires.iter().any(|one| match one {
                    Requirement::Here(authentication) => asks(authentication),
                    Requirement::Object(_) => true,
                });
                prop_assert!(asks);
            }
            _ => {}
        }
    }
}
