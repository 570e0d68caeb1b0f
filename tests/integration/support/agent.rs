//! The built agent as a child process.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the reader ends with the agent; its log is for whoever reads a failure"
)]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{Answer, SOON, program, request, request_with};

/// What opens the routes below `/api` of every agent that a test starts.
pub(crate) const API_TOKEN: &str = "test-api-token";

/// The names of all threads of a process, but of those that end with their request to the API server.
pub(crate) fn threads(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it is alive");
    // One may end meanwhile.
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name != "request\n").collect()
}

/// A running agent; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Agent {
    child: Child,
    log: Arc<Log>,
    address: SocketAddr,
    /// Held for as long as the agent runs.
    state: Option<TempDir>,
}

#[derive(Debug, Default)]
struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    grown: Condvar,
}

impl Agent {
    /// Starts it with that kubeconfig on a free port, and waits until it listens.
    /// `set` are variables besides; nothing else is inherited.
    pub(crate) fn start(kubeconfig: &Path, set: &[(&str, &str)]) -> Self {
        let state = tempfile::tempdir().expect("a folder can be made");
        let mut command = command();
        command
            .env("KUBECONFIG", kubeconfig)
            .env("PIPEOPS_STATE_DIR", state.path())
            .envs(set.iter().copied());
        let mut agent = Self::spawn(&mut command);
        agent.state = Some(state);
        agent
    }

    /// Runs what `command` says and waits until it listens.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let (child, log) = spawn(command);
        let mut agent = Self {
            child,
            log,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            state: None,
        };
        let line = agent.wait_log("listening on ");
        // In JSON more stands behind it.
        let address = line.rsplit("listening on ").next().unwrap_or_default();
        let address = address.split('"').next().unwrap_or_default();
        agent.address = address
            .parse()
            .unwrap_or_else(|_| panic!("no address: {line}"));
        agent
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it speaks TLS.
    #[track_caller]
    pub(crate) fn tls_address(&self) -> SocketAddr {
        let line = self.wait_log("speaking TLS on ");
        let address = line.rsplit(' ').next().unwrap_or_default();
        address
            .parse()
            .unwrap_or_else(|_| panic!("no address: {line}"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn threads(&self) -> Vec<String> {
        threads(self.pid())
    }

    /// How many threads it has for good; no two of them have the same name. One that is about to
    /// call itself "request" still has the name of who started it.
    pub(crate) fn lasting_threads(&self) -> usize {
        self.threads().iter().collect::<BTreeSet<_>>().len()
    }

    /// `GET` with the API token.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        let fields = format!("Authorization: Bearer {API_TOKEN}\r\n");
        request_with(self.address, "GET", path, &fields)
            .unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
    }

    /// `GET` without a token.
    #[track_caller]
    pub(crate) fn get_open(&self, path: &str) -> Answer {
        request(self.address, path)
            .unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
    }

    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        self.get(path).json()
    }

    /// Waits for a log line with that text, from the start of the log, and returns it.
    #[track_caller]
    pub(crate) fn wait_log(&self, text: &str) -> String {
        self.log.wait(text)
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().0.join("\n")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child has an id"), signal).expect("the child is there");
    }

    /// Asks it to stop by SIGTERM and waits for its end.
    #[track_caller]
    pub(crate) fn stop(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.signal(Signal::TERM);
        let status = self.child.wait().expect("a child can be waited for");
        (status, asked.elapsed())
    }

    /// Waits for its end, and returns the whole log.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("a child can be waited for");
        (status, self.log.wait_end())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- log of the agent\n{}\n---", self.log());
        }
    }
}

/// The agent with an empty environment, a free port and the API token of tests.
pub(crate) fn command() -> Command {
    prepared(Command::new(program()))
}

/// The same for an agent that is started in another way.
pub(crate) fn prepared(mut command: Command) -> Command {
    cleared(&mut command)
        .env("PIPEOPS_LISTEN", "127.0.0.1:0")
        .env("PIPEOPS_API_TOKEN", API_TOKEN);
    command
}

/// An empty environment, but for where a program that is built to measure coverage leaves
/// what it counted.
pub(crate) fn cleared(command: &mut Command) -> &mut Command {
    let counted = env::var_os("LLVM_PROFILE_FILE");
    command
        .env_clear()
        .envs(counted.map(|file| ("LLVM_PROFILE_FILE", file)))
}

fn spawn(command: &mut Command) -> (Child, Arc<Log>) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let log = Arc::new(Log::default());
    let shared = Arc::clone(&log);
    let errors = child.stderr.take().expect("it is piped");
    thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            shared.lock().0.push(line);
            shared.grown.notify_all();
        }
        shared.lock().1 = true;
        shared.grown.notify_all();
    });
    (child, log)
}

impl Log {
    fn lock(&self) -> std::sync::MutexGuard<'_, (Vec<String>, bool)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn wait(&self, text: &str) -> String {
        let end = Instant::now() + SOON;
        let mut lines = self.lock();
        loop {
            if let Some(line) = lines.0.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !lines.1,
                "not logged: {text}\n{}",
                lines.0.join("\n")
            );
            let waited = self.grown.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait_end(&self) -> String {
        let mut lines = self.lock();
        while !lines.1 {
            lines = self
                .grown
                .wait(lines)
                .unwrap_or_else(PoisonError::into_inner);
        }
        lines.0.join("\n")
    }
}
