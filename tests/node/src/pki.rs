//! One authority, a certificate for each component, and a kubeconfig for each that asks the API server.

use crate::netns::ADDRESS;
use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Clients of the API server: a name, the user, its group.
const CLIENTS: [(&str, &str, &str); 6] = [
    ("admin", "admin", "system:masters"),
    ("kubelet", "system:node:node", "system:nodes"),
    ("kube-controller-manager", "system:kube-controller-manager", ""),
    ("kube-scheduler", "system:kube-scheduler", ""),
    ("kube-proxy", "system:kube-proxy", ""),
    ("apiserver-kubelet", "kube-apiserver", "system:masters"),
];

/// Names of the API server.
const SERVER: [&str; 7] = [
    "127.0.0.1",
    ADDRESS,
    "198.19.0.1",
    "localhost",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// Writes `ca.crt`, `NAME.{crt,key}` of each component, `accounts.{key,pub}` for tokens, and `NAME.kubeconfig`.
pub(crate) fn write(folder: &Path) -> Result<()> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params.distinguished_name.push(DnType::CommonName, "node tests");
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(folder.join("ca.crt"), root.pem())?;
    let server = CertificateParams::new(SERVER.map(String::from).to_vec())?;
    issue(folder, "apiserver", server, ExtendedKeyUsagePurpose::ServerAuth, &root)?;
    for (name, user, group) in CLIENTS {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, user);
        if !group.is_empty() {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        issue(folder, name, params, ExtendedKeyUsagePurpose::ClientAuth, &root)?;
        fs::write(folder.join(format!("{name}.kubeconfig")), kubeconfig(folder, name))?;
    }
    let accounts = KeyPair::generate()?;
    fs::write(folder.join("accounts.key"), accounts.serialize_pem())?;
    fs::write(folder.join("accounts.pub"), accounts.public_key_pem())?;
    Ok(())
}

fn issue(
    folder: &Path,
    name: &str,
    mut params: CertificateParams,
    purpose: ExtendedKeyUsagePurpose,
    root: &CertifiedIssuer<'_, KeyPair>,
) -> Result<()> {
    let key = KeyPair::generate()?;
    params.extended_key_usages = vec![purpose];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = params.signed_by(&key, root)?;
    fs::write(folder.join(format!("{name}.crt")), certificate.pem())?;
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem())?;
    Ok(())
}

fn kubeconfig(folder: &Path, name: &str) -> String {
    let file = |file: &str| folder.join(file).display().to_string();
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "node",
        "contexts": [{"name": "node", "context": {"cluster": "node", "user": name}}],
        "clusters": [{"name": "node", "cluster": {
            "server": format!("https://{ADDRESS}:6443"), "certificate-authority": file("ca.crt"),
        }}],
        "users": [{"name": name, "user": {
            "client-certificate": file(&format!("{name}.crt")), "client-key": file(&format!("{name}.key")),
        }}],
    });
    config.to_string()
}
