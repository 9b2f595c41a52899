//! The destination of a question, by its name or address.

use anyhow::{Context, Error, Result, bail};
use heddle_model::fact::ServiceForm;
use heddle_model::{ServiceKey, ServicePortKey, Snapshot};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A dialled destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// As it was written.
    text: String,
    host: Host,
    port: u16,
}

/// The owner of the dialled address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Service(ServiceKey),
    /// A Pod of a headless Service.
    Pod(String, ServiceKey),
}

impl FromStr for Destination {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wanted = || {
            format!("--to {text:?} is not NAMESPACE/SERVICE:PORT, SERVICE.NAMESPACE.svc:PORT or ADDRESS:PORT")
        };
        if let Ok(address) = text.parse::<SocketAddr>() {
            let (host, port) = (Host::Address(address.ip()), address.port());
            return Ok(Self { text: text.into(), host, port });
        }
        let (name, port) = text.rsplit_once(':').with_context(wanted)?;
        let port = port.parse().with_context(wanted)?;
        let host = match name.split_once('/') {
            Some((namespace, name)) => Host::Service(ServiceKey::new(namespace, name)),
            None => dns(name.trim_end_matches('.')).with_context(wanted)?,
        };
        Ok(Self { text: text.into(), host, port })
    }
}

/// `SERVICE.NAMESPACE`, `SERVICE.NAMESPACE.svc` and `POD.SERVICE.NAMESPACE.svc`, the latter two with or without the
/// cluster's domain.
fn dns(name: &str) -> Option<Host> {
    let labels: Vec<&str> = name.split('.').collect();
    let service = |namespace: &&str, service: &&str| ServiceKey::new(*namespace, *service);
    let host = match labels.as_slice() {
        [name, namespace] | [name, namespace, "svc", ..] => Host::Service(service(namespace, name)),
        [pod, name, namespace, "svc", ..] => Host::Pod((*pod).into(), service(namespace, name)),
        _ => return None,
    };
    labels.iter().all(|label| !label.is_empty()).then_some(host)
}

impl Destination {
    /// The authority that a client of this destination writes: its name, and its port unless that is 80.
    pub(super) fn authority(&self) -> String {
        let (name, _) = self.text.rsplit_once(':').unwrap_or((&self.text, ""));
        let name = match name.split_once('/') {
            Some((namespace, service)) => format!("{service}.{namespace}"),
            None => name.to_string(),
        };
        if self.port == 80 { name } else { format!("{name}:{}", self.port) }
    }

    /// The address and port that are dialled.
    ///
    /// # Errors
    /// A name that stands for no address, or for several.
    pub(super) fn dialled(&self, snapshot: &Snapshot) -> Result<(IpAddr, u16)> {
        let address = match &self.host {
            Host::Address(address) => *address,
            Host::Service(key) => self.virtual_ip(snapshot, key)?,
            Host::Pod(pod, key) => self.endpoint(snapshot, pod, key)?,
        };
        Ok((address, self.port))
    }

    fn virtual_ip(&self, snapshot: &Snapshot, key: &ServiceKey) -> Result<IpAddr> {
        let text = &self.text;
        let service =
            snapshot.services.get(key).with_context(|| format!("--to {text:?}: no such Service"))?;
        match &service.form {
            ServiceForm::Virtual(addresses) => addresses
                .first()
                .copied()
                .with_context(|| format!("--to {text:?}: the Service has no address")),
            ServiceForm::Headless => bail!(
                "--to {text:?}: the Service is headless; name a POD.{}.{}.svc:PORT or an endpoint's ADDRESS:PORT",
                key.name,
                key.namespace
            ),
            ServiceForm::External(host) => bail!(
                "--to {text:?}: an ExternalName of {host} is no destination of the mesh; name an ADDRESS:PORT"
            ),
        }
    }

    /// The address of a Pod of a headless Service.
    fn endpoint(&self, snapshot: &Snapshot, pod: &str, key: &ServiceKey) -> Result<IpAddr> {
        let text = &self.text;
        let service =
            snapshot.services.get(key).with_context(|| format!("--to {text:?}: no such Service"))?;
        if service.form != ServiceForm::Headless {
            bail!(
                "--to {text:?}: Service {key} is not headless, so its Pods have no names; name the Service"
            );
        }
        let ports =
            service.ports.iter().map(|port| ServicePortKey { service: key.clone(), port: port.number });
        let endpoints = ports.filter_map(|port| snapshot.endpoints.get(&port));
        let mut all = endpoints.flat_map(|endpoints| &endpoints.items);
        let found =
            all.find(|one| one.workload.as_ref().is_some_and(|workload| workload.name.as_str() == pod));
        found
            .map(|endpoint| endpoint.address)
            .with_context(|| format!("--to {text:?}: no endpoint of Service {key} is the Pod {pod}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_the_name_that_is_dialled() {
        for (text, want) in [
            ("shop/web:80", "web.shop"),
            ("shop/web:8080", "web.shop:8080"),
            ("web.shop.svc.cluster.local:80", "web.shop.svc.cluster.local"),
            ("web-0.web.shop.svc:9000", "web-0.web.shop.svc:9000"),
            ("10.0.0.1:80", "10.0.0.1"),
            ("[fd00::1]:8080", "[fd00::1]:8080"),
        ] {
            let parsed: Destination = text.parse().expect(text);
            assert_eq!(parsed.authority(), want, "{text}");
        }
    }

    #[test]
    fn a_name_is_a_service_or_a_pod_of_one() {
        let service = || Some(Host::Service(ServiceKey::new("shop", "web")));
        for (name, want) in [
            ("web.shop", service()),
            ("web.shop.svc", service()),
            ("web.shop.svc.cluster.local", service()),
            ("web-0.web.shop.svc", Some(Host::Pod("web-0".into(), ServiceKey::new("shop", "web")))),
            ("web", None),
            ("example.com.org", None),
            ("web..svc", None),
        ] {
            assert_eq!(dns(name), want, "{name}");
        }
    }
}
