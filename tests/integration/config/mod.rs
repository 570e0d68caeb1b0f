//! Holds the reference page and the help to the table of settings.
//!
//! `UPDATE_GOLDEN=1` writes both anew.

mod page;
mod program;

use std::env;
use std::fs;
use std::path::Path;

use pipeops_agent::config;

#[test]
fn the_reference_page_is_in_step_with_the_table() {
    golden("docs/configuration.md", &page::page());
}

#[test]
fn the_help_is_as_recorded() {
    let version = format!("pipeops-agent {}", pipeops_agent::version::VERSION);
    let help = config::help();
    assert!(help.starts_with(&version), "{help}");
    let help = help.replacen(&version, "pipeops-agent VERSION", 1);
    golden("tests/integration/config/golden/help.txt", &help);
}

#[test]
fn the_environment_of_this_process_is_read() {
    let environment = config::Environment::of_process();
    let path = environment.variables.get("PATH");
    assert_eq!(path, env::var_os("PATH").as_ref());
}

/// Compares with the file of the tree, or writes it when asked to.
#[track_caller]
fn golden(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(file.parent().expect("the file has a folder"))
            .expect("the folder can be made");
        fs::write(&file, text).expect("the file can be written");
    }
    let recorded = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        recorded, text,
        "{path} is out of step; UPDATE_GOLDEN=1 writes it anew"
    );
}
