//! The log of the process, and its level.

use anyhow::{Context, Result};
use heddle_serve::admin::LogLevel;
use std::io::IsTerminal;
use std::sync::Arc;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// The format of log lines.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people; coloured on a terminal.
    #[default]
    Plain,
    /// One JSON object a line.
    Json,
}

/// The filter, which may change while running.
struct Filter(reload::Handle<EnvFilter, Registry>);

/// Begins to log to standard error.
pub(crate) fn start(filter: &str, format: Format) -> Result<Arc<dyn LogLevel>> {
    let parsed = parse(filter).with_context(|| format!("--log {filter:?} is no filter"))?;
    let (layer, handle) = reload::Layer::new(parsed);
    let registry = tracing_subscriber::registry().with(layer);
    match format {
        Format::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
        }
        Format::Plain => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            registry.with(fmt::layer().with_ansi(colour).with_writer(std::io::stderr)).try_init()
        }
    }
    .context("logging has begun already")?;
    Ok(Arc::new(Filter(handle)))
}

/// The Kubernetes client tells every failed try; our watches tell each change of state once.
fn parse(filter: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    EnvFilter::try_new(format!("kube_client::client::builder=off,{filter}"))
}

impl LogLevel for Filter {
    fn get(&self) -> String {
        self.0.with_current(ToString::to_string).unwrap_or_default()
    }

    fn set(&self, filter: &str) -> Result<(), String> {
        let parsed = parse(filter).map_err(|error| format!("{filter:?} is no filter: {error}"))?;
        self.0.reload(parsed).map_err(|error| error.to_string())
    }
}
