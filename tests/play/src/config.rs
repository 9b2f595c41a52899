//! The resources of one proxy as files, for an Envoy that has no control plane.

use heddle_model::Snapshot;
use heddle_proto::envoy::config::cluster::v3::Cluster;
use heddle_proto::envoy::config::core::v3::{ApiVersion, ConfigSource, PathConfigSource, config_source};
use heddle_proto::envoy::config::listener::v3::{Listener, filter};
use heddle_proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, http_connection_manager::RouteSpecifier,
};
use heddle_proto::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use heddle_proto::envoy::service::discovery::v3::DiscoveryResponse;
use heddle_proto::google::protobuf::Any;
use heddle_proto::{pack, unpack};
use heddle_xds::{Client, ResourceType};
use prost::Message;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The port of a proxy's admin page, within its own namespace.
pub(crate) const ADMIN_PORT: u16 = 15000;

/// Writes every resource of a client below a folder, and a bootstrap that reads them. Each is as projected, but
/// that its references go to files instead of to the stream, and that what is asked for as it is `dialled` is there already.
pub(crate) fn write(
    client: &Client,
    snapshot: &Snapshot,
    dialled: &BTreeSet<SocketAddr>,
    folder: &Path,
) -> Result<(), String> {
    let mut found = heddle_scenario_tests::resources(client, snapshot);
    found.extend(heddle_scenario_tests::dialled(client, snapshot, dialled.iter().copied()));
    let mut of: BTreeMap<ResourceType, Vec<(String, Any)>> =
        ResourceType::ALL.map(|ty| (ty, Vec::new())).into();
    for (key, resource) in found {
        let body = redirected(key.ty, &resource.body, folder)?;
        of.entry(key.ty).or_default().push((key.name.to_string(), body));
    }
    for (ty, resources) in of {
        match ty {
            ResourceType::Cluster | ResourceType::Listener => {
                put(&folder.join(whole(ty)), ty, resources.into_iter().map(|(_, body)| body).collect())?;
            }
            ResourceType::Endpoint | ResourceType::Route => {
                for (name, body) in resources {
                    put(&file(folder, ty, &name), ty, vec![body])?;
                }
            }
        }
    }
    let text = bootstrap(client, folder).to_string();
    fs::write(folder.join("bootstrap.json"), text).map_err(|error| format!("bootstrap: {error}"))
}

fn bootstrap(client: &Client, folder: &Path) -> serde_json::Value {
    let from = |ty| json!({ "resource_api_version": "V3", "path_config_source": { "path": folder.join(whole(ty)) } });
    json!({
        "node": { "id": client.workload.to_string(), "cluster": "play" },
        "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": ADMIN_PORT } } },
        "dynamic_resources": { "cds_config": from(ResourceType::Cluster), "lds_config": from(ResourceType::Listener) },
    })
}

fn whole(ty: ResourceType) -> &'static str {
    match ty {
        ResourceType::Cluster => "cds.pb",
        ResourceType::Listener => "lds.pb",
        ResourceType::Endpoint => "eds.pb",
        ResourceType::Route => "rds.pb",
    }
}

fn file(folder: &Path, ty: ResourceType, name: &str) -> PathBuf {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    folder.join(format!("{plain}-{}", whole(ty)))
}

fn put(path: &Path, ty: ResourceType, resources: Vec<Any>) -> Result<(), String> {
    let response = DiscoveryResponse {
        version_info: "1".into(),
        type_url: ty.url().into(),
        resources,
        ..DiscoveryResponse::default()
    };
    // Envoy takes note of a file that another one replaces.
    let fresh = path.with_extension("fresh");
    let written = fs::write(&fresh, response.encode_to_vec()).and_then(|()| fs::rename(&fresh, path));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn redirected(ty: ResourceType, body: &Any, folder: &Path) -> Result<Any, String> {
    match ty {
        ResourceType::Endpoint | ResourceType::Route => Ok(body.clone()),
        ResourceType::Cluster => {
            let mut cluster: Cluster = unpack(body).map_err(|error| error.to_string())?;
            if let Some(eds) = &mut cluster.eds_cluster_config {
                let list = if eds.service_name.is_empty() { &cluster.name } else { &eds.service_name };
                eds.eds_config = Some(source(folder, ResourceType::Endpoint, list));
            }
            Ok(pack(&cluster))
        }
        ResourceType::Listener => {
            let mut listener: Listener = unpack(body).map_err(|error| error.to_string())?;
            let filters = listener.filter_chains.iter_mut().flat_map(|chain| &mut chain.filters);
            for config in filters.filter_map(|filter| filter.config_type.as_mut()) {
                let filter::ConfigType::TypedConfig(any) = config else { continue };
                if let Ok(proxy) = unpack::<TcpProxy>(any) {
                    *any = pack(&TcpProxy { on_demand: None, ..proxy });
                }
                let Ok(mut manager) = unpack::<HttpConnectionManager>(any) else { continue };
                if let Some(RouteSpecifier::Rds(rds)) = &mut manager.route_specifier {
                    rds.config_source = Some(source(folder, ResourceType::Route, &rds.route_config_name));
                    *any = pack(&manager);
                }
            }
            Ok(pack(&listener))
        }
    }
}

fn source(folder: &Path, ty: ResourceType, name: &str) -> ConfigSource {
    let path = file(folder, ty, name).display().to_string();
    ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(config_source::ConfigSourceSpecifier::PathConfigSource(
            PathConfigSource { path, ..PathConfigSource::default() },
        )),
        ..ConfigSource::default()
    }
}
