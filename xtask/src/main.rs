//! `cargo run -p xtask -- TASK`

use anyhow::{Result, bail};

const USAGE: &str = "usage: xtask generate [proto]";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let workspace = xtask::workspace()?;
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["generate", ref what @ ..] if what.is_empty() || what == ["proto"] => {
            let changed = xtask::proto::generate(&workspace)?.write(&workspace)?;
            println!("proto: {changed} files changed");
        }
        _ => bail!(USAGE),
    }
    Ok(())
}
