//! Rules about documents: what they point at exists, and ARCHITECTURE.md speaks of every crate.

use heddle_tidy::root;
use std::path::{Path, PathBuf};
use std::{fs, iter};

/// Returns every file below a folder, but for build output.
fn files(under: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![under.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match path.is_dir() {
                true if name == "target" || name.starts_with('.') => {}
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

/// Returns the documents that people write; the reference is generated.
fn documents() -> Vec<PathBuf> {
    let mut found = files(&root().join("docs"));
    found.retain(|path| !path.components().any(|part| part.as_os_str() == "reference"));
    found.extend(["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"].map(|name| root().join(name)));
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    found
}

/// Returns the texts between `open` and `close`, each on one line.
fn between<'a>(text: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    let mut rest = text;
    iter::from_fn(move || {
        let (_, after) = rest.split_once(open)?;
        let (inner, after) = after.split_once(close)?;
        rest = after;
        Some(inner)
    })
}

#[test]
fn links_lead_to_files() {
    for document in documents() {
        let text = fs::read_to_string(&document).expect("readable");
        let folder = document.parent().expect("a folder");
        for link in between(&text, "](", ')') {
            let path = link.split('#').next().unwrap_or_default();
            let is_ours = !path.is_empty() && !path.contains("://");
            assert!(!is_ours || folder.join(path).exists(), "{}: {link}", document.display());
        }
    }
}

#[test]
fn source_files_that_documents_name_exist() {
    let all: Vec<String> = ["crates", "tests", "benches", "xtask"]
        .iter()
        .flat_map(|top| files(&root().join(top)))
        .map(|path| format!("/{}", path.display()))
        .collect();
    for document in documents() {
        let text = fs::read_to_string(&document).expect("readable");
        let code = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        for name in code.filter(|name| name.ends_with(".rs") && !name.contains(char::is_whitespace)) {
            let suffix = format!("/{name}");
            assert!(all.iter().any(|path| path.ends_with(&suffix)), "{}: {name}", document.display());
        }
    }
}

#[test]
fn every_crate_has_a_section() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("readable");
    for entry in fs::read_dir(root().join("crates")).expect("crates") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(text.contains(&format!("\n### {name}\n")), "ARCHITECTURE.md has no section on {name}");
    }
}
