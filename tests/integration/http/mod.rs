//! What the front promises of the whole process: descriptors, threads, wake-ups.
//!
//! Everything that needs no process of its own is tested beside the code.

#![cfg(test)]

mod attacks;

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::support::{Agent, eventually, program, request};

/// A server that refuses: the front depends on nothing that the agent asks.
const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
current-context: c
";

/// An agent that may have so many descriptors, and the folder it needs.
fn agent(descriptors: u32) -> (Agent, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, KUBECONFIG).expect("a file can be written");
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -n {descriptors}; exec \"$0\""))
        .arg(program())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PIPEOPS_LISTEN", "127.0.0.1:0")
        .env("KUBECONFIG", kubeconfig);
    (Agent::spawn(&mut command), folder)
}

/// Descriptors and threads.
fn used(agent: &Agent) -> (usize, usize) {
    let process = Path::new("/proc").join(agent.pid().to_string());
    let count = |name| fs::read_dir(process.join(name)).map_or(0, Iterator::count);
    (count("fd"), count("task"))
}

fn health(agent: &Agent) -> u16 {
    request(agent.address(), "/health").map_or(0, |answer| answer.status)
}

#[test]
fn more_connections_than_descriptors_lock_nobody_out() {
    let (agent, _folder) = agent(64);
    let idle: Vec<_> = (0..200)
        .map(|_| TcpStream::connect(agent.address()))
        .collect();
    assert!(idle.iter().all(Result::is_ok));
    assert_eq!(health(&agent), 200);
    drop(idle);
    assert_eq!(health(&agent), 200);
    let (status, _) = agent.stop();
    assert!(status.success(), "{status}");
}

#[test]
fn connections_leave_no_descriptor_and_no_thread() {
    let (agent, _folder) = agent(1024);
    assert_eq!(health(&agent), 200);
    // What the loops towards the cluster hold comes and goes by a few.
    let (descriptors, threads) = used(&agent);
    for _ in 0..200 {
        let cut = TcpStream::connect(agent.address()).expect("it listens");
        drop(cut);
        assert_eq!(health(&agent), 200);
    }
    eventually("as many descriptors as before", || {
        let (now, _) = used(&agent);
        (now <= descriptors + 10).then_some(())
    });
    assert_eq!(used(&agent).1, threads);
}
