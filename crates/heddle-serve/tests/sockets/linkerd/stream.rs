//! The stream of a proxy that does all as it should.

use super::client::{WEB, Words};
use crate::world::World;
use tonic::{Code, Status};

#[tokio::test]
async fn endpoints_are_told_whole_and_then_by_their_difference() {
    let world = World::start().await;
    world.mesh.say("Get cart:80", "8080 8081");
    let proxy = world.proxy("web", WEB).await;
    let mut stream = proxy.get("cart:80").await.unwrap();
    assert_eq!(stream.hear().await, "+8080 8081");
    stream.quiet().await;
    world.mesh.say("Get cart:80", "8081 8082");
    assert_eq!(stream.hear().await, "-8080");
    assert_eq!(stream.hear().await, "+8082");
    world.mesh.say("Get cart:80", "8082 8081");
    stream.quiet().await;
    let mut late = proxy.get("cart:80").await.unwrap();
    assert_eq!(late.hear().await, "+8081 8082");
    assert_eq!(world.metric("heddle_push_total{plane=\"linkerd\",type=\"Get\"}"), 4.0);
}

#[tokio::test]
async fn what_has_no_endpoints_is_answered_at_once() {
    let world = World::start().await;
    let proxy = world.proxy("web", WEB).await;
    assert_eq!(proxy.get("cart:80").await.unwrap().hear().await, "none, exists: true");
}

#[tokio::test]
async fn policies_and_profiles_are_told_whole_each_time_and_never_twice() {
    let world = World::start().await;
    let topics = ["WatchPort 8080", "Watch 10.0.0.1:80", "Watch cart.shop:80", "GetProfile cart:80"];
    topics.iter().for_each(|topic| world.mesh.say(topic, "one"));
    let proxy = world.proxy("web", WEB).await;
    let mut port = proxy.watch_port(8080).await.unwrap();
    let mut address = proxy.watch("10.0.0.1:80").await.unwrap();
    let mut name = proxy.watch("cart.shop:80").await.unwrap();
    let mut profile = proxy.get_profile("cart:80").await.unwrap();
    for text in ["one", "two"] {
        topics.iter().for_each(|topic| world.mesh.say(topic, text));
        assert_eq!(port.hear().await, text);
        assert_eq!(address.hear().await, text);
        assert_eq!(name.hear().await, text);
        assert_eq!(profile.hear().await, text);
        topics.iter().for_each(|topic| world.mesh.say(topic, text));
        tokio::join!(port.quiet(), address.quiet(), name.quiet(), profile.quiet());
    }
}

#[tokio::test]
async fn a_proxy_that_comes_back_is_told_the_whole_again() {
    let world = World::start().await;
    world.mesh.say("Get cart:80", "8080 8081");
    let proxy = world.proxy("web", WEB).await;
    let mut stream = proxy.get("cart:80").await.unwrap();
    assert_eq!(stream.hear().await, "+8080 8081");
    drop((stream, proxy));
    world.eventually(|world| (world.mesh.work().topics == 0).then_some(())).await;
    world.mesh.say("Get cart:80", "8082");
    let proxy = world.proxy("web", WEB).await;
    let mut stream = proxy.get("cart:80").await.unwrap();
    assert_eq!(stream.hear().await, "+8082");
    world.mesh.say("Get cart:80", "");
    assert_eq!(stream.hear().await, "-8082");
}

#[tokio::test]
async fn a_call_for_one_message_gets_the_first_state() {
    let world = World::start().await;
    world.mesh.say("WatchPort 8080", "port");
    world.mesh.say("Watch 10.0.0.1:80", "address");
    let proxy = world.proxy("web", WEB).await;
    assert_eq!(proxy.get_port(8080).await.unwrap().words(), "port");
    assert_eq!(proxy.get_policy("10.0.0.1:80").await.unwrap().words(), "address");
    world.eventually(|world| (world.mesh.work().topics == 0).then_some(())).await;
    world.mesh.say("Watch 10.0.0.1:80", "again");
    let status = proxy.get_policy("10.0.0.1:80").await.expect_err("refused");
    crate::client::check(&status, Code::Unavailable, "the answer is about to change, try again");
    world.mesh.say("WatchPort 8080", "again");
    let status = proxy.get_port(8080).await.expect_err("refused");
    crate::client::check(&status, Code::Unavailable, "the workload of this stream is gone");
}

#[tokio::test]
async fn a_question_that_must_be_asked_again_ends_without_an_error() {
    let world = World::start().await;
    world.mesh.say("Watch 10.0.0.1:80", "one");
    let proxy = world.proxy("web", WEB).await;
    let mut stream = proxy.watch("10.0.0.1:80").await.unwrap();
    assert_eq!(stream.hear().await, "one");
    world.mesh.say("Watch 10.0.0.1:80", "again");
    assert_eq!(stream.end().await.code(), Status::ok("").code());
}

#[tokio::test]
async fn the_streams_of_a_connection_are_shown_as_one() {
    let world = World::start().await;
    let proxy = world.proxy("web", WEB).await;
    let (mut one, mut two) = (proxy.get("a:80").await.unwrap(), proxy.get("b:80").await.unwrap());
    let mut port = proxy.watch_port(8080).await.unwrap();
    tokio::join!(one.hear(), two.hear(), port.hear());
    world.mesh.say("Get a:80", "8080");
    tokio::join!(one.hear(), async {});
    let seen = world.only_client().await;
    assert_eq!((seen.workload.as_str(), seen.identity.as_str()), ("external/shop/web-0", "shop/web"));
    assert_eq!((seen.plane.as_str(), seen.protocol.as_str()), ("linkerd", "linkerd"));
    let types: Vec<_> = seen.types.iter().map(|ty| (ty.r#type.as_str(), ty.held, ty.sent)).collect();
    assert_eq!(types, [("Get", 2, Some(1)), ("WatchPort", 1, Some(0))]);
    let open = "heddle_clients{plane=\"linkerd\",protocol=\"linkerd\"}";
    assert_eq!(world.metric(open), 3.0);
    drop((one, two, port, proxy));
    world.eventually(|world| world.registry.view().is_empty().then_some(())).await;
    assert_eq!((world.metric(open), world.mesh.work().topics), (0.0, 0));
}
