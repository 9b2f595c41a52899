//! The scenes of the demo. Each asserts; one that does not hold ends the demo with what it saw.

use super::http::Client;
use super::load::{Load, Tally};
use super::scene::{Outcome, Scene};
use super::stage::{Actor, Stage};
use super::{CART, CART_V1, INTRUDER, PAYMENTS, WEB};
use anyhow::{Context, Result};
use std::time::Duration;

const TRUST_DOMAIN: &str = "demo.mesh";
const RATE: u32 = 200;

/// Every call between workloads is mTLS, and the server knows who calls.
pub(crate) async fn mutual_tls(stage: &mut Stage) -> Result<Outcome> {
    let mut scene = Scene::open(1, "mTLS between all");
    let client = Client::new();
    let services = [("web", super::WEB_IP), ("cart", CART), ("payments", super::PAYMENTS_IP)];
    for Actor { name: caller, account, place } in [WEB, CART_V1, PAYMENTS, INTRUDER] {
        for (service, ip) in services {
            let reply = client.get(&stage.url(place, ip, "/hello"), &[]).await?;
            let seen = reply.seen()?;
            let want = format!("spiffe://{TRUST_DOMAIN}/ns/shop/sa/{account}");
            let got = seen.peer().unwrap_or("nobody").to_string();
            let text = format!("{caller} -> {service}: {} saw {got}", seen.workload);
            scene.assert(reply.status == 200 && got == want, text)?;
        }
    }
    let plain = client.get(&format!("http://{}:8080/hello", stage.address(CART_V1.place)), &[]).await;
    scene.assert(plain.is_err(), "plain text to cart-v1's port is refused: the port is Strict")?;
    Ok(scene.close("12 calls, each caller's SPIFFE ID verified by the server"))
}

/// A canary is shifted by editing a file, under load.
pub(crate) async fn canary(stage: &mut Stage) -> Result<Outcome> {
    let mut scene = Scene::open(2, "A canary, 90/10 shifted to 50/50 under load");
    let load = Load::start(&stage.url(WEB.place, CART, "/"), RATE);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = load.stop().await;
    let load = Load::start(&stage.url(WEB.place, CART, "/"), RATE);
    let text = stage.read("canary.yaml")?;
    stage.write(
        "canary.yaml",
        &text.replace("weight: 90", "weight: 50").replace("weight: 10", "weight: 50"),
    )?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = load.stop().await;
    for (tally, want) in [(&before, 10.0), (&after, 50.0)] {
        let got = tally.percent("cart-v2");
        let text = format!("{want} % to cart-v2 wanted, {got:.1} % seen in {} requests", tally.sent);
        scene.assert((got - want).abs() < 6.0, text)?;
    }
    let failures = before.failures() + after.failures();
    scene.assert(
        failures == 0,
        format!("no request failed of {}{}", before.sent + after.sent, why(&[&before, &after])),
    )?;
    Ok(scene.close(format!("{} requests, 0 failed", before.sent + after.sent)))
}

