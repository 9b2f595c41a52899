//! Policies of both kinds, enforced by the server's own proxy, against callers of both planes.

use super::{AT_EDGE, CART, CART_1, CART_V1, ENVOY_WEB, INTRUDER, WEB};
use crate::app;
use crate::call::Speaks;
use crate::metrics::sum;
use crate::place::Actor;
use crate::stage::Stage;
use crate::story::{AUDIT, LINKERDS, NO_INTRUDER, POLICY, only_web};
use anyhow::Result;
use heddle::demo::scene::{Outcome, Scene};
use std::time::Duration;

pub(super) fn at_linkerd(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "An AccessPolicy enforced by linkerd2-proxy");
    enforce(stage, &mut scene, "cart", CART)?;
    Ok(scene.close("two identities denied, one admitted"))
}

pub(super) fn at_envoy(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "The same enforced by Envoy");
    enforce(stage, &mut scene, "edge", AT_EDGE)?;
    Ok(scene.close("two identities denied, one admitted"))
}

fn enforce(stage: &mut Stage, scene: &mut Scene, service: &str, host: u8) -> Result<()> {
    let status = |stage: &Stage, from: Actor, speaks, port| {
        stage.of(from).request(Stage::service(host, port), speaks, "/pay", &[])
    };
    let before = status(stage, INTRUDER, Speaks::Http1, app::HTTP)?;
    scene.assert(before.status == 200, format!("before the policy intruder gets {}", before.status))?;
    stage.manifests.write(POLICY, Some(&only_web(service)))?;
    let took = stage.until("intruder is denied", Duration::from_secs(10), |stage| {
        status(stage, INTRUDER, Speaks::Http1, app::HTTP).is_ok_and(|reply| reply.status == 403)
    })?;
    scene.assert(true, format!("intruder is denied {} ms after the policy was saved", took.as_millis()))?;
    for from in [INTRUDER, ENVOY_WEB] {
        for speaks in [Speaks::Http1, Speaks::Http2] {
            let reply = status(stage, from, speaks, app::HTTP)?;
            scene.assert(reply.status == 403, format!("{} {speaks:?}: {}", from.name, reply.line()))?;
        }
        let reply = status(stage, from, Speaks::Grpc, app::GRPC)?;
        let denied = reply.status == 403 || reply.grpc.as_deref() == Some("7");
        scene.assert(denied, format!("{} gRPC: {}", from.name, reply.line()))?;
        let heard = stage.of(from).bytes(Stage::service(host, app::BYTES), Some("ping"), 1)?;
        let text = format!("{} bytes: {:?} after {} ms", from.name, heard.lines, heard.took.as_millis());
        scene.assert(heard.lines.is_empty(), text)?;
    }
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let reply = status(stage, WEB, speaks, app::HTTP)?;
        scene.assert(reply.status == 200, format!("web {speaks:?} is served as before: {}", reply.status))?;
    }
    let heard = stage.of(WEB).bytes(Stage::service(host, app::BYTES), Some("ping"), 1)?;
    scene.assert(heard.lines.len() == 1, format!("web bytes: {:?}", heard.lines))?;
    let question = ["explain", "--from", "clients/intruder", "--to", &format!("shop/{service}:8080")];
    let source = format!("dir:{}", stage.manifests.0.display());
    let answer = stage.ask(&[&question[..], &["--source", &source]].concat())?;
    scene.tell(&answer);
    scene.assert(
        answer.contains("DENIED") && answer.contains("shop/only-web"),
        "heddle explain says who denies it",
    )?;
    stage.manifests.write(POLICY, None)?;
    let took = stage.until("intruder is served again", Duration::from_secs(10), |stage| {
        status(stage, INTRUDER, Speaks::Http1, app::HTTP).is_ok_and(|reply| reply.status == 200)
    })?;
    scene.assert(true, format!("without it intruder is served again after {} ms", took.as_millis()))
}

