//! The wire, the controller, and everyone on it.

use crate::manifests::Manifests;
use crate::place::{Actor, Place};
use crate::process::{Process, Start};
use anyhow::{Context, Result, anyhow, bail, ensure};
use heddle::demo::Client;
use heddle_play_tests::net::Namespace;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

const CONTROLLER: Ipv4Addr = Ipv4Addr::new(198, 18, 64, 1);
/// A proxy of debug build on a busy machine takes seconds to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// The setting of a stage.
pub struct Setting {
    /// The `heddle` binary.
    pub program: PathBuf,
    /// The Envoy binary.
    pub envoy: PathBuf,
    /// The linkerd2-proxy binary.
    pub linkerd: PathBuf,
    /// A folder of its own.
    pub folder: PathBuf,
    /// The runtime of the applications.
    pub runtime: Handle,
}

/// Everything that runs. Ends in the order of its fields.
pub struct Stage {
    places: BTreeMap<&'static str, Place>,
    controller: Process,
    control: Namespace,
    _switch: Namespace,
    /// The manifests that the controller reads.
    pub manifests: Manifests,
    /// Its setting.
    pub setting: Setting,
}

impl Setting {
    /// Returns where the controller serves proxies and agents.
    pub fn controller(&self) -> String {
        format!("{CONTROLLER}:15012")
    }

    /// Runs a `heddle` command, and returns what it prints.
    ///
    /// # Errors
    /// With what it says, if it fails.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let out = std::process::Command::new(&self.program).args(args).output()?;
        let (told, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        // 2 is a finding, as `explain` ends with when a request is denied.
        ensure!(matches!(out.status.code(), Some(0 | 2)), "heddle {} failed: {errors}{told}", args.join(" "));
        Ok(told.into_owned())
    }

    /// The controller's state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Makes a token for a workload, in a file, and returns it.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn token(&self, actor: Actor, file: &Path) -> Result<String> {
        let (workload, state, file) = (actor.workload(), text(&self.state()), text(file));
        let create = ["token", "create", "--state", &state, "--workload", &workload];
        self.run(&[&create[..], &["--service-account", actor.account, "--output", &file]].concat())?;
        Ok(std::fs::read_to_string(file)?)
    }

    fn manifests(&self) -> PathBuf {
        self.folder.join("manifests")
    }

    fn start_controller(&self, within: &Namespace) -> Result<Process> {
        let source = format!("dir:{}", self.manifests().display());
        let state = text(&self.state());
        let args = [
            "controller",
            "--source",
            &source,
            "--state",
            &state,
            "--listen",
            &self.controller(),
            "--certificate-lifetime",
            "30s",
            "--log",
            "info,heddle_serve::linkerd=debug",
        ];
        let args = args.map(Into::into).into();
        let log = self.folder.join("controller.log");
        Process::start(
            Start { name: "the controller", program: &self.program, args, user: None, log },
            within,
        )
    }
}

impl Stage {
    /// Copies the manifests, starts a controller on them, and lets the cast enter.
    ///
    /// # Errors
    /// If somebody does not become ready.
    pub fn set(setting: Setting, manifests: &Path, cast: &[Actor]) -> Result<Self> {
        let manifests = Manifests::copy(manifests, setting.manifests())?;
        let made = |name: &str| Namespace::new(name).map_err(|error| anyhow!(error));
        let (switch, control) = (made("try-switch")?, made("try-control")?);
        switch.become_switch().map_err(|error| anyhow!(error))?;
        control.plug(&switch, 1, &[IpAddr::V4(CONTROLLER)]).map_err(|error| anyhow!(error))?;
        let controller = setting.start_controller(&control)?;
        let mut stage =
            Self { places: BTreeMap::new(), controller, control, _switch: switch, manifests, setting };
        stage.wait_for_controller()?;
        for actor in cast {
            let place = Place::open(&stage.setting, *actor, &stage._switch)?;
            stage.places.insert(actor.name, place);
        }
        for actor in cast {
            let place = stage.places.get_mut(actor.name).context("it has just entered")?;
            place.wait(PATIENCE).map_err(|error| error.context(stage.controller.tail()))?;
        }
        Ok(stage)
    }

    /// A workload.
    ///
    /// # Panics
    /// If it is not of the cast.
    pub fn of(&self, actor: Actor) -> &Place {
        self.places.get(actor.name).expect("it is of the cast")
    }

    /// The virtual IP that ends so.
    pub const fn service(host: u8, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 18, 65, host)), port)
    }

    /// Kills the controller and starts it again. Returns how long it was away.
    ///
    /// # Errors
    /// If it does not come back.
    pub fn restart_controller(&mut self, away: Duration) -> Result<Duration> {
        let start = Instant::now();
        self.controller.kill();
        std::thread::sleep(away);
        self.controller = self.setting.start_controller(&self.control)?;
        self.wait_for_controller()?;
        Ok(start.elapsed())
    }

    fn wait_for_controller(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.page("/ready").is_ok_and(|(status, _)| status == 200) {
            self.controller.check()?;
            ensure!(Instant::now() < deadline, "the controller is not ready:\n{}", self.controller.tail());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Returns what the controller has logged.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.setting.folder.join("controller.log"))?)
    }

    /// Runs something where the controller is.
    pub fn block_on<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        self.control.within(|| runtime.expect("a runtime starts").block_on(future))
    }

    /// A page of the controller's admin port: status and body.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn page(&self, path: &str) -> Result<(u16, String)> {
        let url = format!("http://127.0.0.1:15014{path}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let get = || runtime.block_on(async { Client::new().get(&url, &[]).await });
        let reply = self.control.within(get)?;
        Ok((reply.status, reply.text()))
    }

    /// Runs a `heddle` command where the controller's admin port is.
    ///
    /// # Errors
    /// If it fails.
    pub fn ask(&self, args: &[&str]) -> Result<String> {
        self.control.within(|| self.setting.run(args))
    }

    /// One connection of bytes from outside the mesh, in plain text.
    ///
    /// # Errors
    /// If it cannot be made, or does not end.
    pub fn from_outside(&self, to: SocketAddr) -> Result<crate::call::Reply> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ask = || runtime.block_on(crate::call::request(to, crate::call::Speaks::Http1, "/", &[]));
        self.control.within(ask)
    }

    /// Waits until something holds.
    ///
    /// # Errors
    /// If it does not within the time, or a process has ended meanwhile.
    pub fn until(
        &mut self,
        what: &str,
        within: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Result<Duration> {
        let start = Instant::now();
        while !holds(self) {
            self.controller.check()?;
            for place in self.places.values_mut() {
                place.check()?;
            }
            if start.elapsed() > within {
                bail!("waited {within:?} in vain until {what}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(start.elapsed())
    }

    /// The ends of all logs.
    pub fn tails(&self) -> String {
        let places: Vec<String> = self.places.values().map(Place::tail).collect();
        format!("{}\n\nthe end of the controller's log:\n{}", places.join("\n\n"), self.controller.tail())
    }
}

/// A path as an argument.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}
