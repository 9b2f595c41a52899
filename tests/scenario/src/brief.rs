//! A proxy's resources with what is alike in all of them said in a word, so that a golden shows its story.
//!
//! The scenario `plain-service` shows the same things in full.

use serde_json::{Map, Value, json};

/// The value in brief.
pub(crate) fn brief(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let items = items.into_iter().filter(|item| !is_tunnel(item) && !is_dialled(item));
            Value::Array(items.map(brief).collect())
        }
        Value::Object(fields) => object(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// A route of requests for a tunnel: where these may pass, the connection manager says so.
fn is_tunnel(value: &Value) -> bool {
    value.pointer("/match/connect_matcher").is_some()
}

/// The note of what is dialled, which the filter after it takes.
fn is_dialled(value: &Value) -> bool {
    value.pointer("/typed_config/on_new_connection/0/object_key") == Some(&json!("envoy.tcp_proxy.cluster"))
}

fn object(mut fields: Map<String, Value>) -> Value {
    if fields.contains_key("ads") {
        return "from the stream".into();
    }
    match fields.get("@type").and_then(Value::as_str).map(last_word) {
        Some("TcpProxy") if fields.contains_key("on_demand") => return "asks for what is dialled".into(),
        Some("UpstreamTlsContext") => return upstream(&fields),
        Some("DownstreamTlsContext") => return downstream(&fields),
        Some("HttpConnectionManager") => leave_out(&mut fields, &usual_manager()),
        Some("RouteConfiguration") => leave_out(&mut fields, &usual_routes()),
        Some("Cluster") => leave_out(&mut fields, &usual_cluster()),
        Some("HttpProtocolOptions") => leave_out(&mut fields, &usual_responses()),
        Some("TcpProxy") => leave_out(&mut fields, &json!({ "idle_timeout": "0s" })),
        Some("Listener") => leave_out(&mut fields, &json!({ "tcp_keepalive": usual_keepalive() })),
        Some(_) | None => {}
    }
    if let Some(Value::String(ty)) = fields.get_mut("@type") {
        *ty = last_word(ty).to_string();
    }
    if fields.contains_key("filters") || fields.contains_key("route_config") {
        leave_out(&mut fields, &usual_manager());
    }
    for versions in ["use_downstream_protocol_config", "explicit_http_config"] {
        let Some(Value::Object(versions)) = fields.get_mut(versions) else { continue };
        if let Some(Value::Object(http1)) = versions.get_mut("http_protocol_options") {
            leave_out(http1, &json!({ "allow_custom_methods": true, "enable_trailers": true }));
        }
        if let Some(Value::Object(http2)) = versions.get_mut("http2_protocol_options") {
            leave_out(http2, &json!({ "allow_connect": true, "max_header_field_size_kb": 256 }));
        }
    }
    if let Some(Value::Object(routes)) = fields.get_mut("route_config") {
        leave_out(routes, &usual_routes());
    }
    let fields: Map<String, Value> = fields.into_iter().map(|(name, value)| (name, brief(value))).collect();
    unwrapped(fields)
}

/// An extension without its wrapper, whose name says nothing that its type does not.
fn unwrapped(mut fields: Map<String, Value>) -> Value {
    let named = fields.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with("envoy."));
    match (fields.len(), fields.remove("typed_config")) {
        (2, Some(config)) if named => config,
        (_, Some(config)) => {
            fields.insert("typed_config".into(), config);
            Value::Object(fields)
        }
        (_, None) => Value::Object(fields),
    }
}

fn leave_out(fields: &mut Map<String, Value>, usual: &Value) {
    fields.retain(|name, value| usual.get(name) != Some(value));
}

fn usual_cluster() -> Value {
    let most = u32::MAX;
    let thresholds = json!([{
        "max_connections": most, "max_pending_requests": most, "max_requests": most, "max_retries": most,
    }]);
    json!({
        "circuit_breakers": { "thresholds": thresholds },
        "common_lb_config": { "healthy_panic_threshold": {} },
        "connect_timeout": "5s",
        "upstream_connection_options": { "tcp_keepalive": usual_keepalive() },
    })
}

fn usual_keepalive() -> Value {
    json!({ "keepalive_probes": 5, "keepalive_time": 300, "keepalive_interval": 30 })
}

fn usual_responses() -> Value {
    json!({
        "common_http_protocol_options": { "max_headers_count": 10_000, "max_response_headers_kb": 1024 },
    })
}

fn usual_upgrades() -> Value {
    let types = ["websocket", "SPDY/3.1", "tcp", "CONNECT"];
    Value::Array(types.iter().map(|name| json!({ "upgrade_type": name })).collect())
}

fn usual_manager() -> Value {
    json!({
        "common_http_protocol_options": { "max_headers_count": 10_000 },
        "http2_protocol_options": {
            "allow_connect": true, "max_concurrent_streams": 100_000, "max_header_field_size_kb": 256,
        },
        "http_protocol_options": {
            "accept_http_10": true, "allow_custom_methods": true, "default_host_for_http_10": "localhost",
            "enable_trailers": true,
        },
        "max_request_headers_kb": 1024,
        "normalize_path": false,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "preserve_external_request_id": true,
        "proxy_100_continue": true,
        "server_header_transformation": "PASS_THROUGH",
        "set_current_client_cert_details": { "uri": true },
        "skip_xff_append": true,
        "stream_idle_timeout": "0s",
        "upgrade_configs": usual_upgrades(),
        "use_remote_address": false,
    })
}

fn usual_routes() -> Value {
    json!({ "most_specific_header_mutations_wins": true, "validate_clusters": false })
}

fn upstream(fields: &Map<String, Value>) -> Value {
    let sni = fields.get("sni").and_then(Value::as_str).map_or(String::new(), |sni| format!(", SNI {sni}"));
    format!("mesh TLS to {}{sni}", peer(fields, "exact")).into()
}

fn downstream(fields: &Map<String, Value>) -> Value {
    let alpn = fields.get("common_tls_context").and_then(|common| common.get("alpn_protocols"));
    let alpn = alpn.map_or(String::new(), |alpn| format!(", ALPN {alpn}"));
    let required = fields.get("require_client_certificate") == Some(&Value::Bool(true));
    let from = if required { "from" } else { "perhaps from" };
    format!("mesh TLS {from} {}{alpn}", peer(fields, "prefix")).into()
}

fn peer(fields: &Map<String, Value>, how: &str) -> String {
    let path = format!(
        "/combined_validation_context/default_validation_context/match_typed_subject_alt_names/0/matcher/{how}"
    );
    let common = fields.get("common_tls_context");
    let name = common.and_then(|common| common.pointer(&path)).and_then(Value::as_str);
    name.unwrap_or("ANYBODY").to_string()
}

fn last_word(ty: &str) -> &str {
    ty.rsplit('.').next().unwrap_or(ty)
}
