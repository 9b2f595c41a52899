//! Keeps of a set of descriptors only what some roots reach.

use anyhow::{Result, bail};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};
use std::collections::{BTreeMap, BTreeSet};

/// Every declaration of a set, by its full name.
#[derive(Default)]
struct Declarations<'a> {
    messages: BTreeMap<String, &'a DescriptorProto>,
    enums: BTreeMap<String, &'a EnumDescriptorProto>,
    services: BTreeMap<String, &'a ServiceDescriptorProto>,
}

/// The descriptors that `roots` reach without the fields whose type is in `dropped` and without deprecated
/// fields.
///
/// # Errors
/// When a name is declared nowhere, so that a typing mistake does not go unseen.
pub(super) fn prune(all: &FileDescriptorSet, roots: &[&str], dropped: &[&str]) -> Result<FileDescriptorSet> {
    let declarations = declarations(all);
    let known = |name: &&&str| declarations.knows(name);
    if let Some(unknown) = roots.iter().chain(dropped).find(|name| !known(name)) {
        bail!("{unknown} is declared in none of the files");
    }
    let dropped: BTreeSet<&str> = dropped.iter().copied().collect();
    let kept = reach(&declarations, roots, &dropped);
    let files = all.file.iter().filter_map(|file| prune_file(file, &kept, &dropped));
    let mut files: Vec<FileDescriptorProto> = files.collect();
    keep_needed_imports(&mut files, all);
    Ok(FileDescriptorSet { file: files })
}

impl Declarations<'_> {
    fn knows(&self, name: &str) -> bool {
        self.messages.contains_key(name) || self.enums.contains_key(name) || self.services.contains_key(name)
    }
}

fn declarations(all: &FileDescriptorSet) -> Declarations<'_> {
    let mut found = Declarations::default();
    for file in &all.file {
        for message in &file.message_type {
            declare(&mut found, file.package(), message);
        }
        for item in &file.enum_type {
            found.enums.insert(join(file.package(), item.name()), item);
        }
        for service in &file.service {
            found.services.insert(join(file.package(), service.name()), service);
        }
    }
    found
}

fn declare<'a>(found: &mut Declarations<'a>, scope: &str, message: &'a DescriptorProto) {
    let name = join(scope, message.name());
    for nested in &message.nested_type {
        declare(found, &name, nested);
    }
    for item in &message.enum_type {
        found.enums.insert(join(&name, item.name()), item);
    }
    found.messages.insert(name, message);
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

/// A type as fields name it, without the leading dot.
fn full(name: &str) -> &str {
    name.strip_prefix('.').unwrap_or(name)
}

fn keeps(field: &FieldDescriptorProto, dropped: &BTreeSet<&str>) -> bool {
    let deprecated = field.options.as_ref().is_some_and(|options| options.deprecated());
    !deprecated && !dropped.contains(full(field.type_name()))
}

fn reach(declarations: &Declarations<'_>, roots: &[&str], dropped: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut kept = BTreeSet::new();
    let mut next: Vec<String> = roots.iter().map(|&root| root.to_owned()).collect();
    while let Some(name) = next.pop() {
        if !kept.insert(name.clone()) {
            continue;
        }
        if let Some(service) = declarations.services.get(&name) {
            let types = service.method.iter().flat_map(|method| [method.input_type(), method.output_type()]);
            next.extend(types.map(|name| full(name).to_owned()));
        }
        let fields = declarations.messages.get(&name).map_or(&[][..], |message| &message.field);
        let fields = fields.iter().filter(|field| !field.type_name().is_empty() && keeps(field, dropped));
        next.extend(fields.map(|field| full(field.type_name()).to_owned()));
    }
    kept
}

fn prune_file(
    file: &FileDescriptorProto,
    kept: &BTreeSet<String>,
    dropped: &BTreeSet<&str>,
) -> Option<FileDescriptorProto> {
    let package = file.package();
    let mut pruned = FileDescriptorProto {
        name: file.name.clone(),
        package: file.package.clone(),
        dependency: file.dependency.clone(),
        syntax: file.syntax.clone(),
        ..Default::default()
    };
    let messages = file.message_type.iter();
    pruned.message_type =
        messages.filter_map(|message| prune_message(message, package, kept, dropped)).collect();
    pruned.enum_type = prune_enums(&file.enum_type, package, kept);
    let services = file.service.iter().filter(|service| kept.contains(&join(package, service.name())));
    pruned.service = services.cloned().map(without_options).collect();
    let empty = pruned.message_type.is_empty() && pruned.enum_type.is_empty() && pruned.service.is_empty();
    (!empty).then_some(pruned)
}

