//! Keeps the authority in force: renewed, read again when its files change, and told of before it ends.

use super::{Condition, Origin};
use anyhow::{Context, Result};
use arc_swap::ArcSwapOption;
use heddle_ca::Authority;
use heddle_serve::certificates::Signer;
use heddle_serve::metrics::{CertificateUse, Metrics};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::watch;

/// The authority in force, and how it is.
#[derive(Clone)]
pub(crate) struct Kept {
    /// Signs for workloads.
    pub signer: Signer,
    /// Changes when the authority is replaced.
    pub authority: watch::Receiver<Arc<Authority>>,
    /// Changes with what `/ready` says.
    pub condition: watch::Receiver<Condition>,
}

/// Keeps one authority in force.
pub(crate) struct Keeper {
    origin: Origin,
    /// The digest of the files in force.
    current: [u8; 32],
    signer: Signer,
    authority: watch::Sender<Arc<Authority>>,
    condition: watch::Sender<Condition>,
}

impl Keeper {
    /// Makes what is missing, and loads the authority.
    ///
    /// # Errors
    /// Without an authority nothing can begin.
    pub(crate) async fn start(origin: Origin, now: SystemTime) -> Result<(Self, Kept)> {
        let renewed = origin.renew(now).await;
        let usable = || format!("the authority in {origin} cannot be used");
        let material = match origin.read().await {
            Ok(material) => material,
            // Why it could not be made says more than that it is not there.
            Err(error) => return Err(renewed.err().unwrap_or(error)).with_context(usable),
        };
        let current = material.fingerprint();
        let loaded = Arc::new(material.load(now).with_context(usable)?);
        let mut condition = Condition::new(origin.to_string(), &loaded);
        condition.error = renewed.err().map(|error| format!("{error:#}"));
        if let Some(error) = &condition.error {
            tracing::error!(%origin, error, "cannot renew the authority, will retry");
        }
        let signer = Signer::new(ArcSwapOption::from(Some(loaded.clone())));
        let (authority, authorities) = watch::channel(loaded);
        let (condition, conditions) = watch::channel(condition);
        let keeper = Self { origin, current, signer: signer.clone(), authority, condition };
        Ok((keeper, Kept { signer, authority: authorities, condition: conditions }))
    }

    /// Looks after it for ever.
    pub(crate) async fn run(mut self, metrics: Metrics) {
        loop {
            metrics.certificate_expires(CertificateUse::Issuer, self.condition.borrow().validity.not_after);
            metrics.certificate_expires(CertificateUse::Root, self.condition.borrow().root.not_after);
            tokio::time::sleep(self.origin.interval()).await;
            self.look(SystemTime::now()).await;
        }
    }

    async fn look(&mut self, now: SystemTime) {
        let renewed = self.origin.renew(now).await;
        let replaced = self.replace(now).await;
        let error = renewed.and(replaced).err().map(|error| format!("{error:#}"));
        self.condition.send_if_modified(|condition| note(condition, error, &self.origin));
    }

    /// Puts the files into force if they have changed.
    async fn replace(&mut self, now: SystemTime) -> Result<()> {
        let material = self.origin.read().await?;
        let fingerprint = material.fingerprint();
        if fingerprint == self.current {
            return Ok(());
        }
        let authority = material.load(now)?;
        let condition = Condition::new(self.origin.to_string(), &authority);
        let ends_in_seconds = condition.validity.not_after.duration_since(now).unwrap_or_default().as_secs();
        tracing::info!(origin = %self.origin, ends_in_seconds, bundle = authority.bundle().hash(), "authority replaced");
        self.current = fingerprint;
        self.condition
            .send_modify(|current| *current = Condition { error: current.error.take(), ..condition });
        let authority = Arc::new(authority);
        self.signer.store(Some(authority.clone()));
        self.authority.send_replace(authority);
        Ok(())
    }
}

/// Takes what is wrong now. Logs it when it begins and when it ends; its text may differ from time to time.
fn note(condition: &mut Condition, error: Option<String>, origin: &Origin) -> bool {
    match (&condition.error, &error) {
        (None, Some(error)) => {
            tracing::error!(%origin, error, "cannot renew the authority, keeping the last valid one");
        }
        (Some(_), None) => tracing::info!(%origin, "authority can be renewed again"),
        (None, None) | (Some(_), Some(_)) => {}
    }
    std::mem::replace(&mut condition.error, error) != condition.error
}
