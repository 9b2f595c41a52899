//! Refusals: their words, and that they harm nobody else.

use crate::client::{Delta, all, check, names, node_of};
use crate::world::{World, grant, rules};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use heddle_ca::token::{self, Liveness, TokenKey};
use heddle_proto::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use heddle_proto::google::protobuf::{Struct, Value, value::Kind};
use heddle_serve::limits::Limits;
use heddle_session::ResourceType;
use std::time::{Duration, SystemTime};
use tonic::{Code, Status};

/// Returns how a stream ends that this account opens with this node id.
async fn named(world: &World, account: &str, node: &str) -> Status {
    world.delta(account, node, all(ResourceType::Cluster)).await.end().await
}

#[tokio::test]
async fn a_node_id_that_is_not_the_callers_is_refused() {
    let world = World::start().await;
    let text = "the node id external/shop/cart-0 is not the caller's: the caller is shop/web";
    check(&named(&world, "web", "external/shop/cart-0").await, Code::PermissionDenied, text);
    let text = "the node id pod/pay/web-0 is not the caller's: the caller is shop/web";
    check(&named(&world, "web", "pod/pay/web-0").await, Code::PermissionDenied, text);
    let text = "the workload external/shop/web-9 is not known yet, try again";
    check(&named(&world, "web", "external/shop/web-9").await, Code::Unavailable, text);
    let text = "the node id \"sidecar~1.2.3.4\" is not a workload, want \"pod/<namespace>/<name>\" or \"external/<namespace>/<name>\"";
    check(&named(&world, "web", "sidecar~1.2.3.4").await, Code::InvalidArgument, text);
    assert_eq!(world.metric("heddle_streams_refused_total{code=\"permission_denied\"}"), 2.0);
    assert_eq!(world.mesh.joined(), 0);
}

#[tokio::test]
async fn a_token_of_one_workload_names_no_other_of_its_account() {
    let world = World::start().await;
    let first =
        DeltaDiscoveryRequest { node: Some(node_of("external/shop/web-1")), ..all(ResourceType::Cluster) };
    let token = world.token("web", "web-0");
    let mut stream = Delta::open(world.channel(None).await, Some(&token), first).await.unwrap();
    let text = "the node id external/shop/web-1 is not the caller's: the token is of external/shop/web-0";
    check(&stream.end().await, Code::PermissionDenied, text);
}

#[tokio::test]
async fn a_first_message_says_who_it_is() {
    let world = World::start().await;
    let channel = world.channel(Some(world.credential("web"))).await;
    let mut stream = Delta::open(channel.clone(), None, all(ResourceType::Cluster)).await.unwrap();
    check(&stream.end().await, Code::InvalidArgument, "the first message has no node");
    let mut node = node_of("external/shop/web-0");
    let value = Value { kind: Some(Kind::StringValue("both".into())) };
    node.metadata = Some(Struct { fields: [("heddle.capture".to_string(), value)].into() });
    let first = DeltaDiscoveryRequest { node: Some(node), ..all(ResourceType::Cluster) };
    let mut stream = Delta::open(channel, None, first).await.unwrap();
    let text = "node metadata \"heddle.capture\": \"both\" is no capture mode, want \"captured\", \"bound\" or \"bound:<network>\" (bound:127.11.0.0/16)";
    check(&stream.end().await, Code::InvalidArgument, text);
}

#[tokio::test]
async fn a_network_of_its_own_is_for_where_that_is_offered() {
    let mut node = node_of("external/shop/web-0");
    let value = Value { kind: Some(Kind::StringValue("bound:127.11.0.0/16".into())) };
    node.metadata = Some(Struct { fields: [("heddle.capture".to_string(), value)].into() });
    let first = DeltaDiscoveryRequest { node: Some(node), ..all(ResourceType::Cluster) };
    let world = World::start().await;
    let channel = world.channel(Some(world.credential("web"))).await;
    let mut stream = Delta::open(channel, None, first.clone()).await.unwrap();
    stream.hear().await;
    assert_eq!(world.only_client().await.groups, ["Mesh", "bound:127.11.0.0/16"]);
    let world = World::with(Limits { own_networks: false, ..Limits::default() }).await;
    let channel = world.channel(Some(world.credential("web"))).await;
    let mut stream = Delta::open(channel, None, first).await.unwrap();
    let text = "node metadata \"heddle.capture\": networks of a proxy's own (\"bound:127.11.0.0/16\") are not served here";
    check(&stream.end().await, Code::InvalidArgument, text);
}

