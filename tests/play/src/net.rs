//! Network namespaces: one for each workload, and one with the bridge between them.

use heddle_capture::{Capture, CapturedBy, Direction};
use std::fs::File;
use std::io::Write;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

/// The users that proxies run as, whose traffic packet rules leave alone. Each proxy is a user of its own: the
/// kernel counts file watches (`fs.inotify.max_user_instances`, 128 by default) by user, on all of the machine.
pub const PROXY_USERS: std::ops::Range<u32> = 20_000..21_000;

/// A network namespace; it goes with this value.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// An empty namespace with its loopback.
    pub fn new(name: &str) -> Result<Self, String> {
        ip(&format!("netns add {name}\n"))?;
        let namespace = Self { name: name.into() };
        ip(&format!("-n {name} link set lo up\n"))?;
        Ok(namespace)
    }

    /// Makes it the switch that others are plugged into.
    pub fn become_switch(&self) -> Result<(), String> {
        let name = &self.name;
        ip(&format!("-n {name} link add br0 type bridge mcast_snooping 0\n-n {name} link set br0 up\n"))
    }

    /// Plugs it into a switch, with these addresses; everything else is on the same wire.
    pub fn plug(&self, switch: &Namespace, plug: usize, addresses: &[IpAddr]) -> Result<(), String> {
        let (name, switch) = (&self.name, &switch.name);
        let mut lines = format!("link add p{plug} netns {switch} type veth peer name eth0 netns {name}\n");
        lines += &format!("-n {switch} link set p{plug} master br0 up\n");
        for address in addresses {
            let (bits, nodad) = if address.is_ipv4() { (32, "") } else { (128, " nodad") };
            lines += &format!("-n {name} addr add {address}/{bits} dev eth0{nodad}\n");
        }
        lines += &format!("-n {name} link set eth0 up\n-n {name} route add default dev eth0\n");
        if addresses.iter().any(IpAddr::is_ipv6) {
            lines += &format!("-6 -n {name} route add default dev eth0\n");
        }
        ip(&lines)
    }

    /// Leads traffic through the proxy, by the rules that a Pod gets; proxies run as [`PROXY_USERS`].
    pub fn capture(&self, proxy: CapturedBy, skips: &[u16], direction: Direction) -> Result<(), String> {
        let capture = Capture {
            proxy,
            users: PROXY_USERS.start..=PROXY_USERS.end - 1,
            skip_inbound: skips.iter().map(|port| *port..=*port).collect(),
            skip_outbound: Vec::new(),
            direction,
        };
        self.within(|| capture.apply()).map_err(|error| error.to_string())
    }

    /// Runs `body` on a thread within the namespace. Sockets opened and processes started there stay in it.
    pub fn within<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let enter = self.door();
            let thread = scope.spawn(move || {
                enter();
                body()
            });
            thread.join().expect("the body does not panic")
        })
    }

    /// Leads a thread into the namespace, for the rest of that thread.
    pub fn door(&self) -> impl FnOnce() + Send + 'static {
        let path = format!("/run/netns/{}", self.name);
        move || {
            let file = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let kind = rustix::thread::LinkNameSpaceType::Network;
            rustix::thread::move_into_link_name_space(file.as_fd(), Some(kind))
                .unwrap_or_else(|error| panic!("entering {path}: {error}"));
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(ip(&format!("netns del {}\n", self.name)));
    }
}

/// Runs lines of `ip` arguments. (`ip -batch` takes no `-n` within a line.)
fn ip(lines: &str) -> Result<(), String> {
    for line in lines.lines() {
        let args: Vec<&str> = line.split_whitespace().collect();
        pipe("ip", &args, "")?;
    }
    Ok(())
}

fn pipe(program: &str, args: &[&str], input: &str) -> Result<(), String> {
    let started = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let failed = |error: &dyn std::fmt::Display| format!("{program} {}: {error}", args.join(" "));
    let mut child = started.map_err(|error| failed(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(|error| failed(&error))?;
    }
    let out = child.wait_with_output().map_err(|error| failed(&error))?;
    if out.status.success() { Ok(()) } else { Err(failed(&String::from_utf8_lossy(&out.stderr).trim())) }
}
