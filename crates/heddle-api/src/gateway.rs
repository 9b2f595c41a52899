//! The Gateway API's kinds, release v1.7.0, standard channel, as far as they are read.
//!
//! They read leniently: an unknown field is skipped and an enumeration is a string, so that what a newer release
//! adds becomes a diagnostic of lowering and never an object that cannot be read. Defaults are not filled in.

/// The definitions of the kinds, as YAML, without their descriptions and rules.
pub const DEFINITIONS: [&str; 3] = [
    include_str!("../gateway/httproutes.yaml"),
    include_str!("../gateway/grpcroutes.yaml"),
    include_str!("../gateway/referencegrants.yaml"),
];

#[allow(missing_docs, reason = "generated, and documented by the Gateway API")]
mod grpc_route;
#[allow(missing_docs, reason = "generated, and documented by the Gateway API")]
mod http_route;
#[allow(missing_docs, reason = "generated, and documented by the Gateway API")]
mod reference_grant;

pub use grpc_route::GrpcRoute;
pub use http_route::*;
pub use reference_grant::ReferenceGrant;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_newer_release_adds_does_not_fail_the_object() {
        let route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "a", "novel": 1},
            "spec": {"novel": true, "rules": [{
                "matches": [{"path": {"type": "Novel", "value": "/"}, "method": "QUERY"}],
                "filters": [{"type": "Novel", "novel": {}}],
            }]},
            "status": "not even an object",
        });
        let route: HttpRoute = serde_json::from_value(route).expect("it is read");
        let rules = route.spec.rules.unwrap_or_default();
        let filters = rules[0].filters.clone().unwrap_or_default();
        assert_eq!(filters[0].r#type, "Novel");
    }

    #[test]
    fn what_has_the_wrong_type_says_where() {
        let check = |spec, want: &str| {
            let error = serde_json::from_value::<HttpRoute>(json!({"metadata": {}, "spec": spec}));
            assert_eq!(error.map_err(|error| error.to_string()), Err(want.to_owned()));
        };
        check(json!({"rules": "all"}), "invalid type: string \"all\", expected a sequence");
        check(json!({"parentRefs": [{}]}), "missing field `name`");
    }
}