/// A header decides the backend; an edit shows in milliseconds.
pub(crate) async fn header_match(stage: &mut Stage) -> Result<Outcome> {
    let mut scene = Scene::open(3, "A header match");
    let client = Client::new();
    let url = stage.url(WEB.place, CART, "/");
    let ask = async |client: &Client| -> Result<String> {
        Ok(client.get(&url, &[("x-canary", "yes")]).await?.seen()?.workload)
    };
    for _ in 0..10 {
        let who = ask(&client).await?;
        scene.assert(who == "cart-v2", format!("x-canary: yes is answered by {who}"))?;
    }
    let text = stage.read("canary.yaml")?;
    let edited = text.replacen(
        "backendRefs: [{name: cart-v2, port: 8080}]",
        "backendRefs: [{name: cart-v1, port: 8080}]",
        1,
    );
    scene.assert(text != edited, "the rule is edited to send them to cart-v1")?;
    let saved = stage.write("canary.yaml", &edited)?;
    let shown = async || {
        while ask(&client).await? != "cart-v1" {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        anyhow::Ok(saved.elapsed())
    };
    let took = tokio::time::timeout(Duration::from_secs(5), shown())
        .await
        .context("the edit did not show in 5 s")??;
    scene.assert(
        took < Duration::from_secs(5),
        format!("it shows {} ms after the file was saved", took.as_millis()),
    )?;
    stage.write("canary.yaml", &text)?;
    Ok(scene.close(format!("file to Envoy's behaviour: {} ms", took.as_millis())))
}

/// A failing request is tried again; a slow one is given up.
pub(crate) async fn retry_and_timeout(stage: &mut Stage) -> Result<Outcome> {
    let mut scene = Scene::open(4, "A retry and a timeout");
    let client = Client::new();
    let direct = client.get(&stage.url(WEB.place, super::PAYMENTS_IP, "/flaky?once=direct"), &[]).await?;
    scene.assert(direct.status == 503, "without a retry the first request gets the application's 503")?;
    for key in 0..5 {
        let reply = client.get(&stage.url(WEB.place, CART, &format!("/flaky?once=retry-{key}")), &[]).await?;
        scene.assert(reply.status == 200, "with one it gets 200 from the second attempt")?;
    }
    let start = std::time::Instant::now();
    let slow = client.get(&stage.url(WEB.place, CART, "/slow?ms=3000"), &[]).await?;
    let took = start.elapsed();
    let in_time = took > Duration::from_millis(400) && took < Duration::from_millis(1500);
    scene.assert(
        slow.status == 504 && in_time,
        format!("a slow answer becomes 504 after {} ms", took.as_millis()),
    )?;
    Ok(scene.close(format!("503 became 200; 3 s became 504 at {} ms", took.as_millis())))
}

const POLICY: &str = "\
# Only web may call payments.
apiVersion: heddle.dev/v1alpha1
kind: AccessPolicy
metadata: {name: payments-callers, namespace: shop}
spec:
  targetRefs: [{group: \"\", kind: Service, name: payments}]
  mode: MODE
  action: Allow
  rules:
  - from: [{serviceAccounts: [{name: web}]}]
";

/// A policy is first only watched, then enforced, and explained.
pub(crate) async fn access(stage: &mut Stage) -> Result<Outcome> {
    let mut scene = Scene::open(5, "An AccessPolicy, in Audit and then enforced");
    let client = Client::new();
    let (good, bad) = (
        stage.url(WEB.place, super::PAYMENTS_IP, "/pay"),
        stage.url(INTRUDER.place, super::PAYMENTS_IP, "/pay"),
    );
    let stats = stage.envoy_url(PAYMENTS.place, "/stats?filter=rbac.*shadow_denied");
    stage.write("access.yaml", &POLICY.replace("MODE", "Audit"))?;
    stage
        .until("payments' Envoy counts what the policy would deny", Duration::from_secs(10), || {
            let (client, bad) = (client.clone(), bad.clone());
            let stats = stats.clone();
            async move { client.get(&bad, &[]).await.is_ok() && shadow_denied(&stats).await > 0 }
        })
        .await?;
    let reply = client.get(&bad, &[]).await?;
    scene.assert(reply.status == 200, "in Audit the intruder is still served")?;
    let counted = shadow_denied(&stats).await;
    scene.assert(
        counted > 0,
        format!("and payments' Envoy counted {counted} requests that would be denied"),
    )?;
    stage.write("access.yaml", &POLICY.replace("MODE", "Enforce"))?;
    stage
        .until("the intruder is denied", Duration::from_secs(10), || {
            let (client, bad) = (client.clone(), bad.clone());
            async move { client.get(&bad, &[]).await.is_ok_and(|reply| reply.status == 403) }
        })
        .await?;
    scene.assert(client.get(&bad, &[]).await?.status == 403, "enforced, the intruder gets 403")?;
    scene.assert(client.get(&good, &[]).await?.status == 200, "and web is served as before")?;
    let answer = stage
        .ask(&["explain", "--from", "shop/intruder", "--to", "shop/payments:8080", "--path", "/pay"])
        .await?;
    scene
        .tell(format!("$ heddle explain --from shop/intruder --to shop/payments:8080 --path /pay\n{answer}"));
    let names = answer.contains("shop/payments-callers") && answer.contains("DENIED");
    scene.assert(names, "heddle explain says DENIED and names AccessPolicy shop/payments-callers")?;
    Ok(scene.close("audited, then denied, then explained"))
}

async fn shadow_denied(url: &str) -> u64 {
    let Ok(reply) = Client::new().get(url, &[]).await else { return 0 };
    reply.text().lines().filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// Certificates of twelve seconds are renewed under load.
pub(crate) async fn rotation(stage: &mut Stage) -> Result<Outcome> {
    let mut scene = Scene::open(6, "Certificates rotate under load");
    let certificates = stage.envoy_url(WEB.place, "/certs");
    let first = serial(&certificates).await?;
    let load = Load::start(&stage.url(WEB.place, CART, "/"), RATE);
    let mut serials = std::collections::BTreeSet::from([first]);
    for _ in 0..160 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        serials.insert(serial(&certificates).await?);
        if serials.len() > 2 {
            break;
        }
    }
    let tally = load.stop().await;
    scene
        .assert(serials.len() > 2, format!("web's Envoy has had {} certificates meanwhile", serials.len()))?;
    scene.assert(tally.failures() == 0, format!("no request failed of {}{}", tally.sent, why(&[&tally])))?;
    Ok(scene.close(format!("{} rotations, {} requests, 0 failed", serials.len() - 1, tally.sent)))
}

async fn serial(url: &str) -> Result<String> {
    let page = Client::new().get(url, &[]).await?;
    let page: serde_json::Value = serde_json::from_slice(&page.body)?;
    let serial = page["certificates"][0]["cert_chain"][0]["serial_number"].as_str();
    Ok(serial.context("Envoy shows no certificate")?.to_string())
}

/// The controller is killed and comes back, and nobody notices.
pub(crate) async fn restart(stage: &mut Stage) -> Result<Outcome> {
    let mut scene = Scene::open(7, "The controller is killed and restarted under load");
    let load = Load::start(&stage.url(WEB.place, CART, "/"), RATE);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let away = stage.restart_controller(Duration::from_secs(2)).await?;
    let metrics = stage.admin_url("/metrics");
    stage
        .until("five proxies are connected again", Duration::from_secs(30), || {
            let metrics = metrics.clone();
            async move { metric(&metrics, "heddle_clients").await.is_ok_and(|count| count == 5) }
        })
        .await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let tally = load.stop().await;
    let sent = metric(&metrics, "heddle_push_bytes_total").await?;
    scene.assert(tally.failures() == 0, format!("no request failed of {}{}", tally.sent, why(&[&tally])))?;
    scene.assert(
        sent == 0,
        format!("{sent} bytes of resources were sent to the five proxies that came back"),
    )?;
    Ok(scene.close(format!("away {:.1} s, 0 of {} failed, nothing re-sent", away.as_secs_f64(), tally.sent)))
}

/// The sum of one of the controller's metrics over its labels.
async fn metric(url: &str, name: &str) -> Result<u64> {
    let page = Client::new().get(url, &[]).await?.text();
    let values =
        page.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
    Ok(values.filter_map(|value| value.parse::<f64>().ok()).sum::<f64>() as u64)
}

/// Returns what failed, for the text of an assertion.
fn why(tallies: &[&Tally]) -> String {
    let failed: Vec<String> = tallies
        .iter()
        .flat_map(|tally| &tally.failed)
        .map(|(what, count)| format!("{count} x {what}"))
        .collect();
    if failed.is_empty() { String::new() } else { format!(": {}", failed.join("; ")) }
}
