//! Tests the architecture in docs/ARCHITECTURE.md: imports point downwards only, and no imports form a cycle.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

/// The folders of `advisor/src`, from the lowest layer to the highest.
const ROOMS: [&str; 7] = ["output", "analysis", "store", "host", "dialects", "observe", "verbs"];
/// The files above all layers: the program, the list of its verbs, and the entry points for fuzzing.
const ABOVE: [&str; 3] = ["main.rs", "lib.rs", "fuzzing.rs"];

/// A module's path below its crate: `["verbs", "learn", "report"]`.
type Module = Vec<String>;
/// Each module of a crate, with the modules of the same crate that it imports.
type Imported = BTreeMap<Module, BTreeSet<Module>>;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns every source file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path {
            path if path.is_dir() => files(&path),
            path if path.extension().is_some_and(|ending| ending == "rs") => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

/// Returns the module of a file. `mod.rs`, `lib.rs` and `main.rs` are the module of their folder.
fn module(source: &Path, file: &Path) -> Module {
    let path = file.strip_prefix(source).unwrap().with_extension("");
    let mut parts: Module = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// Collects a file's imports: its paths that begin with `crate`, `super`, `self` or a module that it declares, except
/// those of its tests.
struct Imports {
    here: Module,
    /// The modules that the file declares and that have their own files.
    declared: BTreeSet<String>,
    /// The inline modules that are being visited.
    inline: Vec<String>,
    found: BTreeSet<Module>,
}

impl Imports {
    fn of(here: &Module, text: &str) -> syn::Result<BTreeSet<Module>> {
        let syntax = syn::parse_file(text)?;
        let declared = syntax.items.iter().filter_map(|item| match item {
            syn::Item::Mod(item) if item.content.is_none() => Some(item.ident.to_string()),
            _ => None,
        });
        let declared = declared.collect();
        let mut imports = Self { here: here.clone(), declared, inline: Vec::new(), found: BTreeSet::new() };
        imports.visit_file(&syntax);
        Ok(imports.found)
    }

    fn note(&mut self, path: &[String]) {
        let mut at: Module = match path.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.here.iter().chain(&self.inline).cloned().collect(),
            Some(first) if self.inline.is_empty() && self.declared.contains(first) => self.here.clone(),
            _ => return,
        };
        for part in path {
            match part.as_str() {
                "crate" | "self" => {}
                "super" => {
                    at.pop();
                }
                name => at.push(name.to_owned()),
            }
        }
        self.found.insert(at);
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }
}

fn is_of_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string().contains("test"),
        meta => meta.path().is_ident("test"),
    })
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_of_tests(&item.attrs) {
            self.inline.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.inline.pop();
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_of_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_of_tests(&item.attrs) {
            self.tree(&[], &item.tree);
        }
    }

    /// `pub(super)` imports nothing, so the visitor skips it.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note(&names);
        visit::visit_path(self, path);
    }
}

/// Returns the imports of the modules of the crate whose sources are in this folder.
fn imports(source: &str) -> Imported {
    imports_of(&[source])
}

