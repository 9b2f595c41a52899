//! `xtask binaries`: the programs of the tests that others wrote, built from their Go modules; and our own as static
//! programs, which images hold.

use anyhow::{Context as _, Result, ensure};
use std::env::consts::ARCH;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;
use std::{env, fs};

/// A program and where it comes from.
struct Program {
    name: &'static str,
    /// The folder of its module in `tests/node/go`.
    module: &'static str,
    package: &'static str,
    /// As in its go.mod; a part of the file's name, so that another version is built anew.
    version: &'static str,
    /// Settings of string variables.
    set: &'static [&'static str],
    tags: &'static str,
    /// Links against the C library.
    cgo: bool,
    /// The time of a first build on two cores.
    minutes: &'static str,
}

const PLAIN: Program = Program {
    name: "",
    module: "",
    package: "",
    version: "",
    set: &[],
    tags: "",
    cgo: false,
    minutes: "one minute",
};

const CONTAINERD: Program =
    Program { module: "containerd", version: "v2.4.2", tags: "no_btrfs no_zfs no_devmapper", ..PLAIN };

const PROGRAMS: &[Program] = &[
    Program {
        name: "etcd",
        module: "etcd",
        package: "go.etcd.io/etcd/server/v3",
        version: "v3.6.7",
        ..PLAIN
    },
    // All of Kubernetes in one program, which is what its name says.
    Program {
        name: "kube",
        module: "kubernetes",
        package: ".",
        version: "v1.37.2",
        set: &[
            "k8s.io/component-base/version.gitVersion=v1.37.2",
            "k8s.io/component-base/version.gitMajor=1",
            "k8s.io/component-base/version.gitMinor=37",
        ],
        minutes: "eight minutes",
        ..PLAIN
    },
    Program {
        name: "containerd",
        package: "github.com/containerd/containerd/v2/cmd/containerd",
        ..CONTAINERD
    },
    Program {
        name: "containerd-shim-runc-v2",
        package: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        ..CONTAINERD
    },
    Program { name: "ctr", package: "github.com/containerd/containerd/v2/cmd/ctr", ..CONTAINERD },
    Program {
        name: "runc",
        module: "runc",
        package: "github.com/opencontainers/runc",
        version: "v1.3.4",
        tags: "seccomp",
        cgo: true,
        ..PLAIN
    },
    Program { name: "helm", module: "helm", package: "helm.sh/helm/v4/cmd/helm", version: "v4.3.1", ..PLAIN },
    Program {
        name: "coredns",
        module: "coredns",
        package: "github.com/coredns/coredns",
        version: "v1.14.7",
        minutes: "two minutes",
        ..PLAIN
    },
];

/// Our own programs that images hold.
const STATIC: [(&str, &str); 2] = [("heddle", "heddle"), ("heddle-shop", "shop")];

/// Returns the folder of what is built: the one that `HEDDLE_CACHE` names, else `.cache` of the checkout.
fn cache(workspace: &Path) -> PathBuf {
    env::var_os("HEDDLE_CACHE").map_or_else(|| workspace.join(".cache"), PathBuf::from)
}

/// Builds what is not there yet.
///
/// # Errors
/// When something that builds need is not there, or a build fails.
pub fn build(workspace: &Path) -> Result<()> {
    needs()?;
    let (versions, node) = (cache(workspace).join("kubernetes"), cache(workspace).join("node"));
    fs::create_dir_all(&versions)?;
    fs::create_dir_all(&node)?;
    for program in PROGRAMS {
        let file = format!("{}-{}", program.name, program.version);
        let out = versions.join(&file);
        if out.is_file() {
            println!("{} {} is there", program.name, program.version);
        } else {
            println!("building {} {}, about {} at first", program.name, program.version, program.minutes);
            let start = Instant::now();
            go(workspace, program, &out)?;
            println!("built {} in {} s", program.name, start.elapsed().as_secs());
        }
        link(&format!("../kubernetes/{file}"), &node.join(program.name))?;
    }
    // The tests of the API server alone start it under its own name.
    link("kube", &node.join("kube-apiserver"))?;
    build_static(workspace)
}

