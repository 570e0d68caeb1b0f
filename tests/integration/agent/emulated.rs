//! The binary for the other architecture, run by qemu: that it starts, watches, speaks TLS
//! with its own cryptography and stops. It is skipped where there is no such binary or no qemu.

use std::path::{Path, PathBuf};
use std::process::Command;

use control_plane::Options;

use super::super::support::{Agent, SOON, TinyApi, eventually, prepared};
use super::{TOKEN, assert_discreet, variables};

/// qemu's name for an architecture, and the binary that `make build-all` makes for it.
fn other() -> (&'static str, PathBuf) {
    let (emulator, name) = if cfg!(target_arch = "aarch64") {
        ("qemu-x86_64-static", "amd64")
    } else {
        ("qemu-aarch64-static", "arm64")
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bin");
    (emulator, folder.join(format!("pipeops-agent-{name}")))
}

/// None, and a line that says why, where it cannot be run.
fn emulated() -> Option<Command> {
    let (emulator, binary) = other();
    if !binary.exists() {
        return skip("make build-all makes the binary");
    }
    if Command::new(emulator).arg("--version").output().is_err() {
        return skip("there is no qemu-user-static");
    }
    let mut command = Command::new(emulator);
    command.arg(binary);
    Some(prepared(command))
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skip(why: &str) -> Option<Command> {
    eprintln!("skipped: the binary for the other architecture: {why}");
    None
}

#[test]
fn it_says_its_version() {
    let Some(mut command) = emulated() else {
        return;
    };
    let output = command.arg("--version").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let version = format!("pipeops-agent {}\n", env!("CARGO_PKG_VERSION"));
    assert!(said.starts_with(&version), "{said}");
}

#[test]
fn it_connects_over_tls_becomes_ready_and_stops() {
    let Some(mut command) = emulated() else {
        return;
    };
    let (api, folder) = (TinyApi::start(), tempfile::tempdir().unwrap());
    let plane = control_plane::start(&Options {
        tls: Some(folder.path().to_owned()),
        ..Options::new(TOKEN)
    });
    let plane = plane.unwrap();
    command
        .env("KUBECONFIG", api.kubeconfig())
        .env("PIPEOPS_STATE_DIR", folder.path())
        .env("PIPEOPS_CA_FILE", plane.ca_pem().unwrap())
        .envs(variables(plane.url()));
    let agent = Agent::spawn(&mut command);
    assert!(plane.wait("heartbeat", 1, SOON), "{:?}", plane.transcript());
    assert!(plane.wait("status", 1, SOON), "{:?}", plane.transcript());
    eventually("ready", || {
        Some(agent.get_open("/ready")).filter(|answer| answer.status == 200)
    });
    let pods = agent.json("/api/health/detailed");
    assert_eq!(pods["control_plane"]["connected"], true, "{pods}");
    assert_discreet(&agent, &plane);
    let (status, _) = agent.stop();
    assert!(status.success(), "{status}");
}
