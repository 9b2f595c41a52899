//! The annotations by which a Pod's author sets its proxy.

use crate::metrics::MERGE;
use crate::settings::InjectorSettings;
use crate::validate::in_words;
use heddle_lower::unknown_keys;
use heddle_model::capture::{SKIP_INBOUND, SKIP_OUTBOUND};
use heddle_model::{Kind, PortRange};
use serde_json::Value;

/// Envoy's log level.
const LOG_LEVEL: &str = "heddle.dev/proxy-log-level";
/// Requests and limits of the proxy's container: the annotation, and the place in `resources`.
const RESOURCES: [(&str, &str, &str); 4] = [
    ("heddle.dev/proxy-cpu-request", "requests", "cpu"),
    ("heddle.dev/proxy-cpu-limit", "limits", "cpu"),
    ("heddle.dev/proxy-memory-request", "requests", "memory"),
    ("heddle.dev/proxy-memory-limit", "limits", "memory"),
];
/// Envoy's words for `--log-level`.
const LEVELS: [&str; 7] = ["trace", "debug", "info", "warning", "error", "critical", "off"];
/// The suffixes of a quantity (Kubernetes API, `resource.Quantity`), but for exponents.
const SUFFIXES: [&str; 14] = ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The settings of one Pod's proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyOptions {
    /// Ports and ranges, separated by commas.
    pub skip_inbound: String,
    /// As [`Self::skip_inbound`].
    pub skip_outbound: String,
    /// Envoy's log level.
    pub log_level: String,
    /// The container's `resources`.
    pub resources: Value,
}

fn of<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    pod["metadata"]["annotations"][name].as_str()
}

/// Returns the settings of a Pod: its own, and the injector's where it has none.
pub(crate) fn options(pod: &Value, settings: &InjectorSettings) -> ProxyOptions {
    let ports = |name: &str| {
        let ranges = PortRange::list(of(pod, name).unwrap_or_default()).flatten();
        ranges.map(|range| range.to_string()).collect::<Vec<_>>().join(",")
    };
    let mut resources = Value::Object(settings.proxy_resources.clone());
    for (name, list, resource) in RESOURCES {
        if let Some(quantity) = of(pod, name) {
            resources[list][resource] = quantity.into();
        }
    }
    ProxyOptions {
        skip_inbound: ports(SKIP_INBOUND),
        skip_outbound: ports(SKIP_OUTBOUND),
        log_level: of(pod, LOG_LEVEL).unwrap_or(&settings.proxy_log_level).into(),
        resources,
    }
}

/// Returns the first annotation that cannot be what it says, with what it may be.
pub(crate) fn fault(pod: &Value) -> Option<String> {
    let wrong = |name: &str, wanted: &str| {
        Some(format!("metadata.annotations[{name}]: {:?} is not {wanted}", of(pod, name)?))
    };
    for name in [SKIP_INBOUND, SKIP_OUTBOUND] {
        if of(pod, name).is_some_and(|text| PortRange::list(text).any(|range| range.is_err())) {
            return wrong(name, "a list of ports and ranges, as 9090,9100-9110");
        }
    }
    let inbound = PortRange::list(of(pod, SKIP_INBOUND).unwrap_or_default()).flatten();
    let most = PortRange::MOST_KEPT;
    if inbound.map(|range| range.ports().len()).sum::<usize>() > most {
        return wrong(SKIP_INBOUND, &format!("a list of at most {most} ports"));
    }
    if of(pod, LOG_LEVEL).is_some_and(|level| !LEVELS.contains(&level)) {
        return wrong(LOG_LEVEL, &format!("one of {}", LEVELS.join(", ")));
    }
    if of(pod, MERGE).is_some_and(|merge| !["true", "false"].contains(&merge)) {
        return wrong(MERGE, "true or false");
    }
    let mut quantities = RESOURCES.iter().map(|(name, ..)| *name);
    let bad = quantities.find(|name| of(pod, name).is_some_and(|text| !is_quantity(text)))?;
    wrong(bad, "a quantity, as 100m or 128Mi")
}

