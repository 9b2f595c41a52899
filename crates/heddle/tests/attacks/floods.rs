//! Attacks with a token or certificate of one workload.

use crate::controller::Controller;
use crate::honest::{CDS, Caller};
use heddle_proto::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Code;

const EDS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const RDS: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const SDS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

fn naming(type_url: &str, count: usize) -> DeltaDiscoveryRequest {
    let names = (0..count).map(|number| format!("{number:0>1000}")).collect();
    DeltaDiscoveryRequest { type_url: type_url.into(), resource_names_subscribe: names, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_nothing_are_kept_within_a_budget() {
    let controller = Controller::start(21).await;
    let cart = Caller::new(&controller, "cart", 1).certified().await;
    let web = Caller::new(&controller, "web", 10).certified().await;
    controller.forget_peak();
    // A route that does not exist is answered with one that is empty: its name counts several times.
    for (ty, count) in [(CDS, 10_000), (EDS, 10_000), (RDS, 3_000)] {
        let mut first = web.open(naming(ty, count)).await.expect("a stream");
        first.hear().await.unwrap().expect("an answer");
        for _ in 0..3 {
            let mut more = web.open(naming(ty, count)).await.expect("a stream");
            let ended = more.end().await;
            assert_eq!(ended.code(), Code::ResourceExhausted, "{ended}");
        }
        cart.is_served().await;
        drop(first);
        let open = "heddle_clients{plane=\"envoy\",protocol=\"delta\"}";
        controller.eventually("end of all streams", async |it| it.metric(open).await == 0.0).await;
    }
    assert_eq!(controller.metric("heddle_budget_exceeded_total{budget=\"workload\"}").await, 9.0);
    controller.peaked_within(256);
    controller.gives_back_all_but(40).await;
    cart.is_served().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_that_are_not_served_cost_nothing() {
    let controller = Controller::start(22).await;
    let cart = Caller::new(&controller, "cart", 1).certified().await;
    let web = Caller::new(&controller, "web", 10).certified().await;
    controller.forget_peak();
    let mut streams = Vec::new();
    for _ in 0..4 {
        // Nobody reads the answers: what is not taken in here comes to wait on the way.
        let stream = web.open(naming(SDS, 60)).await.expect("a stream");
        let flood = async { while stream.say.send(naming(SDS, 60)).await.is_ok() {} };
        let _ = timeout(Duration::from_secs(1), flood).await;
        streams.push(stream);
    }
    cart.is_served().await;
    controller.peaked_within(48);
    drop(streams);
    let mut refused = cart.open(naming(SDS, 1_000)).await.expect("a stream");
    assert_eq!(refused.end().await.code(), Code::ResourceExhausted);
    controller.gives_back_all_but(24).await;
    cart.is_served().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_for_one_workload_leave_some_for_others() {
    let controller = Controller::start(23).await;
    let cart = Caller::new(&controller, "cart", 1).certified().await;
    let web = Caller::new(&controller, "web", 10);
    controller.forget_peak();
    let mut codes = Vec::new();
    for _ in 0..40 {
        codes.push(web.certify().await.map_or_else(|status| status.code(), |_| Code::Ok));
    }
    let kinds: BTreeSet<String> = codes.iter().map(|code| format!("{code:?}")).collect();
    assert_eq!(kinds, ["Ok", "ResourceExhausted"].map(String::from).into());
    cart.is_served().await;
    let given = controller.metric("heddle_certificates_issued_total{result=\"ok\"}").await;
    assert!(given < 30.0, "{given}");
    controller.peaked_within(32);
}
