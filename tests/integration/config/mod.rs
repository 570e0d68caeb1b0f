//! Holds the reference page and the help to the table of settings.
//!
//! `UPDATE_GOLDEN=1` writes both anew.

mod generated;
mod page;
mod program;

use std::env;

use pipeops_agent::config;

use crate::support::golden;

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
