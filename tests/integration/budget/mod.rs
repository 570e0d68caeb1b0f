//! The promised numbers (docs/specification.md), on the static binary that
//! `PIPEOPS_BIN` names. Without one each test says so and ends: what cargo builds
//! for tests is neither small nor fast.
//!
//! Processor time is what the kernel counts, and the least of several runs; what is
//! measured by a clock is a median. So a busy machine matters little.

#![cfg(test)]

mod commands;
mod dashboard;
mod memory;
mod size;
mod time;

use std::env;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use many_pods::ManyPods;
use pipeops_agent::cluster::Kind;
use tempfile::TempDir;

use crate::support::{Agent, eventually};

/// Between two looks at an agent that should come to rest.
const QUIET: Duration = Duration::from_millis(300);

/// The binary as it is shipped, or a line that says what is not tested.
pub(crate) fn shipped(what: &str) -> Option<PathBuf> {
    let named = env::var_os("PIPEOPS_BIN").map(PathBuf::from);
    let found = named.filter(|file| fs::read(file).is_ok_and(|bytes| !debuggable(&bytes)));
    if found.is_none() {
        skip(what, "PIPEOPS_BIN names no static binary");
    }
    found
}

fn skip(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what}: {why}");
}

/// Shown by `--show-output`: the figures behind the pages that promise them.
#[allow(clippy::print_stdout, reason = "what was measured is a result")]
fn seen(what: &str, figure: impl std::fmt::Debug) {
    println!("{what}: {figure:?}");
}

fn debuggable(bytes: &[u8]) -> bool {
    bytes.windows(12).any(|name| name == b".debug_info\0")
}

/// An API server with many pods, and the agent that follows them.
struct Rig {
    _folder: TempDir,
    kubeconfig: PathBuf,
    server: ManyPods,
}

impl Rig {
    fn new(pods: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        let server = ManyPods::start(pods).unwrap();
        server.write_kubeconfig(&kubeconfig).unwrap();
        Self {
            _folder: folder,
            kubeconfig,
            server,
        }
    }

    /// An agent that follows all and has come to rest.
    fn agent(&self) -> Agent {
        let agent = Agent::start(&self.kubeconfig, &[]);
        for kind in Kind::ALL {
            agent.wait_log(&format!("watching {}", kind.plural()));
        }
        at_rest(&agent);
        agent
    }
}

/// What an agent uses at one moment, as the kernel counts it.
#[derive(Clone, Copy, Debug)]
struct Usage {
    /// Bytes.
    resident: u64,
    resident_peak: u64,
    /// Resident and its own: no file has it.
    anonymous: u64,
    threads: u64,
    processor: Duration,
    /// Times that a thread slept and was woken.
    wakeups: u64,
}

impl Usage {
    fn of(agent: &Agent) -> Self {
        let folder = format!("/proc/{}", agent.pid());
        let status = fs::read_to_string(format!("{folder}/status")).unwrap();
        let (mut nanoseconds, mut wakeups, mut threads) = (0, 0, 0);
        for task in fs::read_dir(format!("{folder}/task")).unwrap() {
            let task = task.unwrap().path();
            // A thread may end meanwhile.
            let read = |name: &str| fs::read_to_string(task.join(name)).unwrap_or_default();
            let spent = read("schedstat");
            nanoseconds += first(&spent);
            wakeups += field(&read("status"), "voluntary_ctxt_switches:");
            // Others end with their request to the API server.
            threads += u64::from(read("comm") != "request\n");
        }
        Self {
            resident: field(&status, "VmRSS:") * 1024,
            resident_peak: field(&status, "VmHWM:") * 1024,
            anonymous: field(&status, "RssAnon:") * 1024,
            threads,
            processor: Duration::from_nanos(nanoseconds).max(spent(&folder)),
            wakeups,
        }
    }
}

/// Waits until it has used no processor for a moment, and tells what it uses then.
fn at_rest(agent: &Agent) -> Usage {
    let mut before = (Instant::now(), Usage::of(agent));
    eventually("an agent at rest", || {
        if before.0.elapsed() < QUIET {
            return None;
        }
        let now = Usage::of(agent);
        let worked = now.processor - before.1.processor;
        before = (Instant::now(), now);
        (worked < Duration::from_millis(2)).then_some(now)
    })
}

fn field(status: &str, name: &str) -> u64 {
    let rest = status.lines().find_map(|line| line.strip_prefix(name));
    rest.map_or(0, first)
}

/// Processor time of all threads, those that ended included, in the kernel's hundredths of a second:
/// <https://docs.kernel.org/filesystems/proc.html>, "stat".
fn spent(folder: &str) -> Duration {
    let stat = fs::read_to_string(format!("{folder}/stat")).unwrap();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).map(first);
    Duration::from_millis(10 * ticks.sum::<u64>())
}

fn first(text: &str) -> u64 {
    let word = text.split_whitespace().next();
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn median<T: Ord + Copy>(mut figures: Vec<T>) -> T {
    figures.sort_unstable();
    figures[figures.len() / 2]
}
