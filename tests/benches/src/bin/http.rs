//! Our HTTP front beside tiny_http: the same handler, an answer of 3 KB of JSON.
//!
//! Each server is a process of its own, and so is the one that loads it: this one.

use std::env;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::{Connection, Figures, Program, Table, listening, serve_tiny_http, throughput};
use pipeops_agent::group::Group;
use pipeops_agent::health::Beats;
use pipeops_agent::http::{Body, Front, Options, Request, Response};

const BODY: usize = 3_000;
const CONNECTIONS: usize = 8;
const RUN: Duration = Duration::from_secs(3);
const RUNS: usize = 5;
const IDLE: usize = 200;
const PROBES: usize = 100;
/// The arguments that make this program a server.
const OURS: &str = "ours";
const PEER: &str = "tiny_http";

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    match env::args().nth(1).as_deref() {
        Some(OURS) => serve_ours(),
        // As many threads as our workers.
        Some(PEER) => serve_tiny_http(&body(), Options::default().workers),
        _ => compare(),
    }
}

#[allow(clippy::print_stdout, reason = "the table is what was asked for")]
fn compare() -> Outcome<()> {
    println!(
        "{BODY} bytes of JSON, keep-alive, {CONNECTIONS} connections, {RUNS} runs; then {IDLE} idle connections"
    );
    let (mut ours, mut theirs) = (Seen::default(), Seen::default());
    for _ in 0..RUNS {
        ours.measure(OURS)?;
        theirs.measure(PEER)?;
    }
    let mut table = Table::new(PEER);
    table.more("requests/s", ">= 40000", &ours.rate, &theirs.rate);
    table.less("threads", "", &ours.threads, &theirs.threads);
    table.less(
        "threads, idle peers",
        "the same",
        &ours.threads_idle,
        &theirs.threads_idle,
    );
    table.less(
        "/health beside them, ms",
        "< 10",
        &ours.health,
        &theirs.health,
    );
    table.less("at most, ms", "", &ours.health_most, &theirs.health_most);
    table.less("without an answer in 2 s", "0", &ours.lost, &theirs.lost);
    println!("{table}");
    Ok(())
}

/// What was seen of one server in every run.
#[derive(Default)]
struct Seen {
    rate: Figures,
    threads: Figures,
    threads_idle: Figures,
    health: Figures,
    health_most: Figures,
    lost: Figures,
}

impl Seen {
    fn measure(&mut self, server: &str) -> Outcome<()> {
        let (_program, address) = start(server)?;
        let mut lost = 0.0;
        match throughput(address, CONNECTIONS, RUN) {
            Ok(rate) => self.rate.push(rate),
            // Its threads now and then miss one of several connections that come at once.
            Err(_) if server == PEER => lost += 1.0,
            Err(error) => return Err(format!("{server}: {error}").into()),
        }
        // A fresh one: what idle peers do should not depend on what was before.
        let (program, address) = start(server)?;
        let first = Connection::open(address);
        drop(first.map_err(|error| format!("{server}, the first: {error}"))?);
        self.threads.push(count(program.usage()?.threads));
        let idle: Vec<Connection> = (0..IDLE)
            .map(|_| Connection::idle(address))
            .collect::<io::Result<_>>()?;
        let mut times = Figures::default();
        for _ in 0..PROBES {
            let asked = Instant::now();
            match Connection::open(address) {
                Ok(_) => times.push(asked.elapsed().as_secs_f64() * 1e3),
                Err(_) => lost += 1.0,
            }
            if lost > 2.0 {
                break;
            }
        }
        self.threads_idle.push(count(program.usage()?.threads));
        drop(idle);
        if times.median() > 0.0 {
            self.health.push(times.median());
            self.health_most.push(times.highest());
        }
        self.lost.push(lost);
        Ok(())
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn start(server: &str) -> Outcome<(Program, SocketAddr)> {
    let mut command = Command::new(env::current_exe()?);
    let (mut program, address) = listening(command.arg(server))?;
    program.ignore_output();
    Ok((program, address))
}

fn body() -> Vec<u8> {
    let mut body = br#"{"status":"healthy","text":""#.to_vec();
    body.resize(BODY - 2, b'x');
    body.extend_from_slice(b"\"}");
    body
}

fn serve_ours() -> Outcome<()> {
    let options = Options {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        ..Options::default()
    };
    let front = Front::bind(options)?;
    tell(front.addresses().first().map(ToString::to_string));
    let shared: Arc<[u8]> = body().into();
    let handler = move |_: &Request| Response::json(200, Body::from(Arc::clone(&shared)));
    let mut group = Group::default();
    front.add_to(&mut group, Arc::new(handler), &Beats::new(Instant::now()))?;
    group.run(Duration::from_secs(1)).outcome?;
    Ok(())
}

#[allow(clippy::print_stderr, reason = "who measures waits for that line")]
fn tell(address: Option<String>) {
    eprintln!("listening on {}", address.unwrap_or_default());
}
