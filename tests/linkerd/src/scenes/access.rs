//! An AccessPolicy, enforced by the server's own proxy, against callers of both planes.

use super::{AT_EDGE, CART, ENVOY_WEB, INTRUDER, WEB};
use crate::app;
use crate::call::Speaks;
use crate::place::Actor;
use crate::stage::Stage;
use anyhow::Result;
use heddle::demo::scene::{Outcome, Scene};
use std::time::Duration;

const FILE: &str = "access.yaml";

/// Only `web` may call the Service.
fn policy(service: &str) -> String {
    format!(
        "apiVersion: heddle.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {{name: only-web, namespace: shop}}\nspec:\n  \
         targetRefs: [{{group: \"\", kind: Service, name: {service}}}]\n  action: Allow\n  rules:\n  \
         - from: [{{serviceAccounts: [{{namespace: clients, name: web}}]}}]\n"
    )
}

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
    stage.write(FILE, Some(&policy(service)))?;
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
    let source = format!("dir:{}", stage.setting.folder.join("manifests").display());
    let told = stage.ask(&[&question[..], &["--source", &source]].concat())?;
    scene.tell(&told);
    scene.assert(
        told.contains("DENIED") && told.contains("shop/only-web"),
        "heddle explain says who denies it",
    )?;
    stage.write(FILE, None)?;
    let took = stage.until("intruder is served again", Duration::from_secs(10), |stage| {
        status(stage, INTRUDER, Speaks::Http1, app::HTTP).is_ok_and(|reply| reply.status == 200)
    })?;
    scene.assert(true, format!("without it intruder is served again after {} ms", took.as_millis()))
}
