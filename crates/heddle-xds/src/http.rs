//! HTTP connection managers.

use crate::access_log::Direction;
use crate::filter::{http_filter, network_filter};
use crate::{access_log, limits, xds};
use heddle_model::fact::Mesh;

/// The treatment of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paths {
    /// They stay as they were sent.
    AsSent,
    /// Dots, double slashes and escaped slashes are resolved, for the policy and for the application alike: a
    /// policy on `/admin` is not passed by `//admin`, `/x/../admin` or `/%2Fadmin`. Only where an enforced
    /// policy looks at paths, since some applications give meaning to such spellings.
    Resolved,
}

/// An HTTP connection manager.
pub(crate) struct Manager<'a> {
    pub(crate) mesh: &'a Mesh,
    pub(crate) direction: Direction,
    /// The name under which it counts.
    pub(crate) stat_prefix: String,
    pub(crate) paths: Paths,
    /// The filters before the router.
    pub(crate) filters: Vec<xds::HttpFilter>,
    pub(crate) routes: xds::http_connection_manager::RouteSpecifier,
}

impl Manager<'_> {
    /// The network filter.
    ///
    /// What an application sends and receives is left alone as far as Envoy can: no time limit of its own (a
    /// route may set one), no `server` or `x-envoy-…` header added, its own limits wide ([`limits`]). Headers by
    /// which a client could command Envoy are taken out (no address counts as internal), and the header that
    /// tells the application who called (`x-forwarded-client-cert`) is only ever ours.
    pub(crate) fn filter(self) -> xds::Filter {
        use xds::http_connection_manager::{
            ForwardClientCertDetails, ServerHeaderTransformation, SetCurrentClientCertDetails,
        };
        let Self { mesh, direction, stat_prefix, paths, mut filters, routes } = self;
        filters.push(http_filter("envoy.filters.http.router", router()));
        let forwarded = match direction {
            Direction::Inbound => ForwardClientCertDetails::SanitizeSet,
            Direction::Outbound => ForwardClientCertDetails::Sanitize,
        };
        let client = SetCurrentClientCertDetails { uri: true, ..SetCurrentClientCertDetails::default() };
        let mut manager = xds::HttpConnectionManager {
            stat_prefix,
            http_filters: filters,
            route_specifier: Some(routes),
            forward_client_cert_details: forwarded.into(),
            set_current_client_cert_details: (direction == Direction::Inbound).then_some(client),
            server_header_transformation: ServerHeaderTransformation::PassThrough.into(),
            use_remote_address: xds::flag(false),
            skip_xff_append: true,
            preserve_external_request_id: true,
            access_log: access_log::requests(mesh, direction),
            ..xds::HttpConnectionManager::default()
        };
        limits::widen(&mut manager);
        resolve(&mut manager, paths);
        network_filter("envoy.filters.network.http_connection_manager", &manager)
    }
}

fn resolve(manager: &mut xds::HttpConnectionManager, paths: Paths) {
    use xds::http_connection_manager::PathWithEscapedSlashesAction;
    let resolved = paths == Paths::Resolved;
    manager.normalize_path = xds::flag(resolved);
    manager.merge_slashes = resolved;
    manager.path_with_escaped_slashes_action = match paths {
        Paths::Resolved => PathWithEscapedSlashesAction::UnescapeAndForward,
        Paths::AsSent => PathWithEscapedSlashesAction::KeepUnchanged,
    }
    .into();
}

fn router() -> xds::Any {
    xds::pack(&xds::Router { suppress_envoy_headers: true, ..xds::Router::default() })
}

/// Routes that come over the stream under a name.
pub(crate) fn named_routes(name: &str) -> xds::http_connection_manager::RouteSpecifier {
    xds::http_connection_manager::RouteSpecifier::Rds(xds::Rds {
        config_source: xds::from_ads(),
        route_config_name: name.into(),
    })
}
