//! A stage with a shop of its own.

use anyhow::{Context, Result};
use heddle::demo::{Actor, Setting, Stage};
use std::fmt::Write;
use std::path::Path;
use tempfile::TempDir;

/// A stage and the folder that it goes away with.
pub(crate) struct Shop {
    pub(crate) stage: Stage,
    _folder: TempDir,
}

impl Shop {
    /// Sets stage `base` with these actors. Each has a Service of its own name, with a virtual IP that ends
    /// in its place, port 8080 for HTTP and port 8443 for anything.
    pub(crate) async fn open(base: u8, actors: &[Actor], more: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder")?;
        let manifests = folder.path().join("source");
        std::fs::create_dir(&manifests)?;
        std::fs::write(manifests.join("mesh.yaml"), MESH)?;
        for actor in actors {
            std::fs::write(manifests.join(format!("{}.yaml", actor.name)), manifest(base, actor))?;
        }
        for (file, text) in more {
            std::fs::write(manifests.join(file), text)?;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let envoy =
            std::env::var_os("HEDDLE_ENVOY").map_or_else(|| root.join(".cache/envoy/bin/envoy"), Into::into);
        let setting = Setting {
            program: env!("CARGO_BIN_EXE_heddle").into(),
            envoy,
            source: manifests,
            folder: folder.path().join("stage"),
            base,
            lifetime: "1h".into(),
            extra: Vec::new(),
        };
        let mut stage = Stage::set(setting).await?;
        stage.enter(actors).await?;
        Ok(Self { stage, _folder: folder })
    }

    /// Ends it.
    pub(crate) async fn close(self) -> Result<()> {
        self.stage.clear().await
    }
}

/// An actor whose ServiceAccount is called as itself.
pub(crate) const fn actor(name: &'static str, place: u8) -> Actor {
    Actor { name, account: name, place }
}

const MESH: &str = "
apiVersion: heddle.dev/v1alpha1
kind: Mesh
metadata: {name: default}
spec: {trustDomain: test.mesh, networks: [\"127.1.0.0/16\"]}
";

/// The Service and the ExternalWorkload of one actor.
pub(crate) fn manifest(base: u8, actor: &Actor) -> String {
    let Actor { name, account, place } = actor;
    let mut text = String::new();
    let written = write!(
        text,
        "
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec:
  clusterIP: 127.1.0.{place}
  selector: {{app: {name}}}
  ports: [{{name: http, port: 8080}}, {{name: any, port: 8443}}]
---
apiVersion: heddle.dev/v1alpha1
kind: ExternalWorkload
metadata: {{name: {name}, namespace: shop, labels: {{app: {name}, heddle.dev/plane: envoy}}}}
spec:
  addresses: [\"127.0.{base}.{place}\"]
  serviceAccount: {account}
  ports:
  - {{name: http, port: 8080, targetPort: 9080, protocol: HTTP}}
  - {{name: any, port: 8443, targetPort: 9443}}
"
    );
    written.expect("a String takes everything");
    text
}

/// An HTTPRoute on the Service `from`, to one backend.
pub(crate) fn route(from: &str, to: &str) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {from}, namespace: shop}}
spec:
  parentRefs: [{{group: \"\", kind: Service, name: {from}, port: 8080}}]
  rules:
  - backendRefs: [{{name: {to}, port: 8080}}]
"
    )
}
