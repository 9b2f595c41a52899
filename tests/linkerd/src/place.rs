//! A workload with its namespace, its application, its agent and its proxy.

use crate::app;
use crate::call::{self, Heard, Reply, Speaks};
use crate::process::{Process, Start};
use crate::stage::{Setting, text};
use anyhow::{Context, Result, anyhow, bail};
use heddle::demo::Client;
use heddle::demo::load::{Load, Tally};
use heddle_capture::{CapturedBy, Direction};
use heddle_play_tests::net::{Namespace, PROXY_USERS};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A workload of the manifests.
#[derive(Clone, Copy, Debug)]
pub struct Actor {
    /// Its namespace.
    pub namespace: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its ServiceAccount.
    pub account: &'static str,
    /// The last octet of its address.
    pub host: u8,
    /// Its proxy.
    pub plane: CapturedBy,
}

/// A running workload. Ends in the order of its fields.
pub struct Place {
    /// The actor.
    pub actor: Actor,
    agent: Process,
    /// The network namespace.
    pub namespace: Namespace,
}

impl Actor {
    /// Its address.
    pub const fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, 64, self.host)
    }

    /// Its identity as a DNS name.
    pub fn dns(&self) -> String {
        format!("{}.{}.serviceaccount.identity.heddle.try.mesh", self.account, self.namespace)
    }

    /// Its identity as a SPIFFE ID.
    pub fn spiffe(&self) -> String {
        format!("spiffe://try.mesh/ns/{}/sa/{}", self.namespace, self.account)
    }

    /// Returns how the controller names it.
    pub fn workload(&self) -> String {
        format!("external/{}/{}", self.namespace, self.name)
    }
}

impl Place {
    /// Makes the namespace, starts the application and the agent with its proxy.
    ///
    /// # Errors
    /// If one of them does not start.
    pub fn open(setting: &Setting, actor: Actor, switch: &Namespace) -> Result<Self> {
        let namespace = Namespace::new(&format!("try-{}", actor.name)).map_err(|error| anyhow!(error))?;
        let bad = |error: String| anyhow!("{}: {error}", actor.name);
        namespace.plug(switch, usize::from(actor.host), &[IpAddr::V4(actor.address())]).map_err(bad)?;
        namespace.capture(actor.plane, &[], Direction::Both).map_err(bad)?;
        namespace.within(|| app::start(actor.name, &setting.runtime))?;
        let agent = agent(setting, actor, &namespace)?;
        Ok(Self { actor, agent, namespace })
    }

    /// Waits until the proxy is ready.
    ///
    /// # Errors
    /// With the end of the log, if the agent ends or it takes too long.
    pub fn wait(&mut self, patience: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            self.agent.check()?;
            let answer =
                self.get("http://127.0.0.1:15020/ready").unwrap_or_else(|error| (0, format!("{error:#}")));
            if answer.0 == 200 && self.proxy_is_ready() {
                return Ok(());
            }
            if start.elapsed() > patience {
                bail!(
                    "{} is not ready after {patience:?}: {}\n{}",
                    self.actor.name,
                    answer.1.trim(),
                    self.tail()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// An Envoy's agent is ready before its Envoy is.
    fn proxy_is_ready(&self) -> bool {
        match self.actor.plane {
            CapturedBy::Linkerd => true,
            CapturedBy::Envoy => {
                self.get("http://127.0.0.1:15000/ready").is_ok_and(|(status, _)| status == 200)
            }
        }
    }

    /// Fails if the agent has ended.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn check(&mut self) -> Result<()> {
        self.agent.check()
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        format!("the end of {}'s log:\n{}", self.actor.name, self.agent.tail())
    }

    /// Runs something as the application of this place would.
    pub fn block_on<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        self.namespace.within(|| runtime().block_on(future))
    }

    /// A page on loopback of this place: status and body.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn get(&self, url: &str) -> Result<(u16, String)> {
        let reply = self.block_on(async { Client::new().get(url, &[]).await })?;
        Ok((reply.status, reply.text()))
    }

