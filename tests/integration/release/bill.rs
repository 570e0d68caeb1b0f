//! The bill of materials that `build/sbom.sh` writes: all that is in the binary, and no more.
//! That it is valid CycloneDX is judged by `make lint`, which has the schema.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::repository::Repository;
use super::{ROOT, run};

fn bill() -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bill.json");
    let script = format!("{ROOT}/build/sbom.sh");
    run(folder.path(), &script, &[file.to_str().unwrap()]);
    fs::read_to_string(file).unwrap()
}

/// Each crate as `name-version`, the name of its folder in the registry.
fn crates(bill: &str) -> BTreeSet<String> {
    let bill: Value = serde_json::from_str(bill).unwrap();
    let parts = bill["components"].as_array().unwrap();
    parts
        .iter()
        .filter(|part| part["purl"].as_str().unwrap().starts_with("pkg:cargo/"))
        .map(|part| format!("{}-{}", text(part, "name"), text(part, "version")))
        .collect()
}

fn text<'a>(part: &'a Value, key: &str) -> &'a str {
    part[key].as_str().unwrap()
}

/// The crates whose sources the binary names, as it does where it may panic.
fn named_by(binary: &Path) -> BTreeSet<String> {
    let bytes = fs::read(binary).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    text.split("/registry/src/")
        .skip(1)
        .filter_map(|path| path.split('/').nth(1))
        .filter_map(|rest| rest.split(|letter: char| !is_of_a_name(letter)).next())
        .map(str::to_owned)
        .collect()
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-_.+".contains(letter)
}

#[test]
fn it_names_every_crate_that_the_binary_names() {
    // That of the test build: the shipped one tells no places of panics.
    let built = Path::new(env!("CARGO_BIN_EXE_pipeops-agent"));
    let (told, named) = (crates(&bill()), named_by(built));
    let missing: Vec<_> = named.difference(&told).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(named.len() > 9, "too few to judge by: {named:?}");
}

/// The names of that section of a Cargo.toml.
fn section<'a>(manifest: &'a str, name: &str) -> BTreeSet<&'a str> {
    let (_, rest) = manifest.split_once(&format!("\n[{name}]\n")).unwrap();
    let (own, _) = rest.split_once("\n[").unwrap();
    let lines = own.lines().filter_map(|line| line.split_once(" = "));
    lines.map(|(name, _)| name).collect()
}

#[test]
fn it_leaves_out_what_only_builds_or_tests() {
    let told = crates(&bill());
    let manifest = fs::read_to_string(format!("{ROOT}/Cargo.toml")).unwrap();
    let linked = section(&manifest, "dependencies");
    let tests = section(&manifest, "dev-dependencies").into_iter();
    let tests = tests.filter(|name| !linked.contains(name));
    for name in tests.chain(["cc", "proc-macro2", "quote", "serde_derive", "syn"]) {
        let is_told = told
            .iter()
            .any(|part| part.starts_with(&format!("{name}-")));
        assert!(!is_told, "{name}");
    }
}

#[test]
fn the_sums_beside_it_are_of_all_that_was_built() {
    let repository = Repository::copy();
    let bin = repository.tree().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["pipeops-agent", "image.tar"] {
        fs::write(bin.join(name), name).unwrap();
    }
    let script = repository.tree().join("build/sbom.sh");
    // Twice: the sums are none of those that are summed.
    for _ in 0..2 {
        run(&bin, script.to_str().unwrap(), &[]);
        let held = run(&bin, "sha256sum", &["--check", "SHA256SUMS"]);
        assert_eq!(
            held,
            "image.tar: OK\npipeops-agent: OK\npipeops-agent.cdx.json: OK\n"
        );
    }
}

#[test]
fn it_is_the_same_twice_and_whole() {
    let first = bill();
    assert_eq!(first, bill());
    assert!(!first.contains(ROOT), "it names the folder it was made in");
    let bill: Value = serde_json::from_str(&first).unwrap();
    let own = &bill["metadata"]["component"];
    assert_eq!(own["version"], env!("CARGO_PKG_VERSION"));
    let parts = bill["components"].as_array().unwrap();
    let refs: BTreeSet<&str> = parts.iter().map(|part| text(part, "bom-ref")).collect();
    assert_eq!(refs.len(), parts.len(), "none twice");
    // Each is needed by somebody, and nobody needs what is not there.
    let uses = bill["dependencies"].as_array().unwrap();
    let used: BTreeSet<&str> = uses
        .iter()
        .flat_map(|entry| entry["dependsOn"].as_array().unwrap())
        .map(|used| used.as_str().unwrap())
        .collect();
    assert_eq!(used, refs);
}