/// Returns the imports of the modules of the crate whose sources are in these folders.
fn imports_of(folders: &[&str]) -> Imported {
    let files_of = |folder: &&str| {
        let folder = top().join(folder);
        files(&folder).into_iter().map(move |file| (module(&folder, &file), file))
    };
    let files: Vec<(Module, PathBuf)> = folders.iter().flat_map(files_of).collect();
    let modules: BTreeSet<&Module> = files.iter().map(|(module, _)| module).collect();
    let of = |(here, file): &(Module, PathBuf)| {
        let found = Imports::of(here, &fs::read_to_string(file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // A path names an item of a module. The module is the longest prefix of the path that is a module.
        let meant = found.iter().filter_map(|path| {
            (0..=path.len()).rev().map(|length| path[..length].to_vec()).find(|path| modules.contains(path))
        });
        (here.clone(), meant.filter(|module| module != here).collect())
    };
    files.iter().map(of).collect()
}

fn floor(module: &Module) -> Option<usize> {
    ROOMS.iter().position(|room| module.first().is_some_and(|first| first == room))
}

/// Returns every import that points upwards, or from one verb to another.
fn pointing_up(all: &Imported) -> Vec<String> {
    let is_wrong = |from: &Module, to: &Module| match (floor(from), floor(to)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(from_floor), Some(to_floor)) if from_floor != to_floor => to_floor > from_floor,
        _ => from[0] == "verbs" && from.get(1) != to.get(1),
    };
    let pairs = all.iter().flat_map(|(from, imported)| imported.iter().map(move |to| (from, to)));
    pairs
        .filter(|(from, to)| is_wrong(from, to))
        .map(|(from, to)| format!("{} imports {}", shown(from), shown(to)))
        .collect()
}

fn shown(module: &Module) -> String {
    if module.is_empty() { "the crate's top".to_owned() } else { module.join("::") }
}

/// Returns the modules whose imports form a cycle.
fn circles(all: &Imported) -> BTreeSet<&Module> {
    let mut rest: BTreeSet<&Module> = all.keys().collect();
    // A module that imports none of the remaining modules, or that none of them imports, is in no cycle.
    loop {
        let is_between = |module: &&Module| {
            let imports = all[*module].iter().any(|imported| rest.contains(imported));
            imports && rest.iter().any(|other| all[*other].contains(*module))
        };
        let kept: BTreeSet<&Module> = rest.iter().copied().filter(is_between).collect();
        if kept.len() == rest.len() {
            return rest;
        }
        rest = kept;
    }
}

#[test]
fn imports_point_downwards_only() {
    let wrong = pointing_up(&imports("advisor/src"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_import_goes_round_in_a_circle() {
    let shared = "launcher-ebpf/src/shared";
    let crates: [&[&str]; 6] = [
        &["core/src"],
        &["launcher/src"],
        &["recorder/src"],
        &["advisor/src"],
        &["launcher-ebpf/src/btf", shared],
        &["launcher-ebpf/src/kprobe", shared],
    ];
    let mut found = Vec::new();
    for folders in crates {
        let source = folders[0];
        let all = imports_of(folders);
        let circles = circles(&all);
        let imports = circles.iter().map(|module| {
            let others = all[*module].iter().filter(|imported| circles.contains(imported));
            format!("{source}: {} imports {}", shown(module), others.map(shown).collect::<Vec<_>>().join(", "))
        });
        found.extend(imports);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_file_of_the_advisor_lies_in_a_room() {
    let names = fs::read_dir(top().join("advisor/src")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others: Vec<String> =
        names.filter(|name| !ROOMS.contains(&name.as_str()) && !ABOVE.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn the_boundary_to_the_kernel_knows_nothing_of_a_launch() {
    let all = imports("launcher/src");
    let begins = |module: &Module, name: &str| module.first().is_some_and(|first| first == name);
    let of_system = all.iter().filter(|(module, _)| begins(module, "system"));
    let upwards: Vec<_> =
        of_system.filter(|(_, imported)| imported.iter().any(|other| begins(other, "launch"))).collect();
    assert!(upwards.is_empty(), "{upwards:?}");
}

#[test]
fn an_import_that_points_up_or_goes_round_is_found() {
    let module = |path: &str| path.split('/').map(str::to_owned).collect::<Module>();
    let all = |pairs: &[(&str, &str)]| {
        let mut all = Imported::new();
        for (from, to) in pairs {
            all.entry(module(from)).or_default().insert(module(to));
            all.entry(module(to)).or_default();
        }
        all
    };
    for up in [("output/page", "analysis/needs"), ("host/kernel", "verbs/learn"), ("verbs/list", "verbs/learn/tool")] {
        assert_eq!(pointing_up(&all(&[up])).len(), 1, "{up:?}");
    }
    for down in [("verbs/learn", "output/page"), ("verbs/learn", "verbs/learn/tool"), ("store/enabled", "store/lock")] {
        assert!(pointing_up(&all(&[down])).is_empty(), "{down:?}");
    }
    let round = all(&[("host/a", "host/b"), ("host/b", "host/c"), ("host/c", "host/b"), ("host/c", "host/d")]);
    assert_eq!(circles(&round), BTreeSet::from([&module("host/b"), &module("host/c")]));

    let text = "mod child; use crate::verbs::{learn::tool::Tool, list}; use super::sibling;
        fn f() { crate::host::clock::now(); child::g() }
        #[cfg(test)] mod tests { use crate::verbs::diff; }";
    let expected =
        ["verbs/learn/tool/Tool", "verbs/list", "host/sibling", "host/clock/now", "host/kernel/child/g"].map(module);
    assert_eq!(Imports::of(&module("host/kernel"), text).unwrap(), BTreeSet::from(expected));
}
