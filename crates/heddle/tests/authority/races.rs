//! Several processes begin on one state folder that is not there yet.

use crate::process::{Process, controller, heddle, page, until};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Stdio;

const HOSTS: [&str; 2] = ["127.0.41.1", "127.0.41.2"];
const TOKENS: usize = 3;
const ROUNDS: usize = 5;

/// Returns which key signed a token: its header, which names the key.
fn header(token: &[u8]) -> Result<String> {
    let text = String::from_utf8(token.to_vec())?;
    Ok(text.split('.').next().context("no token")?.to_string())
}

/// Starts everything at once. Returns the header of each token, and the controllers.
fn race(folder: &Path) -> Result<(Vec<String>, Vec<Process>)> {
    let state = folder.join("state");
    let state = state.to_str().context("UTF-8")?;
    let args = ["token", "create", "--state", state, "--workload", "external/shop/web"];
    let mut tokens = Vec::new();
    let mut controllers = Vec::new();
    for at in 0..TOKENS.max(HOSTS.len()) {
        if let Some(host) = HOSTS.get(at) {
            controllers.push(controller(folder, host, &[])?);
        }
        tokens.push(heddle(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?);
    }
    let mut headers = Vec::new();
    for token in tokens {
        let out = token.wait_with_output()?;
        ensure!(out.status.success(), "no token: {}", String::from_utf8_lossy(&out.stderr));
        headers.push(header(&out.stdout)?);
    }
    Ok((headers, controllers))
}

/// Waits until one of them has ended; returns the other's host.
async fn refused(folder: &Path, controllers: &mut [Process]) -> Result<&'static str> {
    let lost = until("one controller is refused", || {
        let ended = controllers.iter_mut().position(|one| matches!(one.ended(), Ok(Some(_))));
        std::future::ready(ended)
    })
    .await?;
    let log = std::fs::read_to_string(folder.join(format!("{}.log", HOSTS[lost])))?;
    // The winner writes its number just after it took the lock, so it may not be known yet.
    let is_refused = log.contains("another controller ") && log.contains(" runs on the state folder ");
    ensure!(is_refused, "it ended otherwise: {log}");
    Ok(HOSTS[1 - lost])
}

async fn ready(host: &str) -> Result<()> {
    let url = format!("http://{host}:15014/ready");
    until("the controller is ready", || async { (page(&url).await.0 == 200).then_some(()) }).await
}

#[tokio::test]
async fn one_controller_runs_on_a_folder_and_every_token_is_of_its_key() -> Result<()> {
    for round in 0..ROUNDS {
        let folder = tempfile::tempdir()?;
        let (headers, mut controllers) = race(folder.path())?;
        let host =
            refused(folder.path(), &mut controllers).await.with_context(|| format!("round {round}"))?;
        ready(host).await.with_context(|| format!("round {round}"))?;
        ensure!(headers.iter().all(|header| *header == headers[0]), "tokens of several keys: {headers:?}");
        drop(controllers);
        // What was made is whole: it is found again.
        let _again = controller(folder.path(), HOSTS[0], &[])?;
        ready(HOSTS[0]).await.with_context(|| format!("the second start of round {round}"))?;
    }
    Ok(())
}
