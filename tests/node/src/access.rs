//! The ways into a node that runs, from whichever process.

use crate::image::Image;
use crate::netns;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The ways into a node, by the folder of its files.
pub struct Access {
    folder: PathBuf,
    programs: PathBuf,
}

impl Access {
    /// The node whose files lie in `folder`, with the programs in `programs`.
    pub fn new(folder: &Path, programs: &Path) -> Self {
        Self { folder: folder.into(), programs: programs.into() }
    }

    /// Returns the start of a command in the node's network, which kubectl and helm know by its environment.
    pub fn command(&self) -> Command {
        let enter = netns::enter();
        let mut command = Command::new(&enter[0]);
        command.args(&enter[1..]).env("KUBECONFIG", self.folder.join("admin.kubeconfig"));
        command
    }

    /// Runs a command in the node's network.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn within(&self, command: &[&str]) -> Result<Output> {
        self.command().args(command).output().with_context(|| command.join(" "))
    }

    /// Runs kubectl, and returns what it printed.
    ///
    /// # Errors
    /// What it said.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        self.program(&self.folder.join("kubectl"), args)
    }

    /// Runs helm, and returns what it printed.
    ///
    /// # Errors
    /// What it said.
    pub fn helm(&self, args: &[&str]) -> Result<String> {
        self.program(&self.programs.join("helm"), args)
    }

    /// Makes an image known to the node.
    ///
    /// # Errors
    /// If it cannot be packed or taken in.
    pub fn load(&self, image: &Image) -> Result<()> {
        let archive = self.folder.join("image.tar");
        image.write(&archive)?;
        self.load_archive(&archive)?;
        fs::remove_file(archive)?;
        Ok(())
    }

    /// Makes the images of an OCI archive known to the node.
    ///
    /// # Errors
    /// If it cannot be taken in.
    pub fn load_archive(&self, archive: &Path) -> Result<()> {
        self.ctr(&["-n", "k8s.io", "images", "import", &archive.display().to_string()]).map(drop)
    }

    /// The folder of the node's files and logs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the node's programs.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    pub(crate) fn ctr(&self, args: &[&str]) -> Result<String> {
        let socket = self.folder.join("containerd.sock").display().to_string();
        self.program(&self.programs.join("ctr"), &[&["--address", &socket], args].concat())
    }

    fn program(&self, program: &Path, args: &[&str]) -> Result<String> {
        let program = program.display().to_string();
        let out = self.within(&[&[program.as_str()], args].concat())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        ensure!(out.status.success(), "{program} {}: {}", args.join(" "), text(&out.stderr));
        Ok(text(&out.stdout))
    }
}
