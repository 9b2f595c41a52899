//! Keeps the files fresh, for ever.

use crate::clock::sleep_until;
use crate::csr_client::ask;
use crate::files::Folder;
use crate::health::{Failure, Health, delays};
use crate::progress::Progress;
use crate::{BadFolder, Config};
use heddle_ca::{Answer, PrivateKey, renew_at};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// The shortest time between two certificates, whatever their life: an issuer about to end gives leaves of
/// a second or two.
const BREATH: Duration = Duration::from_millis(500);

/// A folder, and the certificate that an earlier agent left in it if it is still good.
pub(crate) struct Left {
    folder: Folder,
    answer: Option<Answer>,
}

impl Left {
    /// Opens the folder at this path.
    pub(crate) fn open(path: &Path) -> Result<Self, BadFolder> {
        let folder = Folder::open(path)?;
        let answer = folder.read(SystemTime::now())?;
        Ok(Self { folder, answer })
    }
}

/// Gets a certificate, writes it, waits for two thirds of its life, and begins again.
pub(crate) async fn keep(
    config: Config,
    seed: u32,
    Left { folder, answer }: Left,
    progress: watch::Sender<Progress>,
) -> Infallible {
    let folder = Arc::new(folder);
    let mut keeper = Keeper { config, folder, progress, health: Health::default(), announced: false };
    if let Some(answer) = answer {
        keeper.take_over(&answer).await;
    }
    loop {
        let life = keeper.renew().await;
        let came = SystemTime::now();
        let due = renew_at(came, came + life, seed);
        sleep_until(due.max(came + BREATH)).await;
    }
}

struct Keeper {
    config: Config,
    folder: Arc<Folder>,
    progress: watch::Sender<Progress>,
    health: Health,
    announced: bool,
}

impl Keeper {
    /// Uses what an earlier agent left. It is renewed at once all the same.
    async fn take_over(&mut self, answer: &Answer) {
        match self.announce().await {
            Ok(()) => self.publish(answer),
            Err(error) => self.failed(&error.into()),
        }
    }

    /// Asks until there is a new certificate in the files. Returns how long it is good from now on.
    async fn renew(&mut self) -> Duration {
        let mut delays = None;
        loop {
            match self.try_once().await {
                Ok(answer) => return self.succeeded(&answer),
                Err(failure) => self.failed(&failure),
            }
            let delays = delays.get_or_insert_with(|| delays_now(&self.progress));
            tokio::time::sleep(delays.next().expect("delays never end")).await;
        }
    }

    async fn try_once(&mut self) -> Result<Answer, Failure> {
        let key = PrivateKey::generate();
        let answer = ask(&self.config, &key).await?;
        let (folder, written) = (self.folder.clone(), answer.clone());
        blocking(move || folder.write(&key, &written)).await?;
        self.announce().await?;
        Ok(answer)
    }

    /// Once in a life: afterwards Envoy watches the certificates themselves.
    async fn announce(&mut self) -> Result<(), BadFolder> {
        if !self.announced {
            let folder = self.folder.clone();
            blocking(move || folder.announce()).await?;
            self.announced = true;
        }
        Ok(())
    }

    fn succeeded(&mut self, answer: &Answer) -> Duration {
        self.publish(answer);
        self.progress.send_modify(|progress| progress.renewals += 1);
        let life = answer.validity.not_after.duration_since(SystemTime::now()).unwrap_or_default();
        let good_for_seconds = life.as_secs();
        if self.health.becomes(Health::Good) {
            tracing::info!(good_for_seconds, bundle = answer.bundle.hash(), "certificate issued");
        } else {
            tracing::debug!(good_for_seconds, bundle = answer.bundle.hash(), "certificate renewed");
        }
        life
    }

    fn publish(&self, answer: &Answer) {
        let ends = Some(answer.validity.not_after);
        self.progress.send_modify(|progress| progress.certificate_ends = ends);
    }

    fn failed(&mut self, failure: &Failure) {
        self.progress.send_modify(|progress| progress.failures += 1);
        let now = SystemTime::now();
        let ends = self.progress.borrow().certificate_ends;
        let health = Health::of(failure, ends, now);
        if !self.health.becomes(health) {
            return;
        }
        let left = ends.map_or(0, |ends| ends.duration_since(now).unwrap_or_default().as_secs());
        if matches!(health, Health::Expired(_)) {
            tracing::error!(reason = %failure, "certificate expired, renewal failed, will retry");
        } else {
            tracing::warn!(reason = %failure, seconds_left = left, "certificate renewal failed, will retry");
        }
    }
}

fn delays_now(progress: &watch::Sender<Progress>) -> impl Iterator<Item = Duration> + use<> {
    let ends = progress.borrow().certificate_ends;
    delays(ends.map(|ends| ends.duration_since(SystemTime::now()).unwrap_or_default()))
}

/// Runs what waits for the disk where it stops nobody else.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("file work does not panic, nor is it aborted")
}
