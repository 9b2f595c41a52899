//! Annotations.

use super::*;
use heddle_model::fact::Accrual;
use heddle_model::server::DefaultPolicy;
use std::time::Duration;

fn annotated(kind: Kind, annotations: Value, spec: Value) -> (Fact, Vec<String>) {
    let has_proxy = matches!(kind, Kind::Pod | Kind::ExternalWorkload);
    let labels = if has_proxy { json!({"heddle.dev/plane": "linkerd"}) } else { json!({}) };
    say(kind, json!({"metadata": {"annotations": annotations, "labels": labels}, "spec": spec}))
}

#[test]
fn annotations_steer_linkerds_proxy_and_no_other() {
    let annotations = json!({
        "config.linkerd.io/default-inbound-policy": "cluster-authenticated",
        "config.linkerd.io/opaque-ports": "25, 3306-3308,db", "config.linkerd.io/skip-inbound-ports": "9999",
    });
    let spec = json!({"containers": [{"ports": [{"name": "db", "containerPort": 5432}]}]});
    let (fact, faults) = annotated(Kind::Pod, annotations.clone(), spec.clone());
    let Fact::Workload(pod) = fact else { panic!("{fact:?}") };
    let config = pod.config.expect("said");
    assert_eq!(faults, [""; 0]);
    assert_eq!(config.default_policy, Some(DefaultPolicy::ClusterAuthenticated));
    assert_eq!(config.opaque_ports, Some([25, 3306, 3307, 3308, 5432].into()));
    assert_eq!(config.skip_inbound_ports, Some([9999].into()));
    let (fact, _) = say(Kind::Pod, json!({"metadata": {"annotations": annotations}, "spec": spec}));
    assert!(matches!(fact, Fact::Workload(pod) if pod.config.is_none()), "no proxy, no setting");
}

#[test]
fn what_annotations_cannot_say_is_told_and_a_stance_that_cannot_be_read_denies() {
    let annotations = json!({
        "config.linkerd.io/default-inbound-policy": "open", "config.linkerd.io/opaque-ports": "1-65535,80,x",
    });
    let (fact, faults) = annotated(Kind::Namespace, annotations, json!({}));
    let Fact::Namespace(namespace) = fact else { panic!("{fact:?}") };
    let config = namespace.config.expect("said");
    assert_eq!((config.default_policy, config.opaque_ports), (Some(DefaultPolicy::Deny), Some([80].into())));
    assert_eq!(
        faults[1..],
        [
            "metadata.annotations[config.linkerd.io/opaque-ports] UnsupportedValue: more than 1024 ports are named; \"1-65535\" is left out",
            "metadata.annotations[config.linkerd.io/opaque-ports] Invalid: \"x\" is neither a port (9090) nor a range of ports (9000-9100); \"x\" is left out",
        ]
    );
}

#[test]
fn a_services_annotations_say_how_requests_fare() {
    let annotations = json!({
        "config.linkerd.io/opaque-ports": "80,81,db,90-99",
        "balancer.linkerd.io/failure-accrual": "consecutive",
        "balancer.linkerd.io/failure-accrual-consecutive-max-failures": "3",
        "balancer.linkerd.io/failure-accrual-consecutive-max-penalty": "1m",
        "retry.linkerd.io/http": "gateway-error,500", "retry.linkerd.io/limit": "2", "retry.linkerd.io/timeout": "300ms",
        "timeout.linkerd.io/request": "5s", "timeout.linkerd.io/response": "1s", "timeout.linkerd.io/idle": "3s",
    });
    let ports = json!([
        {"name": "a", "port": 80}, {"name": "b", "port": 81, "appProtocol": "http"}, {"name": "db", "port": 82},
    ]);
    let (fact, faults) = annotated(Kind::Service, annotations, json!({"ports": ports}));
    let Fact::Service(service) = fact else { panic!("{fact:?}") };
    assert_eq!(service.opaque_ports, Some([80, 81, 82].into()));
    let accrual = Accrual {
        max_failures: 3,
        min_penalty: Duration::from_secs(1),
        max_penalty: Duration::from_secs(60),
        jitter_percent: 50,
    };
    assert_eq!(service.accrual, Some(accrual));
    assert_eq!(service.defaults.request_timeout, Some(Duration::from_secs(5)));
    assert_eq!(service.defaults.backend_timeout, Some(Duration::from_millis(300)));
    let retry = service.defaults.retry.expect("said");
    assert_eq!((retry.attempts, retry.codes), (2, vec![500, 502, 503, 504]));
    assert_eq!(
        faults,
        [
            "metadata.annotations[timeout.linkerd.io/idle] UnsupportedValue: idle streams are not limited; it is ignored"
        ]
    );
}

#[test]
fn an_annotation_that_cannot_be_read_sets_nothing() {
    for (name, value, fault) in [
        (
            "retry.linkerd.io/http",
            "5xx,200",
            "\"200\" is none of 5xx, gateway-error and statuses from 400 to 599 that can be tried again; nothing is tried again",
        ),
        (
            "retry.linkerd.io/limit",
            "-1",
            "\"-1\" is not a number of attempts from 0 to 65535; nothing is tried again",
        ),
        (
            "timeout.linkerd.io/request",
            "5",
            "\"5\" is not a duration, want whole numbers of d, h, m, s or ms; there is no such limit",
        ),
        (
            "balancer.linkerd.io/failure-accrual",
            "other",
            "\"other\" is neither consecutive nor unified; failures are not counted",
        ),
    ] {
        let (fact, faults) = annotated(Kind::Service, json!({name: value}), json!({"ports": []}));
        let Fact::Service(service) = fact else { panic!("{fact:?}") };
        assert_eq!((service.accrual, service.defaults), (None, Default::default()), "{name}");
        assert!(faults.len() == 1 && faults[0].ends_with(fault), "{faults:?}");
    }
}

#[test]
fn a_routes_annotations_hold_where_its_rules_do_not_say() {
    let annotations = json!({"timeout.linkerd.io/request": "5s", "retry.linkerd.io/timeout": "2s"});
    let backends = json!([{"name": "web", "port": 80}]);
    let rules = json!([{"backendRefs": backends}, {"timeouts": {"request": "1s"}, "retry": {"attempts": 9}, "backendRefs": backends}]);
    let (fact, _) = annotated(Kind::HttpRoute, annotations, json!({"rules": rules}));
    let Fact::HttpRoute(route) = fact else { panic!("{fact:?}") };
    let limits: Vec<_> = route
        .rules
        .iter()
        .map(|rule| {
            (rule.request_timeout, rule.backend_timeout, rule.retry.as_ref().map(|retry| retry.attempts))
        })
        .collect();
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(limits, [(seconds(5), seconds(2), Some(1)), (seconds(1), None, Some(9))]);
}
