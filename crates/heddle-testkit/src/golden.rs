//! Goldens: what was accepted once, compared with what comes out now.

use similar::TextDiff;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Compares every rendered text with the file of its name, or writes it where `bless` says so.
///
/// `inputs` are the files that are read, not rendered. A file that is neither is an error: it looks like a
/// test and tests nothing.
///
/// # Errors
/// All differences, as unified diffs.
pub fn check(
    dir: &Path,
    inputs: &[&str],
    rendered: &BTreeMap<&str, String>,
    bless: bool,
) -> Result<(), String> {
    let mut wrong = strangers(dir, inputs, rendered)?;
    for (name, got) in rendered {
        let path = dir.join(name);
        let want = fs::read_to_string(&path).unwrap_or_default();
        if want == *got {
            continue;
        }
        if bless {
            fs::write(&path, got).map_err(|error| format!("{}: {error}", path.display()))?;
            continue;
        }
        let shown = format!("{}/{name}", dir.file_name().unwrap_or_default().display());
        wrong
            .push(format!("{shown}\n{}(BLESS=1 accepts; review the difference like code)", diff(&want, got)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Two texts as a unified diff.
pub fn diff(want: &str, got: &str) -> String {
    TextDiff::from_lines(want, got).unified_diff().context_radius(3).header("accepted", "now").to_string()
}

fn strangers(dir: &Path, inputs: &[&str], rendered: &BTreeMap<&str, String>) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let known = |name: &str| inputs.contains(&name) || rendered.contains_key(name);
    Ok(names
        .filter(|name| !known(name))
        .map(|name| format!("{} is rendered by nothing", dir.join(name).display()))
        .collect())
}
