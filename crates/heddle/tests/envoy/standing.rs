//! Connections that stand while policies change.

use crate::shop::{Shop, actor};
use anyhow::{Context, Result};
use heddle::demo::{Actor, Client, Stage};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BASE: u8 = 11;
const SERVER: Actor = actor("server", 1);
const CLIENT: Actor = actor("client", 2);
const BYTES: Actor = actor("bytes", 3);

/// An Allow at every port of one workload, for one ServiceAccount.
fn allow(server: &str, account: &str) -> String {
    format!(
        "
apiVersion: heddle.dev/v1alpha1
kind: AccessPolicy
metadata: {{name: {server}, namespace: shop}}
spec:
  action: Allow
  selector: {{matchLabels: {{app: {server}}}}}
  rules: [{{from: [{{serviceAccounts: [{{name: {account}}}]}}]}}]
"
    )
}

#[tokio::test]
async fn a_change_of_policy_holds_from_the_next_request_and_closes_no_connection() -> Result<()> {
    let mut shop = Shop::open(BASE, &[SERVER, CLIENT], &[("access.yaml", "")]).await?;
    let client = Client::new();
    let url = shop.stage.url(CLIENT.place, SERVER.place, "/");
    assert_eq!(client.get(&url, &[]).await?.status, 200);
    let before = connections(&shop.stage).await?;
    assert!(before.values().sum::<u64>() > 0, "the server's Envoy has a connection: {before:?}");
    for (account, status) in [("client", 200), ("other", 403), ("client", 200), ("other", 403)] {
        shop.stage.write("access.yaml", &allow(SERVER.name, account))?;
        let answered = || {
            let (client, url) = (client.clone(), url.clone());
            async move { client.get(&url, &[]).await.is_ok_and(|reply| reply.status == status) }
        };
        let what = format!("{status} where the policy admits `{account}`");
        shop.stage.until(&what, Duration::from_secs(10), answered).await?;
    }
    assert_eq!(connections(&shop.stage).await?, before, "no connection was closed or opened");
    shop.close().await
}

/// Returns what the server's Envoy counted of inbound connections, by the name of the counter.
async fn connections(stage: &Stage) -> Result<BTreeMap<String, u64>> {
    let filter = "/stats?filter=^http.inbound.*downstream_cx_(total|destroy|drain_close)$";
    let page = Client::new().get(&stage.envoy_url(SERVER.place, filter), &[]).await?.text();
    let line = |line: &str| {
        let (name, count) = line.split_once(": ").with_context(|| format!("no counter: {line}"))?;
        Ok((name.to_string(), count.trim().parse()?))
    };
    page.lines().map(line).collect()
}

#[tokio::test]
async fn a_connection_of_bytes_ends_within_the_drain_time_after_its_policy_became_narrower() -> Result<()> {
    const BASE: u8 = 12;
    let policy = allow(BYTES.name, "client");
    let shop = Shop::open(BASE, &[BYTES, CLIENT], &[("access.yaml", &policy)]).await?;
    let application = TcpListener::bind(format!("{}:9443", shop.stage.address(BYTES.place))).await?;
    let echo = tokio::spawn(async move {
        let (mut stream, _) = application.accept().await?;
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await
    });
    let address = shop.stage.url(CLIENT.place, BYTES.place, "").replace("http://", "");
    let mut stream = TcpStream::connect(address.replace(":8080", ":8443")).await?;
    assert!(echoes(&mut stream).await, "the connection is admitted");
    shop.stage.write("access.yaml", &allow(BYTES.name, "other"))?;
    let ended = async { while echoes(&mut stream).await {} };
    // The agent starts Envoy with a drain time of 30 seconds.
    tokio::time::timeout(Duration::from_secs(45), ended).await.context("the connection stands on")?;
    echo.abort();
    shop.close().await
}

/// Returns whether one byte comes back, a little after it was sent.
async fn echoes(stream: &mut TcpStream) -> bool {
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut byte = [0];
    stream.write_all(b"x").await.is_ok() && stream.read_exact(&mut byte).await.is_ok()
}
