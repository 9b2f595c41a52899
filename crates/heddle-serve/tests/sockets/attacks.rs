//! Floods within what a caller may do, and what others notice of them.

use crate::client::{Delta, all, check, names, node_of};
use crate::world::{World, grant, rules};
use heddle_ca::PrivateKey;
use heddle_ca::token::{self, TokenKey};
use heddle_proto::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use heddle_proto::istio::v1::auth::IstioCertificateRequest;
use heddle_proto::istio::v1::auth::istio_certificate_service_client::IstioCertificateServiceClient;
use heddle_session::ResourceType;
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// Asks for a certificate over a connection.
async fn certify(channel: Channel, token: String) -> Result<(), Status> {
    let csr = PrivateKey::generate().request_pem();
    let mut request = Request::new(IstioCertificateRequest { csr, ..Default::default() });
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    IstioCertificateServiceClient::new(channel).create_certificate(request).await.map(drop)
}

/// A token of web-0 whose key nobody has.
fn forged() -> String {
    let claims = grant("web", "web-0", Duration::from_secs(600));
    token::issue(&TokenKey::generate(), &claims, &rules("heddle"), SystemTime::now())
}

#[tokio::test]
async fn forgeries_that_nobody_answers_for_keep_no_caller_from_its_certificate() {
    let world = World::with_silent_issuer().await;
    let mut forgeries = JoinSet::new();
    for _ in 0..115 {
        forgeries.spawn(certify(world.channel(None).await, forged()));
    }
    // Those that find no place are refused at once; the others wait for the issuer.
    while forgeries.len() > 8 {
        let refused = forgeries.join_next().await.unwrap().unwrap().expect_err("refused");
        check(&refused, Code::Unavailable, "too many tokens wait to be checked, try again");
    }
    for (account, name) in [("web", "web-0"), ("web", "web-1"), ("cart", "cart-0")] {
        for _ in 0..10 {
            let token = world.token(account, name);
            certify(world.channel(None).await, token).await.expect("a certificate");
        }
    }
    assert_eq!(world.metric("heddle_certificates_issued_total{result=\"ok\"}"), 30.0);
    assert_eq!(forgeries.len(), 8, "they wait still");
}

#[tokio::test]
async fn a_workload_that_asks_for_certificates_all_the_time_is_told_to_wait() {
    let world = World::start().await;
    let token = world.token("web", "web-0");
    let channel = world.channel(None).await;
    for _ in 0..16 {
        certify(channel.clone(), token.clone()).await.expect("a certificate");
    }
    let refused = certify(channel, token).await.expect_err("refused");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let text = "external/shop/web-0 asks for certificates too often, try again in ";
    assert!(refused.message().starts_with(text), "{refused}");
    // Another workload of the same identity is another holder.
    certify(world.channel(None).await, world.token("web", "web-1")).await.expect("a certificate");
    assert_eq!(world.metric("heddle_certificates_issued_total{result=\"exhausted\"}"), 1.0);
}

/// A stream of a workload that names so many resources that do not exist.
async fn naming(world: &World, node: &str, ty: ResourceType, count: usize) -> Delta {
    let missing = (0..count).map(|number| format!("{number:0>1000}"));
    let first = DeltaDiscoveryRequest { resource_names_subscribe: missing.collect(), ..all(ty) };
    world.delta("web", node, first).await
}

#[tokio::test]
async fn what_a_workload_names_that_there_is_not_is_counted_over_its_streams() {
    let world = World::start().await;
    let web = "external/shop/web-0";
    let mut first = naming(&world, web, ResourceType::Cluster, 7_000).await;
    assert_eq!(first.hear().await.removed_resources.len(), 7_000);
    let mut second = naming(&world, web, ResourceType::Endpoint, 7_000).await;
    second.hear().await;
    let mut third = naming(&world, web, ResourceType::Route, 7_000).await;
    let text = "external/shop/web-0 has 23688000 bytes kept of names and questions of its own, want at most 16777216";
    check(&third.end().await, Code::ResourceExhausted, text);
    assert_eq!(world.metric("heddle_budget_exceeded_total{budget=\"workload\"}"), 1.0);
    // Another workload has a budget of its own, and what went is given back.
    let mut other = naming(&world, "external/shop/web-1", ResourceType::Cluster, 7_000).await;
    other.hear().await;
    drop((first, second));
    world.eventually(|world| (world.registry.len() == 1).then_some(())).await;
    let mut again = naming(&world, web, ResourceType::Cluster, 14_000).await;
    again.hear().await;
}

#[tokio::test]
async fn a_type_that_is_not_served_holds_no_more_than_a_small_answer() {
    let world = World::start().await;
    let secret = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
    let request = |count: usize| DeltaDiscoveryRequest {
        type_url: secret.into(),
        resource_names_subscribe: (0..count).map(|number| format!("{number:0>1000}")).collect(),
        ..Default::default()
    };
    let mut stream = world.delta("web", "external/shop/web-0", request(60)).await;
    assert_eq!(stream.hear().await.removed_resources.len(), 60);
    stream.say(request(70)).await;
    let text = "a request names 70000 bytes of a type that is not served, want at most 65536";
    check(&stream.end().await, Code::ResourceExhausted, text);
}

#[tokio::test]
async fn a_proxy_of_a_mesh_of_100_000_pods_comes_back() {
    let world = World::start().await;
    let all_names: Vec<String> = (0..110_000_u32)
        .map(|pod| format!("pod:{}", std::net::Ipv4Addr::from_bits(0x0a00_0000 + pod)))
        .collect();
    world.mesh.fill(ResourceType::Cluster, &all_names);
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let response = stream.hear().await;
    assert_eq!(response.resources.len(), all_names.len() + 1);
    let held = response.resources.into_iter().map(|resource| (resource.name, resource.version)).collect();
    drop(stream);
    let again = DeltaDiscoveryRequest { initial_resource_versions: held, ..all(ResourceType::Cluster) };
    assert!(prost::Message::encoded_len(&again) > 5 << 20, "more than the 4 MiB that gRPC allows by default");
    let first = DeltaDiscoveryRequest { node: Some(node_of("external/shop/web-0")), ..again };
    let channel = world.channel(Some(world.credential("web"))).await;
    let mut stream = Delta::open(channel, None, first).await.unwrap();
    world.only_client().await;
    world.mesh.set(ResourceType::Cluster, "pod:10.0.0.1", b"two");
    assert_eq!(names(&stream.hear().await), (vec!["pod:10.0.0.1"], vec![]));
}
