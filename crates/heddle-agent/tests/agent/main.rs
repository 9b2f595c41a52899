//! An agent with a real controller over real TLS, a real child, and real signals.
//!
//! Signals go to the whole process, so these tests run one at a time.

mod controller;
mod linkerd;

use controller::{Controller, Mesh, Seen};
use heddle_agent::application::Application;
use heddle_agent::{Config, Error, Proxy, run};
use heddle_ca::{Answer, PrivateKey};
use rustix::process::{Signal, getpid, kill_process};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::task::JoinHandle;

const NAME: &str = "heddle.heddle.svc";
const HOUR: Duration = Duration::from_secs(3600);
/// Whatever is waited for comes long before this, or never.
const LIMIT: Duration = Duration::from_secs(30);

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A place for one agent, and a mesh to join.
struct Bench {
    mesh: Arc<Mesh>,
    temporary: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    async fn new(lifetime: Duration) -> Self {
        let alone = ONE_AT_A_TIME.lock().await;
        let temporary = tempfile::tempdir().expect("folder");
        let bench = Self { mesh: Mesh::new(lifetime), temporary, _alone: alone };
        bench.put("token", &format!("{}\n", bench.mesh.token()));
        bench.put("roots.pem", bench.mesh.bundle().pem());
        bench
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.temporary.path().join(name), text).expect("write");
    }

    fn folder(&self) -> PathBuf {
        self.temporary.path().join("agent")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn config(&self, controller: SocketAddr) -> Config {
        Config {
            folder: self.folder(),
            controller: controller.to_string(),
            server_name: NAME.into(),
            trust_anchors: self.temporary.path().join("roots.pem"),
            token: self.temporary.path().join("token"),
            proxy: Proxy::Files { seed: 0, envoy_admin: None },
            probe: None,
            application: Application::default(),
            drain: Duration::ZERO,
            grace: LIMIT,
        }
    }

    async fn agent(&self, script: &str) -> (Controller, JoinHandle<Result<u8, Error>>) {
        let controller = self.mesh.serve(NAME).await;
        let config = self.config(controller.address);
        (controller, tokio::spawn(run(config, shell(script))))
    }

    /// Returns what the files say now, if they are a good answer.
    fn answer(&self) -> Option<(PrivateKey, Answer)> {
        let text = |name| std::fs::read_to_string(self.file("certs").join(name)).ok();
        let key = PrivateKey::from_pem(&text("tls.key")?).ok()?;
        let answer =
            Answer::read(&text("tls.crt")?, &text("ca.crt")?, &key.public(), SystemTime::now()).ok()?;
        Some((key, answer))
    }
}

fn shell(script: &str) -> Vec<OsString> {
    ["sh", "-c", script].map(OsString::from).into()
}

fn signal_all(signal: Signal) {
    kill_process(getpid(), signal).expect("own process");
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let poll = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(what, poll).await;
}

async fn exists(path: &Path) {
    until(&path.display().to_string(), || path.exists()).await;
}

async fn saw(seen: &mut watch::Receiver<Seen>, what: &str, holds: impl FnMut(&Seen) -> bool) {
    within(what, seen.wait_for(holds)).await.expect("the mesh lives");
}

async fn code(agent: JoinHandle<Result<u8, Error>>) -> u8 {
    within("the agent", agent).await.expect("no panic").expect("started")
}

async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("free port");
    listener.local_addr().expect("address")
}

/// The answer of a probe, head and body; nothing if nobody listens.
async fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

