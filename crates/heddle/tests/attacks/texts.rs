//! Text of peers, where people read it.

use crate::controller::Controller;
use crate::honest::{CDS, Caller};
use heddle_proto::envoy::config::core::v3::Node;
use heddle_proto::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use heddle_proto::google::rpc;
use std::collections::BTreeSet;
use std::process::Command;
use tokio::task::JoinSet;
use tonic::Code;

/// Text that forges a line of a log and takes over a terminal.
fn evil() -> String {
    "\nINFO forged line \u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}\0".repeat(20_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_peer_writes_is_short_and_printable_wherever_it_is_shown() {
    let controller = Controller::start(31).await;
    let cart = Caller::new(&controller, "cart", 1).certified().await;
    let web = Caller::new(&controller, "web", 10).certified().await;
    controller.forget_peak();
    let all = || DeltaDiscoveryRequest { type_url: CDS.into(), ..Default::default() };
    for id in [evil(), format!("external/shop/{}", evil())] {
        let node = Node { id, ..Default::default() };
        let mut stream = web.open_as(DeltaDiscoveryRequest { node: Some(node), ..all() }).await.unwrap();
        let status = stream.end().await;
        assert!(status.message().len() < 1_200, "{} bytes", status.message().len());
        assert!(!status.message().contains(char::is_control));
    }
    // A proxy that calls itself names, and refuses all that it is sent.
    let node = Node { id: "external/shop/web".into(), user_agent_name: evil(), ..Default::default() };
    let mut stream = web.open_as(DeltaDiscoveryRequest { node: Some(node), ..all() }).await.unwrap();
    let first = stream.hear().await.unwrap().expect("clusters");
    let message = format!("Error adding/updating cluster(s) {}: {}", first.resources[0].name, evil());
    let error = rpc::Status { message, ..Default::default() };
    let refusal = DeltaDiscoveryRequest { response_nonce: first.nonce, error_detail: Some(error), ..all() };
    stream.say.send(refusal).await.unwrap();
    controller.eventually("refusal", async |it| it.metric("heddle_rejected_proxies").await > 0.0).await;
    let shown = Command::new(env!("CARGO_BIN_EXE_heddle"))
        .args(["proxies", "--admin", &controller.admin.to_string()])
        .output()
        .unwrap();
    assert!(shown.status.success());
    for text in [controller.log(), String::from_utf8_lossy(&shown.stdout).into_owned()] {
        let obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(obeyed), "{text:?}");
        for line in text.lines() {
            assert!(line.len() < 4_096 && !line.starts_with("INFO forged"), "{line}");
        }
    }
    controller.peaked_within(64);
    cart.is_served().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_a_few_lines_and_a_count_and_metrics_have_one_series_each() {
    let controller = Controller::start(32).await;
    let cart = Caller::new(&controller, "cart", 1).certified().await;
    let web = Caller::new(&controller, "web", 10).certified().await;
    let mut refused = JoinSet::new();
    for _ in 0..100 {
        let node = Node { id: "nobody".into(), ..Default::default() };
        let first = DeltaDiscoveryRequest { node: Some(node), type_url: CDS.into(), ..Default::default() };
        let web = web.clone();
        refused.spawn(async move { web.open_as(first).await.unwrap().end().await });
    }
    for status in refused.join_all().await {
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    let lines = controller.log().lines().filter(|line| line.contains("stream ended")).count();
    assert!(lines <= 60, "{lines} lines");
    controller.eventually("count", async |it| it.log().contains("refusals not logged")).await;
    cart.is_served().await;
    let page = controller.page("metrics").await.unwrap();
    let mut seen = BTreeSet::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok() && seen.insert(series), "{line}");
    }
}
