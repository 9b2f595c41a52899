//! `xtask binaries`: the API server and etcd of the tests, built from their Go modules.

use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{env, fs};

/// A program and where it comes from.
struct Program {
    /// The folder of its module in `tests/kubernetes`, and its name.
    name: &'static str,
    package: &'static str,
    /// As in its go.mod; a part of the file's name, so that another version is built anew.
    version: &'static str,
    /// Settings of string variables.
    set: &'static [&'static str],
    /// The time of a first build on two cores.
    minutes: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        name: "etcd",
        package: "go.etcd.io/etcd/server/v3",
        version: "v3.6.7",
        set: &[],
        minutes: "one minute",
    },
    Program {
        name: "kube-apiserver",
        package: "k8s.io/kubernetes/cmd/kube-apiserver",
        version: "v1.37.2",
        set: &[
            "k8s.io/component-base/version.gitVersion=v1.37.2",
            "k8s.io/component-base/version.gitMajor=1",
            "k8s.io/component-base/version.gitMinor=37",
        ],
        minutes: "six minutes",
    },
];

/// Returns where the programs lie: `kubernetes` in the folder that `HEDDLE_CACHE` names, else in `.cache` of the
/// checkout.
pub fn folder(workspace: &Path) -> PathBuf {
    env::var_os("HEDDLE_CACHE").map_or_else(|| workspace.join(".cache"), PathBuf::from).join("kubernetes")
}

/// Builds what is not there yet.
///
/// # Errors
/// When Go is not there, or a build fails.
pub fn build(workspace: &Path) -> Result<()> {
    let folder = folder(workspace);
    fs::create_dir_all(&folder)?;
    for program in PROGRAMS {
        let out = folder.join(format!("{}-{}", program.name, program.version));
        if out.is_file() {
            println!("{} {} is there", program.name, program.version);
            continue;
        }
        println!("building {} {}, about {} at first", program.name, program.version, program.minutes);
        let start = Instant::now();
        go(workspace, program, &out)?;
        println!("built {} in {} s", program.name, start.elapsed().as_secs());
    }
    Ok(())
}

/// Builds beside the final place and renames: a build that is stopped leaves no half a program.
fn go(workspace: &Path, program: &Program, out: &Path) -> Result<()> {
    let flags: Vec<String> = program.set.iter().map(|set| format!(" -X {set}")).collect();
    let unfinished = out.with_extension("new");
    let status = Command::new("go")
        .args(["build", "-trimpath", "-ldflags", &format!("-s -w{}", flags.concat()), "-o"])
        .args([unfinished.as_os_str(), program.package.as_ref()])
        .current_dir(workspace.join("tests/kubernetes").join(program.name))
        .env("CGO_ENABLED", "0")
        .status()
        .context("running go")?;
    ensure!(status.success(), "go build of {} failed", program.name);
    fs::rename(unfinished, out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_what_the_modules_pin() {
        let workspace = crate::workspace().unwrap();
        for program in PROGRAMS {
            let path = workspace.join("tests/kubernetes").join(program.name).join("go.mod");
            let text = fs::read_to_string(path).unwrap();
            assert!(text.contains(&format!("tool {}\n", program.package)), "{}", program.name);
            let module = if program.name == "etcd" { program.package } else { "k8s.io/kubernetes" };
            assert!(text.contains(&format!("{module} {}", program.version)), "{}", program.name);
        }
    }
}
