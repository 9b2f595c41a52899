//! Transport sockets: mesh TLS on both sides, and none.
//!
//! Key, chain and roots come from files that `heddle agent` keeps fresh, named relative to the folder that it
//! starts Envoy in: so a resource's bytes are the same for every proxy, wherever its certificates lie.

use crate::xds;
use heddle_model::Identity;
use heddle_model::fact::Mesh;

/// The folder of the SDS files, relative to where Envoy was started.
const FOLDER: &str = "sds";

/// The server name of mesh TLS, whoever it is for: what tells it from the application's own TLS.
pub(crate) fn mesh_names(mesh: &Mesh) -> String {
    format!("*.serviceaccount.identity.{}", mesh.identity_suffix)
}

/// The protocols that a server offers within mesh TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alpn {
    /// HTTP/2 and HTTP/1.1.
    Http,
    /// None: bytes.
    None,
}

/// The server's side: a client without an identity of this mesh does not get through the handshake.
///
/// No session is resumed: a resumed one carries the certificate of an earlier handshake, whose expiry is not
/// checked again.
pub(crate) fn server(mesh: &Mesh, alpn: Alpn) -> xds::TransportSocket {
    let offered: &[&str] = match alpn {
        Alpn::Http => &["h2", "http/1.1"],
        Alpn::None => &[],
    };
    let anyone = xds::prefix(&format!("spiffe://{}/", mesh.trust_domain));
    let common = xds::CommonTlsContext {
        alpn_protocols: offered.iter().map(|name| (*name).into()).collect(),
        ..common(anyone)
    };
    let no_tickets =
        xds::downstream_tls_context::SessionTicketKeysType::DisableStatelessSessionResumption(true);
    socket(&xds::DownstreamTlsContext {
        common_tls_context: Some(common),
        require_client_certificate: xds::flag(true),
        disable_stateful_session_resumption: true,
        session_ticket_keys_type: Some(no_tickets),
        ..xds::DownstreamTlsContext::default()
    })
}

/// The client's side: only a server with this identity gets a byte.
///
/// No ALPN is set: each connection pool then offers that of the protocol it speaks. With a list here Envoy
/// speaks HTTP/1.1 on connections that negotiated HTTP/2.
///
/// No session is kept to be resumed: each connection shows the certificate in force and checks the server's.
pub(crate) fn client(mesh: &Mesh, server: &Identity) -> xds::TransportSocket {
    socket(&xds::UpstreamTlsContext {
        common_tls_context: Some(common(xds::exact(&server.spiffe(&mesh.trust_domain)))),
        sni: server.dns(&mesh.identity_suffix),
        max_session_keys: xds::number(0),
        ..xds::UpstreamTlsContext::default()
    })
}

/// A socket that no server satisfies: what an endpoint gets whose identity its cluster does not know. Envoy's
/// own default there is plain text.
pub(crate) fn nobody() -> xds::TransportSocket {
    socket(&xds::UpstreamTlsContext {
        common_tls_context: Some(common(xds::exact("heddle:nobody"))),
        ..xds::UpstreamTlsContext::default()
    })
}

/// Plain text.
pub(crate) fn plain() -> xds::TransportSocket {
    xds::TransportSocket {
        name: "envoy.transport_sockets.raw_buffer".into(),
        config_type: Some(xds::transport_socket::ConfigType::TypedConfig(xds::pack(&xds::RawBuffer {}))),
    }
}

/// Plain text after a header that tells who dialled what.
pub(crate) fn proxied() -> xds::TransportSocket {
    let header = xds::ProxyProtocolConfig {
        version: xds::proxy_protocol_config::Version::V2.into(),
        ..xds::ProxyProtocolConfig::default()
    };
    let config = xds::ProxyProtocolUpstreamTransport {
        config: Some(header),
        transport_socket: Some(plain()),
        ..xds::ProxyProtocolUpstreamTransport::default()
    };
    xds::TransportSocket {
        name: "envoy.transport_sockets.upstream_proxy_protocol".into(),
        config_type: Some(xds::transport_socket::ConfigType::TypedConfig(xds::pack(&config))),
    }
}

fn socket<M: prost::Message + prost::Name>(context: &M) -> xds::TransportSocket {
    xds::TransportSocket {
        name: "envoy.transport_sockets.tls".into(),
        config_type: Some(xds::transport_socket::ConfigType::TypedConfig(xds::pack(context))),
    }
}

/// TLS 1.3 with our certificate, and a peer whose chain ends at our roots and whose URI is as wanted.
fn common(peer: xds::StringMatcher) -> xds::CommonTlsContext {
    use xds::common_tls_context::{CombinedCertificateValidationContext, ValidationContextType};
    let peer = xds::SubjectAltNameMatcher {
        san_type: xds::subject_alt_name_matcher::SanType::Uri.into(),
        matcher: Some(peer),
        ..xds::SubjectAltNameMatcher::default()
    };
    let validation = CombinedCertificateValidationContext {
        default_validation_context: Some(xds::CertificateValidationContext {
            match_typed_subject_alt_names: vec![peer],
            ..xds::CertificateValidationContext::default()
        }),
        validation_context_sds_secret_config: Some(secret("roots")),
    };
    xds::CommonTlsContext {
        tls_params: Some(xds::TlsParameters {
            tls_minimum_protocol_version: xds::tls_parameters::TlsProtocol::TlSv13.into(),
            tls_maximum_protocol_version: xds::tls_parameters::TlsProtocol::TlSv13.into(),
            ..xds::TlsParameters::default()
        }),
        tls_certificate_sds_secret_configs: vec![secret("identity")],
        validation_context_type: Some(ValidationContextType::CombinedValidationContext(validation)),
        ..xds::CommonTlsContext::default()
    }
}

fn secret(name: &str) -> xds::SdsSecretConfig {
    use xds::config_source::ConfigSourceSpecifier;
    let file = xds::PathConfigSource {
        path: format!("{FOLDER}/{name}.yaml"),
        watched_directory: Some(xds::WatchedDirectory { path: FOLDER.into(), ..Default::default() }),
        ..xds::PathConfigSource::default()
    };
    xds::SdsSecretConfig {
        name: name.into(),
        sds_config: Some(xds::ConfigSource {
            resource_api_version: xds::ApiVersion::V3.into(),
            config_source_specifier: Some(ConfigSourceSpecifier::PathConfigSource(file)),
            ..xds::ConfigSource::default()
        }),
    }
}
