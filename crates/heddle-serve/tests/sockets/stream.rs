//! The stream of a proxy that does all as it should.

use crate::client::{Delta, Sotw, all, bound_node, check, names, node_of};
use crate::world::World;
use heddle_proto::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use heddle_proto::google::rpc;
use heddle_session::ResourceType;
use tonic::Code;

#[tokio::test]
async fn a_delta_client_hears_what_there_is_and_then_what_changes() {
    let world = World::start().await;
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let first = stream.hear().await;
    assert_eq!(names(&first), (vec!["a"], vec![]));
    stream.ack(&first).await;
    stream.quiet().await;
    world.mesh.set(ResourceType::Cluster, "b", b"new");
    let second = stream.hear().await;
    assert_eq!(names(&second), (vec!["b"], vec![]));
    stream.ack(&second).await;
    world.mesh.set(ResourceType::Cluster, "b", b"new");
    stream.quiet().await;
    let converged = "heddle_convergence_seconds_count{plane=\"envoy\"}";
    world.eventually(|world| (world.metric(converged) == 1.0).then_some(())).await;
    assert_eq!(world.metric("heddle_push_total{plane=\"envoy\",type=\"CDS\"}"), 2.0);
    assert_eq!(world.metric("heddle_clients{plane=\"envoy\",protocol=\"delta\"}"), 1.0);
}

#[tokio::test]
async fn a_delta_client_that_comes_back_with_its_versions_is_sent_what_differs() {
    let world = World::start().await;
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let first = stream.hear().await;
    let version = first.resources[0].version.clone();
    drop(stream);
    world.mesh.set(ResourceType::Cluster, "b", b"meanwhile");
    let initial_resource_versions =
        [("a".to_string(), version), ("gone".to_string(), "x".to_string())].into();
    let again = DeltaDiscoveryRequest { initial_resource_versions, ..all(ResourceType::Cluster) };
    let mut stream = world.delta("web", "external/shop/web-0", again).await;
    let new = stream.hear().await;
    assert_eq!(names(&new), (vec!["b"], vec![]));
    stream.ack(&new).await;
    assert_eq!(names(&stream.hear().await), (vec![], vec!["gone"]));
}

#[tokio::test]
async fn a_delta_client_that_comes_back_to_the_same_is_sent_no_resource() {
    let world = World::start().await;
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let version = stream.hear().await.resources[0].version.clone();
    drop(stream);
    let initial_resource_versions = [("a".to_string(), version)].into();
    let again = DeltaDiscoveryRequest { initial_resource_versions, ..all(ResourceType::Cluster) };
    let mut stream = world.delta("web", "external/shop/web-0", again).await;
    stream.quiet().await;
    let seen = world.only_client().await;
    assert_eq!((seen.types[0].held, seen.types[0].pending), (1, 0));
}

#[tokio::test]
async fn an_envoy_that_captures_traffic_must_speak_delta() {
    let world = World::start().await;
    let first = DiscoveryRequest {
        node: Some(node_of("external/shop/web-0")),
        type_url: ResourceType::Cluster.url().into(),
        ..Default::default()
    };
    let token = world.token("web", "web-0");
    let mut stream = Sotw::open(world.channel(None).await, Some(&token), first).await.unwrap();
    let text = "an Envoy whose traffic is captured asks for clusters as they are dialled, and would lose all others over the state of the world: set api_type to DELTA_GRPC";
    check(&stream.end().await, Code::InvalidArgument, text);
}

#[tokio::test]
async fn a_state_of_the_world_client_hears_everything_at_every_change() {
    let world = World::start().await;
    let channel = world.channel(None).await;
    let token = world.token("web", "web-0");
    let ask = |nonce: &str, node: Option<&str>| DiscoveryRequest {
        node: node.map(bound_node),
        type_url: ResourceType::Cluster.url().into(),
        response_nonce: nonce.into(),
        ..Default::default()
    };
    let mut stream = Sotw::open(channel, Some(&token), ask("", Some("external/shop/web-0"))).await.unwrap();
    let first = stream.hear().await;
    assert_eq!((first.resources.len(), first.resources[0].value.as_ref()), (1, b"first".as_slice()));
    stream.say(ask(&first.nonce, None)).await;
    stream.quiet().await;
    world.mesh.set(ResourceType::Cluster, "b", b"second");
    let second = stream.hear().await;
    assert_eq!(second.resources.len(), 2);
    assert_ne!(first.version_info, second.version_info);
    let seen = world.only_client().await;
    assert_eq!((seen.protocol.as_str(), seen.proof.as_str()), ("sotw", "token"));
}

