//! What a version consists of when it leaves the house.

#![cfg(test)]

mod bill;
mod bundle;
mod files;
mod repository;
mod workflows;

use std::path::Path;
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[track_caller]
fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

/// Runs it in that folder, and returns what it said.
#[track_caller]
fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(folder).output();
    let output = output.unwrap();
    succeeded(&output);
    String::from_utf8(output.stdout).unwrap()
}
