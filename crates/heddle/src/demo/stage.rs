//! The demo's stage: a controller and five workloads, each with an application, an agent and an Envoy.

use super::http::Client;
use super::process::Process;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The settings of a stage.
pub struct Setting {
    /// The `heddle` binary.
    pub program: PathBuf,
    /// The Envoy binary.
    pub envoy: PathBuf,
    /// The manifests to start from; they are copied.
    pub source: PathBuf,
    /// A folder of its own, emptied at the start.
    pub folder: PathBuf,
    /// The place on loopback: workload `n` has 127.0.`base`.`n` and binds virtual IPs in
    /// 127.`20 + 10 * base + n`.0.0/16, so that stages do not meet. At most 20.
    pub base: u8,
    /// The time that certificates live, as the controller's argument takes it.
    pub lifetime: String,
    /// More arguments for the controller.
    pub extra: Vec<String>,
}

/// A workload of namespace `shop`.
#[derive(Clone, Copy)]
pub struct Actor {
    /// Its name.
    pub name: &'static str,
    /// Its ServiceAccount.
    pub account: &'static str,
    /// Its place on the stage: the last octet of its address.
    pub place: u8,
}

/// Everything that runs.
pub struct Stage {
    setting: Setting,
    controller: Process,
    others: Vec<Process>,
}

impl Stage {
    /// Copies the manifests and starts a controller on them.
    ///
    /// # Errors
    /// If a program is missing, the folder is somebody else's, or the controller does not become ready.
    pub async fn set(mut setting: Setting) -> Result<Self> {
        let envoy = &setting.envoy;
        ensure!(
            envoy.is_file(),
            "no Envoy at {}: run `make envoy`, or name one with --envoy",
            envoy.display()
        );
        prepare(&setting.source, &setting.folder)?;
        setting.folder = setting.folder.canonicalize()?;
        setting.envoy = setting.envoy.canonicalize()?;
        let controller = start_controller(&setting)?;
        let mut stage = Self { setting, controller, others: Vec::new() };
        let ready = stage.admin_url("/ready");
        stage.until("the controller is ready", Duration::from_secs(20), || ok(ready.clone())).await?;
        Ok(stage)
    }

    /// Lets workloads enter, each with an application, an agent and an Envoy, and waits until all are ready.
    ///
    /// # Errors
    /// If one of them ends or does not become ready in 20 s.
    pub async fn enter(&mut self, cast: &[Actor]) -> Result<()> {
        self.enter_with(cast, &[]).await
    }

