//! The authority of a cluster: a root and an intermediate, each in a Secret that is created once.

use crate::authority::Material;
use crate::state::random;
use anyhow::{Context, Result, bail};
use heddle_ca::authority::{Pair, intermediate, renewal, root};
use heddle_ca::{Bundle, PrivateKey};
use heddle_kube::{Client, Created, Secrets, Stored};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Holds the root's key. Serving replicas need not be able to read it once the other is there.
const ROOT: &str = "heddle-root";
/// Holds what signs, and the trust anchors.
const INTERMEDIATE: &str = "heddle-intermediate";

/// Every Secret of the authority, in the controller's namespace.
pub(crate) const SECRETS: [&str; 2] = [ROOT, INTERMEDIATE];

type Data = BTreeMap<String, Vec<u8>>;

/// The authority as the Secret of `namespace` is now.
pub(crate) async fn authority(client: &Client, namespace: &str) -> Result<Material> {
    let secrets = Secrets::new(client.clone(), namespace);
    let at = || format!("Secret {namespace}/{INTERMEDIATE}");
    let Some(Stored { data, .. }) = secrets.get(INTERMEDIATE).await? else { bail!("{} is missing", at()) };
    let text = |name| text(&data, name).with_context(at);
    Ok(Material { roots: text("ca.crt")?, chain: text("tls.crt")?, key: text("tls.key")? })
}

/// Makes what is missing, once for all replicas, and an intermediate in the place of one that ends.
pub(crate) async fn renew_authority(client: &Client, namespace: &str, now: SystemTime) -> Result<()> {
    let secrets = Secrets::new(client.clone(), namespace);
    match secrets.get(INTERMEDIATE).await? {
        None => make(&secrets, now).await,
        Some(signing) => renew(&secrets, signing, now).await,
    }
}

/// Returns where the root's Secret is there: an operator may keep it elsewhere, and the intermediate is then theirs.
async fn renew(secrets: &Secrets, signing: Stored, now: SystemTime) -> Result<()> {
    let roots = text(&signing.data, "ca.crt")?;
    // The trust anchors are the root that was made with it, so the root's Secret is not read in vain.
    if renewal(&text(&signing.data, "tls.crt")?, &roots)?.is_none_or(|due| due > now) {
        return Ok(());
    }
    let Some(above) = secrets.get(ROOT).await? else { return Ok(()) };
    let above = pair(&above.data).with_context(|| format!("Secret {ROOT} holds no usable root"))?;
    if !Bundle::from_pem(&roots)?.contains(&above.certificate) {
        bail!("Secret {ROOT} holds another root than the one that is trusted");
    }
    let next = data(&intermediate(&above, now, &mut random)?, Some(&roots));
    // Another replica may be first: then its data holds, and is read next.
    secrets.replace(INTERMEDIATE, next, &signing.version).await?;
    Ok(())
}

async fn make(secrets: &Secrets, now: SystemTime) -> Result<()> {
    let above = match secrets.get(ROOT).await? {
        Some(root) => root.data,
        None => create(secrets, ROOT, data(&root(now, &mut random), None)).await?,
    };
    let above = pair(&above).with_context(|| format!("Secret {ROOT} holds no usable root"))?;
    let signing = intermediate(&above, now, &mut random)?;
    create(secrets, INTERMEDIATE, data(&signing, Some(&above.certificate))).await?;
    Ok(())
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
    use heddle_ca::Authority;

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
