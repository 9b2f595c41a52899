use super::*;

fn keys(field: &str, keys: &[&str]) -> Value {
    let all: serde_json::Map<_, _> = keys.iter().map(|key| ((*key).to_string(), "envoy".into())).collect();
    json!({"metadata": {field: all}, "spec": {}})
}

#[test]
fn a_key_of_heddles_that_nobody_reads_is_told_with_the_one_that_is_near() {
    let at = |field: &str, key: &str, rest: &str| {
        format!("metadata.{field}[{key}] UnknownKey: {rest}; it is ignored")
    };
    for (kind, field, key, rest) in [
        (
            Kind::Pod,
            "labels",
            "heddle.dev/plan",
            "is none of the labels that are read of a Pod, is heddle.dev/plane meant?",
        ),
        (Kind::Pod, "labels", "heddle.dev/zone", "is none of the labels that are read of a Pod"),
        (Kind::Pod, "annotations", "heddle.dev/plane", "is a label of a Pod, and none of its annotations"),
        (
            Kind::Pod,
            "annotations",
            "heddle.dev/skip-inbound-port",
            "is none of the annotations that are read of a Pod, is heddle.dev/skip-inbound-ports meant?",
        ),
        (
            Kind::Namespace,
            "annotations",
            "heddle.dev/default-postures",
            "is none of the annotations that are read of a Namespace, is heddle.dev/default-posture meant?",
        ),
        (
            Kind::Namespace,
            "labels",
            "heddle.dev/default-posture",
            "is an annotation of a Namespace, and none of its labels",
        ),
        (Kind::Service, "labels", "heddle.dev/plane", "is none of the labels that are read of a Service"),
    ] {
        let (_, faults) = say(kind, keys(field, &[key, "example.com/plan", "app"]));
        assert!(faults.contains(&at(field, key, rest)), "{key}: {faults:#?}");
        assert_eq!(faults.iter().filter(|fault| fault.contains("UnknownKey")).count(), 1, "{faults:#?}");
    }
}

#[test]
fn a_key_that_is_read_is_no_fault() {
    for (kind, field, key) in [
        (Kind::Pod, "labels", "heddle.dev/plane"),
        (Kind::ExternalWorkload, "labels", "heddle.dev/plane"),
        (Kind::AccessPolicy, "labels", "heddle.dev/team"),
    ] {
        let (_, faults) = say(kind, keys(field, &[key]));
        assert!(!faults.iter().any(|fault| fault.contains("UnknownKey")), "{faults:#?}");
    }
}
