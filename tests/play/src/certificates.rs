//! The certificate files and SDS files of one proxy, as its agent would write them.

use heddle_ca::{Authority, PrivateKey, Template, authority};
use heddle_model::Identity;
use heddle_model::fact::Mesh;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// An authority for one run.
pub(crate) fn authority() -> Result<Authority, String> {
    let now = SystemTime::now();
    let root = authority::root(now, &mut random);
    let signing = authority::intermediate(&root, now, &mut random).map_err(|error| error.to_string())?;
    Authority::load(&root.certificate, signing, now).map_err(|error| error.to_string())
}

/// Writes `certs/` and `sds/` below a folder.
pub(crate) fn write(
    authority: &Authority,
    identity: &Identity,
    mesh: &Mesh,
    folder: &Path,
) -> Result<(), String> {
    let key = PrivateKey::generate();
    let lifetime = Duration::from_secs(3600);
    let template = Template::workload(identity, &mesh.trust_domain, &mesh.identity_suffix, lifetime);
    let leaf = authority
        .sign(&template, &key.public(), SystemTime::now(), &mut random)
        .map_err(|error| error.to_string())?;
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("{}: {error}", path.display()))
    };
    let certs = folder.join("certs");
    let certs = certs.display();
    put("certs/tls.key", &key.secret_pem())?;
    put("certs/tls.crt", &leaf.chain_pem().concat())?;
    put("certs/ca.crt", authority.bundle().pem())?;
    let secret = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
    put(
        "sds/identity.yaml",
        &format!(
            "resources: [{{'@type': {secret}, name: identity, tls_certificate: {{certificate_chain: {{filename: {certs}/tls.crt}}, private_key: {{filename: {certs}/tls.key}}}}}}]\n"
        ),
    )?;
    put(
        "sds/roots.yaml",
        &format!(
            "resources: [{{'@type': {secret}, name: roots, validation_context: {{trusted_ca: {{filename: {certs}/ca.crt}}}}}}]\n"
        ),
    )
}

fn random(bytes: &mut [u8]) {
    let mut source = fs::File::open("/dev/urandom").expect("a Linux system");
    source.read_exact(bytes).expect("a Linux system");
}
