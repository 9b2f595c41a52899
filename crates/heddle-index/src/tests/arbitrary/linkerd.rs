//! Random objects of Linkerd's kinds.

use super::{labels, name, namespace, number, object, protocol};
use heddle_model::access::{Network, Principal};
use heddle_model::fact::{Egress, EgressNetwork, TargetPort};
use heddle_model::labels::{LabelCondition, Selector};
use heddle_model::report::ParentRef;
use heddle_model::server::{
    Authentication, Authorization, Client, DefaultPolicy, Opens, RateLimitPolicy, Requirement, Server,
    WorkloadClass,
};
use heddle_model::{Identity, Kind, SourceRef};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) fn default_policy() -> impl Strategy<Value = DefaultPolicy> {
    select(vec![
        DefaultPolicy::All,
        DefaultPolicy::AllAuthenticated,
        DefaultPolicy::Cluster,
        DefaultPolicy::ClusterAuthenticated,
        DefaultPolicy::Deny,
        DefaultPolicy::Audit,
    ])
}

fn selector() -> impl Strategy<Value = Selector> {
    (labels(), any::<bool>()).prop_map(|(labels, tier)| {
        let tier = tier.then(|| ("tier".into(), LabelCondition::DoesNotExist));
        Selector { labels, conditions: tier.into_iter().collect() }
    })
}

pub(crate) fn server() -> impl Strategy<Value = Server> {
    let among = prop_oneof![3 => Just(WorkloadClass::Pods), 1 => Just(WorkloadClass::Externals)];
    let port =
        prop_oneof![number().prop_map(TargetPort::Number), name(&["p", "q"]).prop_map(TargetPort::Name)];
    let settings = (option::of(protocol()), default_policy(), labels(), option::of(0..3i64));
    (among, selector(), port, settings).prop_map(
        |(among, selector, port, (protocol, default_policy, labels, created))| Server {
            among,
            selector,
            port,
            protocol,
            default_policy,
            labels,
            created,
        },
    )
}

pub(crate) fn server_parent() -> impl Strategy<Value = ParentRef> {
    (option::weighted(0.2, namespace()), object(), option::weighted(0.1, number())).prop_map(
        |(namespace, name, port)| ParentRef {
            group: Some("policy.linkerd.io".into()),
            kind: Some("Server".into()),
            namespace: namespace.map(|name| name.to_string()),
            name: name.to_string(),
            section_name: None,
            port,
        },
    )
}

/// Its references are to namespaces that it may not lie in: a route of another namespace is attached to no Server
/// of its own.
pub(crate) fn authorization() -> impl Strategy<Value = Authorization> {
    let route = (select(vec![Kind::HttpRoute, Kind::LinkerdHttpRoute]), namespace(), object());
    let opens = prop_oneof![
        3 => object().prop_map(Opens::Server),
        1 => selector().prop_map(Opens::Servers),
        2 => route.prop_map(|(kind, namespace, name)| Opens::Route(SourceRef::new(kind, namespace, name))),
    ];
    let kinds = select(vec![Kind::MeshTlsAuthentication, Kind::NetworkAuthentication]);
    let object = (kinds, namespace(), object())
        .prop_map(|(kind, namespace, name)| Requirement::Object(SourceRef::new(kind, namespace, name)));
    let requirement = prop_oneof![2 => object, 1 => authentication().prop_map(Requirement::Here)];
    (opens, vec(requirement, 0..3)).prop_map(|(opens, requires)| Authorization { opens, requires })
}

pub(crate) fn authentication() -> impl Strategy<Value = Authentication> {
    let client = prop_oneof![
        object().prop_map(|name| Client::Known(Principal::Account(Identity::new("a", name).unwrap()))),
        name(&["x.a.serviceaccount.identity.linkerd.cluster.local", "*.heddle.cluster.local"])
            .prop_map(Client::Dns),
    ];
    let network = Just(Network { cidr: "10.0.0.0/8".parse().unwrap(), except: Vec::new() });
    (option::of(vec(client, 0..3)), option::of(vec(network, 0..2)))
        .prop_map(|(clients, networks)| Authentication { clients, networks })
}

pub(crate) fn rate_limit() -> impl Strategy<Value = RateLimitPolicy> {
    (object(), option::of(1..3u32), option::of(0..3i64)).prop_map(|(server, total, created)| {
        RateLimitPolicy { server, total, identity: None, overrides: Vec::new(), created }
    })
}

pub(crate) fn egress() -> impl Strategy<Value = EgressNetwork> {
    let network = select(vec!["10.1.0.0/16", "192.0.2.0/24"])
        .prop_map(|cidr| Network { cidr: cidr.parse().unwrap(), except: Vec::new() });
    (vec(network, 0..2), select(vec![Egress::Allow, Egress::Deny]))
        .prop_map(|(networks, policy)| EgressNetwork { networks, policy, created: None })
}
