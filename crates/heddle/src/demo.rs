//! The guided tour: a controller, five workloads, and scenes that assert.

pub mod app;
pub mod caller;
pub mod http;
pub mod load;
mod process;
pub mod scene;
mod scenes;
mod stage;

pub use http::Client;

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use scene::Outcome;
pub use stage::{Actor, Setting, Stage};
use std::path::PathBuf;
use std::time::Instant;

const WEB: Actor = Actor { name: "web", account: "web", place: 1 };
const CART_V1: Actor = Actor { name: "cart-v1", account: "cart", place: 2 };
const CART_V2: Actor = Actor { name: "cart-v2", account: "cart", place: 3 };
const PAYMENTS: Actor = Actor { name: "payments", account: "payments", place: 4 };
const INTRUDER: Actor = Actor { name: "intruder", account: "intruder", place: 5 };
const CAST: [Actor; 5] = [WEB, CART_V1, CART_V2, PAYMENTS, INTRUDER];
/// The last octets of the virtual IPs that are dialled.
const WEB_IP: u8 = 1;
const CART: u8 = 2;
const PAYMENTS_IP: u8 = 5;

/// Start a controller and five workloads with real Envoys on loopback, and show what a mesh does.
///
/// Ends by itself after about 90 seconds with a table of what held. DEMO_STAY=1 leaves it running.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The manifests to start from; they are copied, the originals stay as they are
    #[arg(long, value_name = "DIR", default_value = "examples/demo")]
    source: PathBuf,
    /// A folder of its own, emptied at the start
    #[arg(long, value_name = "DIR", default_value = ".demo")]
    dir: PathBuf,
    /// The Envoy to start
    #[arg(long, value_name = "FILE", env = "HEDDLE_ENVOY", default_value = ".cache/envoy/bin/envoy")]
    envoy: PathBuf,
    /// Leave everything running after the scenes, until interrupted
    #[arg(long, env = "DEMO_STAY", value_parser = clap::builder::FalseyValueParser::new())]
    stay: bool,
}

/// Plays the demo.
pub(crate) async fn run(args: Args) -> Result<()> {
    let start = Instant::now();
    println!("Setting the stage: a controller and five workloads, each with its own Envoy and agent");
    let mut stage = tokio::select! {
        stage = set(&args) => stage?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    println!("   ok  ready after {:.1} s", start.elapsed().as_secs_f64());
    let outcomes = tokio::select! {
        outcomes = play(&mut stage) => outcomes?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    let memory = stage.controller_kib();
    println!("\n{}", table(&outcomes));
    println!(
        "{} assertions held in {:.0} s; the controller holds {:.1} MiB.",
        outcomes.iter().map(|outcome| outcome.asserted).sum::<usize>(),
        start.elapsed().as_secs_f64(),
        memory as f64 / 1024.0,
    );
    if args.stay {
        invite(&args, &stage);
        tokio::signal::ctrl_c().await.context("cannot wait for an interrupt")?;
    }
    stage.clear().await
}

async fn set(args: &Args) -> Result<Stage> {
    let setting = Setting {
        program: std::env::current_exe().context("cannot tell where this program lies")?,
        envoy: args.envoy.clone(),
        source: args.source.clone(),
        folder: args.dir.clone(),
        base: 1,
        lifetime: "12s".into(),
        extra: Vec::new(),
    };
    let mut stage = Stage::set(setting).await?;
    stage.enter(&CAST).await?;
    Ok(stage)
}

async fn play(stage: &mut Stage) -> Result<Vec<Outcome>> {
    Ok(vec![
        scenes::mutual_tls(stage).await?,
        scenes::canary(stage).await?,
        scenes::header_match(stage).await?,
        scenes::retry_and_timeout(stage).await?,
        scenes::access(stage).await?,
        scenes::rotation(stage).await?,
        scenes::restart(stage).await?,
    ])
}

fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["SCENE", "ASSERTED", "SECONDS", "RESULT"]);
    for Outcome { title, asserted, result, seconds } in outcomes {
        table.add_row([title.to_string(), asserted.to_string(), format!("{seconds:.1}"), result.clone()]);
    }
    table
}

fn invite(args: &Args, stage: &Stage) {
    let manifests = args.dir.join("manifests");
    println!("\nStill running; Ctrl-C ends it. To play with:");
    println!("   as web:       curl {}", stage.url(WEB.place, CART, "/"));
    println!("   as intruder:  curl {}", stage.url(INTRUDER.place, PAYMENTS_IP, "/pay"));
    println!("   edit:         {}", manifests.display());
    println!("   who is here:  heddle proxies --admin 127.0.1.100:15014");
    println!(
        "   why:          heddle explain --source dir:{} --from shop/web --to shop/cart:8080",
        manifests.display()
    );
    for Actor { name, place, .. } in CAST {
        println!("   {name:<13} Envoy's admin {}", stage.envoy_url(place, "/"));
    }
}