/// Returns how a call ends that shows this token.
async fn shown(world: &World, token: Option<&str>) -> Status {
    let first =
        DeltaDiscoveryRequest { node: Some(node_of("external/shop/web-0")), ..all(ResourceType::Cluster) };
    Delta::open(world.channel(None).await, token, first).await.err().expect("refused")
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_refused() {
    let world = World::start().await;
    let none = "the caller has no client certificate and sent no bearer token";
    check(&shown(&world, None).await, Code::Unauthenticated, none);

    let now = SystemTime::now();
    let minute = Duration::from_secs(60);
    let long_ago = now - 2 * minute;
    let expired = token::issue(&world.tokens, &grant("web", "web-0", minute), &rules("heddle"), long_ago);
    let status = shown(&world, Some(&expired)).await;
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().starts_with("the token is refused: token expired "), "{status}");

    let other = token::issue(&world.tokens, &grant("web", "web-0", minute), &rules("kube"), now);
    let text = "the token is refused: token is for audience [\"kube\"], want one of {\"heddle\"}";
    check(&shown(&world, Some(&other)).await, Code::Unauthenticated, text);

    let (_, payload) = other.split_once('.').unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"x"}"#);
    let none = format!("{header}.{}.", payload.split('.').next().unwrap());
    let text = "the token is refused: token is signed with algorithm \"none\", want \"ES256\" or \"RS256\"";
    check(&shown(&world, Some(&none)).await, Code::Unauthenticated, text);

    let foreign = token::issue(&TokenKey::generate(), &grant("web", "web-0", minute), &rules("heddle"), now);
    let status = shown(&world, Some(&foreign)).await;
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().ends_with("which the issuer's key set does not have"), "{status}");
}

#[tokio::test]
async fn a_token_of_a_workload_that_is_gone_is_refused_for_good() {
    let world = World::start().await;
    world.liveness("external/shop/web-0", Liveness::Gone);
    let token = world.token("web", "web-0");
    let text = "the token is refused: external/shop/web-0 is gone";
    check(&shown(&world, Some(&token)).await, Code::Unauthenticated, text);
    let token = world.token("web", "web-9");
    let text = "external/shop/web-9 is not known yet, try again";
    check(&shown(&world, Some(&token)).await, Code::Unavailable, text);
}

#[tokio::test]
async fn a_million_names_end_their_stream_and_not_the_connection() {
    let world = World::start().await;
    let channel = world.channel(Some(world.credential("web"))).await;
    let first = DeltaDiscoveryRequest {
        node: Some(node_of("external/shop/web-0")),
        resource_names_subscribe: vec!["a".into(); 1_000_000],
        ..all(ResourceType::Endpoint)
    };
    let mut stream = Delta::open(channel.clone(), None, first).await.unwrap();
    let text = "a request names 1000000 resources, want at most 250000";
    check(&stream.end().await, Code::ResourceExhausted, text);
    let again =
        DeltaDiscoveryRequest { node: Some(node_of("external/shop/web-0")), ..all(ResourceType::Cluster) };
    let mut stream = Delta::open(channel, None, again).await.unwrap();
    assert_eq!(names(&stream.hear().await), (vec!["a"], vec![]));
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_its_stream() {
    let world = World::start().await;
    let long = DeltaDiscoveryRequest {
        resource_names_subscribe: (0..2_000_000).map(|i| format!("name-{i}")).collect(),
        ..all(ResourceType::Endpoint)
    };
    let status = world.delta("web", "external/shop/web-0", long).await.end().await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().ends_with(" bytes, want at most 16777216"), "{status}");
}
