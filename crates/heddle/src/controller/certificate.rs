//! The controller's own certificate, made by its own authority and renewed in time.

use crate::state::random;
use anyhow::{Context, Result};
use heddle_ca::{Authority, PrivateKey, Template, renew_at};
use heddle_model::Identity;
use heddle_model::fact::Mesh;
use heddle_serve::metrics::{CertificateUse, Metrics};
use heddle_serve::tls::{Material, Tls};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The time to wait after a renewal that failed.
const PAUSE: Duration = Duration::from_secs(60);

/// The controller's own certificate.
pub(super) struct Certificate {
    authority: watch::Receiver<Arc<Authority>>,
    template: Template,
    metrics: Metrics,
    renew: Mutex<SystemTime>,
}

impl Certificate {
    /// A certificate of these names, and of the controller's own identity in this mesh.
    pub(super) fn new(
        names: Vec<String>,
        authority: watch::Receiver<Arc<Authority>>,
        mesh: &Mesh,
        metrics: Metrics,
    ) -> Result<Self> {
        let identity = Identity::new("heddle-system", "heddle")?;
        let own = Template::workload(&identity, &mesh.trust_domain, &mesh.identity_suffix, LIFETIME);
        let template = Template::controller(names, own);
        Ok(Self { authority, template, metrics, renew: Mutex::new(SystemTime::UNIX_EPOCH) })
    }

    /// TLS with a first certificate.
    pub(super) fn tls(&self) -> Result<Arc<Tls>> {
        Ok(Arc::new(Tls::new(self.issue()?)?))
    }

    fn issue(&self) -> Result<Material> {
        let (key, now) = (PrivateKey::generate(), SystemTime::now());
        let authority = self.authority.borrow().clone();
        let leaf = authority.sign(&self.template, &key.public(), now, &mut random);
        let leaf = leaf.context("cannot sign the controller's own certificate")?;
        *self.renew.lock().unwrap_or_else(PoisonError::into_inner) =
            renew_at(now, leaf.validity().not_after, 0);
        self.metrics.certificate_expires(CertificateUse::Serving, leaf.validity().not_after);
        let anchors = authority.bundle().roots().to_vec();
        Ok(Material { chain: leaf.chain(), key: key.secret_der().into(), anchors })
    }

    /// Renews for ever: in time, and at once when another authority is in force.
    pub(super) async fn keep(self, tls: Arc<Tls>) -> Infallible {
        let mut authority = self.authority.clone();
        loop {
            let at = *self.renew.lock().unwrap_or_else(PoisonError::into_inner);
            let due = tokio::time::sleep(at.duration_since(SystemTime::now()).unwrap_or(PAUSE));
            tokio::select! {
                () = due => {}
                Ok(()) = authority.changed() => {}
            }
            let renewed = self.issue().and_then(|material| Ok(tls.replace(material)?));
            if let Err(error) = renewed {
                tracing::error!(
                    error = format!("{error:#}"),
                    "cannot renew the controller's own certificate"
                );
            }
        }
    }
}
