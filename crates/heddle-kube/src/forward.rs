//! Admin pages of controllers, by way of the API server: nothing of theirs is reachable from outside the cluster.

use http::{Request, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};
use std::time::Duration;
use tokio::time::timeout;

/// The port of the admin pages in the chart's Pods.
const ADMIN: u16 = 15014;
/// The label of the chart's Pods.
const CONTROLLERS: &str = "app.kubernetes.io/name=heddle";
/// The bytes of one page that are read.
const PAGE: usize = 64 << 20;
/// The time that one replica may take to answer.
const LIMIT: Duration = Duration::from_secs(20);

/// The reason for which pages could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The API server refused, or cannot be reached.
    #[error("{doing}: {error}")]
    Api {
        /// The request.
        doing: String,
        /// The API server's answer.
        error: kube::Error,
    },
    /// No replica runs.
    #[error("no controller runs in namespace {0}: name another with --namespace, or see `heddle check`")]
    Nobody(String),
    /// A replica did not answer as a controller does.
    #[error("Pod {pod}: {why}")]
    Page {
        /// The replica.
        pod: String,
        /// The fault.
        why: String,
    },
}

/// Returns the page at `path` of every controller that is ready in `namespace`, by Pod. Needs the right to create
/// `pods/portforward` there.
///
/// # Errors
/// If there is no controller, or one of them cannot be asked: a list that lacks a replica's part would look whole.
pub async fn controller_pages(
    client: &Client,
    namespace: &str,
    path: &str,
) -> Result<Vec<(String, Bytes)>, ForwardError> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let doing = format!("listing the controllers in namespace {namespace}");
    let found = pods.list(&ListParams::default().labels(CONTROLLERS)).await;
    let found = found.map_err(|error| ForwardError::Api { doing, error })?;
    let mut pages = Vec::new();
    for pod in found.iter().filter(|pod| is_ready(pod)) {
        let name = pod.name_any();
        let late = |_| ForwardError::Page { pod: name.clone(), why: format!("no answer in {LIMIT:?}") };
        let page = timeout(LIMIT, page(&pods, &name, path)).await.map_err(late)??;
        pages.push((name, page));
    }
    if pages.is_empty() { Err(ForwardError::Nobody(namespace.into())) } else { Ok(pages) }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    let mut conditions = conditions.filter(|condition| condition.type_ == "Ready");
    pod.metadata.deletion_timestamp.is_none() && conditions.any(|condition| condition.status == "True")
}

async fn page(pods: &Api<Pod>, name: &str, path: &str) -> Result<Bytes, ForwardError> {
    let doing = format!("forwarding port {ADMIN} of Pod {name}");
    let forwarded = pods.portforward(name, &[ADMIN]).await;
    let mut forwarder = forwarded.map_err(|error| ForwardError::Api { doing, error })?;
    let fault = |why: String| ForwardError::Page { pod: name.into(), why };
    let stream = forwarder.take_stream(ADMIN).ok_or_else(|| fault("no stream".into()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| fault(error.to_string()))?;
    // Debug pages are for who is on the machine, which a forwarded port makes us.
    let request = Request::get(path).header(header::HOST, "localhost").body(Empty::<Bytes>::new());
    let request = request.map_err(|error| fault(error.to_string()))?;
    let asked = async {
        let answer = sender.send_request(request).await.map_err(|error| fault(error.to_string()))?;
        let status = answer.status();
        if status != 200 {
            return Err(fault(format!("{path} answered {status}")));
        }
        let body = Limited::new(answer.into_body(), PAGE).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| fault(error.to_string()))
    };
    let driven = async {
        // It ends with the answer, which is what counts.
        let _ended = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        biased;
        page = asked => page,
        never = driven => never,
    }
}
