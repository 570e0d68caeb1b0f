//! Start and end of the process.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use control_plane::Handle;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::super::support::{Agent, SOON, TinyApi, command, eventually, program, write_kubeconfig};
use super::{agent, plane, registered, variables};

/// Far above what an idle agent needs; the promised second is measured elsewhere.
const STOPPED: Duration = Duration::from_secs(3);

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() {
    let (api, taken) = (TinyApi::start(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = taken.local_addr().unwrap();
    let output = command()
        .env("KUBECONFIG", api.kubeconfig())
        .env("PIPEOPS_LISTEN", address.to_string())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let first = told.lines().next().unwrap();
    let words = format!("cannot listen on {address}; another program has this port: stop it");
    assert!(first.contains(&words), "{told}");
}

#[test]
fn a_kubeconfig_that_is_missing_or_broken_is_wrong_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    fs::write(&broken, "clusters: [").unwrap();
    let missing = folder.path().join("missing");
    for (path, word) in [(&missing, "does not exist"), (&broken, "correct the YAML")] {
        let output = command().env("KUBECONFIG", path).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{told}");
        let last = told.lines().last().unwrap();
        assert!(last.contains(path.to_str().unwrap()), "{told}");
        assert!(last.contains(word), "{told}");
    }
}

#[test]
fn without_an_api_server_it_serves_at_once_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let closed: SocketAddr = {
        let listener = TcpListener::bind("127.0.11.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let kubeconfig = folder.path().join("kubeconfig");
    write_kubeconfig(&kubeconfig, closed);
    let agent = Agent::start(&kubeconfig, &[]);
    assert_eq!(agent.get_open("/health").status, 200);
    let ready = agent.get_open("/ready");
    assert_eq!(ready.status, 503);
    let check = ready.json()["checks"]["kubernetes"].clone();
    assert_eq!(check["ok"], false);
    let line = agent.wait_log("cannot ask the API server");
    assert!(line.contains(&closed.to_string()), "{line}");
    assert!(line.contains("refused"), "{line}");
    let reason = || {
        let ready = agent.get_open("/ready").json();
        let detail = ready["checks"]["kubernetes"]["detail"].as_str()?.to_owned();
        // Before each kind was tried once, some are not listed yet.
        let is_whole = detail.starts_with("not followed: nodes");
        (is_whole && detail.contains("refused")).then_some(())
    };
    eventually("the reason in /ready", reason);
    assert_eq!(agent.stop().0.code(), Some(0));
}

/// Asks a connected agent to stop by this signal.
fn farewell(signal: Signal, name: &str) {
    let (api, plane) = (TinyApi::start(), plane());
    let agent = agent(&api, plane.url(), &[]);
    registered(&plane);
    let asked = std::time::Instant::now();
    agent.signal(signal);
    let (status, log) = agent.wait();
    let took = asked.elapsed();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(took < STOPPED, "{took:?}\n{log}");
    assert!(log.contains(&format!("{name}: stopping")), "{log}");
    assert!(log.trim_end().ends_with("stopped"), "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    assert_eq!(last_beat(&plane), "stopping");
}

fn last_beat(plane: &Handle) -> String {
    let beat = plane.agents()[0]["heartbeat"]["status"].clone();
    beat.as_str().unwrap_or_default().to_owned()
}

#[test]
fn sigterm_and_sigint_end_it_in_order_with_a_last_word() {
    farewell(Signal::TERM, "SIGTERM");
    farewell(Signal::INT, "SIGINT");
}

#[test]
fn a_call_that_hangs_does_not_keep_it_and_the_second_signal_ends_it_at_once() {
    let (api, plane) = (TinyApi::start(), plane());
    let first = agent(&api, plane.url(), &[]);
    registered(&plane);
    plane
        .fault(&json!({"call": "heartbeat", "delay_ms": 60_000}))
        .unwrap();
    first.signal(Signal::TERM);
    first.wait_log("SIGTERM: stopping");
    first.signal(Signal::TERM);
    let (status, log) = first.wait();
    assert_eq!(status.code(), Some(130), "{log}");

    // Without it the last word is given up after a while.
    plane.clear_faults();
    let second = agent(&api, plane.url(), &[]);
    assert!(plane.wait("register", 2, SOON));
    second.wait_log("registered as ");
    plane
        .fault(&json!({"call": "heartbeat", "delay_ms": 60_000}))
        .unwrap();
    second.signal(Signal::TERM);
    let (status, log) = second.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("did not end"), "{log}");
}

#[test]
fn as_process_1_it_ends_in_order_too() {
    let unshare = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", program]);
        command
    };
    if !unshare("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        let why = "skipped: this user may not make a PID namespace";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    }
    let (api, plane) = (TinyApi::start(), plane());
    let mut command = unshare(program().to_str().unwrap());
    command
        .env_remove("KUBECONFIG")
        .env("KUBECONFIG", api.kubeconfig())
        .env("PIPEOPS_LISTEN", "127.0.0.1:0")
        .env("PIPEOPS_STATE_DIR", "/proc/nowhere")
        .envs(variables(plane.url()));
    let agent = Agent::spawn(&mut command);
    registered(&plane);
    let parent = agent.pid();
    let children = format!("/proc/{parent}/task/{parent}/children");
    let child = fs::read_to_string(children).unwrap();
    let child: i32 = child.trim().parse().unwrap();
    let spaces = fs::read_to_string(format!("/proc/{child}/status")).unwrap();
    let own = spaces.lines().find(|line| line.starts_with("NSpid:"));
    assert!(own.is_some_and(|line| line.ends_with("\t1")), "{spaces}");
    kill_process(Pid::from_raw(child).unwrap(), Signal::TERM).unwrap();
    let (status, log) = agent.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(last_beat(&plane), "stopping");
}

#[test]
fn it_takes_as_many_open_files_as_it_may() {
    let api = TinyApi::start();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -Sn 256; exec \"$0\""])
        .arg(program())
        .env("KUBECONFIG", api.kubeconfig())
        .env("PIPEOPS_LISTEN", "127.0.0.1:0")
        .env("PIPEOPS_STATE_DIR", "/proc/nowhere");
    let agent = Agent::spawn(&mut shell);
    let limits = fs::read_to_string(format!("/proc/{}/limits", agent.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let numbers: Vec<&str> = line.unwrap().split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "{limits}");
    assert_ne!(numbers[0], "256");
}
