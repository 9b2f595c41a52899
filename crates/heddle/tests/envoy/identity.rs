//! A server is only who its certificate says.

use crate::shop::{Shop, actor, manifest};
use anyhow::Result;
use heddle::demo::{Actor, Client};
use std::time::Duration;

const BASE: u8 = 3;
const SERVER: Actor = actor("server", 1);
const OTHER: Actor = actor("other", 2);
const CLIENT: Actor = actor("client", 3);

#[tokio::test]
async fn a_server_with_another_identity_than_expected_is_not_spoken_to() -> Result<()> {
    let mut shop = Shop::open(BASE, &[SERVER, OTHER, CLIENT], &[]).await?;
    let url = shop.stage.url(CLIENT.place, SERVER.place, "/");
    assert_eq!(Client::new().get(&url, &[]).await?.seen()?.workload, "server");
    // Its own proxy would follow it to the new address.
    shop.stage.leave(SERVER.name).await?;
    // The objects now claim that `server` lies where the proxy of `other` answers.
    shop.stage.write("other.yaml", "")?;
    let moved = manifest(BASE, &SERVER).replace("\"127.0.3.1\"", "\"127.0.3.2\"");
    shop.stage.write("server.yaml", &moved)?;
    let stats = shop.stage.envoy_url(CLIENT.place, "/stats?filter=fail_verify_san");
    let refused = || {
        let (url, stats) = (url.clone(), stats.clone());
        async move {
            let answered = Client::new().get(&url, &[]).await.map(|reply| reply.status);
            answered.is_ok_and(|status| status == 503) && by_its_name(&stats).await
        }
    };
    shop.stage.until("the wrong server is refused by its name", Duration::from_secs(10), refused).await?;
    assert_eq!(Client::new().get(&url, &[]).await?.status, 503);
    shop.close().await
}

/// Returns whether a handshake with an endpoint of the Service failed by the server's name.
async fn by_its_name(stats: &str) -> bool {
    let Ok(page) = Client::new().get(stats, &[]).await else { return false };
    page.text().lines().any(|line| line.contains("shop/server") && !line.ends_with(": 0"))
}
