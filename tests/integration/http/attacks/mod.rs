//! Attacks on the built agent through its socket, with the limits it ships with.
//!
//! Each test has an agent of its own and, at its end, finds it unharmed: the same
//! process, as many threads, no more memory, no panic, and an answer to `/health`.
//! The same table of requests goes to `tiny_http` in `peer`.

mod crowd;
mod deadlines;
mod descriptors;
mod exchange;
mod flood;

mod framing;

mod peer;
mod requests;
mod resets;

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use rustix::process::Signal;

use crate::support::peer::Peer;
use crate::support::{Agent, TinyApi, command, eventually, threads};

/// What an agent may keep of an attack that is over. Its buffers are smaller; the
/// rest is for what it does besides.
const KEPT: u64 = 6 << 20;

/// An agent under attack and its API server.
struct Target {
    agent: Agent,
    _api: TinyApi,
    before: Vitals,
}

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug)]
struct Vitals {
    resident: u64,
    peak: u64,
    threads: usize,
}

impl Target {
    fn start() -> Self {
        Self::of(TinyApi::start())
    }

    fn of(api: TinyApi) -> Self {
        let agent = Agent::start(&api.kubeconfig(), &[]);
        Self::ready(agent, api)
    }

    /// One that cannot have more descriptors than that.
    fn with_descriptors(count: u32) -> Self {
        let api = TinyApi::start();
        let mut inner = command();
        inner.env("KUBECONFIG", api.kubeconfig());
        Self::ready(Agent::spawn(&mut limited(&inner, count)), api)
    }

    fn ready(agent: Agent, api: TinyApi) -> Self {
        eventually("ready", || {
            (agent.get_open("/ready").status == 200).then_some(())
        });
        // The first answers allocate what the later ones use again.
        agent.json("/api/metrics/runtime");
        let mut before = vitals(agent.pid());
        before.threads = agent.lasting_threads();
        Self {
            agent,
            _api: api,
            before,
        }
    }

    fn address(&self) -> SocketAddr {
        self.agent.address()
    }

    fn connect(&self) -> Peer {
        Peer::connect(self.address())
    }

    /// A counter of the front.
    fn count(&self, name: &str) -> u64 {
        let runtime = self.agent.json("/api/metrics/runtime");
        let count = runtime["http"][name].as_u64();
        count.unwrap_or_else(|| panic!("no {name}: {runtime}"))
    }

    /// What must hold after every attack; then it is asked to stop.
    #[track_caller]
    fn unharmed(self) {
        let health = self.agent.get_open("/health");
        assert_eq!(health.status, 200, "{health:?}");
        let now = vitals(self.agent.pid());
        eventually("as many threads as before", || {
            let threads = self.agent.threads().len();
            (threads == self.before.threads).then_some(())
        });
        let most = self.before.resident + KEPT;
        assert!(now.resident <= most, "{:?}, now {now:?}", self.before);
        assert_eq!(self.count("panics"), 0);
        let log = self.agent.log();
        assert!(!log.contains("panic"), "{log}");
        let (status, _) = self.agent.stop();
        assert!(status.success(), "{status}");
    }
}

/// Fails when there is no such process any more.
#[track_caller]
fn vitals(pid: u32) -> Vitals {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it is alive");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        number.unwrap_or_else(|| panic!("no {name}: {status}"))
    };
    Vitals {
        resident: field("VmRSS:") << 10,
        peak: field("VmHWM:") << 10,
        threads: threads(pid).len(),
    }
}

/// The same program with the same environment, under a hard limit of descriptors.
fn limited(inner: &Command, descriptors: u32) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(inner.get_program());
    command.args(inner.get_args()).env_clear();
    command.envs(
        inner
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command
}

/// Stops every thread of a process, so that its backlog can be filled.
fn freeze(agent: &Agent) {
    agent.signal(Signal::STOP);
    let tasks = format!("/proc/{}/task", agent.pid());
    let stopped = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" T"))
    };
    eventually("stopped", || {
        let mut threads = fs::read_dir(&tasks).ok()?.map_while(Result::ok);
        threads.all(stopped).then_some(())
    });
}

fn thaw(agent: &Agent) {
    agent.signal(Signal::CONT);
}
