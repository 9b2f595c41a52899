//! What a server and the process of its clients tell each other, a line each.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long one line may take. Whatever hangs ends the benchmark.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whom to connect to, and as whom.
#[derive(Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) address: SocketAddr,
    pub(super) connections: usize,
    /// Streams ask for one of so many services.
    pub(super) services: usize,
    /// Over plain text where there is none.
    pub(super) credential: Option<Credential>,
}

/// Roots, a chain and its key, in DER.
#[derive(Serialize, Deserialize)]
pub(super) struct Credential {
    pub(super) roots: Vec<Vec<u8>>,
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) key: Vec<u8>,
}

/// The clients' process.
pub(super) struct Clients {
    child: Child,
    say: ChildStdin,
    hear: Lines<BufReader<ChildStdout>>,
}

impl Clients {
    pub(super) async fn start(plan: &Plan) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("stream-clients")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let say = child.stdin.take().context("stdin is piped")?;
        let hear = BufReader::new(child.stdout.take().context("stdout is piped")?).lines();
        let mut clients = Self { child, say, hear };
        clients.say(&serde_json::to_string(plan)?).await?;
        Ok(clients)
    }

    /// The number of their process.
    pub(super) fn id(&self) -> Result<u32> {
        self.child.id().context("the clients have ended")
    }

    /// Has each connection hold so many streams, all of which have heard their first state.
    pub(super) async fn open(&mut self, each: usize) -> Result<()> {
        self.say(&each.to_string()).await?;
        let line = self.hear().await?;
        ensure!(line == "open", "the clients said {line:?}, want \"open\"");
        Ok(())
    }

    /// When the next message of each stream came.
    pub(super) async fn arrivals(&mut self) -> Result<Vec<SystemTime>> {
        let line = self.hear().await?;
        let parse = |text: &str| Ok(SystemTime::UNIX_EPOCH + Duration::from_nanos(text.parse()?));
        line.split(' ').map(parse).collect()
    }

    pub(super) async fn stop(mut self) -> Result<()> {
        drop(self.say);
        self.child.kill().await?;
        Ok(())
    }

    async fn say(&mut self, line: &str) -> Result<()> {
        self.say.write_all(line.as_bytes()).await?;
        self.say.write_all(b"\n").await?;
        Ok(self.say.flush().await?)
    }

    async fn hear(&mut self) -> Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.hear.next_line()).await??;
        line.context("the clients have ended")
    }
}
