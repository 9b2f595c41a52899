//! Whoever can reach an agent's probe port opens as many connections as there are.

use crate::process::{Process, controller, heddle, page, until};
use anyhow::{Context, Result, ensure};
use std::process::Command;
use tokio::net::TcpStream;

const HOST: &str = "127.0.41.4";
const PROBE: &str = "127.0.41.5:15020";
/// Descriptors that the agent may have.
const LIMIT: u32 = 128;

/// The certificates that the agent has written.
async fn certificates() -> Option<u32> {
    let (_, text) = page(&format!("http://{PROBE}/metrics")).await;
    let line = text.lines().find_map(|line| line.strip_prefix("heddle_agent_certificates_total "));
    line?.parse().ok()
}

#[tokio::test]
async fn a_flood_of_the_probe_port_keeps_no_certificate_from_being_renewed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    let _controller = controller(folder.path(), HOST, &["--certificate-lifetime", "5s"])?;
    let ready = format!("http://{HOST}:15014/ready");
    until("the controller is ready", || async { (page(&ready).await.0 == 200).then_some(()) }).await?;
    let (state, token) = (at("state"), at("token"));
    let args = ["token", "create", "--state", &state, "--workload", "external/shop/web", "--output", &token];
    ensure!(heddle(&args).status()?.success());
    let script = format!("ulimit -n {LIMIT} && exec \"$@\"");
    let mut agent = Command::new("sh");
    agent.args([
        "-c",
        &script,
        "sh",
        env!("CARGO_BIN_EXE_heddle"),
        "agent",
        "--workload",
        "external/shop/web",
    ]);
    agent.args(["--controller", &format!("{HOST}:15012"), "--roots", &at("state/roots.pem")]);
    agent.args(["--token", &token, "--dir", &at("agent"), "--listen", PROBE]);
    let _agent = Process::start(&mut agent, &folder.path().join("agent.log"))?;
    until("the agent has a certificate", || async { certificates().await.filter(|count| *count > 0) })
        .await?;
    let mut flood = Vec::new();
    for _ in 0..4 * LIMIT {
        flood.push(TcpStream::connect(PROBE).await.context("the port is open")?);
    }
    let before = until("probes are answered", certificates).await?;
    until("two renewals", || async { certificates().await.filter(|count| *count >= before + 2) }).await?;
    let (status, text) = page(&format!("http://{PROBE}/ready")).await;
    ensure!(status == 200, "{text}");
    drop(flood);
    Ok(())
}