fn without_options(mut service: ServiceDescriptorProto) -> ServiceDescriptorProto {
    service.options = None;
    service.method.iter_mut().for_each(|method| method.options = None);
    service
}

fn prune_enums(
    enums: &[EnumDescriptorProto],
    scope: &str,
    kept: &BTreeSet<String>,
) -> Vec<EnumDescriptorProto> {
    let mut enums: Vec<_> =
        enums.iter().filter(|item| kept.contains(&join(scope, item.name()))).cloned().collect();
    for item in &mut enums {
        let alias = item.options.as_ref().and_then(|options| options.allow_alias);
        item.options = alias.map(|_| prost_types::EnumOptions { allow_alias: alias, ..Default::default() });
        item.value.iter_mut().for_each(|value| value.options = None);
    }
    enums
}

/// The message, or where only something nested in it is kept, an empty one around that.
fn prune_message(
    message: &DescriptorProto,
    scope: &str,
    kept: &BTreeSet<String>,
    dropped: &BTreeSet<&str>,
) -> Option<DescriptorProto> {
    let name = join(scope, message.name());
    let mut pruned = DescriptorProto { name: message.name.clone(), ..Default::default() };
    let nested = message.nested_type.iter();
    pruned.nested_type = nested.filter_map(|nested| prune_message(nested, &name, kept, dropped)).collect();
    pruned.enum_type = prune_enums(&message.enum_type, &name, kept);
    if !kept.contains(&name) {
        return (!pruned.nested_type.is_empty() || !pruned.enum_type.is_empty()).then_some(pruned);
    }
    let map = message.options.as_ref().and_then(|options| options.map_entry);
    pruned.options = map.map(|_| prost_types::MessageOptions { map_entry: map, ..Default::default() });
    pruned.field = message.field.iter().filter(|field| keeps(field, dropped)).cloned().collect();
    keep_used_oneofs(&mut pruned, message);
    pruned.field.iter_mut().for_each(|field| {
        let packed = field.options.as_ref().and_then(|options| options.packed);
        field.options = packed.map(|_| prost_types::FieldOptions { packed, ..Default::default() });
    });
    Some(pruned)
}

/// Oneofs that lost all fields go, and the others are counted anew.
fn keep_used_oneofs(pruned: &mut DescriptorProto, message: &DescriptorProto) {
    let used: BTreeSet<i32> = pruned.field.iter().filter_map(|field| field.oneof_index).collect();
    let place: BTreeMap<i32, i32> = (0..).zip(&used).map(|(new, old)| (*old, new)).collect();
    for field in &mut pruned.field {
        field.oneof_index = field.oneof_index.map(|old| place[&old]);
    }
    let all = (0..).zip(&message.oneof_decl);
    let kept = all.filter(|(index, _)| used.contains(index));
    pruned.oneof_decl = kept
        .map(|(_, oneof)| prost_types::OneofDescriptorProto { name: oneof.name.clone(), options: None })
        .collect();
}

/// Imports of files that are gone go, for a descriptor pool refuses them. One that only led to another file
/// (`import public`) becomes the import of that.
fn keep_needed_imports(files: &mut [FileDescriptorProto], all: &FileDescriptorSet) {
    let present: BTreeSet<String> = files.iter().map(|file| file.name().to_owned()).collect();
    for file in files {
        let led = file.dependency.iter().flat_map(|name| leads_to(all, name));
        let kept: BTreeSet<String> = led.filter(|name| present.contains(name)).collect();
        file.dependency = kept.into_iter().collect();
    }
}

fn leads_to(all: &FileDescriptorSet, name: &str) -> Vec<String> {
    let file = all.file.iter().find(|file| file.name() == name);
    let public = file.into_iter().flat_map(|file| {
        file.public_dependency.iter().filter_map(|index| file.dependency.get(usize::try_from(*index).ok()?))
    });
    std::iter::once(name.to_owned()).chain(public.cloned()).collect()
}
