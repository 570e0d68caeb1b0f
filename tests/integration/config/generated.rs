//! The agent takes what `scripts/generate-config.sh` writes, all of it and from either file.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::program::{run, text};
use crate::support::Certified;

const SETTINGS: &[(&str, &str)] = &[
    ("CLUSTER_NAME", "edge-7"),
    ("PIPEOPS_AGENT_ID", "agent-7"),
    ("PIPEOPS_API_URL", "http://127.0.0.1:1"),
    ("PIPEOPS_API_TOKEN", "hunter2"),
    ("PIPEOPS_LOG_FORMAT", "json"),
    ("PIPEOPS_PORT", "9090"),
    ("PIPEOPS_TOKEN", "hunter3+/=:@%,."),
    ("LOG_LEVEL", "debug"),
];

fn generate(variables: &[(&str, &str)], arguments: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let output = Command::new("sh")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/generate-config.sh"))
        .args(["--no-input", "--output"])
        .arg(folder.path())
        .args(arguments)
        .env_clear()
        .envs(env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(variables.iter().copied())
        .output()
        .expect("there is a shell");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    folder
}

/// What `check` says of the configuration, without where each value is from.
fn configuration(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let ran = run(&[&["check"], arguments].concat(), variables);
    assert_eq!(ran.code, Some(1), "there is no Kubernetes: {}", ran.err);
    assert!(!ran.out.contains("hunter"), "{}", ran.out);
    let part = ran.out.split("\n\n").next().unwrap_or_default();
    assert!(!part.contains("FAIL") && !part.contains("warn"), "{part}");
    let bare = |line: &str| line.split(" (").next().unwrap_or_default().to_owned();
    part.lines().map(bare).collect::<Vec<_>>().join("\n")
}

fn pairs(file: &str) -> Vec<(&str, &str)> {
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split_once('=').expect("NAME=VALUE"))
        .collect()
}

#[test]
fn both_files_configure_the_agent_alike() {
    let folder = generate(SETTINGS, &[]);
    let yaml = folder.path().join("agent.yaml");
    let by_file = configuration(&["--config", text(&yaml)], &[]);
    let variables = fs::read_to_string(folder.path().join("agent.env")).unwrap();
    let by_environment = configuration(&[], &pairs(&variables));
    assert_eq!(by_file, by_environment);
    for value in ["cluster name edge-7", ":9090", "log level debug"] {
        assert!(by_file.contains(value), "{value} in {by_file}");
    }
    assert_eq!(pairs(&variables).len(), SETTINGS.len());
}

#[test]
fn a_token_file_is_named_in_both() {
    let secrets = tempfile::tempdir().unwrap();
    let token = secrets.path().join("token");
    fs::write(&token, "hunter2\n").unwrap();
    let given = [
        "--token-file",
        text(&token),
        "--api-token-file",
        text(&token),
    ];
    let folder = generate(&[("PIPEOPS_API_URL", "http://127.0.0.1:1")], &given);
    for file in ["agent.yaml", "agent.env"] {
        let written = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(!written.contains("hunter"), "{written}");
    }
    let yaml = folder.path().join("agent.yaml");
    configuration(&["--config", text(&yaml)], &[]);
}

#[test]
fn certificate_tokens_and_names_are_taken_from_either_file() {
    let certified = Certified::new();
    let tokens = certified.folder.path().join("tokens");
    fs::write(&tokens, "admin ops hunter2-hunter2-hunter2\n").unwrap();
    let (certificate, key) = (certified.certificate(), certified.key());
    let given = [
        "--standalone",
        "--tls-cert-file",
        text(&certificate),
        "--tls-key-file",
        text(&key),
        "--api-tokens-file",
        text(&tokens),
        "--hosts",
        "agent.example.com,*.shop.example",
    ];
    let folder = generate(&[], &given);
    let yaml = folder.path().join("agent.yaml");
    let by_file = configuration(&["--config", text(&yaml)], &[]);
    let variables = fs::read_to_string(folder.path().join("agent.env")).unwrap();
    assert_eq!(by_file, configuration(&[], &pairs(&variables)));
    assert_eq!(pairs(&variables).len(), 4);
    assert!(by_file.contains("8443"), "{by_file}");
}
