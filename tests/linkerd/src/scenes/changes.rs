//! Changes under load, which nobody should notice.

use super::{CART, CART_1, CART_2, CART_V1, EMPTY, SPLIT, WEB, why};
use crate::app;
use crate::call::Speaks;
use crate::metrics::sum;
use crate::stage::Stage;
use crate::story::{CANARY, OTHER};
use anyhow::Result;
use heddle::demo::scene::{Outcome, Scene};
use std::time::Duration;

/// At once, on a busy machine.
const SOON: Duration = Duration::from_millis(700);

fn url(host: u8) -> String {
    format!("http://{}/", Stage::service(host, app::HTTP))
}

pub(super) fn empty(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "A Service without endpoints fails its clients at once");
    let mut worst = Duration::ZERO;
    for (speaks, port) in [(Speaks::Http1, app::HTTP), (Speaks::Http2, app::HTTP), (Speaks::Grpc, app::GRPC)]
    {
        for _ in 0..3 {
            let reply = stage.of(WEB).request(Stage::service(EMPTY, port), speaks, "/", &[])?;
            worst = worst.max(reply.took);
            let failed = reply.status >= 500 || reply.grpc.as_deref().is_some_and(|code| code != "0");
            scene.assert(failed && reply.took < SOON, format!("{speaks:?}: {}", reply.line()))?;
        }
    }
    for _ in 0..2 {
        let heard = stage.of(WEB).bytes(Stage::service(EMPTY, app::BYTES), Some("ping"), 1)?;
        worst = worst.max(heard.took);
        let text = format!("bytes: {:?} after {} ms", heard.lines, heard.took.as_millis());
        scene.assert(heard.lines.is_empty() && heard.took < SOON, text)?;
    }
    Ok(scene.close(format!("never later than {} ms", worst.as_millis())))
}

pub(super) fn removal(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "An endpoint is removed under load");
    let file = "cart-v2.yaml";
    let manifest = stage.manifests.read(file)?;
    let load = stage.of(WEB).load(&url(CART));
    std::thread::sleep(Duration::from_secs(3));
    stage.manifests.write(file, None)?;
    std::thread::sleep(Duration::from_secs(3));
    let tally = load.stop();
    let second = tally.answered.get("cart-v2").copied().unwrap_or(0);
    scene.assert(second > 0, format!("cart-v2 answered {second} requests while it was there"))?;
    scene.assert(tally.failures() == 0, format!("no request failed of {}{}", tally.sent, why(&tally)))?;
    let load = stage.of(WEB).load(&url(CART));
    std::thread::sleep(Duration::from_secs(2));
    let after = load.stop();
    let second = after.answered.get("cart-v2").copied().unwrap_or(0);
    scene.assert(
        second == 0 && after.failures() == 0,
        format!("then cart-v2 got none of {}{}", after.sent, why(&after)),
    )?;
    stage.manifests.write(file, Some(&manifest))?;
    stage.until("cart-v2 is back", Duration::from_secs(20), |stage| {
        let to = Stage::service(CART_2, app::HTTP);
        stage.of(WEB).request(to, Speaks::Http1, "/", &[]).is_ok_and(|reply| reply.status == 200)
    })?;
    Ok(scene.close(format!("0 of {} failed", tally.sent + after.sent)))
}

pub(super) fn renewal(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "Certificates are renewed under load");
    let renewals = |stage: &Stage, of| -> f64 {
        stage
            .of(of)
            .metrics()
            .map_or(0.0, |page| sum(&page, "control_identity_cert_refreshes_total", &[("result", "ok")]))
    };
    let before = (renewals(stage, WEB), renewals(stage, CART_V1));
    let load = stage.of(WEB).load(&url(CART));
    let waited = stage.until("both proxies have renewed twice", Duration::from_secs(90), |stage| {
        std::thread::sleep(Duration::from_millis(200));
        renewals(stage, WEB) >= before.0 + 2.0 && renewals(stage, CART_V1) >= before.1 + 2.0
    });
    let tally = load.stop();
    let waited = waited?;
    let now = (renewals(stage, WEB), renewals(stage, CART_V1));
    let text =
        format!("in {} s web's and cart-v1's proxies went from {before:?} to {now:?}", waited.as_secs());
    scene.assert(true, text)?;
    scene.assert(tally.failures() == 0, format!("no request failed of {}{}", tally.sent, why(&tally)))?;
    Ok(scene.close(format!("0 of {} failed", tally.sent)))
}

pub(super) fn restart(stage: &mut Stage, number: usize) -> Result<Outcome> {
    let mut scene = Scene::open(number, "The controller is killed and restarted under load");
    let load = stage.of(WEB).load(&url(CART_1));
    std::thread::sleep(Duration::from_secs(1));
    let away = stage.restart_controller(Duration::from_secs(2))?;
    stage.manifests.edit("routes.yaml", CANARY, OTHER)?;
    let canary = |stage: &Stage| {
        let to = Stage::service(SPLIT, app::HTTP);
        let reply = stage.of(WEB).request(to, Speaks::Http1, "/", &[("x-canary", "yes")]).ok()?;
        Some(reply.seen()?.workload)
    };
    let shown = stage.until("an edit shows again", Duration::from_secs(60), |stage| {
        canary(stage).is_some_and(|name| name == "cart-v1")
    });
    let tally = load.stop();
    stage.manifests.edit("routes.yaml", OTHER, CANARY)?;
    let shown = shown?;
    scene.assert(tally.failures() == 0, format!("no request failed of {}{}", tally.sent, why(&tally)))?;
    let text = format!(
        "away {:.1} s; an edit shows {:.1} s after it is back",
        away.as_secs_f64(),
        shown.as_secs_f64()
    );
    scene.assert(true, text)?;
    Ok(scene.close(format!("0 of {} failed", tally.sent)))
}
