//! Ends of streams, and their reasons.

use crate::client::{Delta, all, check, node_of};
use crate::world::{World, credential};
use heddle_proto::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use heddle_serve::limits::Limits;
use heddle_session::ResourceType;
use std::time::{Duration, Instant, SystemTime};
use tonic::Code;

fn first() -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest { node: Some(node_of("external/shop/web-0")), ..all(ResourceType::Cluster) }
}

const EXPIRING: &str = "the credential of this stream is about to expire: connect again with a new one";

#[tokio::test]
async fn a_stream_ends_before_its_certificate_expires() {
    let world = World::start().await;
    let short = credential(&world.authority, "web", Duration::from_secs(4), SystemTime::now());
    let expires = short.leaf.validity().not_after;
    let mut stream = Delta::open(world.channel(Some(short)).await, None, first()).await.unwrap();
    stream.hear().await;
    check(&stream.end().await, Code::Unavailable, EXPIRING);
    assert!(SystemTime::now() < expires, "it outlived its certificate");
}

#[tokio::test]
async fn a_stream_ends_before_its_token_expires() {
    let world = World::start().await;
    let token = world.token_for("web", "web-0", Duration::from_secs(3));
    let start = Instant::now();
    let mut stream = Delta::open(world.channel(None).await, Some(&token), first()).await.unwrap();
    stream.hear().await;
    check(&stream.end().await, Code::Unavailable, EXPIRING);
    assert!(start.elapsed() < Duration::from_secs(3), "it outlived its token");
}

#[tokio::test]
async fn a_stream_ends_with_its_workload() {
    let world = World::start().await;
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let mut other = world.delta("web", "external/shop/web-1", all(ResourceType::Cluster)).await;
    stream.hear().await;
    let heard = other.hear().await;
    other.ack(&heard).await;
    world.mesh.end("external/shop/web-0");
    check(&stream.end().await, Code::NotFound, "the workload of this stream is gone");
    other.quiet().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_workload_runs_as_another() {
    let world = World::start().await;
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    stream.hear().await;
    world.mesh.run("external/shop/web-0", "cart");
    let text = "the workload of this stream has another identity now";
    check(&stream.end().await, Code::PermissionDenied, text);
}

#[tokio::test]
async fn a_stream_ends_when_its_workload_is_made_again_under_its_name() {
    let world = World::start().await;
    let text = "the workload of this stream was deleted, and another has its name";
    let token = world.token("web", "web-0");
    world.mesh.is("external/shop/web-0", "1");
    world.mesh.is("external/shop/web-1", "7");
    let mut other = world.delta("web", "external/shop/web-1", all(ResourceType::Cluster)).await;
    let heard = other.hear().await;
    other.ack(&heard).await;
    let mut by_leaf = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    by_leaf.hear().await;
    world.mesh.is("external/shop/web-0", "2");
    check(&by_leaf.end().await, Code::NotFound, text);

    // A certificate may speak for whoever has the name now, until it expires; and again only for that one.
    let mut again = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    again.hear().await;
    let mut by_token = Delta::open(world.channel(None).await, Some(&token), first()).await.unwrap();
    by_token.hear().await;
    world.mesh.is("external/shop/web-0", "3");
    check(&again.end().await, Code::NotFound, text);
    check(&by_token.end().await, Code::NotFound, text);
    other.quiet().await;
}

#[tokio::test]
async fn an_old_stream_ends_and_may_come_back() {
    let stream_age = Duration::from_millis(200);
    let world = World::with(Limits { stream_age, ..Limits::default() }).await;
    let channel = world.channel(Some(world.credential("web"))).await;
    for _ in 0..2 {
        let mut stream = Delta::open(channel.clone(), None, first()).await.unwrap();
        stream.hear().await;
        check(&stream.end().await, Code::Unavailable, "this stream is old: connect again");
    }
}

#[tokio::test]
async fn draining_ends_streams_then_connections_then_the_server() {
    let drain_spread = Duration::from_millis(100);
    let world = World::with(Limits { drain_spread, ..Limits::default() }).await;
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    stream.hear().await;
    let drain = world.drain.clone();
    let finished = tokio::spawn(async move { drain.finish(Duration::from_secs(10)).await });
    let text = "the controller is shutting down: connect again";
    check(&stream.end().await, Code::Unavailable, text);
    drop(stream);
    assert!(finished.await.unwrap(), "not in time");
    world.serving.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err(), "still listening");
}

#[tokio::test]
async fn draining_does_not_wait_for_a_client_that_never_reads() {
    let drain_spread = Duration::from_millis(100);
    let world = World::with(Limits { drain_spread, ..Limits::default() }).await;
    world.mesh.set(ResourceType::Cluster, "large", &vec![7; 4 << 20]);
    let _slow = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    world.only_client().await;
    assert!(!world.drain.finish(Duration::from_secs(1)).await, "it was waited for");
    world.serving.await.unwrap().unwrap();
}
