//! Refusals, their codes and words: a proxy asks again or not by the code.

use super::client::{Proxy, WEB, Words};
use crate::client::check;
use crate::world::{World, grant, rules};
use heddle_ca::token::{self, Liveness, TokenKey};
use heddle_serve::limits::Limits;
use std::time::{Duration, SystemTime};
use tonic::{Code, Status};

/// Returns how a question is refused that this account asks for this workload.
async fn named(world: &World, account: &str, who: &str) -> Status {
    world.proxy(account, who).await.get("cart:80").await.err().expect("refused")
}

#[tokio::test]
async fn a_workload_that_is_not_the_callers_is_refused() {
    let world = World::start().await;
    let text = "the node id external/shop/cart-0 is not the caller's: the caller is shop/web";
    check(&named(&world, "web", "external/shop/cart-0").await, Code::PermissionDenied, text);
    let text = "the node id pod/pay/web-0 is not the caller's: the caller is shop/web";
    check(&named(&world, "web", "pay:web-0").await, Code::PermissionDenied, text);
    let text = "the workload pod/shop/web-9 is not known yet, try again";
    let status = named(&world, "web", r#"{"ns":"shop","nodeName":"n","pod":"web-9"}"#).await;
    check(&status, Code::Unavailable, text);
    assert_eq!(world.metric("heddle_streams_refused_total{code=\"permission_denied\"}"), 2.0);
    assert!(world.registry.view().is_empty());
}

#[tokio::test]
async fn every_service_asks_who_the_caller_is() {
    let world = World::start().await;
    let proxy = world.proxy("web", "external/shop/cart-0").await;
    let refused = [
        proxy.get("cart:80").await.err(),
        proxy.get_profile("cart:80").await.err(),
        proxy.watch_port(8080).await.err(),
        proxy.get_port(8080).await.err(),
        proxy.watch("10.0.0.1:80").await.err(),
        proxy.get_policy("10.0.0.1:80").await.err(),
    ];
    let text = "the node id external/shop/cart-0 is not the caller's: the caller is shop/web";
    for status in refused {
        check(&status.expect("refused"), Code::PermissionDenied, text);
    }
}

#[tokio::test]
async fn a_context_that_names_no_workload_is_refused_for_good() {
    let world = World::start().await;
    for who in ["", "web-0", r#"{"ns":"shop"}"#] {
        let status = named(&world, "web", who).await;
        let text = format!("the context {who:?} is not a workload, want {{\"ns\": ");
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with(&text), "{status}");
    }
}

#[tokio::test]
async fn a_malformed_target_is_refused_for_good_and_one_that_is_missing_is_not() {
    let world = World::start().await;
    let proxy = world.proxy("web", WEB).await;
    let refused = |status: Option<Status>| status.expect("refused");
    let status = refused(proxy.get("cart").await.err());
    check(&status, Code::InvalidArgument, "\"cart\" has no port");
    let status = refused(proxy.get("none:80").await.err());
    check(&status, Code::NotFound, "there is no Service of \"none:80\"");
    let status = refused(proxy.watch("").await.err());
    check(&status, Code::InvalidArgument, "the question has no target");
    let status = refused(proxy.watch("10.0.0.1:0").await.err());
    check(&status, Code::InvalidArgument, "the target has port 0, want 1 to 65535");
    let status = refused(proxy.get(&"x".repeat(10_000)).await.err());
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(world.metric("heddle_clients{plane=\"linkerd\",protocol=\"linkerd\"}"), 0.0);
}

