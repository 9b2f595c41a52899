//! The source of objects.

use std::path::PathBuf;
use std::str::FromStr;

/// A source of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A folder of manifests.
    Directory(PathBuf),
    /// The cluster that the environment names: in-cluster, else the kubeconfig.
    Kubernetes,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("dir", path)) if !path.is_empty() => Ok(Self::Directory(path.into())),
            _ if text == "kubernetes" => Ok(Self::Kubernetes),
            _ => Err(format!("{text:?} is not a source, want \"kubernetes\" or \"dir:FOLDER\"")),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "dir:{}", path.display()),
            Self::Kubernetes => f.write_str("kubernetes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_reads_back_what_it_prints() {
        for text in ["kubernetes", "dir:examples/demo"] {
            assert_eq!(text.parse::<Source>().map(|source| source.to_string()), Ok(text.into()));
        }
        let want = "\"dir:\" is not a source, want \"kubernetes\" or \"dir:FOLDER\"";
        assert_eq!("dir:".parse::<Source>(), Err(want.into()));
    }
}
