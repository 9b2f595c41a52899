//! The agent beside a linkerd2-proxy: a child that tells what it was given.

use super::*;
use heddle_agent::linkerd::Sidecar;

const IDENTITY: &str = "web.shop.serviceaccount.identity.heddle.cluster.local";

fn sidecar(admin: SocketAddr, given: &[&str]) -> Proxy {
    Proxy::Linkerd(Sidecar {
        workload: "external/shop/web".parse().expect("valid"),
        identity: IDENTITY.into(),
        addresses: vec!["10.1.0.4".parse().expect("valid")],
        ports: vec![8080],
        admin,
        given: given.iter().map(ToString::to_string).collect(),
    })
}

/// Nobody listens where the controller should be: an agent of this kind never asks it.
async fn config(bench: &Bench, given: &[&str]) -> Config {
    let (controller, admin) = (free_address().await, free_address().await);
    Config { proxy: sidecar(admin, given), ..bench.config(controller) }
}

/// Answers every request with this status line.
fn admin(listener: TcpListener, status: watch::Receiver<&'static str>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("accept");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.expect("request");
            assert!(request[..length].starts_with(b"GET /ready HTTP/1.1\r\n"));
            let answer = format!("HTTP/1.1 {}\r\ncontent-length: 0\r\n\r\n", *status.borrow());
            stream.write_all(answer.as_bytes()).await.expect("answer");
        }
    })
}

#[tokio::test]
async fn the_child_finds_key_request_and_settings_and_its_code_is_returned() {
    let bench = Bench::new(HOUR).await;
    let config = config(&bench, &["LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR"]).await;
    let controller = config.controller.clone();
    let script = r#"env > env && cmp identity/key.p8 "$LINKERD2_PROXY_IDENTITY_DIR/key.p8" \
        && test -s identity/csr.der && cmp ../token "$LINKERD2_PROXY_IDENTITY_TOKEN_FILE" && exit 7"#;
    assert_eq!(code(tokio::spawn(run(config, shell(script)))).await, 7);
    let env = std::fs::read_to_string(bench.file("env")).expect("written");
    let has = |line: &str| assert!(env.lines().any(|found| found == line), "no {line} in\n{env}");
    has(&format!("LINKERD2_PROXY_IDENTITY_LOCAL_NAME={IDENTITY}"));
    has(&format!("LINKERD2_PROXY_POLICY_SVC_ADDR={controller}"));
    has(&format!("LINKERD2_PROXY_DESTINATION_SVC_NAME={NAME}"));
    has("LINKERD2_PROXY_POLICY_WORKLOAD=external/shop/web");
    has("LINKERD2_PROXY_INBOUND_PORTS=8080");
    assert!(env.contains(bench.mesh.bundle().pem().trim_end()), "{env}");
    assert!(!env.contains("LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR"), "{env}");
}

#[tokio::test]
async fn without_a_command_the_key_is_written_and_that_is_all() {
    let bench = Bench::new(HOUR).await;
    let config = config(&bench, &[]).await;
    assert_eq!(code(tokio::spawn(run(config, Vec::new()))).await, 0);
    assert!(bench.file("identity/key.p8").exists() && bench.file("identity/csr.der").exists());
}

#[tokio::test]
async fn a_child_that_could_not_start_yet_waits_for_roots_and_token() {
    let bench = Bench::new(HOUR).await;
    let roots = bench.temporary.path().join("roots.pem");
    let text = std::fs::read_to_string(&roots).expect("written");
    std::fs::remove_file(&roots).expect("there");
    let probe = free_address().await;
    let config = Config { probe: Some(probe), ..config(&bench, &[]).await };
    let agent = tokio::spawn(run(config.clone(), shell("exit 3")));
    probe_says(probe, "503 Service Unavailable", "waiting for the child\n").await;
    bench.put("roots.pem", &text);
    assert_eq!(code(agent).await, 3);
    std::fs::remove_file(bench.temporary.path().join("token")).expect("there");
    let agent = tokio::spawn(run(config, shell("exit 3")));
    probe_says(probe, "503 Service Unavailable", "waiting for the child\n").await;
    signal_all(Signal::TERM);
    assert_eq!(code(agent).await, 143);
}

#[tokio::test]
async fn readiness_is_the_proxys_own_until_it_drains() {
    let bench = Bench::new(HOUR).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("free port");
    let (status, answers) = watch::channel("503 Service Unavailable");
    let (at, probe) = (listener.local_addr().expect("address"), free_address().await);
    let answering = admin(listener, answers);
    let config =
        Config { proxy: sidecar(at, &[]), probe: Some(probe), drain: HOUR, ..config(&bench, &[]).await };
    let script = "trap 'exit 4' TERM; while :; do sleep 0.05; done";
    let agent = tokio::spawn(run(config, shell(script)));
    let unready = "waiting for the proxy, which answers 503 Service Unavailable\n";
    probe_says(probe, "503 Service Unavailable", unready).await;
    status.send_replace("200 OK");
    probe_says(probe, "200 OK", "ready\n").await;
    signal_all(Signal::TERM);
    probe_says(probe, "503 Service Unavailable", "waiting for nothing: draining\n").await;
    signal_all(Signal::TERM);
    assert_eq!(code(agent).await, 4);
    answering.abort();
}
