//! An authority in a folder as a `kubernetes.io/tls` Secret is mounted (cert-manager): tls.crt, tls.key, ca.crt.

use super::Material;
use anyhow::{Result, bail};
use heddle_agent::private::read_regular;
use std::path::Path;

/// The interval at which to read again while the files are being switched.
const ATTEMPTS: usize = 5;

/// Reads the three files as they were at one moment: until two readings agree.
pub(super) fn read(folder: &Path) -> Result<Material> {
    let mut last = once(folder)?;
    for _ in 0..ATTEMPTS {
        let next = once(folder)?;
        if next.fingerprint() == last.fingerprint() {
            return Ok(next);
        }
        last = next;
    }
    bail!("the files in {} change faster than they can be read", folder.display())
}

fn once(folder: &Path) -> Result<Material> {
    let read = |name: &str| read_regular(&folder.join(name));
    Ok(Material { roots: read("ca.crt")?, chain: read("tls.crt")?, key: read("tls.key")? })
}
