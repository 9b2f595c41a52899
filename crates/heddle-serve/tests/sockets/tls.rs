//! Peers that get a connection at all.

use crate::client::{all, dial, names};
use crate::world::{World, authority, credential, material};
use heddle_session::ResourceType;
use std::io;
use std::time::{Duration, SystemTime};
use tokio::io::AsyncReadExt;

/// In TLS 1.3 a client learns at its first read that its certificate was refused.
async fn refusal(world: &World, shown: &crate::world::Credential) -> io::Error {
    match dial(world.address, &world.authority, Some(shown)).await {
        Ok(mut stream) => stream.read_exact(&mut [0; 1024]).await.expect_err("refused"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_certificate_of_another_root_is_refused() {
    let world = World::start().await;
    let foreign = credential(&authority(), "web", Duration::from_secs(60), SystemTime::now());
    let error = refusal(&world, &foreign).await.to_string();
    assert_eq!(error, "received fatal alert: UnknownCA");
    let refused = "heddle_connections_refused_total{reason=\"handshake\"}";
    world.eventually(|world| (world.metric(refused) == 1.0).then_some(())).await;
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let world = World::start().await;
    // The intermediate is dated back by a minute, and so can a leaf be.
    let old = SystemTime::now() - Duration::from_secs(30);
    let expired = credential(&world.authority, "web", Duration::from_secs(10), old);
    let error = refusal(&world, &expired).await.to_string();
    assert_eq!(error, "received fatal alert: CertificateExpired");
}

#[tokio::test]
async fn the_serving_certificate_is_replaced_while_running() {
    let world = World::start().await;
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let heard = stream.hear().await;
    stream.ack(&heard).await;
    let next = authority();
    world.tls.replace(material(&next, &next)).unwrap();
    assert!(dial(world.address, &world.authority, None).await.is_err(), "the old root still verifies");
    dial(world.address, &next, None).await.unwrap();
    let old_client = world.credential("web");
    let mut refused = dial(world.address, &next, Some(&old_client)).await.unwrap();
    let error = refused.read_exact(&mut [0; 1024]).await.expect_err("refused").to_string();
    assert_eq!(error, "received fatal alert: UnknownCA");
    // What was open stays open.
    world.mesh.set(ResourceType::Cluster, "b", b"later");
    assert_eq!(names(&stream.hear().await), (vec!["b"], vec![]));
}

#[tokio::test]
async fn material_that_cannot_be_used_changes_nothing() {
    let world = World::start().await;
    let mut bad = material(&world.authority, &world.authority);
    bad.key = material(&world.authority, &world.authority).key;
    let error = world.tls.replace(bad).expect_err("another key").to_string();
    assert!(error.starts_with("the serving certificate cannot be used: "), "{error}");
    dial(world.address, &world.authority, None).await.unwrap();
}