pub(super) fn deny_one(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "One identity denied by linkerd2-proxy, everyone else served");
    let status = |stage: &Stage, from: Actor, speaks| {
        stage.of(from).request(Stage::service(CART_1, app::HTTP), speaks, "/", &[])
    };
    stage.manifests.write(POLICY, Some(NO_INTRUDER))?;
    let took = stage.until("intruder is denied", Duration::from_secs(10), |stage| {
        status(stage, INTRUDER, Speaks::Http1).is_ok_and(|reply| reply.status == 403)
    })?;
    scene.assert(true, format!("intruder is denied after {} ms", took.as_millis()))?;
    for speaks in [Speaks::Http1, Speaks::Http2] {
        for (from, want) in [(INTRUDER, 403), (WEB, 200), (ENVOY_WEB, 200)] {
            let reply = status(stage, from, speaks)?;
            scene.assert(reply.status == want, format!("{} {speaks:?}: {}", from.name, reply.status))?;
        }
    }
    // Who writes the header by which they are told apart is still who it is.
    let web = WEB.dns();
    let forged = stage.of(INTRUDER).request(
        Stage::service(CART_1, app::HTTP),
        Speaks::Http1,
        "/",
        &[("l5d-client-id", &web)],
    )?;
    scene.assert(forged.status == 403, format!("intruder under web's name: {}", forged.status))?;
    stage.manifests.write(POLICY, None)?;
    stage.until("intruder is served again", Duration::from_secs(10), |stage| {
        status(stage, INTRUDER, Speaks::Http1).is_ok_and(|reply| reply.status == 200)
    })?;
    Ok(scene.close("requests told apart by the client's identity"))
}

pub(super) fn by_linkerds_objects(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "Server, HTTPRoutes, authorizations and a rate limit of Linkerd's");
    let status = |stage: &Stage, from: Actor, path: &str| {
        let reply = stage.of(from).request(Stage::service(CART_1, app::HTTP), Speaks::Http1, path, &[]);
        reply.map_or(0, |reply| reply.status)
    };
    stage.manifests.write(POLICY, Some(LINKERDS))?;
    let took = stage.until("intruder is denied", Duration::from_secs(10), |stage| {
        status(stage, INTRUDER, "/pay") == 403
    })?;
    scene.assert(true, format!("intruder may not pay after {} ms", took.as_millis()))?;
    for (from, path, want) in [
        (WEB, "/pay", 200),
        (ENVOY_WEB, "/pay", 403),
        (WEB, "/healthz", 200),
        (INTRUDER, "/healthz", 200),
        (ENVOY_WEB, "/healthz", 200),
        (WEB, "/elsewhere", 404),
    ] {
        let got = status(stage, from, path);
        scene.assert(got == want, format!("{} {path}: {got}", from.name))?;
    }
    let answers: Vec<u16> = (0..60).map(|_| status(stage, WEB, "/pay")).collect();
    let limited = answers.iter().filter(|status| **status == 429).count();
    scene.assert(limited > 0, format!("of 60 requests at once {limited} get 429"))?;
    scene.assert(status(stage, INTRUDER, "/healthz") == 200, "another client's are counted apart")?;
    stage.manifests.write(POLICY, None)?;
    stage.until("intruder is served again", Duration::from_secs(10), |stage| {
        status(stage, INTRUDER, "/pay") == 200
    })?;
    Ok(scene.close(format!("{limited} of 60 over the limit")))
}

pub(super) fn audit(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "A Server of Linkerd's in audit: everyone served, some logged");
    let ask = |stage: &Stage, from: Actor| {
        let reply = stage.of(from).request(Stage::service(CART_1, app::HTTP), Speaks::Http1, "/", &[]);
        reply.map_or(0, |reply| reply.status)
    };
    let counted = |stage: &Stage, kind: &str, name: &str| {
        let labels = [("authz_kind", kind), ("authz_name", name)];
        let page = stage.of(CART_V1).metrics().unwrap_or_default();
        sum(&page, "inbound_http_authz_allow_total", &labels)
    };
    stage.manifests.write(POLICY, Some(AUDIT))?;
    stage.until("intruder is admitted by audit", Duration::from_secs(10), |stage| {
        ask(stage, INTRUDER) == 200 && counted(stage, "default", "audit") > 0.0
    })?;
    let audited = counted(stage, "default", "audit");
    let named = counted(stage, "AuthorizationPolicy", "web");
    let served = [WEB, INTRUDER, ENVOY_WEB].map(|from| ask(stage, from));
    scene.assert(served == [200; 3], format!("web, intruder and envoy-web get {served:?}"))?;
    let more =
        (counted(stage, "default", "audit") - audited, counted(stage, "AuthorizationPolicy", "web") - named);
    scene.assert(
        more == (2.0, 1.0),
        format!("{} of them as audit, {} by the authorization", more.0, more.1),
    )?;
    stage.manifests.write(POLICY, None)?;
    Ok(scene.close("who is not authorized is logged as audit"))
}
