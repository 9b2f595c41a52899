//! A folder that is written as people and scripts write it, while a client that its policies deny goes on asking.

use crate::shop::{Shop, actor};
use anyhow::{Context, Result, ensure};
use heddle::demo::{Actor, Client, Stage};
use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

const BASE: u8 = 9;
const SERVER: Actor = actor("server", 1);
const CLIENT: Actor = actor("client", 2);

const CLOSED: &str = "
apiVersion: heddle.dev/v1alpha1
kind: AccessPolicy
metadata: {name: closed, namespace: shop}
spec:
  selector: {matchLabels: {app: server}}
  action: Allow
  rules: [{from: [{serviceAccounts: [{name: nobody}]}]}]
";

/// Asks again and again for this long. Returns how often the answer was another than 403.
async fn admitted(stage: &Stage, long: Duration) -> Result<usize> {
    let url = stage.url(CLIENT.place, SERVER.place, "/");
    let (client, start) = (Client::new(), Instant::now());
    let (mut asked, mut admitted) = (0, 0);
    while start.elapsed() < long {
        asked += 1;
        let status = client.get(&url, &[]).await?.status;
        admitted += usize::from(status != 403);
    }
    ensure!(asked > 20, "only {asked} requests");
    Ok(admitted)
}

#[tokio::test]
async fn no_unfinished_folder_admits_whom_the_finished_one_denies() -> Result<()> {
    let mut shop = Shop::open(BASE, &[SERVER, CLIENT], &[("policy.yaml", CLOSED)]).await?;
    let url = shop.stage.url(CLIENT.place, SERVER.place, "/");
    let refused = || async { Client::new().get(&url, &[]).await.is_ok_and(|reply| reply.status == 403) };
    shop.stage.until("the client is denied", Duration::from_secs(20), refused).await?;
    // (sleep 2; cat policy) > folder/policy.yaml
    let path = shop.stage.manifests().join("policy.yaml");
    let mut file = fs::File::create(&path)?;
    assert_eq!(admitted(&shop.stage, Duration::from_secs(2)).await?, 0, "while the policy is being written");
    file.write_all(CLOSED.as_bytes())?;
    drop(file);
    assert_eq!(admitted(&shop.stage, Duration::from_secs(1)).await?, 0, "once it is written");
    // rm folder/*; cp elsewhere/* folder/, the policy last
    let entries = fs::read_dir(shop.stage.manifests())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort_by_key(|path| path.ends_with("policy.yaml"));
    let copies = paths.iter().map(|path| Ok((path.clone(), fs::read(path)?))).collect::<Result<Vec<_>>>()?;
    paths.iter().try_for_each(fs::remove_file).context("the folder is ours")?;
    for (path, text) in copies {
        assert_eq!(admitted(&shop.stage, Duration::from_millis(300)).await?, 0, "before {}", path.display());
        fs::write(path, text)?;
    }
    assert_eq!(admitted(&shop.stage, Duration::from_secs(2)).await?, 0, "once all are copied");
    shop.close().await
}
