//! Does what a command says.

use std::io::{Cursor, Write};
use std::time::SystemTime;

use super::Tools;
use super::job::{Job, Judge, Tap};
use crate::chain::Chain;
use crate::commands::policy::Request;
use crate::commands::{Config, Kubectl, Stream, Task};
use crate::control::proto::{AgentStatus, WantedIntervals};
use crate::k8s;
use crate::kubectl::{self, Cluster, Context, Io};
use crate::logger;
use crate::report;

/// Runs to the end, or until the job is ended; the exit code.
pub(super) fn execute(tools: &Tools, job: &Job) -> i32 {
    let done = match &job.command.task {
        Task::Ping => Ok("pong".to_owned()),
        Task::Status => status(tools),
        Task::Config(config) => Ok(configure(tools, config)),
        Task::Kubectl(kubectl) => return run_own(tools, job, kubectl),
        // Cancelled at the desk: it must not wait behind what it is to end.
        Task::Cancel(id) => Err(format!("{id} cannot be cancelled here")),
    };
    let (stream, text, code) = match done {
        Ok(text) => (Stream::Stdout, text, 0),
        Err(text) => (Stream::Stderr, text, 1),
    };
    // What a job prints is kept in memory: it does not fail.
    let _ = writeln!(Tap(job, stream), "{text}");
    code
}

fn status(tools: &Tools) -> Result<String, String> {
    let session = &tools.session;
    let id = session.link.view().agent_id;
    let id = id.ok_or("the agent is not registered")?;
    let facts = session.facts(Some(&id), AgentStatus::Connected);
    let snapshot = tools.published.current();
    let sent = session
        .client
        .status(&id, &report::status(&snapshot, &facts));
    match sent {
        Ok(_) => Ok("the status was acknowledged".to_owned()),
        Err(error) => Err(format!("the status was not sent: {}", Chain(&error))),
    }
}

fn configure(tools: &Tools, config: &Config) -> String {
    let wanted = WantedIntervals {
        heartbeat: config.heartbeat,
        status: config.status,
    };
    tools.session.adopt(Some(&wanted));
    if let Some(level) = config.log_level {
        log::info!("the control plane set the log level: {level}");
        logger::set_level(level);
    }
    let intervals = tools.session.intervals();
    format!(
        "until the agent ends: heartbeat {} s, status {} s, log level {}",
        intervals.heartbeat.as_secs_f64(),
        intervals.status.as_secs_f64(),
        log::max_level().as_str().to_ascii_lowercase()
    )
}

/// As the agent, as far as the policy that holds now.
fn run_own(tools: &Tools, job: &Job, kubectl: &Kubectl) -> i32 {
    let policy = tools.policy.current();
    let judge = Box::new(move |request: &Request, now| policy.judge(request, now));
    match k8s::Client::for_commands(tools.target.clone(), None) {
        Ok(client) => run(job, client, judge, &tools.namespace, kubectl),
        Err(error) => {
            let _ = writeln!(Tap(job, Stream::Stderr), "error: {}", Chain(&error));
            1
        }
    }
}

/// As whoever has that client.
pub(super) fn run(
    job: &Job,
    client: k8s::Client,
    judge: Judge,
    namespace: &str,
    kubectl: &Kubectl,
) -> i32 {
    job.uses(&client);
    let client = client.guarded(job.guard(judge));
    let namespace = kubectl.namespace.as_deref().unwrap_or(namespace);
    let context = Context {
        cluster: Cluster::Given {
            client,
            namespace: namespace.to_owned(),
        },
        stop: job.stop(),
    };
    let stdin = kubectl.stdin.clone().unwrap_or_default();
    let io = Io {
        stdin: Box::new(Cursor::new(stdin.into_bytes())),
        stdout: &mut Tap(job, Stream::Stdout),
        stderr: &mut Tap(job, Stream::Stderr),
    };
    kubectl::run(&kubectl.args, io, &context)
}

/// Whether it began in time; checked again at the start, since it may have waited.
pub(super) fn has_expired(job: &Job) -> bool {
    job.command.expires < SystemTime::now()
}
