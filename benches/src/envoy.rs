//! The memory of a real Envoy whose traffic is captured, with so many services in the mesh and so many dialled.

use crate::mesh::{self, Mesh};
use crate::resident_mib;
use anyhow::{Context, Result, ensure};
use heddle_play_tests::net::{Namespace, PROXY_USERS};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The address of the machine on which the Envoy runs, and of the one that has all others.
const MACHINE: [u8; 4] = [10, 255, 255, 1];
const OTHERS: [u8; 4] = [10, 255, 255, 2];
const ADMIN: &str = "127.0.0.1:15000";
const CONTROLLER: &str = "127.0.0.1:15012";
const CONTROLLER_ADMIN: &str = "127.0.0.1:15014";
/// The time for which anything is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// The programs.
pub(crate) struct Programs {
    pub(crate) heddle: PathBuf,
    pub(crate) envoy: PathBuf,
}

/// Two machines, the controller and the Envoy on one of them.
struct Site {
    machine: Namespace,
    _others: Namespace,
    _switch: Namespace,
    folder: PathBuf,
    processes: Vec<Child>,
}

/// Prints memory as `used` services have been dialled, in order.
pub(crate) fn measure(mesh: &Mesh, used: &[usize], programs: &Programs) -> Result<()> {
    println!("{} services of {} workloads", mesh.services, mesh.workloads);
    println!(
        "{:>6} {:>10} {:>12} {:>10} {:>14} {:>14}",
        "used", "Envoy", "allocated", "clusters", "controller", "answered"
    );
    let site = Site::build(mesh, programs)?;
    let mut dialled = 0;
    for used in used.iter().copied() {
        ensure!(used <= mesh.services, "{used} of {} services", mesh.services);
        let answered = (dialled..used).filter(|service| site.dial(*service)).count();
        let attempts = used - dialled;
        dialled = used;
        std::thread::sleep(Duration::from_secs(1));
        let [controller, envoy] = site.resident()?;
        println!(
            "{used:>6} {envoy:>7} MiB {:>8} MiB {:>10} {controller:>10} MiB {:>14}",
            site.allocated()? >> 20,
            site.get(ADMIN, "/clusters")?.matches("observability_name").count(),
            format!("{answered} of {attempts}"),
        );
    }
    Ok(())
}

