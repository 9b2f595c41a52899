//! The files of a crate have an order: none of them names each other in a circle.
//!
//! A folder is one thing with the file of its name: what a file and those below its folder say of each other counts
//! for nothing.

use heddle_tidy::root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use syn::visit::Visit;

/// A module's path within its crate; empty for the root.
type Module = Vec<String>;

/// The paths that a file names, a segment each, and what it makes its own under a name.
#[derive(Default)]
struct Names {
    paths: Vec<Vec<String>>,
    exports: Vec<(String, Vec<String>)>,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        syn::Meta::Path(_) | syn::Meta::NameValue(_) => false,
    })
}

fn leaves(tree: &syn::UseTree, before: &[String], found: &mut Vec<(String, Vec<String>)>) {
    let with = |name: String| [before, &[name]].concat();
    match tree {
        syn::UseTree::Path(path) => leaves(&path.tree, &with(path.ident.to_string()), found),
        syn::UseTree::Name(name) if name.ident == "self" => {
            found.push((before.last().cloned().unwrap_or_default(), before.to_vec()));
        }
        syn::UseTree::Name(name) => found.push((name.ident.to_string(), with(name.ident.to_string()))),
        syn::UseTree::Rename(name) => found.push((name.rename.to_string(), with(name.ident.to_string()))),
        syn::UseTree::Glob(_) => found.push(("*".into(), before.to_vec())),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, before, found)),
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        leaves(&item.tree, &[], &mut found);
        self.paths.extend(found.iter().map(|(_, path)| path.clone()));
        if !matches!(item.vis, syn::Visibility::Inherited) {
            self.exports.extend(found);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }
}

fn files(folder: &Path, module: &[String], found: &mut BTreeMap<Module, Names>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, &[module, &[name]].concat(), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests" {
            let text = fs::read_to_string(&path).expect("readable");
            let mut names = Names::default();
            names.visit_file(&syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
            let is_root = name == "lib" || name == "main";
            let key = if is_root { module.to_vec() } else { [module, &[name]].concat() };
            found.insert(key, names);
        }
    }
}

/// Returns the path from the crate's root of what a file names; `None` for something of another crate.
fn absolute(files: &BTreeMap<Module, Names>, module: &Module, path: &[String]) -> Option<Module> {
    let first = path.first()?.as_str();
    let supers = path.iter().take_while(|segment| *segment == "super").count();
    Some(match first {
        "crate" => path[1..].to_vec(),
        "self" => [module, &path[1..]].concat(),
        "super" => [&module[..module.len().checked_sub(supers)?], &path[supers..]].concat(),
        child => {
            let below = [module.as_slice(), &[child.to_string()]].concat();
            files.contains_key(&below).then(|| [module, path].concat())?
        }
    })
}

/// Returns the file in which a thing is, though another may hand it on.
fn home(files: &BTreeMap<Module, Names>, path: &[String], depth: usize) -> Module {
    let known = (0..=path.len()).rev().find(|length| files.contains_key(&path[..*length]));
    let (module, rest) = path.split_at(known.unwrap_or_default());
    let handed_on = rest.first().and_then(|name| {
        let exports = files.get(module)?.exports.iter();
        let (_, path) = exports.clone().find(|(own, _)| own == name)?;
        absolute(files, &module.to_vec(), path)
    });
    match handed_on {
        Some(path) if depth < 8 => home(files, &path, depth + 1),
        Some(_) | None => module.to_vec(),
    }
}

fn edges(files: &BTreeMap<Module, Names>) -> BTreeMap<Module, BTreeSet<Module>> {
    let of_file = |(module, names): (&Module, &Names)| {
        let named = names.paths.iter().filter_map(|path| absolute(files, module, path));
        let homes = named.map(|path| home(files, &path, 0));
        let others = homes.filter(|other| !other.starts_with(module) && !module.starts_with(other));
        (module.clone(), others.collect())
    };
    files.iter().map(of_file).collect()
}

/// Takes away, again and again, the files that name none of the rest, and those that none of the rest names.
fn in_circles(mut edges: BTreeMap<Module, BTreeSet<Module>>) -> BTreeMap<Module, BTreeSet<Module>> {
    loop {
        let named: BTreeSet<Module> = edges.values().flatten().cloned().collect();
        let before = edges.len();
        edges.retain(|module, others| !others.is_empty() && named.contains(module));
        let left: BTreeSet<Module> = edges.keys().cloned().collect();
        edges.values_mut().for_each(|others| others.retain(|other| left.contains(other)));
        if edges.len() == before {
            return edges;
        }
    }
}

#[test]
fn files_of_a_crate_name_each_other_in_no_circle() {
    let mut wrong = Vec::new();
    for entry in fs::read_dir(root().join("crates")).expect("the crates") {
        let folder = entry.expect("an entry").path();
        // Generated messages of other projects refer to each other as they like.
        if folder.ends_with("heddle-proto") {
            continue;
        }
        let mut found = BTreeMap::new();
        files(&folder.join("src"), &[], &mut found);
        for (module, others) in in_circles(edges(&found)) {
            let others: Vec<String> = others.iter().map(|other| other.join("::")).collect();
            let name = folder.file_name().expect("a name").to_string_lossy();
            wrong.push(format!("{name}: {} names {}", module.join("::"), others.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "files in circles:\n{}", wrong.join("\n"));
}

#[test]
fn a_circle_is_found() {
    let names = |paths: &[&str]| Names {
        paths: paths.iter().map(|path| path.split("::").map(String::from).collect()).collect(),
        exports: Vec::new(),
    };
    let module = |name: &str| vec![name.to_string()];
    let mut files = BTreeMap::from([
        (Vec::new(), names(&["a::A", "b::B"])),
        (module("a"), names(&["crate::b::B", "std::fmt"])),
        (module("b"), names(&["super::c::C"])),
        (module("c"), names(&["crate::a"])),
        (module("d"), names(&["crate::a::A"])),
    ]);
    assert_eq!(in_circles(edges(&files)).len(), 3);
    files.insert(module("c"), names(&["crate::other"]));
    assert_eq!(in_circles(edges(&files)).len(), 0);
}
