//! Calls of every kind between two planes, with the caller's identity as the server's proxy verified it.

use super::{AT_EDGE, CART, CART_V1, CART_V2, EDGE, ENVOY_WEB, WEB};
use crate::app;
use crate::call::Speaks;
use crate::metrics::sum;
use crate::place::Actor;
use crate::stage::Stage;
use anyhow::{Context, Result};
use heddle::demo::app::Seen;
use heddle::demo::scene::{Outcome, Scene};
use heddle_capture::CapturedBy;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub(super) fn linkerd_to_linkerd(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "Two linkerd2-proxies: HTTP/1.1, HTTP/2, gRPC and bytes over mTLS");
    all_kinds(stage, &mut scene, WEB, CART)?;
    let client = sum(
        &stage.of(WEB).metrics()?,
        "tcp_open_total",
        &[("direction", "outbound"), ("peer", "dst"), ("tls", "true"), ("server_id", &CART_V1.dns())],
    );
    scene.assert(
        client > 0.0,
        format!("web's proxy counts {client} connections with tls=\"true\" to cart's identity"),
    )?;
    let servers: Result<Vec<f64>> =
        [CART_V1, CART_V2].iter().map(|server| accepted(stage, *server, WEB)).collect();
    let server: f64 = servers?.iter().sum();
    scene.assert(
        server > 0.0,
        format!("cart's proxies count {server} with tls=\"true\" from web's identity"),
    )?;
    for port in app::PORTS {
        let at = SocketAddr::new(IpAddr::V4(CART_V1.address()), port);
        let plain = stage.from_outside(at);
        let refused = plain.as_ref().map_or(true, |reply| reply.status == 403);
        let answer = plain.map_or_else(|error| format!("{error:#}"), |reply| reply.line());
        scene.assert(refused, format!("plain text to {at} is refused: {answer}"))?;
    }
    Ok(scene.close("each call's client identity verified by the server"))
}

pub(super) fn linkerd_to_envoy(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "linkerd2-proxy calls Envoy");
    all_kinds(stage, &mut scene, WEB, AT_EDGE)?;
    let client = sum(
        &stage.of(WEB).metrics()?,
        "tcp_open_total",
        &[("direction", "outbound"), ("peer", "dst"), ("tls", "true"), ("server_id", &EDGE.dns())],
    );
    scene.assert(client > 0.0, format!("web's proxy verified edge's identity on {client} connections"))?;
    Ok(scene.close("the caller's SPIFFE ID verified by Envoy"))
}

pub(super) fn envoy_to_linkerd(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "Envoy calls linkerd2-proxy");
    all_kinds(stage, &mut scene, ENVOY_WEB, CART)?;
    let servers: Result<Vec<f64>> =
        [CART_V1, CART_V2].iter().map(|server| accepted(stage, *server, ENVOY_WEB)).collect();
    let server: f64 = servers?.iter().sum();
    scene.assert(
        server > 0.0,
        format!("cart's proxies count {server} with tls=\"true\" from envoy-web's identity"),
    )?;
    let (_, stats) = stage.of(ENVOY_WEB).get("http://127.0.0.1:15000/stats?filter=ssl.handshake$")?;
    let shakes: u64 = stats.lines().filter_map(|line| line.rsplit(": ").next()?.parse::<u64>().ok()).sum();
    scene.assert(
        shakes > 0,
        format!("envoy-web's Envoy finished {shakes} handshakes, each with one server's identity"),
    )?;
    Ok(scene.close("the caller's name verified by linkerd2-proxy"))
}

/// Connections that a linkerd2-proxy accepted from somebody over mTLS.
fn accepted(stage: &Stage, server: Actor, from: Actor) -> Result<f64> {
    let labels = [("direction", "inbound"), ("peer", "src"), ("tls", "true"), ("client_id", &from.dns())];
    Ok(sum(&stage.of(server).metrics()?, "tcp_open_total", &labels))
}

fn all_kinds(stage: &mut Stage, scene: &mut Scene, from: Actor, to: u8) -> Result<()> {
    for (speaks, port, want) in [
        (Speaks::Http1, app::HTTP, "HTTP/1.1"),
        (Speaks::Http2, app::HTTP, "HTTP/2.0"),
        (Speaks::Grpc, app::GRPC, "HTTP/2.0"),
    ] {
        let reply = stage.of(from).request(Stage::service(to, port), speaks, "/hello", &[])?;
        let seen = reply.seen().with_context(|| format!("{speaks:?}: {}", reply.line()))?;
        let got = caller(&seen);
        let ok = speaks != Speaks::Grpc || reply.grpc.as_deref() == Some("0");
        let text = format!("{speaks:?}: {} got {} from {got}", seen.workload, seen.protocol);
        scene.assert(reply.status == 200 && ok && seen.protocol == want && is(&got, from), text)?;
    }
    let heard = stage.of(from).bytes(Stage::service(to, app::BYTES), Some("ping"), 1)?;
    let echoed = heard.lines.first().is_some_and(|line| line.ends_with("heard ping"));
    scene.assert(echoed, format!("bytes: {:?} after {} ms", heard.lines, heard.took.as_millis()))?;
    let heard = stage.of(from).bytes(Stage::service(to, app::GREETS), None, 1)?;
    let greeted = heard.lines.first().is_some_and(|line| line.ends_with("greets"));
    let text = format!("a server that speaks first: {:?} after {} ms", heard.lines, heard.took.as_millis());
    scene.assert(greeted && heard.took < Duration::from_secs(3), text)
}

/// Returns who called, as the server's proxy told its application.
fn caller(seen: &Seen) -> String {
    let linkerd = seen.headers.get("l5d-client-id").cloned();
    linkerd.or_else(|| seen.peer().map(String::from)).unwrap_or_else(|| "nobody".into())
}

fn is(caller: &str, actor: Actor) -> bool {
    caller == actor.dns() || caller == actor.spiffe()
}

/// `heddle proxies` knows all of them.
pub(super) fn proxies_are_shown(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "heddle proxies shows both planes");
    let table = stage.ask(&["proxies", "--admin", "127.0.0.1:15014"])?;
    scene.tell(&table);
    for actor in super::CAST {
        let plane = if actor.plane == CapturedBy::Linkerd { "linkerd" } else { "envoy" };
        let row = table.lines().find(|line| line.contains(&actor.workload()) && line.contains(plane));
        scene.assert(
            row.is_some_and(|row| row.contains(" ok ")),
            format!("{} ({plane}) is in sync", actor.workload()),
        )?;
    }
    Ok(scene.close("every proxy is listed with its plane"))
}
