//! The assertions of a scene, printed as they are made and gathered for the table at the end.

use anyhow::{Result, ensure};
use std::time::Instant;

/// The assertions of one scene.
pub struct Scene {
    title: &'static str,
    start: Instant,
    proven: Vec<String>,
}

/// The results of one scene.
pub struct Outcome {
    /// Its title.
    pub title: &'static str,
    /// The number of assertions that held.
    pub asserted: usize,
    /// The result to remember.
    pub result: String,
    /// The time that it took, in seconds.
    pub seconds: f64,
}

impl Scene {
    /// Opens a scene.
    pub fn open(number: usize, title: &'static str) -> Self {
        println!("\n{number}. {title}");
        Self { title, start: Instant::now(), proven: Vec::new() }
    }

    /// Says something that is not an assertion.
    pub fn tell(&self, text: impl AsRef<str>) {
        for line in text.as_ref().lines() {
            println!("   {line}");
        }
    }

    /// Asserts: prints what holds, or ends the demo.
    ///
    /// # Errors
    /// Says what does not hold.
    pub fn assert(&mut self, holds: bool, what: impl Into<String>) -> Result<()> {
        let what = what.into();
        ensure!(holds, "scene \"{}\": does not hold: {what}", self.title);
        println!("   ok  {what}");
        self.proven.push(what);
        Ok(())
    }

    /// Closes the scene.
    pub fn close(self, result: impl Into<String>) -> Outcome {
        let seconds = self.start.elapsed().as_secs_f64();
        Outcome { title: self.title, asserted: self.proven.len(), result: result.into(), seconds }
    }
}
