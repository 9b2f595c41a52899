//! The two files that tell Envoy where the certificates lie.

use std::path::{Path, PathBuf};

/// A file name that Envoy cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not UTF-8: Envoy cannot be told of it")]
pub(crate) struct NotUtf8(PathBuf);

/// `identity.yaml` for certificates in this folder, an absolute path: the secret named `identity`.
///
/// The file never changes while certificates do: `watched_directory` makes Envoy read them again whenever
/// something is renamed in the folder. It is spelled `watched`, see [`spellings`].
pub(crate) fn identity(certs: &Path, watched: &Path) -> Result<String, NotUtf8> {
    let (folder, chain, key) =
        (quoted(watched)?, quoted(&certs.join("tls.crt"))?, quoted(&certs.join("tls.key"))?);
    Ok(format!(
        r#"resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: identity
  tls_certificate:
    certificate_chain: {{filename: {chain}}}
    private_key: {{filename: {key}}}
    watched_directory: {{path: {folder}}}
"#
    ))
}

/// `roots.yaml`, likewise: the secret named `roots`.
pub(crate) fn roots(certs: &Path, watched: &Path) -> Result<String, NotUtf8> {
    let (folder, bundle) = (quoted(watched)?, quoted(&certs.join("ca.crt"))?);
    Ok(format!(
        r#"resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: roots
  validation_context:
    trusted_ca: {{filename: {bundle}}}
    watched_directory: {{path: {folder}}}
"#
    ))
}

/// Two spellings of one folder.
///
/// An Envoy that could not load a secret does not try the same text again, however often the file is renamed
/// (tried on 1.40): it compares the secret with what it read last, good or bad. Another spelling is another
/// secret.
pub(crate) fn spellings(certs: &Path) -> [PathBuf; 2] {
    [certs.to_path_buf(), certs.join(".")]
}

/// A JSON string, which is a YAML string too, whatever characters the path has.
fn quoted(path: &Path) -> Result<String, NotUtf8> {
    let text = path.to_str().ok_or_else(|| NotUtf8(path.into()))?;
    Ok(serde_json::Value::from(text).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sds_files_name_absolute_paths_and_the_folder_to_watch() {
        let certs = Path::new("/run/he\"ddle/certs");
        let identity = identity(certs, certs).expect("UTF-8");
        assert!(identity.contains("  name: identity\n"), "{identity}");
        assert!(
            identity.contains(r#"    private_key: {filename: "/run/he\"ddle/certs/tls.key"}"#),
            "{identity}"
        );
        assert!(
            identity.contains(r#"    certificate_chain: {filename: "/run/he\"ddle/certs/tls.crt"}"#),
            "{identity}"
        );
        let roots = roots(certs, certs).expect("UTF-8");
        assert!(roots.contains("  name: roots\n"), "{roots}");
        for text in [&identity, &roots] {
            assert!(text.contains(r#"watched_directory: {path: "/run/he\"ddle/certs"}"#), "{text}");
        }
    }

    #[test]
    fn a_folder_that_is_not_utf8_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let certs = Path::new(std::ffi::OsStr::from_bytes(b"/run/\xff"));
        let text = identity(certs, certs).expect_err("refused").to_string();
        assert_eq!(text, r#""/run/\xFF" is not UTF-8: Envoy cannot be told of it"#);
    }
}