impl Site {
    fn build(mesh: &Mesh, programs: &Programs) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("heddle-bench-{}", std::process::id()));
        fs::create_dir_all(folder.join("proxy"))?;
        fs::create_dir_all(folder.join("mesh"))?;
        fs::write(folder.join("mesh/mesh.yaml"), mesh.manifests()?)?;
        for (program, name) in [(&programs.heddle, "heddle"), (&programs.envoy, "envoy")] {
            fs::copy(program, folder.join(name)).with_context(|| program.display().to_string())?;
        }
        let named = |name: &str| format!("hb{}{name}", std::process::id());
        let switch = Namespace::new(&named("s")).map_err(anyhow::Error::msg)?;
        let (machine, others) = (Namespace::new(&named("m")), Namespace::new(&named("o")));
        let (machine, others) = (machine.map_err(anyhow::Error::msg)?, others.map_err(anyhow::Error::msg)?);
        switch.become_switch().map_err(anyhow::Error::msg)?;
        for (plug, (namespace, address)) in [(&machine, MACHINE), (&others, OTHERS)].into_iter().enumerate() {
            namespace.plug(&switch, plug, &[IpAddr::from(address)]).map_err(anyhow::Error::msg)?;
        }
        // Every workload is there, and refuses: the Envoy has all that it takes to dial it.
        let local = ["route", "add", "local", "10.0.0.0/9", "dev", "lo"];
        ensure!(others.within(|| Command::new("ip").args(local).status())?.success(), "no route");
        let mut site = Self { machine, _others: others, _switch: switch, folder, processes: Vec::new() };
        site.start()?;
        Ok(site)
    }

    fn start(&mut self) -> Result<()> {
        let (folder, proxy) = (self.folder.clone(), self.folder.join("proxy"));
        let path = |name: &str| folder.join(name).display().to_string();
        let source = format!("dir:{}", path("mesh"));
        let mut controller = Command::new(path("heddle"));
        controller.args([
            "controller",
            "--source",
            &source,
            "--state",
            &path("state"),
            "--listen",
            CONTROLLER,
            "--admin",
            CONTROLLER_ADMIN,
        ]);
        self.spawn(controller)?;
        self.wait("the controller is ready", |site| {
            site.get(CONTROLLER_ADMIN, "/ready").is_ok_and(|page| page.contains("200 OK"))
        })?;
        let workload = mesh::external_name(0, 0);
        let (token, bootstrap) = (path("proxy/token"), path("proxy/bootstrap.json"));
        self.run(&[
            "token",
            "create",
            "--state",
            &path("state"),
            "--workload",
            &workload,
            "--service-account",
            "s0",
            "--output",
            &token,
        ])?;
        self.run(&[
            "bootstrap",
            "--workload",
            &workload,
            "--controller",
            CONTROLLER,
            "--output",
            &bootstrap,
        ])?;
        fs::copy(folder.join("state/roots.pem"), folder.join("roots.pem"))?;
        fs::set_permissions(folder.join("roots.pem"), fs::Permissions::from_mode(0o644))?;
        let user = PROXY_USERS.start;
        let owned = [proxy.clone(), proxy.join("token"), proxy.join("bootstrap.json")];
        owned.iter().try_for_each(|path| chown(path, Some(user), Some(user)))?;
        fs::set_permissions(&proxy, fs::Permissions::from_mode(0o700))?;
        self.machine.within(|| self.run(&["agent", "capture", "--uid", &user.to_string()]))?;
        let mut agent = Command::new(path("heddle"));
        agent.args([
            "agent",
            "--workload",
            &workload,
            "--controller",
            CONTROLLER,
            "--roots",
            &path("roots.pem"),
            "--token",
            &token,
        ]);
        agent.args([
            "--dir",
            &path("proxy"),
            "--",
            &path("envoy"),
            "-c",
            "bootstrap.json",
            "--disable-hot-restart",
            "--concurrency",
            "2",
        ]);
        agent.uid(user).gid(user);
        self.spawn(agent)?;
        self.wait("the Envoy is ready", |site| {
            site.get(ADMIN, "/ready").is_ok_and(|page| page.contains("LIVE"))
        })
    }

    fn run(&self, args: &[&str]) -> Result<()> {
        let status = Command::new(self.folder.join("heddle")).args(args).stderr(Stdio::null()).status()?;
        ensure!(status.success(), "heddle {} failed", args.join(" "));
        Ok(())
    }

    fn spawn(&mut self, mut command: Command) -> Result<()> {
        let log = fs::File::create(self.folder.join("log"))?;
        command.stdout(Stdio::null()).stderr(log);
        self.processes.push(self.machine.within(|| command.spawn())?);
        Ok(())
    }

    fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            ensure!(Instant::now() < end, "not within {PATIENCE:?}: {what}\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Asks a service something, and returns whether an answer came, whatever it says.
    fn dial(&self, service: usize) -> bool {
        let address = format!("{}:8080", mesh::virtual_ip(service));
        self.get(&address, "/").is_ok_and(|answer| answer.starts_with("HTTP/1.1"))
    }

    fn get(&self, address: &str, path: &str) -> Result<String> {
        let address: SocketAddr = address.parse()?;
        self.machine.within(|| {
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
            let mut answer = Vec::new();
            match stream.read_to_end(&mut answer) {
                Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error)?,
                Ok(_) | Err(_) => {}
            }
            Ok(String::from_utf8_lossy(&answer).into_owned())
        })
    }

    /// Bytes that the Envoy has allocated.
    fn allocated(&self) -> Result<u64> {
        let page = self.get(ADMIN, "/memory")?;
        let line = page.lines().find(|line| line.contains("\"allocated\"")).context("no such field")?;
        Ok(line.chars().filter(char::is_ascii_digit).collect::<String>().parse()?)
    }

    /// Mebibytes that the controller holds, and the Envoy below its agent.
    fn resident(&self) -> Result<[u64; 2]> {
        let [controller, agent] = self.processes.as_slice() else { anyhow::bail!("not started") };
        let of = |process: u32| resident_mib(&process.to_string()).context("the process has gone");
        Ok([of(controller.id())?, of(child_of(agent.id())?)?])
    }
}

fn child_of(parent: u32) -> Result<u32> {
    let children = fs::read_to_string(Path::new("/proc").join(format!("{parent}/task/{parent}/children")))?;
    Ok(children.split_whitespace().next().context("it has no child")?.parse()?)
}

impl Drop for Site {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            // The agent ends its Envoy.
            let _ = Command::new("kill").arg(process.id().to_string()).status();
            let _ = process.wait();
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}
