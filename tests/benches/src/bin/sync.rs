//! Following 5,000 pods of 6 KB over TLS: the built agent beside a kube-rs reflector.
//!
//! The agent is the static binary, with all its threads, watches and its HTTP front;
//! the peer is nothing but a reflector of pods on a runtime of one thread, which is
//! the leanest that kube-rs offers. Both are processes of their own.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use benches::{Figures, Program, Table, Usage};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, Config};
use many_pods::ManyPods;

const PODS: usize = 5_000;
const RUNS: usize = 5;
/// The argument that makes this program the peer.
const PEER: &str = "peer";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    if env::args().nth(1).as_deref() == Some(PEER) {
        reflect()
    } else {
        compare()
    }
}

#[allow(clippy::print_stdout, reason = "the table is what was asked for")]
fn compare() -> Outcome<()> {
    let agent = env::var_os("PIPEOPS_BIN")
        .map_or_else(|| PathBuf::from("bin/pipeops-agent"), PathBuf::from);
    let server = ManyPods::start(PODS)?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    server.write_kubeconfig(&kubeconfig)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(run_agent(&agent, &kubeconfig, folder.path())?);
        theirs.push(run_peer(&kubeconfig)?);
    }
    let megabytes = server.bytes() / 1_000_000;
    println!("{PODS} pods, {megabytes} MB of JSON over TLS, until all are followed, {RUNS} runs");
    let both = |what: fn(&Usage) -> f64| {
        let figures = |all: &[Usage]| all.iter().map(what).collect::<Figures>();
        (figures(&ours), figures(&theirs))
    };
    let mut table = Table::new("kube-rs reflector");
    let (ours, theirs) = both(|usage| usage.resident);
    table.less("resident, MB", "<= 6", &ours, &theirs);
    let (ours, theirs) = both(|usage| usage.resident_peak);
    table.less("resident at most, MB", "<= 9", &ours, &theirs);
    let (ours, theirs) = both(|usage| usage.cpu);
    table.less("processor time, ms", "<= 150", &ours, &theirs);
    println!("{table}");
    Ok(())
}

fn run_agent(agent: &Path, kubeconfig: &Path, state: &Path) -> Outcome<Usage> {
    let mut command = Command::new(agent);
    command
        .env_clear()
        .env("KUBECONFIG", kubeconfig)
        .env("PIPEOPS_LISTEN", "127.0.0.1:0")
        .env("PIPEOPS_STATE_DIR", state);
    let mut program = Program::start(&mut command)?;
    program.wait_line("watching pods")?;
    program.ignore_output();
    Ok(program.at_rest()?)
}

fn run_peer(kubeconfig: &Path) -> Outcome<Usage> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(PEER).env("KUBECONFIG", kubeconfig);
    let mut program = Program::start(&mut command)?;
    program.wait_line("synced")?;
    Ok(program.at_rest()?)
}

/// The peer: says when it has all pods, and goes on following them.
#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stderr, reason = "who measures waits for that line")]
async fn reflect() -> Outcome<()> {
    let provider = rustls::crypto::ring::default_provider();
    let _ = provider.install_default();
    let client = Client::try_from(Config::infer().await?)?;
    let (reader, writer) = reflector::store();
    let pods: Api<Pod> = Api::all(client);
    let stream = watcher(pods, watcher::Config::default())
        .default_backoff()
        .reflect(writer);
    let follow = stream.for_each(|_| async {});
    let tell = async {
        if reader.wait_until_ready().await.is_ok() {
            eprintln!("synced {}", reader.state().len());
        }
        std::future::pending::<()>().await;
    };
    futures::future::join(follow, tell).await;
    Ok(())
}
