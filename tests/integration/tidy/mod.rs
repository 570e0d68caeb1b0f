//! Holds the shape of the code and the truth of the pages about it.
//!
//! Each rule is written for people in `docs/architecture.md`,
//! `docs/specification.md` or `CONTRIBUTING.md`; this is what makes it stay.

mod page;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use page::{Page, code_spans};
use source::{Source, collect, sources};

const MOST_LINES: usize = 400;
const MEDIAN_LINES: usize = 200;
const MOST_FUNCTION_LINES: usize = 40;

/// Functions that may be longer, each with its reason.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// Every folder whose Rust is held to the size limits.
const CODE: [&str; 2] = ["src", "tests/control-plane/src"];

#[test]
fn modules_import_what_the_architecture_page_allows() {
    let table = import_table();
    let modules: BTreeSet<&str> = table.iter().map(|(module, _)| module.as_str()).collect();
    let allowed: BTreeMap<&str, &BTreeSet<String>> = table
        .iter()
        .map(|(module, imports)| (module.as_str(), imports))
        .collect();
    let mut wrong = Vec::new();
    for source in sources(root(), "src")
        .iter()
        .filter(|source| source.module() != "lib")
    {
        let own = source.module();
        assert!(
            modules.contains(own),
            "{} is missing in the import table",
            source.path
        );
        for import in source.imports() {
            let known = modules.contains(import.as_str()) && import != own;
            if known && !allowed[own].contains(&import) {
                wrong.push(format!("{}: imports {import}", source.path));
            }
        }
    }
    none(&wrong);
}

#[test]
fn imports_only_point_up_the_table() {
    let mut above = BTreeSet::new();
    for (module, imports) in import_table() {
        for import in imports {
            assert!(
                above.contains(&import),
                "{module} may import {import}, which stands below it"
            );
        }
        assert!(
            above.insert(module.clone()),
            "{module} stands twice in the import table"
        );
    }
}

#[test]
fn the_import_table_has_the_modules_of_the_crate() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut declared: BTreeSet<String> = library
        .lines()
        .map(|line| line.trim_start_matches("pub "))
        // One is a package of its own.
        .filter_map(|line| line.strip_prefix("mod ").or(line.strip_prefix("use ")))
        .map(|name| name.trim_end_matches(';').to_owned())
        .collect();
    declared.insert("main".to_owned());
    let listed: BTreeSet<String> = import_table()
        .into_iter()
        .map(|(module, _)| module)
        .collect();
    assert_eq!(declared, listed);
}

#[test]
fn paths_do_not_climb_past_the_parent_module() {
    let wrong: Vec<_> = sources(root(), "src")
        .into_iter()
        .filter(|source| source.code.contains("super::super"))
        .map(|source| format!("{}: write crate:: instead of super::super::", source.path))
        .collect();
    none(&wrong);
}

#[test]
fn files_start_by_saying_what_they_are_for() {
    let wrong: Vec<_> = ["src", "tests"]
        .iter()
        .flat_map(|folder| sources(root(), folder))
        .filter(|source| !source.text.starts_with("//! ") && source.text != "fn main() {}\n")
        .map(|source| source.path)
        .collect();
    none(&wrong);
}

#[test]
fn files_are_small() {
    let code = code();
    let wrong: Vec<_> = code
        .iter()
        .filter(|source| source.lines() > MOST_LINES)
        .map(|source| format!("{}: {} lines", source.path, source.lines()))
        .collect();
    none(&wrong);
    let mut lines: Vec<usize> = code.iter().map(Source::lines).collect();
    lines.sort_unstable();
    let median = lines[lines.len() / 2];
    assert!(median < MEDIAN_LINES, "the median file has {median} lines");
}

