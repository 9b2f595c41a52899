//! Access logs: one JSON object a line on standard output.
//!
//! Fields have the names of OpenTelemetry's semantic conventions where it has one, else `heddle.…`.

use crate::cluster::HANDBACK;
use crate::xds::access_log_filter::FilterSpecifier;
use crate::{rbac, xds};
use heddle_model::fact::{AccessLog, Mesh};
use std::collections::BTreeMap;

/// The side of the application on which a proxy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Before the application: what others ask of it.
    Inbound,
    /// Behind the application: what it asks of others.
    Outbound,
}

/// Fields of a connection and of a request alike.
const ALWAYS: &[(&str, &str)] = &[
    ("time", "%START_TIME%"),
    ("duration_ms", "%DURATION%"),
    ("client.address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("server.address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("heddle.client.identity", "%DOWNSTREAM_PEER_URI_SAN%"),
    ("heddle.server.identity", "%UPSTREAM_PEER_URI_SAN%"),
    ("heddle.upstream.address", "%UPSTREAM_HOST%"),
    ("heddle.upstream.cluster", "%UPSTREAM_CLUSTER%"),
    ("heddle.upstream.error", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("heddle.flags", "%RESPONSE_FLAGS%"),
    ("heddle.bytes.received", "%BYTES_RECEIVED%"),
    ("heddle.bytes.sent", "%BYTES_SENT%"),
];

/// Fields of a request.
const REQUEST: &[(&str, &str)] = &[
    ("http.request.method", "%REQ(:METHOD)%"),
    ("url.path", "%PATH(NQ)%"),
    ("http.request.header.host", "%REQ(:AUTHORITY)%"),
    ("http.request.id", "%REQ(X-REQUEST-ID)%"),
    ("http.response.status_code", "%RESPONSE_CODE%"),
    ("network.protocol.version", "%PROTOCOL%"),
    ("user_agent.original", "%REQ(USER-AGENT)%"),
    ("heddle.route", "%ROUTE_NAME%"),
    ("heddle.attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
    ("heddle.details", "%RESPONSE_CODE_DETAILS%"),
];

/// Fields of a connection whose bytes are not looked at.
const BYTES: &[(&str, &str)] = &[("heddle.details", "%CONNECTION_TERMINATION_DETAILS%")];

/// The log of requests.
pub(crate) fn requests(mesh: &Mesh, direction: Direction) -> Vec<xds::AccessLog> {
    let policies = match direction {
        Direction::Inbound => audits("envoy.filters.http.rbac"),
        Direction::Outbound => Vec::new(),
    };
    let own = REQUEST.iter().map(own).chain(policies).collect();
    log(mesh, direction, own, failed_requests())
}

/// The log of connections whose bytes are not looked at.
pub(crate) fn connections(mesh: &Mesh, direction: Direction) -> Vec<xds::AccessLog> {
    let policies = match direction {
        Direction::Inbound => audits("envoy.filters.network.rbac"),
        Direction::Outbound => Vec::new(),
    };
    let own = BYTES.iter().map(own).chain(policies).collect();
    log(mesh, direction, own, failed_connections())
}

/// The log of connections whose destination is asked for. One that is handed back is logged where it comes in again.
pub(crate) fn dialled(mesh: &Mesh) -> Vec<xds::AccessLog> {
    let mut logs = connections(mesh, Direction::Outbound);
    for log in &mut logs {
        log.filter = Some(match log.filter.take() {
            Some(filter) => both(filter, not_handed_back()),
            None => not_handed_back(),
        });
    }
    logs
}

/// Returns what policies in Audit would have done, and which rule.
fn audits(filter: &str) -> Vec<(String, String)> {
    let field = |stage: &str, key: &str| format!("%DYNAMIC_METADATA({filter}:{stage}{key})%");
    [("deny", rbac::AUDIT_DENY), ("allow", rbac::AUDIT_ALLOW)]
        .into_iter()
        .flat_map(|(word, stage)| {
            [
                (format!("heddle.audit.{word}.result"), field(stage, "shadow_engine_result")),
                (format!("heddle.audit.{word}.rule"), field(stage, "shadow_effective_policy_id")),
            ]
        })
        .collect()
}

fn own((name, format): &(&str, &str)) -> (String, String) {
    ((*name).to_string(), (*format).to_string())
}

fn log(
    mesh: &Mesh,
    direction: Direction,
    own_fields: Vec<(String, String)>,
    failures: xds::AccessLogFilter,
) -> Vec<xds::AccessLog> {
    let filter = match mesh.access_log {
        AccessLog::Off => return Vec::new(),
        AccessLog::Errors => Some(failures),
        AccessLog::All => None,
    };
    let word = match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    };
    let mut fields = BTreeMap::from([("heddle.direction".to_string(), text(word))]);
    let all = ALWAYS.iter().map(own).chain(own_fields);
    fields.extend(all.map(|(name, format)| (name, text(&format))));
    vec![xds::AccessLog {
        name: "stdout".into(),
        filter,
        config_type: Some(xds::access_log::ConfigType::TypedConfig(xds::pack(&stdout(fields)))),
    }]
}

fn stdout(fields: BTreeMap<String, xds::Value>) -> xds::StdoutAccessLog {
    use xds::substitution_format_string::Format;
    let format = xds::SubstitutionFormatString {
        format: Some(Format::JsonFormat(xds::Struct { fields })),
        omit_empty_values: true,
        ..xds::SubstitutionFormatString::default()
    };
    xds::StdoutAccessLog {
        access_log_format: Some(xds::stdout_access_log::AccessLogFormat::LogFormat(format)),
    }
}

fn text(value: &str) -> xds::Value {
    xds::Value { kind: Some(xds::value::Kind::StringValue(value.into())) }
}

/// Status 500 and above, or what a policy refused: an application's own 403 is none of our errors, and a policy answers
/// gRPC with 200.
fn failed_requests() -> xds::AccessLogFilter {
    let value = xds::RuntimeUInt32 { default_value: 500, runtime_key: "heddle.access_log.status_500".into() };
    let comparison = xds::ComparisonFilter { op: xds::comparison_filter::Op::Ge.into(), value: Some(value) };
    let status = xds::StatusCodeFilter { comparison: Some(comparison) };
    any_of(vec![is(FilterSpecifier::StatusCodeFilter(status)), refused_by_policy("response.code_details")])
}

/// Connections that Envoy has something to say of, or that a policy refused, of which no flag tells.
fn failed_connections() -> xds::AccessLogFilter {
    let flagged = is(FilterSpecifier::ResponseFlagFilter(xds::ResponseFlagFilter::default()));
    any_of(vec![flagged, refused_by_policy("connection.termination_details")])
}

fn not_handed_back() -> xds::AccessLogFilter {
    expression(format!("!(has(upstream.address) && upstream.address.endsWith('{HANDBACK}'))"))
}

/// RBAC says so in this attribute, and which rule it was.
fn refused_by_policy(attribute: &str) -> xds::AccessLogFilter {
    expression(format!("{attribute}.startsWith('rbac_access_denied')"))
}

fn expression(expression: String) -> xds::AccessLogFilter {
    let config = xds::pack(&xds::ExpressionFilter { expression, ..xds::ExpressionFilter::default() });
    is(FilterSpecifier::ExtensionFilter(xds::ExtensionFilter {
        name: "envoy.access_loggers.extension_filters.cel".into(),
        config_type: Some(xds::extension_filter::ConfigType::TypedConfig(config)),
    }))
}

fn any_of(filters: Vec<xds::AccessLogFilter>) -> xds::AccessLogFilter {
    is(FilterSpecifier::OrFilter(xds::OrFilter { filters }))
}

fn both(one: xds::AccessLogFilter, other: xds::AccessLogFilter) -> xds::AccessLogFilter {
    is(FilterSpecifier::AndFilter(xds::AndFilter { filters: vec![one, other] }))
}

fn is(specifier: FilterSpecifier) -> xds::AccessLogFilter {
    xds::AccessLogFilter { filter_specifier: Some(specifier) }
}
