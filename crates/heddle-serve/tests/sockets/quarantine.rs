//! A proxy's refusals, on its next stream.

use crate::client::{Delta, all, names};
use crate::world::World;
use heddle_proto::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use heddle_proto::google::rpc;
use heddle_session::ResourceType;

const WEB: &str = "external/shop/web-0";
const TEXT: &str = "Error adding/updating cluster(s) bad: no such filter";

/// A request that names the clusters held, by name and version.
fn holding(held: &[(&str, &str)]) -> DeltaDiscoveryRequest {
    let held = held.iter().map(|(name, version)| ((*name).to_string(), (*version).to_string()));
    DeltaDiscoveryRequest { initial_resource_versions: held.collect(), ..all(ResourceType::Cluster) }
}

/// Serves `a` and `bad` to a proxy that refuses the second, and whose stream then ends. Returns their versions.
async fn refused(world: &World) -> (String, String) {
    world.mesh.set(ResourceType::Cluster, "bad", b"refuse me");
    let mut stream = world.delta("web", WEB, all(ResourceType::Cluster)).await;
    let first = stream.hear().await;
    assert_eq!(names(&first), (vec!["a", "bad"], vec![]));
    let error = rpc::Status { message: TEXT.into(), ..Default::default() };
    let nack = DeltaDiscoveryRequest {
        response_nonce: first.nonce.clone(),
        error_detail: Some(error),
        ..all(ResourceType::Cluster)
    };
    stream.say(nack).await;
    world.eventually(|world| (world.metric("heddle_rejected_proxies") == 1.0).then_some(())).await;
    drop(stream);
    world.eventually(|world| world.registry.is_empty().then_some(())).await;
    assert_eq!(world.metric("heddle_rejected_proxies"), 0.0);
    (first.resources[0].version.clone(), first.resources[1].version.clone())
}

async fn refuses(world: &World) -> Vec<(String, String)> {
    let client = world.only_client().await;
    let types = client.types.into_iter().flat_map(|one| one.refused);
    types.map(|refused| (refused.name, refused.text)).collect()
}

async fn again(world: &World, first: DeltaDiscoveryRequest) -> Delta {
    world.delta("web", WEB, first).await
}

#[tokio::test]
async fn what_a_proxy_refused_is_not_sent_on_its_next_stream_until_it_changes() {
    let world = World::start().await;
    let (a, _) = refused(&world).await;
    let mut stream = again(&world, holding(&[("a", &a)])).await;
    stream.quiet().await;
    assert_eq!(refuses(&world).await, [("bad".to_string(), TEXT.to_string())]);
    assert_eq!(world.metric("heddle_rejected_proxies"), 1.0);
    world.mesh.set(ResourceType::Cluster, "bad", b"better");
    let better = stream.hear().await;
    assert_eq!(names(&better), (vec!["bad"], vec![]));
    stream.ack(&better).await;
    world.eventually(|world| (world.metric("heddle_rejected_proxies") == 0.0).then_some(())).await;
    assert_eq!(refuses(&world).await, []);
}

#[tokio::test]
async fn a_proxy_that_starts_anew_is_sent_what_the_one_before_refused() {
    let world = World::start().await;
    let (a, bad) = refused(&world).await;
    let mut stream = again(&world, all(ResourceType::Cluster)).await;
    let whole = stream.hear().await;
    assert_eq!(names(&whole), (vec!["a", "bad"], vec![]));
    stream.ack(&whole).await;
    stream.quiet().await;
    drop(stream);
    world.eventually(|world| world.registry.is_empty().then_some(())).await;
    let mut stream = again(&world, holding(&[("a", &a), ("bad", &bad)])).await;
    stream.quiet().await;
    assert_eq!(refuses(&world).await, [], "it took it");
}

#[tokio::test]
async fn what_a_workload_refused_is_forgotten_with_it() {
    let world = World::start().await;
    let (a, _) = refused(&world).await;
    let mut stream = again(&world, holding(&[("a", &a)])).await;
    stream.quiet().await;
    world.mesh.end(WEB);
    stream.end().await;
    world.mesh.run(WEB, "web");
    let mut stream = again(&world, holding(&[("a", &a)])).await;
    assert_eq!(names(&stream.hear().await), (vec!["bad"], vec![]));
}