#[tokio::test]
async fn only_who_shows_who_it_is_is_answered() {
    let world = World::start().await;
    let anonymous = |token: Option<String>| {
        let world = &world;
        async move {
            let proxy: Proxy = match token {
                Some(token) => world.proxy_with_token(&token, WEB).await,
                None => world.proxy_without(WEB).await,
            };
            proxy.get("cart:80").await.err().expect("refused")
        }
    };
    let text = "the caller has no client certificate and sent no bearer token";
    check(&anonymous(None).await, Code::Unauthenticated, text);
    let minute = Duration::from_secs(60);
    let now = SystemTime::now();
    let old = token::issue(&world.tokens, &grant("web", "web-0", minute), &rules("heddle"), now - 2 * minute);
    let status = anonymous(Some(old)).await;
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().starts_with("the token is refused: token expired "), "{status}");
    let foreign = token::issue(&TokenKey::generate(), &grant("web", "web-0", minute), &rules("heddle"), now);
    assert_eq!(anonymous(Some(foreign)).await.code(), Code::Unauthenticated);
    let linkerds = rules("identity.l5d.io");
    let linkerds = token::issue(&world.tokens, &grant("web", "web-0", minute), &linkerds, now);
    let text = "the token is refused: token is for audience [\"identity.l5d.io\"], want one of {\"heddle\"}";
    check(&anonymous(Some(linkerds)).await, Code::Unauthenticated, text);
    world.liveness("external/shop/web-0", Liveness::Gone);
    let status = anonymous(Some(world.token("web", "web-0"))).await;
    check(&status, Code::Unauthenticated, "the token is refused: external/shop/web-0 is gone");
    let text = "external/shop/web-9 is not known yet, try again";
    check(&anonymous(Some(world.token("web", "web-9"))).await, Code::Unavailable, text);
}

#[tokio::test]
async fn a_connection_that_began_without_a_certificate_is_closed_so_that_another_is_made() {
    let world = World::start().await;
    let proxy = world.proxy_without(WEB).await;
    let refusals =
        async { while proxy.get("cart:80").await.err().expect("refused").code() == Code::Unauthenticated {} };
    let closed = tokio::time::timeout(Duration::from_secs(20), refusals).await;
    closed.expect("the connection is closed, however often it is tried");
}

#[tokio::test]
async fn a_token_of_one_workload_names_no_other_of_its_account() {
    let world = World::start().await;
    let token = world.token("web", "web-0");
    let proxy = world.proxy_with_token(&token, "external/shop/web-1").await;
    let text = "the node id external/shop/web-1 is not the caller's: the token is of external/shop/web-0";
    check(&proxy.get("cart:80").await.err().expect("refused"), Code::PermissionDenied, text);
    let proxy = world.proxy_with_token(&token, WEB).await;
    assert_eq!(proxy.get("cart:80").await.unwrap().hear().await, "none, exists: true");
}

#[tokio::test]
async fn a_workload_has_so_many_questions_and_no_more() {
    let world = World::with(Limits { questions_per_workload: 2, ..Limits::default() }).await;
    let proxy = world.proxy("web", WEB).await;
    let (one, _two) = (proxy.get("a:80").await.unwrap(), proxy.get("b:80").await.unwrap());
    let again = world.proxy("web", WEB).await;
    let text = "the workload external/shop/web-0 has 2 streams already";
    check(&again.get("c:80").await.err().expect("refused"), Code::ResourceExhausted, text);
    let other = world.proxy("web", "external/shop/web-1").await;
    other.get("c:80").await.unwrap().hear().await;
    drop(one);
    world.eventually(|world| (world.mesh.work().topics == 1).then_some(())).await;
    assert_eq!(again.get_port(8080).await.unwrap().words(), "");
}

#[tokio::test]
async fn a_replica_that_has_missed_changes_answers_nothing_and_gives_up_the_connection() {
    let world = World::start().await;
    let proxy = world.proxy("web", WEB).await;
    world.stale(&["Pod: no answer for 31s"]);
    let text = "this replica has stale objects, connect to another: Pod: no answer for 31s";
    check(&proxy.get("cart:80").await.err().expect("refused"), Code::Unavailable, text);
    world.eventually(|world| (world.metric("heddle_connections") == 0.0).then_some(())).await;
}
