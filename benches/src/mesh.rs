//! A mesh of equal services.

use anyhow::Result;
use heddle_model::{Event, Kind, Lowered};
use serde_json::{Value, json};

/// Where everything lives.
pub(crate) const NAMESPACE: &str = "bench";

/// `services` services of `workloads` workloads, one HTTP port each.
pub(crate) struct Mesh {
    pub(crate) services: usize,
    pub(crate) workloads: usize,
}

impl Mesh {
    /// Complete lists of every kind: Pods behind EndpointSlices, as in a cluster.
    pub(crate) fn events(&self) -> Vec<Event> {
        let lists = [
            (Kind::Mesh, vec![mesh()]),
            (Kind::Namespace, vec![json!({"metadata": {"name": NAMESPACE}})]),
            (Kind::Service, (0..self.services).map(service).collect()),
            (Kind::EndpointSlice, (0..self.services).map(|service| self.slice(service, true)).collect()),
            (Kind::Pod, self.pods()),
        ];
        let lowered = lists.into_iter().map(|(kind, objects)| {
            let all: Vec<Lowered> = objects.iter().map(|object| heddle_lower::lower(kind, object)).collect();
            Event::Replace(kind, all)
        });
        lowered.collect()
    }

    fn pods(&self) -> Vec<Value> {
        let all = (0..self.services).flat_map(|service| (0..self.workloads).map(move |pod| (service, pod)));
        all.map(|(service, pod)| {
            json!({
                "metadata": {
                    "namespace": NAMESPACE, "name": format!("s{service}-{pod}"),
                    "labels": {"app": format!("s{service}"), "heddle.dev/plane": "envoy"},
                },
                "spec": {"serviceAccountName": format!("s{service}"), "containers": [{"name": "app", "ports": [{"containerPort": 8080}]}]},
                "status": {"phase": "Running", "podIPs": [{"ip": self.address(service, pod)}]},
            })
        })
        .collect()
    }

    /// The slice of one service; its first endpoint is ready or not.
    pub(crate) fn slice(&self, service: usize, first_ready: bool) -> Value {
        let endpoints: Vec<Value> = (0..self.workloads)
            .map(|pod| {
                json!({
                    "addresses": [self.address(service, pod)],
                    "conditions": {"ready": pod > 0 || first_ready},
                    "targetRef": {"kind": "Pod", "namespace": NAMESPACE, "name": format!("s{service}-{pod}")},
                })
            })
            .collect();
        json!({
            "metadata": {
                "namespace": NAMESPACE, "name": format!("s{service}"),
                "labels": {"kubernetes.io/service-name": format!("s{service}")},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080}],
            "endpoints": endpoints,
        })
    }

    fn address(&self, service: usize, pod: usize) -> String {
        let number = service * self.workloads + pod;
        format!("10.{}.{}.{}", number >> 16, number >> 8 & 0xff, number & 0xff)
    }

    /// The same as manifests of a folder: ExternalWorkloads, which need no slices.
    pub(crate) fn manifests(&self) -> Result<String> {
        let mut text = serde_saphyr::to_string(&mesh())?;
        for service in 0..self.services {
            text += &format!("---\n{}", serde_saphyr::to_string(&self::service(service))?);
            for workload in 0..self.workloads {
                text += &format!("---\n{}", serde_saphyr::to_string(&self.external(service, workload))?);
            }
        }
        Ok(text)
    }

    fn external(&self, service: usize, workload: usize) -> Value {
        json!({
            "apiVersion": "heddle.dev/v1alpha1",
            "kind": "ExternalWorkload",
            "metadata": {
                "namespace": NAMESPACE, "name": format!("s{service}-{workload}"),
                "labels": {"app": format!("s{service}"), "heddle.dev/plane": "envoy"},
            },
            "spec": {
                "addresses": [self.address(service, workload)],
                "serviceAccount": format!("s{service}"),
                "ports": [{"name": "http", "port": 8080, "protocol": "HTTP"}],
            },
        })
    }
}

/// The name of a workload of [`Mesh::manifests`].
pub(crate) fn external_name(service: usize, workload: usize) -> String {
    format!("external/{NAMESPACE}/s{service}-{workload}")
}

/// The virtual IP of a service.
pub(crate) fn virtual_ip(number: usize) -> String {
    format!("10.{}.{}.{}", 128 + (number >> 16), number >> 8 & 0xff, number & 0xff)
}

fn mesh() -> Value {
    json!({
        "apiVersion": "heddle.dev/v1alpha1", "kind": "Mesh", "metadata": {"name": "default"},
        "spec": {"trustDomain": "bench.mesh", "networks": ["10.0.0.0/8"]},
    })
}

fn service(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": NAMESPACE, "name": format!("s{number}")},
        "spec": {
            "clusterIP": virtual_ip(number),
            "selector": {"app": format!("s{number}")},
            "ports": [{"name": "http", "port": 8080}],
        },
    })
}