/// Packages of Debian without which a build fails late, and in other words.
fn needs() -> Result<()> {
    let runs = |program: &str, args: &[&str]| {
        Command::new(program).args(args).output().is_ok_and(|out| out.status.success())
    };
    let mut missing = Vec::new();
    for (package, is_there) in [
        ("pkg-config", runs("pkg-config", &["--version"])),
        ("libseccomp-dev", runs("pkg-config", &["--exists", "libseccomp"])),
        ("musl-tools", runs("musl-gcc", &["--version"])),
    ] {
        if !is_there {
            missing.push(package);
        }
    }
    ensure!(missing.is_empty(), "install first: apt-get install {}", missing.join(" "));
    Ok(())
}

fn link(to: &str, at: &Path) -> Result<()> {
    if fs::read_link(at).is_ok_and(|found| found == Path::new(to)) {
        return Ok(());
    }
    let _absent = fs::remove_file(at);
    symlink(to, at).with_context(|| at.display().to_string())
}

/// Builds beside the final place and renames: a build that is stopped leaves no half a program.
fn go(workspace: &Path, program: &Program, out: &Path) -> Result<()> {
    let flags: Vec<String> = program.set.iter().map(|set| format!(" -X {set}")).collect();
    let unfinished = out.with_extension("new");
    let status = Command::new("go")
        .args(["build", "-trimpath", "-tags", program.tags])
        .args(["-ldflags", &format!("-s -w{}", flags.concat()), "-o"])
        .args([unfinished.as_os_str(), program.package.as_ref()])
        .current_dir(workspace.join("tests/node/go").join(program.module))
        .env("CGO_ENABLED", if program.cgo { "1" } else { "0" })
        .status()
        .context("running go")?;
    ensure!(status.success(), "go build of {} failed", program.name);
    fs::rename(unfinished, out)?;
    Ok(())
}

/// Builds our own programs so that they run in any image.
fn build_static(workspace: &Path) -> Result<()> {
    let musl = format!("{ARCH}-unknown-linux-musl");
    let target = if has_target(&musl) { musl } else { format!("{ARCH}-unknown-linux-gnu") };
    println!("building heddle and the shop as static programs, about six minutes at first");
    let start = Instant::now();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--target", &target]).current_dir(workspace);
    // Said for the target alone: proc macros are the machine's, and cannot be static. musl is static by itself.
    let variable = target.to_uppercase().replace('-', "_");
    cargo.env(format!("CARGO_TARGET_{variable}_RUSTFLAGS"), "-Ctarget-feature=+crt-static");
    cargo.args(STATIC.iter().flat_map(|(package, _)| ["-p", package]));
    ensure!(cargo.status()?.success(), "the static programs could not be built");
    let (from, to) =
        (target_directory(workspace)?.join(&target).join("debug"), cache(workspace).join("static"));
    fs::create_dir_all(&to)?;
    for (_, name) in STATIC {
        let unfinished = to.join(format!("{name}.new"));
        let strip = Command::new("strip").arg("-o").arg(&unfinished).arg(from.join(name)).status()?;
        ensure!(strip.success(), "strip of {name} failed");
        fs::rename(unfinished, to.join(name))?;
    }
    println!("built the static programs in {} s", start.elapsed().as_secs());
    Ok(())
}

/// Returns whether Rust's standard library for a target is there, or can be fetched.
fn has_target(target: &str) -> bool {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let is_there = |out: Output| Path::new(String::from_utf8_lossy(&out.stdout).trim()).is_dir();
    if libraries.is_ok_and(is_there) {
        return true;
    }
    let added = Command::new("rustup").args(["target", "add", target]).status();
    let added = added.is_ok_and(|status| status.success());
    if !added {
        println!(
            "Rust's standard library for {target} cannot be fetched: the programs get glibc, statically"
        );
    }
    added
}

fn target_directory(workspace: &Path) -> Result<PathBuf> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(workspace)
        .output()?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&out.stdout).context("reading cargo metadata")?;
    Ok(metadata["target_directory"].as_str().context("a target directory")?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_what_the_modules_pin() {
        let workspace = crate::workspace().unwrap();
        for program in PROGRAMS {
            let path = workspace.join("tests/node/go").join(program.module).join("go.mod");
            let text = fs::read_to_string(path).unwrap();
            assert!(text.contains(&format!(" {}", program.version)), "{}", program.name);
            let package = program.package;
            assert!(
                package == "." || text.contains(&format!("{package}\n")),
                "{}: no tool {package}",
                program.name
            );
        }
    }
}
