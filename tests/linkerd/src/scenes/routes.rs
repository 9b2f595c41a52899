//! HTTPRoutes, as the client's linkerd2-proxy follows them.

use super::{CART_1, SPLIT, WEB};
use crate::app;
use crate::call::Speaks;
use crate::stage::Stage;
use crate::story::{CANARY, OTHER};
use anyhow::{Context, Result};
use heddle::demo::scene::{Outcome, Scene};
use std::time::Duration;

/// Returns who answered a request to the routed Service.
fn who(stage: &Stage, path: &str, headers: &[(&str, &str)]) -> Result<String> {
    let reply = stage.of(WEB).request(Stage::service(SPLIT, app::HTTP), Speaks::Http1, path, headers)?;
    Ok(reply.seen().with_context(|| reply.line())?.workload)
}

pub(super) fn split(stage: &mut Stage, number: usize) -> Result<Outcome> {
    const REQUESTS: usize = 300;
    let mut scene = Scene::open(number, "A split by a route");
    let answers: Result<Vec<String>> = (0..REQUESTS).map(|_| who(stage, "/", &[])).collect();
    let second = answers?.iter().filter(|name| *name == "cart-v2").count();
    let percent = 100.0 * second as f64 / REQUESTS as f64;
    scene.assert(
        (4.0..=17.0).contains(&percent),
        format!("10 % to cart-v2 wanted, {percent:.1} % seen of {REQUESTS}"),
    )?;
    Ok(scene.close(format!("{percent:.1} % of {REQUESTS}")))
}

pub(super) fn header(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "A header match");
    for _ in 0..10 {
        let name = who(stage, "/", &[("x-canary", "yes")])?;
        scene.assert(name == "cart-v2", format!("x-canary: yes is answered by {name}"))?;
    }
    stage.manifests.edit("routes.yaml", CANARY, OTHER)?;
    let took = stage.until("the edit shows", Duration::from_secs(10), |stage| {
        who(stage, "/", &[("x-canary", "yes")]).is_ok_and(|name| name == "cart-v1")
    })?;
    scene.assert(true, format!("it shows {} ms after the file was saved", took.as_millis()))?;
    stage.manifests.edit("routes.yaml", OTHER, CANARY)?;
    Ok(scene.close(format!("file to linkerd2-proxy's behaviour: {} ms", took.as_millis())))
}

pub(super) fn timeout(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "A timeout");
    let reply =
        stage.of(WEB).request(Stage::service(SPLIT, app::HTTP), Speaks::Http1, "/slow?ms=3000", &[])?;
    let in_time = reply.took > Duration::from_millis(400) && reply.took < Duration::from_millis(1500);
    scene.assert(reply.status == 504 && in_time, format!("3 s became {}", reply.line()))?;
    Ok(scene.close(format!("504 after {} ms", reply.took.as_millis())))
}

pub(super) fn retry(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "A retry");
    let ask = |host, key: &str| {
        let path = format!("/flaky?once={key}");
        stage.of(WEB).request(Stage::service(host, app::HTTP), Speaks::Http1, &path, &[])
    };
    let direct = ask(CART_1, "direct")?;
    scene
        .assert(direct.status == 503, format!("without a retry the first request gets {}", direct.line()))?;
    for key in 0..5 {
        let reply = ask(SPLIT, &format!("retry-{key}"))?;
        scene.assert(reply.status == 200, format!("with one it gets {}", reply.status))?;
    }
    Ok(scene.close("503 became 200"))
}
