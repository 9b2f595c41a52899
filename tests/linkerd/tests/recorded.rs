//! Questions that real linkerd2-proxies asked in `make try-linkerd` are answered as then, edit by edit, over the real port.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use clap::Parser;
use heddle::cli::{self, Heddle, SERVER_NAME};
use heddle::demo::Client;
use heddle_linkerd_tests::manifests::Manifests;
use heddle_linkerd_tests::proxy::Controller;
use heddle_linkerd_tests::scenes::CAST;
use heddle_linkerd_tests::transcript::{Asking, Question, Step, play};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Of this test alone.
const LISTEN: &str = "127.77.1.1:15012";
const ADMIN: &str = "127.77.1.1:15014";

/// Runs a command as the binary does.
fn heddle(args: &[&str]) {
    let command = Heddle::parse_from([&["heddle"], args].concat());
    assert_eq!(
        format!("{:?}", cli::run(command)),
        format!("{:?}", std::process::ExitCode::SUCCESS),
        "{args:?}"
    );
}

/// It ends with the test.
fn start_controller(manifests: &Path, state: &Path) {
    let (source, state) = (format!("dir:{}", manifests.display()), state.display().to_string());
    std::thread::spawn(move || {
        let args = ["controller", "--source", &source, "--state", &state];
        heddle(&[&args[..], &["--listen", LISTEN, "--admin", ADMIN, "--log", "warn"]].concat());
    });
}

async fn ready() {
    let url = format!("http://{ADMIN}/ready");
    let is = || async { Client::new().get(&url, &[]).await.is_ok_and(|reply| reply.status == 200) };
    for _ in 0..1_000 {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the controller is not ready");
}

#[tokio::test]
async fn what_real_proxies_asked_is_answered_as_it_was() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("no provider is installed yet");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recorded = std::fs::read_to_string(root.join("recorded.yaml")).expect("it was recorded");
    let wanted: Vec<Step> = serde_saphyr::from_str(&recorded).expect("steps");
    // Every question is answered when it is asked.
    let questions: BTreeSet<Question> = wanted[0].heard.iter().map(|heard| heard.question.clone()).collect();

    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let manifests = Manifests::copy(&root.join("manifests"), folder.path().join("manifests")).unwrap();
    start_controller(&manifests.0, &state);
    ready().await;
    let controller = Controller {
        address: LISTEN.parse().unwrap(),
        name: SERVER_NAME.into(),
        roots: std::fs::read(state.join("roots.pem")).unwrap(),
    };
    let token = |who: &str| {
        let actor = CAST.iter().find(|actor| actor.workload() == who).expect("one of the cast");
        let (file, state) = (folder.path().join(actor.name), state.display().to_string());
        let output = file.display().to_string();
        let args = ["token", "create", "--state", &state, "--workload", who];
        let args = [&args[..], &["--service-account", actor.account, "--output", &output]].concat();
        std::thread::scope(|scope| scope.spawn(|| heddle(&args)).join()).expect("a token");
        Ok((std::fs::read_to_string(file)?, actor.dns()))
    };
    let asking = Asking { controller: &controller, manifests: &manifests, token: &token };
    let heard = play(&asking, &questions, Some(&wanted)).await.unwrap();
    let text = serde_saphyr::to_string(&heard).unwrap();
    assert!(text == recorded, "{}", heddle_testkit::golden::diff(&recorded, &text));
}
