//! A certificate and its key in two files, changed together although no rename covers both.
//!
//! Both are written under other names, then the key is renamed, then the certificate. Whoever finds a new
//! certificate without a new key beside it finds out from the key in force how far that came.

use anyhow::Result;
use heddle_agent::private::{self, Access};
use heddle_ca::PrivateKey;
use heddle_ca::authority::Pair;
use std::path::Path;

/// Writes both files, in the place of older ones.
pub(super) fn write(folder: &Path, name: &str, pair: &Pair) -> Result<()> {
    let Names { certificate, key } = Names::of(name);
    let new_certificate =
        private::stage(folder, &certificate, pair.certificate.as_bytes(), Access::Everyone)?;
    let new_key = private::stage(folder, &key, pair.key.secret_pem().as_bytes(), Access::Owner)?;
    private::switch(folder, &new_key, &key)?;
    Ok(private::switch(folder, &new_certificate, &certificate)?)
}

/// Ends what another process began and did not end: as it wanted where the key is switched, else as it was.
pub(super) fn recover(folder: &Path, name: &str) -> Result<()> {
    let Names { certificate, key } = Names::of(name);
    let (new_certificate, new_key) = (private::staged(&certificate), private::staged(&key));
    let read = |name: &str| private::read(&folder.join(name));
    if let (Some(staged), None, Some(key)) = (read(&new_certificate)?, read(&new_key)?, read(&key)?)
        && belong_together(&staged, &key)
    {
        return Ok(private::switch(folder, &new_certificate, &certificate)?);
    }
    private::remove(&folder.join(new_certificate))?;
    Ok(private::remove(&folder.join(new_key))?)
}

struct Names {
    certificate: String,
    key: String,
}

impl Names {
    fn of(name: &str) -> Self {
        Self { certificate: format!("{name}.pem"), key: format!("{name}.key") }
    }
}

/// A certificate that was cut short belongs to no key.
fn belong_together(certificate: &str, key: &str) -> bool {
    let Ok(key) = PrivateKey::from_pem(key) else { return false };
    heddle_ca::authority::is_of(certificate, &key.public())
}
