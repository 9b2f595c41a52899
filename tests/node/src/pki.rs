//! One authority, a certificate for each component, and a kubeconfig for each that asks the API server.

use crate::netns::{ADDRESS, ADDRESS_V6};
use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Clients of the API server: a name, the user, its group.
const CLIENTS: [(&str, &str, Option<&str>); 6] = [
    ("admin", "admin", Some("system:masters")),
    ("kubelet", "system:node:node", Some("system:nodes")),
    ("kube-controller-manager", "system:kube-controller-manager", None),
    ("kube-scheduler", "system:kube-scheduler", None),
    ("kube-proxy", "system:kube-proxy", None),
    ("apiserver-kubelet", "kube-apiserver", Some("system:masters")),
];

/// Names of the API server.
const SERVER: [&str; 9] = [
    "127.0.0.1",
    ADDRESS,
    "198.19.0.1",
    ADDRESS_V6,
    "fd00:198:19::1",
    "localhost",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// An authority whose certificates are files in a folder.
pub struct Authority<'a> {
    folder: &'a Path,
    root: CertifiedIssuer<'static, KeyPair>,
}

impl<'a> Authority<'a> {
    /// Makes an authority, and writes its `ca.crt` and the keys of ServiceAccount tokens, `accounts.{key,pub}`.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn make(name: &str, folder: &'a Path) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, name);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        fs::write(folder.join("ca.crt"), root.pem())?;
        let accounts = KeyPair::generate()?;
        fs::write(folder.join("accounts.key"), accounts.serialize_pem())?;
        fs::write(folder.join("accounts.pub"), accounts.public_key_pem())?;
        Ok(Self { folder, root })
    }

    /// The authority's certificate in DER.
    pub fn der(&self) -> &[u8] {
        self.root.der()
    }

    /// Writes `NAME.{crt,key}` of a server with these names and addresses.
    ///
    /// # Errors
    /// If one is no name, or the folder cannot be written.
    pub fn server(&self, name: &str, names: &[&str]) -> Result<()> {
        let params = CertificateParams::new(names.iter().copied().map(String::from).collect::<Vec<_>>())?;
        self.issue(name, params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Writes `NAME.{crt,key}` of a client that the API server knows as a user, and as one of a group if there is one.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn client(&self, name: &str, user: &str, group: Option<&str>) -> Result<()> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        self.issue(name, params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(
        &self,
        name: &str,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<()> {
        let key = KeyPair::generate()?;
        params.extended_key_usages = vec![purpose];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.signed_by(&key, &self.root)?;
        fs::write(self.folder.join(format!("{name}.crt")), certificate.pem())?;
        fs::write(self.folder.join(format!("{name}.key")), key.serialize_pem())?;
        Ok(())
    }
}

/// Writes the certificates of every component, and `NAME.kubeconfig` of those that ask the API server.
pub(crate) fn write(folder: &Path) -> Result<()> {
    let authority = Authority::make("node tests", folder)?;
    authority.server("apiserver", &SERVER)?;
    for (name, user, group) in CLIENTS {
        authority.client(name, user, group)?;
        fs::write(folder.join(format!("{name}.kubeconfig")), kubeconfig(folder, name))?;
    }
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
