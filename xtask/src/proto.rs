//! `xtask generate proto`: the messages of `heddle-proto`.
//!
//! The `.proto` files come from the sources of the registry packages `envoy-types` and `linkerd2-proxy-api`, and
//! from `crates/heddle-proto/proto`. Only what the roots reach is kept (see `prune`).

mod prune;
mod raw;
mod roots;

use crate::generated::Generated;
use anyhow::{Context as _, Result, anyhow};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

const OUT: &str = "crates/heddle-proto/src/generated";
const OWN: &str = "crates/heddle-proto/proto";

/// The folders of the package's `.proto` files.
const TREES: &[&str] = &[
    "data-plane-api",
    "xds",
    "googleapis",
    "protoc-gen-validate",
    "cel-spec/proto",
    "cel-spec",
    "client_model",
];

/// The generated files.
///
/// # Errors
/// When the package is not there, or its files do not compile.
pub fn generate(workspace: &Path) -> Result<Generated> {
    let pruned = prune::prune(&compile(workspace)?, roots::ROOTS, roots::DROPPED)?;
    let scratch = scratch()?;
    let result = rust(&pruned, &scratch).and_then(|()| {
        raw::services(&scratch);
        collect(&scratch, &pruned)
    });
    fs::remove_dir_all(&scratch)?;
    result
}

fn compile(workspace: &Path) -> Result<FileDescriptorSet> {
    let package = package_folder(workspace, "envoy-types")?.join("proto");
    let mut includes: Vec<PathBuf> = TREES.iter().map(|tree| package.join(tree)).collect();
    includes.retain(|tree| tree.is_dir());
    includes.push(workspace.join(OWN));
    includes.push(package_folder(workspace, "linkerd2-proxy-api")?.join("proto"));
    protox::compile(roots::FILES, includes).context("compiling the .proto files")
}

/// The folder of a registry package that xtask depends on.
fn package_folder(workspace: &Path, name: &str) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = process::Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(workspace)
        .stderr(process::Stdio::inherit())
        .output()?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&out.stdout).context("reading cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.ok_or_else(|| anyhow!("cargo metadata does not know {name}"))?;
    Ok(Path::new(manifest).parent().context("a manifest lies in a folder")?.to_owned())
}

/// A folder of this process alone.
fn scratch() -> Result<PathBuf> {
    let folder = env::temp_dir().join(format!("heddle-xtask-proto-{}", process::id()));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn rust(files: &FileDescriptorSet, out: &Path) -> Result<()> {
    let mut config = tonic_prost_build::Config::new();
    config
        .btree_map(["."])
        .bytes(["."])
        .disable_comments(["."])
        .compile_well_known_types()
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com")
        .include_file("packages.rs");
    tonic_prost_build::configure()
        .out_dir(out)
        .emit_rerun_if_changed(false)
        .disable_comments(["."])
        .compile_well_known_types(true)
        .compile_fds_with_config(files.clone(), config)
        .context("generating Rust")
}

fn collect(folder: &Path, files: &FileDescriptorSet) -> Result<Generated> {
    let mut generated = Generated::new(OUT);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a generated name is UTF-8")?;
        generated.add(name, fs::read(&path)?);
    }
    generated.add("descriptors.binpb", files.encode_to_vec());
    Ok(generated)
}