    /// The same, with more arguments for `heddle bootstrap`.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub async fn enter_with(&mut self, cast: &[Actor], bootstrap: &[&str]) -> Result<()> {
        for actor in cast {
            self.start(actor, bootstrap).await?;
        }
        for Actor { name, place, .. } in cast {
            for url in
                [format!("http://{}:15020/ready", self.address(*place)), self.envoy_url(*place, "/ready")]
            {
                self.until(&format!("{name} is ready"), Duration::from_secs(20), || ok(url.clone())).await?;
            }
        }
        Ok(())
    }

    async fn start(&mut self, actor: &Actor, more: &[&str]) -> Result<()> {
        let Actor { name, account, place } = *actor;
        let folder = self.setting.folder.join("workloads").join(name);
        // The agent refuses a folder that others may enter.
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700).create(&folder)?;
        let workload = format!("external/shop/{name}");
        let (state, token) = (text(self.setting.folder.join("state")), text(folder.join("token")));
        let token_args = [
            "token",
            "create",
            "--state",
            &state,
            "--workload",
            &workload,
            "--service-account",
            account,
            "--output",
            &token,
        ];
        self.run(&token_args).await?;
        let (bootstrap, controller) = (text(folder.join("bootstrap.json")), self.controller_address());
        let (capture, address) = (format!("bound:127.{}.0.0/16", self.bound(place)), self.address(place));
        let (admin, stats) = (format!("{address}:15000"), format!("{address}:15090"));
        let bootstrap_args = [
            "bootstrap",
            "--workload",
            &workload,
            "--controller",
            &controller,
            "--capture",
            &capture,
            "--admin",
            &admin,
            "--stats",
            &stats,
            "--output",
            &bootstrap,
        ];
        self.run(&[&bootstrap_args, more].concat()).await?;
        let app = ["demo-app", "--listen", &format!("{address}:9080"), "--name", name].map(String::from);
        self.spawn(&format!("{name}'s application"), &folder.join("app.log"), &app)?;
        let (roots, ready) = (text(self.setting.folder.join("state/roots.pem")), format!("{address}:15020"));
        let agent = [
            "agent",
            "--workload",
            &workload,
            "--controller",
            &controller,
            "--roots",
            &roots,
            "--token",
            &token,
            "--dir",
            &text(folder.clone()),
            "--listen",
            &ready,
            "--",
            &text(self.setting.envoy.clone()),
            "-c",
            &bootstrap,
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "warning",
        ]
        .map(String::from);
        self.spawn(&format!("{name}'s agent"), &folder.join("agent.log"), &agent)
    }

    /// Lets one workload go: its application, its agent and its Envoy.
    ///
    /// # Errors
    /// If one of them cannot be ended.
    pub async fn leave(&mut self, name: &str) -> Result<()> {
        let prefix = format!("{name}'s ");
        while let Some(at) = self.others.iter().position(|process| process.name().starts_with(&prefix)) {
            self.others.remove(at).terminate().await?;
        }
        Ok(())
    }

    fn spawn(&mut self, name: &str, log: &Path, args: &[String]) -> Result<()> {
        self.others.push(Process::start(name, &self.setting.program, log, args)?);
        Ok(())
    }

    /// The address of workload `place`.
    pub fn address(&self, place: u8) -> String {
        format!("127.0.{}.{place}", self.setting.base)
    }

    fn bound(&self, place: u8) -> u8 {
        20 + 10 * self.setting.base + place
    }

    /// Returns where the proxy of workload `client` takes calls to the virtual IP that ends in `service`.
    pub fn url(&self, client: u8, service: u8, path: &str) -> String {
        format!("http://127.{}.0.{service}:8080{path}", self.bound(client))
    }

    /// Returns where the controller serves proxies and agents.
    pub fn controller_address(&self) -> String {
        format!("127.0.{}.100:15012", self.setting.base)
    }

    /// A page of the controller's admin port.
    pub fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.{}.100:15014{path}", self.setting.base)
    }

    /// A page of the admin port of workload `place`'s Envoy.
    pub fn envoy_url(&self, place: u8, path: &str) -> String {
        format!("http://{}:15000{path}", self.address(place))
    }

    /// The folder of the manifests.
    pub fn manifests(&self) -> PathBuf {
        self.setting.folder.join("manifests")
    }

    /// Replaces one manifest at once, as an editor that saves does. Returns when.
    pub fn write(&self, file: &str, text: &str) -> Result<Instant> {
        let manifests = self.setting.folder.join("manifests");
        let hidden = manifests.join(format!(".{file}.new"));
        std::fs::write(&hidden, text)?;
        std::fs::rename(&hidden, manifests.join(file))?;
        Ok(Instant::now())
    }

    /// The text of one manifest.
    pub fn read(&self, file: &str) -> Result<String> {
        let path = self.setting.folder.join("manifests").join(file);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Kills the controller and starts it again. Returns how long it was away.
    pub async fn restart_controller(&mut self, away: Duration) -> Result<Duration> {
        let start = Instant::now();
        self.controller.kill().await?;
        tokio::time::sleep(away).await;
        self.controller = start_controller(&self.setting)?;
        let ready = self.admin_url("/ready");
        self.until("the controller is ready again", Duration::from_secs(20), || ok(ready.clone())).await?;
        Ok(start.elapsed())
    }

    /// Runs a `heddle` command on the stage's manifests, and returns what it prints.
    pub async fn ask(&self, args: &[&str]) -> Result<String> {
        let source = format!("dir:{}", self.setting.folder.join("manifests").display());
        let mut all = args.to_vec();
        all.extend(["--source", &source]);
        self.run(&all).await
    }

    /// A page of the controller's admin port.
    pub async fn page(&self, path: &str) -> Result<String> {
        Ok(Client::new().get(&self.admin_url(path), &[]).await?.text())
    }

    /// Returns how much memory the controller holds, in KiB.
    pub fn controller_kib(&self) -> u64 {
        self.controller.resident_kib().unwrap_or(0)
    }

    /// Waits until `met` holds, looking every 2 ms; fails when a process has ended or the time is over.
    pub async fn until<F: Future<Output = bool>>(
        &mut self,
        what: &str,
        within: Duration,
        met: impl Fn() -> F,
    ) -> Result<Duration> {
        let start = Instant::now();
        while !met().await {
            self.controller.check()?;
            for process in &mut self.others {
                process.check()?;
            }
            if start.elapsed() > within {
                bail!(
                    "waited {within:?} in vain until {what} (logs are in {})",
                    self.setting.folder.display()
                );
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(start.elapsed())
    }

    async fn run(&self, args: &[&str]) -> Result<String> {
        let out = tokio::process::Command::new(&self.setting.program).args(args).output().await?;
        let (told, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        // 2 is a finding, as `explain` ends with when a request is denied.
        let ran = matches!(out.status.code(), Some(0 | 2));
        ensure!(ran, "heddle {} failed: {errors}{told}", args.join(" "));
        Ok(told.into_owned())
    }

    /// Ends everything, agents before the controller.
    pub async fn clear(self) -> Result<()> {
        let ends = self.others.into_iter().map(Process::terminate);
        futures::future::try_join_all(ends).await?;
        self.controller.terminate().await
    }
}

fn prepare(source: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        let marker = folder.join("manifests");
        ensure!(marker.is_dir(), "{} exists and is not the demo's: choose another --dir", folder.display());
        std::fs::remove_dir_all(folder)?;
    }
    let manifests = folder.join("manifests");
    std::fs::create_dir_all(&manifests)?;
    for entry in std::fs::read_dir(source).with_context(|| format!("cannot read {}", source.display()))? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "yaml") {
            std::fs::copy(entry.path(), manifests.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn start_controller(setting: &Setting) -> Result<Process> {
    let source = format!("dir:{}", setting.folder.join("manifests").display());
    let state = text(setting.folder.join("state"));
    let host = format!("127.0.{}.100", setting.base);
    let (listen, admin) = (format!("{host}:15012"), format!("{host}:15014"));
    let args = [
        "controller",
        "--source",
        &source,
        "--state",
        &state,
        "--listen",
        &listen,
        "--admin",
        &admin,
        "--certificate-lifetime",
        &setting.lifetime,
    ];
    let args: Vec<String> = args.map(String::from).into_iter().chain(setting.extra.clone()).collect();
    Process::start("the controller", &setting.program, &setting.folder.join("controller.log"), &args)
}

async fn ok(url: String) -> bool {
    Client::new().get(&url, &[]).await.is_ok_and(|reply| reply.status == 200)
}

fn text(path: PathBuf) -> String {
    path.display().to_string()
}