    /// The metrics of its linkerd2-proxy.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn metrics(&self) -> Result<String> {
        Ok(self.get("http://127.0.0.1:4191/metrics")?.1)
    }

    /// One request.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn request(
        &self,
        to: SocketAddr,
        speaks: Speaks,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply> {
        let reply = self.block_on(call::request(to, speaks, path, headers));
        reply.with_context(|| format!("{} {speaks:?} {to}{path}", self.actor.name))
    }

    /// One connection of bytes.
    ///
    /// # Errors
    /// If it cannot be made, or does not end.
    pub fn bytes(&self, to: SocketAddr, say: Option<&str>, lines: usize) -> Result<Heard> {
        self.block_on(call::bytes(to, say, lines)).with_context(|| format!("{} {to}", self.actor.name))
    }

    /// Requests at a steady rate until [`Running::stop`].
    pub fn load(&self, url: &str) -> Running {
        let (stop, stopped) = mpsc::channel();
        let (enter, url) = (self.namespace.door(), url.to_string());
        let thread = std::thread::spawn(move || {
            enter();
            runtime().block_on(async {
                let load = Load::start(&url, 100);
                // A sender that is gone means the end as well.
                let _ = tokio::task::spawn_blocking(move || stopped.recv()).await;
                load.stop().await
            })
        });
        Running { stop, thread }
    }
}

/// A load under way.
pub struct Running {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Tally>,
}

impl Running {
    /// Ends it and counts.
    pub fn stop(self) -> Tally {
        drop(self.stop);
        self.thread.join().expect("a load does not panic")
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

fn agent(setting: &Setting, actor: Actor, namespace: &Namespace) -> Result<Process> {
    let user = PROXY_USERS.start + u32::from(actor.host);
    let folder = setting.folder.join("workloads").join(actor.name);
    std::fs::create_dir_all(&folder)?;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    chown(&folder, Some(user), Some(user))?;
    let token = folder.join("token");
    let workload = actor.workload();
    setting.token(actor, &token)?;
    chown(&token, Some(user), Some(user))?;
    let mut args: Vec<String> =
        ["agent", "--workload", &workload, "--controller", &setting.controller()].map(String::from).into();
    // The state folder is the controller's alone.
    let roots = folder.join("roots.pem");
    std::fs::copy(setting.state().join("roots.pem"), &roots)?;
    args.extend([
        "--roots".into(),
        text(&roots),
        "--token".into(),
        text(&token),
        "--dir".into(),
        text(&folder),
    ]);
    match actor.plane {
        CapturedBy::Linkerd => args.extend(linkerd(setting, actor)),
        CapturedBy::Envoy => args.extend(envoy(setting, actor, &folder)?),
    }
    let start = Start {
        name: actor.name,
        program: &setting.program,
        args: args.into_iter().map(Into::into).collect(),
        user: Some(user),
        log: setting.folder.join(format!("{}.log", actor.name)),
    };
    Process::start(start, namespace)
}

fn linkerd(setting: &Setting, actor: Actor) -> Vec<String> {
    let address = actor.address().to_string();
    let mut args: Vec<String> = ["--for", "linkerd", "--service-account", actor.account, "--identity-suffix"]
        .map(String::from)
        .into();
    args.extend(["heddle.try.mesh".into(), "--address".into(), address]);
    args.extend(app::PORTS.iter().flat_map(|port| ["--port".into(), port.to_string()]));
    args.extend(["--".into(), text(&setting.linkerd)]);
    args
}

fn envoy(setting: &Setting, actor: Actor, folder: &Path) -> Result<Vec<String>> {
    let bootstrap = text(&folder.join("bootstrap.json"));
    let (workload, controller) = (actor.workload(), setting.controller());
    setting.run(&[
        "bootstrap",
        "--workload",
        &workload,
        "--controller",
        &controller,
        "--output",
        &bootstrap,
    ])?;
    let command =
        ["--", &text(&setting.envoy), "-c", &bootstrap, "--concurrency", "1", "--disable-hot-restart"];
    let drain = ["--drain-strategy", "immediate", "--drain-time-s", "30"];
    Ok(command.into_iter().chain(drain).chain(["--log-level", "warning"]).map(String::from).collect())
}