#[test]
fn functions_are_short() {
    let mut wrong = Vec::new();
    for source in code() {
        for function in source.functions() {
            let excused = LONG_FUNCTIONS
                .iter()
                .any(|(path, name, _)| *path == source.path && *name == function.name);
            if function.lines > MOST_FUNCTION_LINES && !excused {
                wrong.push(format!(
                    "{}: {} has {} lines",
                    source.path, function.name, function.lines
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    let mut files = Vec::new();
    collect(root(), &mut files);
    for manifest in files.iter().filter(|path| path.ends_with("Cargo.toml")) {
        let text = fs::read_to_string(manifest).unwrap();
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{}",
            manifest.display()
        );
    }
}

#[test]
fn decisions_are_listed_in_the_architecture_page() {
    let mut listed = Page::read(root(), "docs/architecture.md").links_into("adr/");
    listed.sort();
    let mut present: Vec<String> = fs::read_dir(root().join("docs/adr"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "template.md")
        .collect();
    present.sort();
    assert_eq!(listed, present);
}

#[test]
fn every_dependency_of_the_binary_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, own) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (own, _) = own.split_once("\n[").unwrap();
    let lines = own.lines().filter_map(|line| line.split_once(" = "));
    let lines = lines.filter(|(_, what)| !what.contains("path = "));
    let mut taken: Vec<String> = lines.map(|(name, _)| format!("`{name}`")).collect();
    let page = Page::read(root(), "docs/adr/0010-dependencies.md");
    let mut told: Vec<String> = page
        .rows("crate")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    taken.sort();
    told.sort();
    assert_eq!(told, taken);
}

#[test]
fn every_promised_number_names_what_holds_it() {
    let rows = Page::read(root(), "docs/specification.md").rows("what");
    assert!(
        !rows.is_empty(),
        "docs/specification.md has no table of numbers"
    );
    let tests: Vec<Source> = ["src", "tests"]
        .iter()
        .flat_map(|folder| sources(root(), folder))
        .collect();
    let mut wrong = Vec::new();
    for row in rows {
        let holders = row.last().map(|cell| code_spans(cell)).unwrap_or_default();
        if holders.is_empty() {
            wrong.push(format!("{}: nothing holds it", row[0]));
        }
        let missing = holders.into_iter().filter(|holder| !holds(holder, &tests));
        wrong.extend(missing.map(|holder| format!("{}: there is no {holder}", row[0])));
    }
    none(&wrong);
}

#[test]
fn pages_name_only_targets_of_the_makefile() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, _)| name)
        .collect();
    let mut wrong = Vec::new();
    for (path, text) in texts()
        .into_iter()
        .filter(|(path, _)| path.ends_with(".md"))
    {
        for span in code_spans(&text).into_iter().flat_map(str::lines) {
            let named = span
                .trim()
                .strip_prefix("make ")
                .and_then(|rest| rest.split(' ').next());
            if let Some(target) = named.filter(|target| !targets.contains(target)) {
                wrong.push(format!("{path}: make {target}"));
            }
        }
    }
    none(&wrong);
}

#[test]
fn no_file_names_the_folder_it_was_written_in() {
    let here = env!("CARGO_MANIFEST_DIR");
    let wrong: Vec<_> = texts()
        .into_iter()
        .filter(|(_, text)| text.contains(here))
        .map(|(path, _)| path)
        .collect();
    none(&wrong);
}

/// The rows of the import table in their order: a module, and what it may import.
/// "leaves" stands for every module of that layer.
fn import_table() -> Vec<(String, BTreeSet<String>)> {
    let rows = Page::read(root(), "docs/architecture.md").rows("module");
    let name = |row: &Vec<String>| row[0].trim_matches('`').to_owned();
    let leaves: Vec<String> = rows
        .iter()
        .filter(|row| row[1] == "leaf")
        .map(name)
        .collect();
    rows.iter()
        .map(|row| {
            let mut imports: BTreeSet<String> =
                code_spans(&row[3]).into_iter().map(str::to_owned).collect();
            if row[3].starts_with("leaves") {
                imports.extend(leaves.iter().cloned());
            }
            (name(row), imports)
        })
        .collect()
}

/// Whether a name of the specification exists: `module::test` or `make target [name]`.
fn holds(holder: &str, tests: &[Source]) -> bool {
    if let Some(target) = holder.strip_prefix("make ") {
        let (target, name) = target.split_once(' ').unwrap_or((target, ""));
        let name = name.trim_start_matches("BENCH=");
        let script = root().join(format!("build/{target}.sh"));
        let bench = root().join(format!("tests/benches/src/bin/{name}.rs"));
        return script.exists() && (name.is_empty() || bench.exists());
    }
    let Some((module, test)) = holder.rsplit_once("::") else {
        return false;
    };
    let file = module.replace("::", "/");
    let declaration = format!("#[test]\n{{indent}}fn {test}()");
    tests
        .iter()
        .filter(|source| {
            source.path.ends_with(&format!("/{file}.rs"))
                || source.path.contains(&format!("/{file}/"))
        })
        .any(|source| {
            ["", "    "].iter().any(|indent| {
                source
                    .text
                    .contains(&declaration.replace("{indent}", indent))
            })
        })
}

/// Every text file of the tree with its path.
fn texts() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(root(), &mut files);
    files
        .into_iter()
        .filter_map(|path| Some((path.display().to_string(), fs::read_to_string(path).ok()?)))
        .collect()
}

fn code() -> Vec<Source> {
    CODE.iter()
        .flat_map(|folder| sources(root(), folder))
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n  {}", wrong.join("\n  "));
}