fn is_quantity(text: &str) -> bool {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    SUFFIXES.contains(&&text[number.len()..]) && digits(whole) && digits(fraction)
}

/// Returns what an author probably did not mean: labels and annotations that nothing reads.
pub(crate) fn warnings(pod: &Value) -> Vec<String> {
    unknown_keys(Kind::Pod, pod).iter().map(in_words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::tests::settings;
    use serde_json::json;

    fn pod(annotations: Value) -> Value {
        json!({"metadata": {"annotations": annotations}})
    }

    #[test]
    fn a_pods_own_settings_win() {
        let pod = pod(json!({
            "heddle.dev/skip-inbound-ports": "9090, 9100-9110",
            "heddle.dev/proxy-log-level": "debug",
            "heddle.dev/proxy-cpu-limit": "1.5",
            "heddle.dev/proxy-memory-request": "64Mi",
        }));
        assert_eq!(fault(&pod), None);
        let options = options(&pod, &settings());
        assert_eq!(options.skip_inbound, "9090,9100-9110");
        assert_eq!(options.log_level, "debug");
        let resources = json!({"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1.5"}});
        assert_eq!(options.resources, resources);
    }

    #[test]
    fn a_setting_that_cannot_be_is_named_with_what_it_may_be() {
        #[track_caller]
        fn check(name: &str, value: &str, wanted: Option<&str>) {
            let found = fault(&pod(json!({name: value})));
            let wanted =
                wanted.map(|wanted| format!("metadata.annotations[{name}]: {value:?} is not {wanted}"));
            assert_eq!(found, wanted);
        }
        let ports = Some("a list of ports and ranges, as 9090,9100-9110");
        check(SKIP_INBOUND, "http", ports);
        check(SKIP_OUTBOUND, "0", ports);
        check(SKIP_OUTBOUND, "90-80", ports);
        check(SKIP_INBOUND, "1-1025", Some("a list of at most 1024 ports"));
        check(SKIP_OUTBOUND, "1-65535", None);
        check(SKIP_OUTBOUND, "80-90,", None);
        check(LOG_LEVEL, "warn", Some("one of trace, debug, info, warning, error, critical, off"));
        check(MERGE, "no", Some("true or false"));
        let quantity = Some("a quantity, as 100m or 128Mi");
        for wrong in ["", "1 Gi", "-1", "1.", ".5", "1Mb", "Mi"] {
            check("heddle.dev/proxy-cpu-limit", wrong, quantity);
        }
        for right in ["1", "0.5", "100m", "1k", "128Mi"] {
            check("heddle.dev/proxy-memory-limit", right, None);
        }
    }

    #[test]
    fn every_annotation_is_in_the_table_of_kinds() {
        let names = [SKIP_INBOUND, SKIP_OUTBOUND, LOG_LEVEL, MERGE].into_iter();
        let all: Value = names.chain(RESOURCES.map(|(name, ..)| name)).map(|name| (name, "")).collect();
        assert_eq!(warnings(&pod(all)), Vec::<String>::new());
    }

    #[test]
    fn what_nothing_reads_is_a_warning() {
        let pod = pod(
            json!({"heddle.dev/inject": "envoy", "heddle.dev/skip-inbound-port": "1", "other.dev/a": "b"}),
        );
        let warnings = warnings(&pod);
        let wanted = [
            "metadata.annotations[heddle.dev/inject]: is a label of a Pod, and none of its annotations; it is ignored",
            "metadata.annotations[heddle.dev/skip-inbound-port]: is none of the annotations that are read of a Pod, is \
             heddle.dev/skip-inbound-ports meant?; it is ignored",
        ];
        assert_eq!(warnings, wanted);
    }
}
