//! Images without a container engine: an OCI archive of one layer.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use tar::{Builder, EntryType, Header};

/// The content of an image.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Its name, with the tag.
    pub name: String,
    /// Files of this machine, by their paths in the image.
    pub files: Vec<(String, PathBuf)>,
    /// Its entry point.
    pub entrypoint: Vec<String>,
    /// The user that it runs as.
    pub user: String,
}

impl Image {
    /// Adds a program with the shared libraries that it needs.
    ///
    /// # Errors
    /// If `ldd` cannot tell them.
    pub fn with_libraries(mut self, path: &str, program: &Path) -> Result<Self> {
        let out = Command::new("ldd").arg(program).output().context("running ldd")?;
        let text = String::from_utf8_lossy(&out.stdout);
        ensure!(out.status.success(), "ldd {}: {text}", program.display());
        for word in text.split_whitespace().filter(|word| word.starts_with('/')) {
            self.files.push((word.trim_start_matches('/').into(), fs::canonicalize(word)?));
        }
        self.files.push((path.into(), program.into()));
        Ok(self)
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// If a file cannot be read or the archive cannot be written.
    pub fn write(&self, to: &Path) -> Result<()> {
        let layer = Blob::new("layer.v1.tar", self.layer()?);
        let config = Blob::new("config.v1+json", serde_json::to_vec(&self.config(&layer.digest))?);
        let manifest = serde_json::to_vec(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config.descriptor(),
            "layers": [layer.descriptor()],
        }))?;
        let manifest = Blob::new("manifest.v1+json", manifest);
        let mut top = manifest.descriptor();
        top["annotations"] =
            json!({"io.containerd.image.name": self.name, "org.opencontainers.image.ref.name": self.name});
        let index = serde_json::to_vec(&json!({"schemaVersion": 2, "manifests": [top]}))?;
        let mut archive = Builder::new(File::create(to).with_context(|| to.display().to_string())?);
        put(&mut archive, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        put(&mut archive, "index.json", &index)?;
        for blob in [&manifest, &config, &layer] {
            put(&mut archive, &format!("blobs/{}", blob.digest.replace(':', "/")), &blob.bytes)?;
        }
        archive.finish()?;
        Ok(())
    }

    /// Files in order, of root, at time 0: equal content makes equal bytes.
    fn layer(&self) -> Result<Vec<u8>> {
        let mut layer = Builder::new(Vec::new());
        for folder in ["tmp/", "var/", "var/run/"] {
            let mut header = header(0, if folder == "tmp/" { 0o1777 } else { 0o755 });
            header.set_entry_type(EntryType::Directory);
            layer.append_data(&mut header, folder, &[][..])?;
        }
        let mut files = self.files.clone();
        files.sort();
        files.dedup();
        for (path, from) in files {
            let bytes = fs::read(&from).with_context(|| from.display().to_string())?;
            layer.append_data(&mut header(bytes.len(), 0o755), path, bytes.as_slice())?;
        }
        Ok(layer.into_inner()?)
    }

    fn config(&self, diff: &str) -> Value {
        json!({
            "architecture": std::env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64"),
            "os": "linux",
            "config": {
                "Entrypoint": self.entrypoint, "User": self.user,
                "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
            },
            "rootfs": {"type": "layers", "diff_ids": [diff]},
        })
    }
}

/// Bytes of an image with their digest, which a layer of a large program takes a while to make.
struct Blob {
    kind: &'static str,
    digest: String,
    bytes: Vec<u8>,
}

impl Blob {
    fn new(kind: &'static str, bytes: Vec<u8>) -> Self {
        Self { kind, digest: format!("sha256:{}", hex::encode(Sha256::digest(&bytes))), bytes }
    }

    fn descriptor(&self) -> Value {
        let kind = format!("application/vnd.oci.image.{}", self.kind);
        json!({"mediaType": kind, "digest": self.digest, "size": self.bytes.len()})
    }
}

fn header(size: usize, mode: u32) -> Header {
    let mut header = Header::new_ustar();
    header.set_size(size as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    header
}

fn put(archive: &mut Builder<File>, path: &str, bytes: &[u8]) -> Result<()> {
    Ok(archive.append_data(&mut header(bytes.len(), 0o644), path, bytes)?)
}
