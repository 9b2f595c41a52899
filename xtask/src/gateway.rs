//! `xtask fetch gateway` and `xtask generate gateway`: the Gateway API's schemas and types.
//!
//! The schemas come from the CRDs in the Go module `sigs.k8s.io/gateway-api`, its standard channel, and lie in
//! `crates/heddle-api/gateway` without their descriptions and messages: to generate types from, offline, and to install in
//! test clusters.

mod names;
mod rust;
mod schema;

use crate::generated::Generated;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const MODULE: &str = "sigs.k8s.io/gateway-api@v1.7.0";
const SUM: &str = "h1:duVnm7nO6oXfMMUWfcDoBph47CYR/ME3NGxccOVglaY=";
const CRDS: &str = "crates/heddle-api/gateway";
const OUT: &str = "crates/heddle-api/src/gateway";

/// The kinds: plural, kind, and the name of the module and of the type.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("httproutes", "HTTPRoute", "http_route", "HttpRoute"),
    ("grpcroutes", "GRPCRoute", "grpc_route", "GrpcRoute"),
    ("referencegrants", "ReferenceGrant", "reference_grant", "ReferenceGrant"),
];

/// The CRDs as they lie in the module, less what nobody needs here.
///
/// # Errors
/// When Go cannot fetch the module, or it is not the one that was pinned.
pub fn fetch() -> Result<Generated> {
    let module = download()?;
    let mut generated = Generated::new(CRDS);
    for (plural, ..) in KINDS {
        let name = format!("config/crd/standard/gateway.networking.k8s.io_{plural}.yaml");
        let text = fs::read_to_string(module.join(&name)).with_context(|| name.clone())?;
        let mut crd: Value = serde_saphyr::from_str(&text).with_context(|| name.clone())?;
        schema::strip_words(&mut crd);
        generated.add(format!("{plural}.yaml"), serde_saphyr::to_string(&crd)?);
    }
    Ok(generated)
}

/// The types of every kind.
///
/// # Errors
/// When a schema says what no type can, or two shapes would have one name.
pub fn generate(workspace: &Path) -> Result<Generated> {
    let mut generated = Generated::new(OUT);
    for (plural, kind, module, name) in KINDS {
        let path = workspace.join(CRDS).join(format!("{plural}.yaml"));
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let crd: Value = serde_saphyr::from_str(&text)?;
        generated.add(format!("{module}.rs"), rust::module(&crd, kind, name)?);
    }
    Ok(generated)
}

/// The folder of the module in Go's cache.
///
/// Go refuses to use a module that asks for a newer Go, but fetches and verifies it, which is all that is
/// wanted: so the sum decides, not Go's exit status.
fn download() -> Result<PathBuf> {
    let go = |args: &[&str]| Command::new("go").args(args).current_dir(env::temp_dir()).output();
    let out = go(&["mod", "download", "-json", MODULE]).context("running go")?;
    let answer: Value =
        serde_json::from_slice(&out.stdout).context("reading the answer of go mod download")?;
    ensure!(answer["Sum"] == SUM, "{MODULE} is not what was pinned: {answer}");
    let cache = String::from_utf8(go(&["env", "GOMODCACHE"])?.stdout)?;
    let folder = Path::new(cache.trim()).join(MODULE);
    if !folder.is_dir() {
        bail!("go mod download did not unpack {MODULE}: {answer}");
    }
    Ok(folder)
}
