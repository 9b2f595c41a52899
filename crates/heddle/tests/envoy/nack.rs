//! A resource that Envoy refuses is shown, isolated, and healed.
//!
//! The fault is made outside of every object: somebody else has the address that a listener must bind.

use crate::shop::{Shop, actor};
use anyhow::Result;
use heddle::demo::{Actor, Client, Stage};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

const BASE: u8 = 6;
const SERVER: Actor = actor("server", 1);
const CLIENT: Actor = actor("client", 2);

fn service(name: &str, octet: u8, port: u16) -> String {
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec:
  clusterIP: 127.1.0.{octet}
  selector: {{app: server}}
  ports: [{{name: http, port: {port}, targetPort: 8080}}]
"
    )
}

fn proxies(stage: &Stage) -> String {
    let admin = stage.admin_url("").trim_start_matches("http://").to_string();
    let out = Command::new(env!("CARGO_BIN_EXE_heddle")).args(["proxies", "--admin", &admin]).output();
    String::from_utf8_lossy(&out.expect("it starts").stdout).into_owned()
}

async fn answers(url: &str) -> bool {
    Client::new().get(url, &[]).await.is_ok_and(|reply| reply.status == 200)
}

#[tokio::test]
async fn a_refused_listener_is_shown_and_isolated_and_healed() -> Result<()> {
    let mut shop = Shop::open(BASE, &[SERVER, CLIENT], &[]).await?;
    let stage = &mut shop.stage;
    let at = |octet: u8, port: u16| stage.url(CLIENT.place, octet, "/").replace(":8080", &format!(":{port}"));
    let (taken, free) = (at(9, 8080), at(10, 8080));
    let place = taken.trim_start_matches("http://").trim_end_matches('/').to_string();
    let squatter = TcpListener::bind(&place)?;
    stage.write("taken.yaml", &service("taken", 9, 8080))?;
    let admin = stage.admin_url("/metrics");
    stage
        .until("the controller counts the refusal", Duration::from_secs(10), || {
            let admin = admin.clone();
            async move {
                let page = Client::new().get(&admin, &[]).await;
                page.is_ok_and(|page| page.text().lines().any(|line| line == "heddle_rejected_proxies 1"))
            }
        })
        .await?;
    let shown = proxies(stage);
    for part in ["external/shop/client", "rejected LDS", "Service shop/taken", "Address already in use"] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
    // Its neighbours are not held up.
    stage.write("free.yaml", &service("free", 10, 8080))?;
    stage.until("another service answers", Duration::from_secs(10), || answers(&free)).await?;
    // The cause goes, and the object changes: what is new is tried again.
    drop(squatter);
    stage.write("taken.yaml", &service("taken", 9, 8081))?;
    let healed = taken.replace(":8080", ":8081");
    stage.until("the service answers", Duration::from_secs(10), || answers(&healed)).await?;
    stage
        .until("no proxy refuses anything", Duration::from_secs(10), || {
            let admin = admin.clone();
            async move {
                let page = Client::new().get(&admin, &[]).await;
                page.is_ok_and(|page| page.text().lines().any(|line| line == "heddle_rejected_proxies 0"))
            }
        })
        .await?;
    assert!(!proxies(&shop.stage).contains("rejected"), "{}", proxies(&shop.stage));
    shop.close().await
}
