//! The caller of `helm test`: asks the demo's application until it sees who calls.

use super::http::Client;
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

/// The time between two requests.
const PAUSE: Duration = Duration::from_millis(500);

/// Ask an application of the demo until it sees this caller by its certificate.
#[derive(clap::Args)]
pub struct Args {
    /// The URL of the application
    #[arg(long)]
    url: String,
    /// The end of the SPIFFE ID that the application must see
    #[arg(long, value_name = "TEXT")]
    identity: String,
    /// The time after which to give up
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = crate::cli::duration::parse)]
    timeout: Duration,
}

/// Asks.
pub async fn run(args: Args) -> Result<()> {
    let end = Instant::now() + args.timeout;
    loop {
        match ask(&args).await {
            Ok(identity) => {
                println!("{} is asked over mTLS, as {identity}", args.url);
                return Ok(());
            }
            Err(error) if Instant::now() > end => return Err(error),
            Err(error) => eprintln!("heddle: {error:#}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask(args: &Args) -> Result<String> {
    let seen = Client::new().get(&args.url, &[]).await?.seen()?;
    let identity = seen.peer().context("the application sees a caller without a certificate")?;
    ensure!(identity.ends_with(&args.identity), "the application sees {identity}, not {}", args.identity);
    Ok(identity.into())
}
