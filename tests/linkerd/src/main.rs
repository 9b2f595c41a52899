//! `make try-linkerd`: real linkerd2-proxies and Envoys, one mesh, and scenes that assert.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use comfy_table::{Table, presets};
use heddle::demo::scene::Outcome;
use heddle_linkerd_tests::record::record;
use heddle_linkerd_tests::scenes::{CAST, SCENES};
use heddle_linkerd_tests::stage::{Setting, Stage};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// Start a controller, linkerd2-proxies and Envoys in network namespaces, and show what they do together.
///
/// Needs root, `ip` and `nft`. Ends by itself, with 1 if something does not hold.
#[derive(Parser)]
struct Args {
    /// Only these scenes
    scenes: Vec<String>,
    /// The heddle binary
    #[arg(long, value_name = "FILE", default_value = "target/debug/heddle")]
    program: PathBuf,
    /// The manifests to start from; they are copied
    #[arg(long, value_name = "DIR", default_value = "tests/linkerd/manifests")]
    manifests: PathBuf,
    /// An unmodified linkerd2-proxy
    #[arg(long, value_name = "FILE", env = "HEDDLE_LINKERD2_PROXY")]
    linkerd: Option<PathBuf>,
    /// An Envoy
    #[arg(long, value_name = "FILE", env = "HEDDLE_ENVOY", default_value = ".cache/envoy/bin/envoy")]
    envoy: PathBuf,
    /// Write here what the proxies asked and are told: tests/linkerd/recorded.yaml, for the test that holds it
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Leave the folder with all logs
    #[arg(long)]
    keep: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let Some(linkerd) = &args.linkerd else {
        bail!(
            "no linkerd2-proxy: set HEDDLE_LINKERD2_PROXY to one (2.20 was tried), or name it with --linkerd"
        );
    };
    let unknown = args.scenes.iter().find(|name| !SCENES.iter().any(|(known, _)| known == name));
    if let Some(name) = unknown {
        bail!("no scene {name:?}, want some of {}", SCENES.map(|(name, _)| name).join(", "));
    }
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("no provider is installed yet");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let folder = std::env::temp_dir().join(format!("heddle-try-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let setting = Setting {
        program: readable(&args.program, &folder, "heddle")?,
        envoy: readable(&args.envoy, &folder, "envoy")?,
        linkerd: readable(linkerd, &folder, "linkerd2-proxy")?,
        folder: folder.clone(),
        runtime: runtime.handle().clone(),
    };
    runtime.spawn(end_on_signals());
    let played = play(&args, setting);
    if args.keep {
        println!("logs are in {}", folder.display());
    } else {
        std::fs::remove_dir_all(&folder)?;
    }
    runtime.shutdown_background();
    played
}

/// Whoever is asked to end has its children end: then what is being played fails, and the stage is cleared.
static ENDING: AtomicBool = AtomicBool::new(false);

async fn end_on_signals() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    ENDING.store(true, Ordering::Relaxed);
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TERM);
}

fn play(args: &Args, setting: Setting) -> Result<()> {
    println!("Setting the stage: a controller and {} workloads", CAST.len());
    let mut stage = Stage::set(setting, &args.manifests, &CAST)?;
    let (mut held, mut failed) = (Vec::new(), Vec::new());
    let wanted = |name: &str| args.scenes.is_empty() || args.scenes.iter().any(|scene| scene == name);
    for (number, (name, scene)) in SCENES.iter().enumerate().filter(|(_, (name, _))| wanted(name)) {
        match scene(&mut stage, number + 1) {
            Ok(outcome) => held.push(outcome),
            Err(error) => {
                println!("   DOES NOT HOLD  {error:#}\n{}", stage.tails());
                failed.push(*name);
                ensure!(!ENDING.load(Ordering::Relaxed), "interrupted");
            }
        }
    }
    println!("\n{}", table(&held));
    ensure!(failed.is_empty(), "does not hold: {}", failed.join(", "));
    if let Some(file) = &args.record {
        println!("{} questions and their answers are in {}", record(&stage, file)?, file.display());
    }
    Ok(())
}

fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["SCENE", "ASSERTED", "SECONDS", "RESULT"]);
    for Outcome { title, asserted, result, seconds } in outcomes {
        table.add_row([title.to_string(), asserted.to_string(), format!("{seconds:.1}"), result.clone()]);
    }
    table
}

/// A link to a binary, or a copy where the proxies' users may not look at it.
fn readable(binary: &Path, folder: &Path, name: &str) -> Result<PathBuf> {
    let found = binary.canonicalize().with_context(|| format!("no {name} at {}", binary.display()))?;
    let to = folder.join(name);
    if std::fs::hard_link(&found, &to).is_err() {
        std::fs::copy(&found, &to).with_context(|| format!("cannot copy {}", found.display()))?;
    }
    Ok(to)
}
