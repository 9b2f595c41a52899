//! Both variants of the protocol say the same.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use crate::shop::{Shop, actor, route};
use anyhow::{Context, Result};
use heddle::demo::{Actor, Client, Stage};
use serde_json::Value;
use std::time::Duration;

const BASE: u8 = 5;
const SERVER: Actor = actor("server", 1);
const CLIENT: Actor = actor("client", 2);

#[tokio::test]
async fn delta_and_state_of_the_world_give_the_same_configuration() -> Result<()> {
    let mut shop = Shop::open(BASE, &[SERVER, CLIENT], &[("route.yaml", &route("server", "server"))]).await?;
    let delta = configuration(&shop.stage).await?;
    assert!(delta.to_string().contains("shop/server:8080"), "it has the mesh: {delta:#}");
    shop.stage.leave(CLIENT.name).await?;
    shop.stage.enter_with(&[CLIENT], &["--variant", "sotw"]).await?;
    let page = Client::new().get(&shop.stage.admin_url("/debug/clients"), &[]).await?.text();
    assert!(page.contains("\"sotw\""), "the client speaks state of the world: {page}");
    assert_eq!(configuration(&shop.stage).await?, delta);
    changes_reach_it(&mut shop.stage).await?;
    shop.close().await
}

/// Adding and withdrawing under state of the world.
async fn changes_reach_it(stage: &mut Stage) -> Result<()> {
    let url = stage.url(CLIENT.place, SERVER.place, "/");
    stage.write("route.yaml", &route("server", "nobody"))?;
    let answers = |want: u16| {
        let url = url.clone();
        move || {
            let url = url.clone();
            async move { Client::new().get(&url, &[]).await.is_ok_and(|reply| reply.status == want) }
        }
    };
    stage.until("a broken backend answers 500", Duration::from_secs(10), answers(500)).await?;
    stage.write("route.yaml", "")?;
    stage.until("without its route the service answers", Duration::from_secs(10), answers(200)).await?;
    Ok(())
}

/// Returns what an Envoy was told, in one order and without what tells when and in which version.
async fn configuration(stage: &Stage) -> Result<Value> {
    let url = stage.envoy_url(CLIENT.place, "/config_dump?include_eds");
    let dump: Value = serde_json::from_slice(&Client::new().get(&url, &[]).await?.body)?;
    let mut parts = Vec::new();
    for config in dump["configs"].as_array().context("a config dump")? {
        for part in [
            "dynamic_active_clusters",
            "dynamic_listeners",
            "dynamic_route_configs",
            "dynamic_endpoint_configs",
        ] {
            parts.extend(config[part].as_array().into_iter().flatten().cloned());
        }
    }
    let mut parts: Vec<Value> = parts.into_iter().map(timeless).collect();
    parts.sort_by_key(ToString::to_string);
    Ok(Value::Array(parts))
}

fn timeless(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(timeless).collect(),
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(key, _)| key != "last_updated" && key != "version_info");
            Value::Object(kept.map(|(key, value)| (key, timeless(value))).collect())
        }
        other => other,
    }
}
