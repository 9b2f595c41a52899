//! The authority of a cluster: a root and an intermediate, each in a Secret that is created once.

use crate::state::random;
use anyhow::{Context, Result};
use heddle_ca::authority::{Pair, intermediate, root};
use heddle_ca::{Authority, PrivateKey};
use heddle_kube::{Client, Created, Secrets};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Holds the root's key. Serving replicas need not be able to read it once the other is there.
const ROOT: &str = "heddle-root";
/// Holds what signs, and the trust anchors.
const INTERMEDIATE: &str = "heddle-intermediate";

type Data = BTreeMap<String, Vec<u8>>;

/// The authority in the Secrets of `namespace`; what is missing is made, once for all replicas.
pub(crate) async fn authority(client: Client, namespace: &str, now: SystemTime) -> Result<Authority> {
    let secrets = Secrets::new(client, namespace);
    let signing = match secrets.get(INTERMEDIATE).await? {
        Some(data) => data,
        None => make(&secrets, now).await?,
    };
    let at = || format!("Secret {namespace}/{INTERMEDIATE} holds no usable authority");
    let roots = text(&signing, "ca.crt").with_context(at)?;
    Authority::load(&roots, pair(&signing).with_context(at)?, now).with_context(at)
}

async fn make(secrets: &Secrets, now: SystemTime) -> Result<Data> {
    let above = match secrets.get(ROOT).await? {
        Some(data) => data,
        None => create(secrets, ROOT, data(&root(now, &mut random), None)).await?,
    };
    let above = pair(&above).with_context(|| format!("Secret {ROOT} holds no usable root"))?;
    let signing = intermediate(&above, now, &mut random)?;
    create(secrets, INTERMEDIATE, data(&signing, Some(&above.certificate))).await
}

/// Another replica may be first: then its data holds.
async fn create(secrets: &Secrets, name: &str, data: Data) -> Result<Data> {
    match secrets.create(name, data.clone()).await? {
        Created::Now => Ok(data),
        Created::Before(theirs) => Ok(theirs),
    }
}

fn data(pair: &Pair, anchors: Option<&str>) -> Data {
    let anchors = anchors.unwrap_or(&pair.certificate);
    let files = [("tls.crt", pair.certificate.as_str()), ("ca.crt", anchors)];
    let mut data: Data = files.map(|(name, text)| (name.to_string(), text.as_bytes().to_vec())).into();
    data.insert("tls.key".into(), pair.key.secret_pem().into_bytes());
    data
}

fn pair(data: &Data) -> Result<Pair> {
    let key = PrivateKey::from_pem(&text(data, "tls.key")?).context("tls.key is no key")?;
    Ok(Pair { certificate: text(data, "tls.crt")?, key })
}

fn text(data: &Data, name: &str) -> Result<String> {
    let bytes = data.get(name).with_context(|| format!("{name} is missing"))?;
    String::from_utf8(bytes.clone()).with_context(|| format!("{name} is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_secret_holds_loads_again() {
        let now = SystemTime::now();
        let above = root(now, &mut random);
        let signing = intermediate(&above, now, &mut random).expect("signs");
        let stored = data(&signing, Some(&above.certificate));
        let roots = text(&stored, "ca.crt").expect("there");
        assert!(Authority::load(&roots, pair(&stored).expect("a pair"), now).is_ok());
    }

    #[test]
    fn a_secret_without_its_key_says_which_is_missing() {
        let error = pair(&Data::new()).err().expect("refused").to_string();
        assert_eq!(error, "tls.key is missing");
    }
}
