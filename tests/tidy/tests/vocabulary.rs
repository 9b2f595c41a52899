//! Rules about words. Names that several crates share are counted, and may only become fewer.

use heddle_tidy::{is_generated, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Words with which the first line of a doc comment has no subject.
const RELATIVE: [&str; 12] =
    ["Whether", "What", "Who", "Whom", "Whose", "Where", "Which", "How", "Why", "When", "That", "If"];
/// Bindings that name nothing.
const EMPTY_NAMES: [&str; 3] = ["of", "told", "said"];
/// The most type names that more than two crates define.
const MOST_SHARED_NAMES: usize = 28;

fn texts() -> Vec<(String, String)> {
    let read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).expect("readable");
        (path.display().to_string(), text)
    };
    sources().into_iter().map(read).filter(|(_, text)| !is_generated(text)).collect()
}

fn at_most(what: &str, found: &[String], most: usize) {
    let shown = found.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(found.len() <= most, "{} {what}, at most {most} are left; some:\n{shown}", found.len());
}

#[test]
fn doc_comments_open_with_a_noun_or_a_verb() {
    let mut found = Vec::new();
    for (path, text) in texts() {
        let mut inside = false;
        for (number, line) in text.lines().enumerate() {
            let doc = line.trim_start().strip_prefix("///").or_else(|| line.trim_start().strip_prefix("//!"));
            let first = doc.and_then(|doc| doc.split_whitespace().next()).filter(|_| !inside);
            if first.is_some_and(|word| RELATIVE.contains(&word)) {
                found.push(format!("{path}:{}", number + 1));
            }
            inside = doc.is_some();
        }
    }
    at_most("doc comments open with a relative word", &found, 0);
}

#[test]
fn bindings_are_nouns() {
    let mut found = Vec::new();
    for (path, text) in texts().into_iter().filter(|(path, _)| !path.contains("tests/tidy")) {
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            let binds = |name: &&str| {
                let forms = [format!("let {name} "), format!("let {name}:"), format!("|{name}|")];
                let argument = [format!("({name}: "), format!(", {name}: "), format!(" {name}: &")];
                forms.iter().chain(&argument).any(|form| line.contains(form.as_str()))
            };
            if EMPTY_NAMES.iter().any(binds) {
                found.push(format!("{path}:{}", number + 1));
            }
        }
    }
    at_most("bindings are named of, told or said", &found, 0);
}

#[test]
fn a_type_name_belongs_to_one_crate_or_two() {
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in texts() {
        let Some((_, inside)) = path.split_once("crates/") else { continue };
        let Some((name, file)) = inside.split_once('/') else { continue };
        if !Path::new(file).starts_with("src") || file.contains("tests") {
            continue;
        }
        for line in text.lines() {
            let line = line.trim_start();
            let line = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
            let rest = ["struct ", "enum ", "trait "].iter().find_map(|word| line.strip_prefix(word));
            let ident = rest.and_then(|rest| rest.split(|c: char| !c.is_alphanumeric()).next());
            if let Some(ident) = ident {
                crates.entry(ident.into()).or_default().insert(name.into());
            }
        }
    }
    let shared = crates.into_iter().filter(|(_, crates)| crates.len() > 2);
    let shared: Vec<_> = shared.map(|(name, crates)| format!("{name}: {crates:?}")).collect();
    at_most("type names stand in more than two crates", &shared, MOST_SHARED_NAMES);
}
