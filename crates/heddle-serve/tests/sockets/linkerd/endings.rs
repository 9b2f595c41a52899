//! Ends of streams, and their reasons.

use super::client::{WEB, Words};
use crate::client::check;
use crate::linkerd::client::Heard;
use crate::world::{World, credential};
use heddle_serve::limits::Limits;
use std::time::{Duration, SystemTime};
use tonic::Code;

/// Two streams of each workload, both told something.
async fn two(world: &World, who: &str) -> [Heard<impl Words + use<>>; 2] {
    let proxy = world.proxy("web", who).await;
    let mut streams = [proxy.get("a:80").await.unwrap(), proxy.get("b:80").await.unwrap()];
    for stream in &mut streams {
        stream.hear().await;
    }
    streams
}

#[tokio::test]
async fn the_streams_of_a_workload_end_with_it_and_no_others_wake() {
    let world = World::start().await;
    let mut gone = two(&world, WEB).await;
    let mut others = two(&world, "external/shop/web-1").await;
    let before = world.mesh.work().wakes;
    world.mesh.end("external/shop/web-0");
    for stream in &mut gone {
        check(&stream.end().await, Code::Unavailable, "the workload of this stream is gone");
    }
    // The guard of the two: it wakes them.
    assert_eq!(world.mesh.work().wakes, before + 1);
    others[0].quiet().await;
    world.mesh.say("Get a:80", "8080");
    assert_eq!(others[0].hear().await, "-");
}

#[tokio::test]
async fn the_streams_of_a_workload_end_when_it_runs_as_another() {
    let world = World::start().await;
    let mut streams = two(&world, WEB).await;
    world.mesh.run("external/shop/web-0", "web");
    streams[0].quiet().await;
    world.mesh.run("external/shop/web-0", "cart");
    for stream in &mut streams {
        let text = "the workload of this stream has another identity now";
        check(&stream.end().await, Code::PermissionDenied, text);
    }
}

#[tokio::test]
async fn the_streams_of_a_workload_end_when_another_takes_its_name() {
    let world = World::start().await;
    world.mesh.is("external/shop/web-0", "1");
    let mut streams = two(&world, WEB).await;
    world.mesh.is("external/shop/web-1", "7");
    streams[0].quiet().await;
    world.mesh.is("external/shop/web-0", "2");
    for stream in &mut streams {
        let text = "the workload of this stream was deleted, and another has its name";
        check(&stream.end().await, Code::PermissionDenied, text);
    }
}

#[tokio::test]
async fn the_streams_of_a_token_end_before_it_expires() {
    let world = World::start().await;
    let token = world.token_for("web", "web-0", Duration::from_secs(3));
    let expires = SystemTime::now() + Duration::from_secs(3);
    let proxy = world.proxy_with_token(&token, WEB).await;
    let mut stream = proxy.get("a:80").await.unwrap();
    stream.hear().await;
    let text = "the credential of this stream is about to expire: connect again with a new one";
    check(&stream.end().await, Code::Unavailable, text);
    assert!(SystemTime::now() < expires, "it outlived its token");
}

/// A proxy asks again over the connection that it has: with a certificate that has expired it would be refused for
/// ever.
#[tokio::test]
async fn a_connection_closes_when_its_certificate_expires() {
    let world = World::start().await;
    let short = credential(&world.authority, "web", Duration::from_secs(3), SystemTime::now());
    let proxy = world.proxy_of(world.plain_http2(Some(short)).await, WEB);
    let mut stream = proxy.get("a:80").await.unwrap();
    stream.hear().await;
    assert_ne!(stream.end().await.code(), Code::Ok);
    world.eventually(|world| (world.metric("heddle_connections") == 0.0).then_some(())).await;
    assert!(world.registry.view().is_empty());
    world.proxy("web", WEB).await.get("a:80").await.unwrap().hear().await;
}

#[tokio::test]
async fn draining_ends_streams_and_then_the_server() {
    let drain_spread = Duration::from_millis(100);
    let world = World::with(Limits { drain_spread, ..Limits::default() }).await;
    let mut streams = two(&world, WEB).await;
    let drain = world.drain.clone();
    let finished = tokio::spawn(async move { drain.finish(Duration::from_secs(20)).await });
    for stream in &mut streams {
        check(&stream.end().await, Code::Unavailable, "the controller is shutting down: connect again");
    }
    drop(streams);
    assert!(finished.await.unwrap(), "not in time");
    world.serving.await.unwrap().unwrap();
}