#[tokio::test]
async fn what_a_proxy_refuses_is_shown_with_its_words_and_its_objects() {
    let world = World::start().await;
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let first = stream.hear().await;
    let error = rpc::Status { message: "no such filter".into(), ..Default::default() };
    let nack = DeltaDiscoveryRequest {
        response_nonce: first.nonce,
        error_detail: Some(error),
        ..all(ResourceType::Cluster)
    };
    stream.say(nack).await;
    let rejections = "heddle_rejections_total{plane=\"envoy\",type=\"CDS\"}";
    world.eventually(|world| (world.metric(rejections) == 1.0).then_some(())).await;
    assert_eq!(world.metric("heddle_rejected_proxies"), 1.0);
    let seen = world.only_client().await;
    let refused = &seen.types[0].refused[0];
    assert_eq!((seen.workload.as_str(), seen.identity.as_str()), ("external/shop/web-0", "shop/web"));
    assert_eq!((seen.types[0].r#type.as_str(), refused.name.as_str()), ("CDS", "a"));
    assert_eq!((refused.text.as_str(), &refused.objects), ("no such filter", &vec!["Service shop/a".into()]));
    assert_eq!((seen.agent.as_str(), seen.proof.as_str()), ("envoy", "certificate"));
    assert_eq!(seen.groups, ["Mesh", "captured"]);
    world.mesh.set(ResourceType::Cluster, "a", b"better");
    let better = stream.hear().await;
    assert_eq!(names(&better), (vec!["a"], vec![]));
    stream.ack(&better).await;
    world.eventually(|world| (world.metric("heddle_rejected_proxies") == 0.0).then_some(())).await;
}

#[tokio::test]
async fn a_type_that_is_not_served_is_answered_that_there_is_none() {
    let world = World::start().await;
    let secret = DeltaDiscoveryRequest {
        type_url: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret".into(),
        resource_names_subscribe: vec!["identity".into()],
        ..Default::default()
    };
    let mut stream = world.delta("web", "external/shop/web-0", secret.clone()).await;
    let answer = stream.hear().await;
    assert_eq!(answer.type_url, secret.type_url);
    assert_eq!(names(&answer), (vec![], vec!["identity"]));
    stream.ack(&answer).await;
    stream.quiet().await;
    stream.say(all(ResourceType::Cluster)).await;
    assert_eq!(names(&stream.hear().await), (vec!["a"], vec![]));
}

#[tokio::test]
async fn a_client_belongs_to_the_mesh_while_its_stream_is_open() {
    let world = World::start().await;
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    stream.hear().await;
    assert_eq!((world.mesh.joined(), world.registry.len()), (1, 1));
    drop(stream);
    world.eventually(|world| (world.mesh.joined() == 0 && world.registry.is_empty()).then_some(())).await;
    assert_eq!(world.metric("heddle_clients{plane=\"envoy\",protocol=\"delta\"}"), 0.0);
}

#[tokio::test]
async fn a_token_opens_a_stream_of_its_own_workload() {
    let world = World::start().await;
    let first =
        DeltaDiscoveryRequest { node: Some(node_of("external/shop/web-0")), ..all(ResourceType::Cluster) };
    let token = world.token("web", "web-0");
    let mut stream = Delta::open(world.channel(None).await, Some(&token), first).await.unwrap();
    assert_eq!(names(&stream.hear().await), (vec!["a"], vec![]));
}

#[tokio::test]
async fn what_changed_before_a_client_was_counted_in_is_not_lost() {
    let world = World::start().await;
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let first = stream.hear().await;
    stream.ack(&first).await;
    let clients = world.mesh.forget();
    world.mesh.set(ResourceType::Cluster, "b", b"meanwhile");
    stream.quiet().await;
    world.mesh.remember(clients);
    assert_eq!(names(&stream.hear().await), (vec!["b"], vec![]));
}
