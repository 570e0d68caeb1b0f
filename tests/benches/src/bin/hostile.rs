//! 1,000 connections that do harm (`tests/crowd`), for a minute: what `/health` and memory are
//! meanwhile, for the agent and for `tiny_http`.
//!
//! An agent that nobody attacks is asked as often: what it takes longer than usual is this
//! machine, which is busy with all of that.

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use benches::{
    Connection, Figures, PATIENCE, Program, TOKEN, Table, agent, listening, serve_tiny_http,
};
use crowd::Crowd;
use many_pods::ManyPods;
use tempfile::TempDir;

const HOSTILE: usize = 1_000;
const MINUTE: Duration = Duration::from_secs(60);
/// Between two looks at `/health`.
const PACE: Duration = Duration::from_millis(20);
/// What the agent follows; an answer about them is 30 KB.
const PODS: usize = 100;
/// The argument that makes this program the peer, and what that answers to everything.
const PEER: &str = "tiny_http";
const ANSWER: &[u8] = b"{\"status\":\"healthy\"}";
const THREADS: usize = 4;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    match env::args().nth(1).as_deref() {
        Some(PEER) => serve_tiny_http(ANSWER, THREADS),
        _ => compare(),
    }
}

#[allow(clippy::print_stdout, reason = "the table is what was asked for")]
fn compare() -> Outcome<()> {
    let server = ManyPods::start(PODS)?;
    let (_calm, calm) = followed(&server)?;
    let ((_folder, program), address) = followed(&server)?;
    let ours = Seen::of(&program, address, calm)?;
    drop(program);
    let (mut program, address) = listening(Command::new(env::current_exe()?).arg(PEER))?;
    program.ignore_output();
    let theirs = Seen::of(&program, address, calm)?;
    println!(
        "{HOSTILE} hostile connections for {} s; opened: {}, by {PEER}: {}",
        MINUTE.as_secs(),
        ours.opened,
        theirs.opened
    );
    let mut table = Table::new(PEER);
    table.less("/health, ms", "< 100 at most", &ours.times, &theirs.times);
    table.less("99 of 100, ms", "", &ours.most(), &theirs.most());
    let what = "the same where nobody attacks";
    table.less(what, "", &ours.calm, &theirs.calm);
    table.less("without an answer in 2 s", "0", &ours.lost, &theirs.lost);
    let what = "refused or closed at once";
    table.less(what, "", &ours.refused, &theirs.refused);
    table.less("more memory at most, MB", "<= 4", &ours.peak, &theirs.peak);
    table.less("more memory after it, MB", "", &ours.kept, &theirs.kept);
    println!("{table}");
    Ok(())
}

/// An agent that follows that server, and its folder.
fn followed(server: &ManyPods) -> Outcome<((TempDir, Program), SocketAddr)> {
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    server.write_kubeconfig(&kubeconfig)?;
    let (mut program, address) = agent(&kubeconfig, folder.path(), &[])?;
    program.wait_line("watching pods")?;
    program.ignore_output();
    Ok(((folder, program), address))
}

/// What was seen of one server.
#[derive(Default)]
struct Seen {
    times: Figures,
    calm: Figures,
    lost: Figures,
    /// 503, or closed to make room.
    refused: Figures,
    peak: Figures,
    kept: Figures,
    opened: u64,
}

impl Seen {
    fn of(program: &Program, address: SocketAddr, calm: SocketAddr) -> Outcome<Self> {
        let mut seen = Self::default();
        drop(Connection::open(address)?);
        program.at_rest()?;
        let before = program.forget_peak()?.resident;
        let crowd = Crowd::start(address, TOKEN, HOSTILE)?;
        let end = Instant::now() + MINUTE;
        let (mut lost, mut refused) = (0.0, 0.0);
        while Instant::now() < end {
            let asked = Instant::now();
            let answered = Connection::open(address).is_ok();
            let took = asked.elapsed();
            match answered {
                true => seen.times.push(took.as_secs_f64() * 1e3),
                false if took < PATIENCE => refused += 1.0,
                false => lost += 1.0,
            }
            let asked = Instant::now();
            drop(Connection::open(calm)?);
            seen.calm.push(asked.elapsed().as_secs_f64() * 1e3);
            thread::park_timeout(PACE);
        }
        seen.lost.push(lost);
        seen.refused.push(refused);
        seen.opened = crowd.opened();
        let peak = program.usage()?.resident_peak;
        drop(crowd);
        let kept = program.at_rest()?.resident;
        // Who has ended has none.
        if kept > 0.0 {
            seen.peak.push(peak - before);
            seen.kept.push(kept - before);
        }
        Ok(seen)
    }

    fn most(&self) -> Figures {
        [self.times.below(0.99)].into_iter().collect()
    }
}
