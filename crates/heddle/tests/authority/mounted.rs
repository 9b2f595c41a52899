//! An authority that others make, in files that change as a mounted Secret does.

use crate::process::{controller, page, until};
use anyhow::{Context, Result, ensure};
use heddle_ca::authority::{Pair, intermediate, root};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const HOST: &str = "127.0.41.3";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// An authority that was made this long ago.
fn made(ago: Duration) -> Result<(Pair, Pair)> {
    let (mut serial, then) = (std::process::id(), SystemTime::now() - ago);
    let mut random = |bytes: &mut [u8]| {
        serial += 1;
        bytes.iter_mut().zip(serial.to_be_bytes().iter().cycle()).for_each(|(to, from)| *to = *from);
    };
    let above = root(then, &mut random);
    let below = intermediate(&above, then, &mut random)?;
    Ok((above, below))
}

/// Switches all files at once, as the kubelet does.
fn mount(folder: &Path, version: &str, roots: &str, chain: &str, key: &str) -> Result<()> {
    let data = folder.join(version);
    std::fs::create_dir_all(&data)?;
    for (name, text) in [("ca.crt", roots), ("tls.crt", chain), ("tls.key", key)] {
        std::fs::write(data.join(name), text)?;
        if !folder.join(name).exists() {
            symlink(Path::new("..data").join(name), folder.join(name))?;
        }
    }
    symlink(version, folder.join("..data_tmp"))?;
    Ok(std::fs::rename(folder.join("..data_tmp"), folder.join("..data"))?)
}

/// Returns whether the controller's own certificate is one of this root.
async fn serves_under(root: &str) -> Result<bool> {
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(root.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect((HOST, 15012)).await?;
    let name = ServerName::try_from("heddle.heddle-system.svc")?;
    Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await.is_ok())
}

async fn ready(want: impl Fn(&str) -> bool) -> Result<()> {
    let url = format!("http://{HOST}:15014/ready");
    let read = || async {
        let (status, text) = page(&url).await;
        (status == 200 && want(&text)).then_some(())
    };
    until("readiness says so", read).await
}

#[tokio::test]
async fn files_that_change_are_read_again_and_bad_ones_change_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mounted = folder.path().join("mounted");
    let (first, second) = (made(Duration::ZERO)?, made(355 * DAY)?);
    let put = |version: &str, (above, below): &(Pair, Pair)| {
        let key = below.key.secret_pem();
        mount(&mounted, version, &above.certificate, &below.certificate, &key)
    };
    put("..v1", &first)?;
    let authority = mounted.to_str().context("UTF-8")?;
    let _controller = controller(folder.path(), HOST, &["--authority", authority])?;
    ready(|text| text.contains("\"warnings\":[]")).await?;
    ensure!(serves_under(&first.0.certificate).await?);
    // A key that is not the certificate's: told, and what was read before stays in force.
    mount(&mounted, "..v2", &first.0.certificate, &first.1.certificate, &second.1.key.secret_pem())?;
    ready(|text| text.contains("cannot be renewed, keeping the last valid one: the private key is not that"))
        .await?;
    ensure!(serves_under(&first.0.certificate).await?);
    // Another authority, which ends in ten days.
    put("..v3", &second)?;
    ready(|text| text.contains("ends in 9 days") && !text.contains("cannot be renewed")).await?;
    let root = &second.0.certificate;
    until("it serves under the other root", || async { serves_under(root).await.ok()?.then_some(()) })
        .await?;
    let (_, metrics) = page(&format!("http://{HOST}:15014/metrics")).await;
    for certificate in ["issuer", "root", "serving"] {
        let line = format!("heddle_certificate_expiry_timestamp_seconds{{use=\"{certificate}\"}} ");
        ensure!(metrics.contains(&line), "no {line} in\n{metrics}");
    }
    let log = std::fs::read_to_string(folder.path().join(format!("{HOST}.log")))?;
    ensure!(log.matches("cannot renew the authority, keeping the last valid one").count() == 1, "{log}");
    Ok(())
}
