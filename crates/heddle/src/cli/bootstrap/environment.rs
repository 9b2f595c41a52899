//! The environment of a linkerd2-proxy, as a shell reads it.

use super::Args;
use crate::cli::sidecar::given;
use anyhow::{Context, Result};
use heddle_agent::application::Application;
use heddle_agent::linkerd::Settings;
use heddle_agent::{Config, Proxy};
use std::ffi::OsStr;
use std::time::Duration;

/// The time that a proxy takes to end where the agent does not say it.
const GRACE: Duration = Duration::from_secs(10);

/// One `export` for each variable, the same that `heddle agent --for linkerd` sets.
pub(super) fn print(args: Args) -> Result<String> {
    let Args { workload, controller, server_name, files, sidecar, .. } = args;
    let anchors = std::fs::read_to_string(&files.roots);
    let anchors = anchors.with_context(|| format!("cannot read {}", files.roots.display()))?;
    let sidecar = sidecar.of(workload, given())?;
    let folder = std::path::absolute(&files.dir)?.join("identity");
    let config = Config {
        folder: files.dir,
        controller: controller.to_string(),
        server_name,
        trust_anchors: files.roots,
        token: files.token,
        proxy: Proxy::Linkerd(sidecar.clone()),
        probe: None,
        application: Application::default(),
        drain: Duration::ZERO,
        grace: GRACE,
    };
    let settings = Settings { config: &config, sidecar: &sidecar, folder: &folder, anchors: &anchors };
    Ok(settings
        .environment()
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
        .collect())
}

/// One word for a shell, whatever it contains.
fn quoted(value: &OsStr) -> String {
    format!("'{}'", value.to_string_lossy().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_whatever_it_contains() {
        assert_eq!(quoted(OsStr::new(r#"{"ns":"shop"}"#)), r#"'{"ns":"shop"}'"#);
        assert_eq!(quoted(OsStr::new("a\nb's $HOME")), "'a\nb'\\''s $HOME'");
    }
}