async fn probe_says(address: SocketAddr, status: &str, body: &str) {
    let poll = async {
        loop {
            let answer = get(address, "/ready").await.unwrap_or_default();
            if answer.contains(status) && answer.ends_with(body) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(&format!("{status} {body:?}"), poll).await;
}

#[tokio::test]
async fn the_child_starts_in_the_folder_when_all_files_are_there_and_its_code_is_returned() {
    let bench = Bench::new(HOUR).await;
    let script = "test -s certs/tls.key && test -s certs/tls.crt && test -s certs/ca.crt \
                  && test -s sds/identity.yaml && test -s sds/roots.yaml && exit 7";
    let (_controller, agent) = bench.agent(script).await;
    assert_eq!(code(agent).await, 7);
    let (_, answer) = bench.answer().expect("files");
    assert_eq!(answer.bundle, *bench.mesh.bundle());
}

#[tokio::test]
async fn a_child_that_a_signal_ended_gives_128_and_its_number() {
    let bench = Bench::new(HOUR).await;
    let (_controller, agent) = bench.agent("kill -9 $$").await;
    assert_eq!(code(agent).await, 137);
}

#[tokio::test]
async fn certificates_of_three_seconds_are_renewed_while_they_are_good() {
    let bench = Bench::new(Duration::from_secs(3)).await;
    let (_controller, agent) = bench.agent("exec sleep 600").await;
    let mut keys = Vec::new();
    let watch = async {
        exists(&bench.file("sds/identity.yaml")).await;
        while keys.len() < 3 {
            // The three files are read one by one, so a switch may come between: then the version is read again.
            if let Some((key, _)) = bench.answer()
                && keys.last() != Some(&key.public())
            {
                keys.push(key.public());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("three certificates", watch).await;
    signal_all(Signal::TERM);
    assert_eq!(code(agent).await, 143);
}

#[tokio::test]
async fn a_refusal_is_tried_again_with_the_token_of_that_moment() {
    let bench = Bench::new(HOUR).await;
    bench.put("token", "a.b.c");
    let mut seen = bench.mesh.seen();
    let (_controller, agent) = bench.agent("exit 3").await;
    saw(&mut seen, "two refusals", |seen| seen.refused >= 2).await;
    assert!(!bench.file("sds/identity.yaml").exists());
    bench.put("token", &bench.mesh.token());
    assert_eq!(code(agent).await, 3);
}

#[tokio::test]
async fn a_controller_of_another_name_is_given_no_token() {
    let bench = Bench::new(HOUR).await;
    let mut seen = bench.mesh.seen();
    let impostor = bench.mesh.serve("vault.bank.svc").await;
    let agent = tokio::spawn(run(bench.config(impostor.address), shell("exit 0")));
    saw(&mut seen, "two failed handshakes", |seen| seen.impostors >= 2).await;
    assert_eq!((seen.borrow().issued, seen.borrow().refused), (0, 0));
    signal_all(Signal::TERM);
    assert_eq!(code(agent).await, 143);
}

#[tokio::test]
async fn a_controller_under_another_root_is_given_no_token() {
    let bench = Bench::new(HOUR).await;
    let stranger = Mesh::new(HOUR);
    let mut seen = stranger.seen();
    let controller = stranger.serve(NAME).await;
    let agent = tokio::spawn(run(bench.config(controller.address), shell("exit 0")));
    saw(&mut seen, "two failed handshakes", |seen| seen.impostors >= 2).await;
    assert_eq!((seen.borrow().issued, seen.borrow().refused), (0, 0));
    signal_all(Signal::INT);
    assert_eq!(code(agent).await, 130);
}

#[tokio::test]
async fn a_controller_that_comes_back_is_found() {
    let bench = Bench::new(Duration::from_secs(4)).await;
    let mut seen = bench.mesh.seen();
    let (controller, agent) = bench.agent("exec sleep 600").await;
    let address = controller.address;
    saw(&mut seen, "the first certificate", |seen| seen.issued == 1).await;
    exists(&bench.file("sds/identity.yaml")).await;
    drop(controller);
    let before = bench.answer().expect("files").0.public();
    // Away for longer than the certificate lives: the files stay as they are.
    until("the end of the certificate", || bench.answer().is_none()).await;
    assert!(!agent.is_finished());
    let _controller = bench.mesh.serve_at(NAME, address).await;
    until("another certificate", || bench.answer().is_some()).await;
    assert_ne!(bench.answer().expect("files").0.public(), before);
    signal_all(Signal::TERM);
    assert_eq!(code(agent).await, 143);
}

#[tokio::test]
async fn an_agent_that_restarts_while_the_controller_is_away_goes_on_with_what_is_there() {
    let bench = Bench::new(HOUR).await;
    let (controller, agent) = bench.agent("exit 1").await;
    assert_eq!(code(agent).await, 1);
    let (key, _) = bench.answer().expect("files");
    let away = controller.address;
    drop(controller);
    let agent = tokio::spawn(run(bench.config(away), shell("exit 2")));
    assert_eq!(code(agent).await, 2);
    assert_eq!(bench.answer().expect("files").0.public(), key.public());
}

#[tokio::test]
async fn a_hangup_is_passed_on_and_ends_nothing() {
    let bench = Bench::new(HOUR).await;
    let script = "trap 'touch hangup' HUP; trap 'exit 5' TERM; touch started; while :; do sleep 0.05; done";
    let (_controller, agent) = bench.agent(script).await;
    exists(&bench.file("started")).await;
    signal_all(Signal::HUP);
    exists(&bench.file("hangup")).await;
    signal_all(Signal::TERM);
    assert_eq!(code(agent).await, 5);
}

#[tokio::test]
async fn an_interrupt_reaches_the_child_at_once() {
    let bench = Bench::new(HOUR).await;
    let controller = bench.mesh.serve(NAME).await;
    let config = Config { drain: HOUR, ..bench.config(controller.address) };
    let script = "trap 'exit 6' INT; touch started; while :; do sleep 0.05; done";
    let agent = tokio::spawn(run(config, shell(script)));
    exists(&bench.file("started")).await;
    signal_all(Signal::INT);
    assert_eq!(code(agent).await, 6);
}

/// Answers requests as Envoy's admin does, to the first that is no question whether it is ready; returns that one.
async fn admin(listener: TcpListener) -> String {
    loop {
        let (mut stream, _) = listener.accept().await.expect("accept");
        let mut request = [0; 1024];
        let length = stream.read(&mut request).await.expect("request");
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nOK\n").await.expect("answer");
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        if !request.starts_with("GET /ready ") {
            return request;
        }
    }
}

#[tokio::test]
async fn a_drain_fails_readiness_and_tells_envoy_before_the_child_is_told() {
    let bench = Bench::new(HOUR).await;
    let controller = bench.mesh.serve(NAME).await;
    let envoy = TcpListener::bind("127.0.0.1:0").await.expect("free port");
    let probe = free_address().await;
    let config = Config {
        probe: Some(probe),
        proxy: Proxy::Files { seed: 0, envoy_admin: Some(envoy.local_addr().expect("address")) },
        drain: HOUR,
        ..bench.config(controller.address)
    };
    let script = "trap 'touch told; exit 0' TERM; touch started; while :; do sleep 0.05; done";
    let agent = tokio::spawn(run(config, shell(script)));
    exists(&bench.file("started")).await;
    let drained = tokio::spawn(admin(envoy));
    probe_says(probe, "200 OK", "ready\n").await;
    signal_all(Signal::TERM);
    let request = within("the request to envoy", drained).await.expect("no panic");
    assert!(request.starts_with("POST /drain_listeners?graceful HTTP/1.1\r\n"), "{request}");
    probe_says(probe, "503 Service Unavailable", "waiting for nothing: draining\n").await;
    assert!(!bench.file("told").exists());
    // A second signal cuts the hour short.
    signal_all(Signal::TERM);
    assert_eq!(code(agent).await, 0);
    assert!(bench.file("told").exists());
}

#[tokio::test]
async fn a_child_that_does_not_end_is_killed() {
    let bench = Bench::new(HOUR).await;
    let controller = bench.mesh.serve(NAME).await;
    let config = Config { grace: Duration::from_millis(200), ..bench.config(controller.address) };
    let agent = tokio::spawn(run(config, shell("trap '' TERM; touch started; while :; do sleep 0.05; done")));
    exists(&bench.file("started")).await;
    signal_all(Signal::TERM);
    assert_eq!(code(agent).await, 137);
}

#[tokio::test]
async fn probes_name_what_is_missing() {
    let bench = Bench::new(HOUR).await;
    bench.put("token", "a.b.c");
    let (controller, probe) = (bench.mesh.serve(NAME).await, free_address().await);
    let config = Config { probe: Some(probe), ..bench.config(controller.address) };
    let agent = tokio::spawn(run(config, Vec::new()));
    probe_says(probe, "503 Service Unavailable", "waiting for the first certificate\n").await;
    assert!(get(probe, "/live").await.expect("live").ends_with("\r\nlive\n"));
    bench.put("token", &bench.mesh.token());
    probe_says(probe, "200 OK", "ready\n").await;
    let metrics = get(probe, "/metrics").await.expect("metrics");
    assert!(metrics.contains("\nheddle_agent_certificates_total 1\n"), "{metrics}");
    // Without a command the agent runs until it is told to end, and a hangup is not the end.
    signal_all(Signal::HUP);
    signal_all(Signal::TERM);
    assert_eq!(code(agent).await, 0);
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let bench = Bench::new(HOUR).await;
    let controller = bench.mesh.serve(NAME).await;
    let config = bench.config(controller.address);
    let start = |config: Config, command: &str| run(config, vec![command.into()]);
    let error = within("an error", start(config.clone(), "/no/such/proxy")).await.expect_err("no child");
    assert_eq!(error.to_string(), "cannot start \"/no/such/proxy\": No such file or directory (os error 2)");
    bench.put("file", "");
    let folder = bench.temporary.path().join("file/below");
    let error =
        start(Config { folder: folder.clone(), ..config.clone() }, "true").await.expect_err("no folder");
    assert_eq!(error.to_string(), format!("cannot make {folder:?}: Not a directory (os error 20)"));
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("free port");
    let address = taken.local_addr().expect("address");
    let error = start(Config { probe: Some(address), ..config }, "true").await.expect_err("no port");
    assert_eq!(
        error.to_string(),
        format!("cannot listen on {address} for probes: Address already in use (os error 98)")
    );
}
