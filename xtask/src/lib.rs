//! Tasks of this repository: what is generated and checked in, and the binaries of the tests.

pub mod binaries;
pub mod crds;
pub mod docs;
pub mod gateway;
pub mod generated;
pub mod proto;
pub mod values;

use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// The root of the checkout.
///
/// # Errors
/// Never in a checkout.
pub fn workspace() -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(manifest.parent().context("xtask lies in the workspace")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_messages_are_what_the_proto_files_say() {
        let workspace = workspace().unwrap();
        proto::generate(&workspace).unwrap().check(&workspace).unwrap();
    }

    #[test]
    fn the_checked_in_gateway_api_types_are_what_the_crds_say() {
        let workspace = workspace().unwrap();
        gateway::generate(&workspace).unwrap().check(&workspace).unwrap();
    }

    #[test]
    fn the_checked_in_values_of_the_chart_are_what_their_type_says() {
        let workspace = workspace().unwrap();
        for generated in [values::chart(), values::reference()] {
            generated.unwrap().check(&workspace).unwrap();
        }
    }

    #[test]
    fn the_checked_in_definitions_and_their_reference_are_what_the_types_say() {
        let workspace = workspace().unwrap();
        for generated in [crds::manifests(), crds::chart(), Ok(crds::rights()), docs::generate()] {
            generated.unwrap().check(&workspace).unwrap();
        }
    }
}
