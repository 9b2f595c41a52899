//! Advisory locks on files of the state folder. The kernel lets go of them when their process ends, however it ends.

use anyhow::{Context, Result, bail};
use heddle_agent::private;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The time to wait for another process that makes files: it needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// The interval at which to look meanwhile.
const PAUSE: Duration = Duration::from_millis(10);

/// A lock, held as long as this value lives.
pub(crate) struct Lock(#[expect(dead_code, reason = "the lock goes with the file")] File);

impl Lock {
    /// Claims the folder for a controller.
    ///
    /// # Errors
    /// If another controller runs on it.
    pub(super) fn claim(folder: &Path) -> Result<Self> {
        let path = folder.join("controller.lock");
        let mut file = open(&path)?;
        if !try_lock(&file, &path)? {
            let holder = private::read(&path)?.unwrap_or_default();
            let process =
                holder.trim().parse::<u32>().map(|id| format!(" (process {id})")).unwrap_or_default();
            bail!(
                "another controller{process} runs on the state folder {}: stop it, or name another folder with --state",
                folder.display()
            );
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(file))
    }

    /// Waits until no other process makes files in the folder.
    ///
    /// # Errors
    /// If one does not end.
    pub(super) fn wait(folder: &Path) -> Result<Self> {
        let path = folder.join("write.lock");
        let file = open(&path)?;
        let start = Instant::now();
        while !try_lock(&file, &path)? {
            if start.elapsed() > PATIENCE {
                bail!("another process has held {} for {PATIENCE:?}: end it, and try again", path.display());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(Self(file))
    }
}

fn open(path: &Path) -> Result<File> {
    // Refuses a link, and a file of another user, who could hold the lock for ever.
    private::read(path)?;
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).mode(0o600).open(path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

fn try_lock(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
