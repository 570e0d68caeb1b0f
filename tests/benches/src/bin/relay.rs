//! 5,000 pods in one answer, through `/api/k8s/raw`: beside the same answer straight from the
//! server, beside `kubectl proxy`, and beside the least that passes anything on: this program
//! as a peer that reads TLS and writes what it read, without a look at it. curl asks for all
//! of them, straight by TLS as the others do.

use std::env;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use benches::{Figures, Program, TOKEN, Table, agent, has_cluster, kubectl, listening};
use many_pods::ManyPods;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const PODS: usize = 5_000;
const RUNS: usize = 21;
const PATH: &str = "/api/v1/pods";
/// The argument that makes this program the least; a kubeconfig's CA and an address follow.
const LEAST: &str = "least";
/// Until kubectl listens.
const PATIENCE: Duration = Duration::from_secs(30);

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One way to the server.
struct Way {
    url: String,
    fields: Vec<String>,
    /// Nobody between: none.
    program: Option<Program>,
    times: Figures,
    growth: Figures,
    /// Milliseconds in all runs together: the kernel counts in steps of ten.
    processor: f64,
}

fn main() -> Outcome<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.as_slice() {
        [least, authority, server] if least == LEAST => pass(authority, server),
        _ if has_cluster() => compare(),
        _ => Ok(()),
    }
}

#[allow(clippy::print_stdout, reason = "the table is what was asked for")]
fn compare() -> Outcome<()> {
    let server = ManyPods::start(PODS)?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    server.write_kubeconfig(&kubeconfig)?;
    let mut ways = [
        Way::new(format!("{}{PATH}", server.url()), Vec::new(), None),
        passed_on(&kubeconfig, folder.path())?,
        proxy(&kubeconfig)?,
        least(&server, &kubeconfig)?,
    ];
    for _ in 0..RUNS {
        for way in &mut ways {
            way.run(server.bytes())?;
        }
    }
    let [direct, ours, theirs, least] = ways;
    let megabytes = server.bytes() / 1_000_000;
    println!("{PODS} pods in one answer of {megabytes} MB, {RUNS} runs");
    for (name, must, peer) in [
        ("straight", "<= 1.15x", &direct),
        ("kubectl proxy", "", &theirs),
        ("the least that passes on", "", &least),
    ] {
        let mut table = Table::new(name);
        table.less("time, ms", must, &ours.times, &peer.times);
        if peer.program.is_some() {
            table.less("processor, ms", "", &ours.mean(), &peer.mean());
            let what = "resident at most above what it was, MB";
            table.less(what, "<= 1", &ours.growth, &peer.growth);
        }
        println!("{table}");
    }
    Ok(())
}

fn passed_on(kubeconfig: &Path, state: &Path) -> Outcome<Way> {
    let (mut program, address) = agent(kubeconfig, state, &[])?;
    program.wait_line("watching pods")?;
    program.ignore_output();
    program.at_rest()?;
    let url = format!("http://{address}/api/k8s/raw{PATH}");
    let field = format!("Authorization: Bearer {TOKEN}");
    Ok(Way::new(url, vec![field], Some(program)))
}

fn proxy(kubeconfig: &Path) -> Outcome<Way> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = kubectl();
    command
        .arg("proxy")
        .arg(format!("--port={port}"))
        .arg("--kubeconfig")
        .arg(kubeconfig);
    let mut program = Program::start(&mut command)?;
    program.ignore_output();
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > end {
            return Err("kubectl proxy does not listen".into());
        }
        thread::park_timeout(Duration::from_millis(50));
    }
    let url = format!("http://127.0.0.1:{port}{PATH}");
    Ok(Way::new(url, Vec::new(), Some(program)))
}

fn least(server: &ManyPods, kubeconfig: &Path) -> Outcome<Way> {
    let mut command = Command::new(env::current_exe()?);
    let address = server.url().replace("https://", "");
    command.arg(LEAST).arg(kubeconfig.with_extension("ca.pem"));
    let (mut program, listens) = listening(command.arg(address))?;
    program.ignore_output();
    Ok(Way::new(
        format!("http://{listens}{PATH}"),
        Vec::new(),
        Some(program),
    ))
}

#[allow(clippy::print_stderr, reason = "who measures waits for that line")]
fn pass(authority: &str, server: &str) -> Outcome<()> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?;
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    eprintln!("listening on {}", listener.local_addr()?);
    for caller in listener.incoming() {
        let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
        let connection = ClientConnection::new(Arc::clone(&config), name)?;
        let upstream = StreamOwned::new(connection, TcpStream::connect(server)?);
        let caller = caller?;
        // The server holds the connection open; how it ends is of no interest.
        thread::Builder::new().spawn(move || drop(copy(caller, upstream)))?;
    }
    Ok(())
}

fn copy(mut caller: TcpStream, mut upstream: impl Read + Write) -> io::Result<()> {
    let mut chunk = vec![0; 64 * 1024];
    // What curl asks for comes at once.
    let count = caller.read(&mut chunk)?;
    upstream.write_all(chunk.get(..count).unwrap_or_default())?;
    loop {
        let count = upstream.read(&mut chunk)?;
        caller.write_all(chunk.get(..count).unwrap_or_default())?;
    }
}

impl Way {
    fn new(url: String, fields: Vec<String>, program: Option<Program>) -> Self {
        Self {
            url,
            fields,
            program,
            times: Figures::default(),
            growth: Figures::default(),
            processor: 0.0,
        }
    }

    fn mean(&self) -> Figures {
        let runs = u32::try_from(RUNS).map_or(f64::INFINITY, f64::from);
        [self.processor / runs].into_iter().collect()
    }

    fn run(&mut self, bytes: usize) -> Outcome<()> {
        let before = self.program.as_ref().map(Program::forget_peak);
        let before = before.transpose()?;
        let mut command = Command::new("curl");
        command.args(["--silent", "--insecure", "--fail", "--output", "/dev/null"]);
        command.args(["--write-out", "%{size_download} %{time_total}"]);
        for field in &self.fields {
            command.args(["--header", field]);
        }
        let output = command.arg(&self.url).output()?;
        let told = String::from_utf8(output.stdout)?;
        let (size, time) = told.split_once(' ').ok_or("curl tells no time")?;
        if size.parse::<usize>()? < bytes {
            return Err(format!("{}: {size} of {bytes} bytes", self.url).into());
        }
        self.times.push(time.parse::<f64>()? * 1e3);
        if let (Some(program), Some(before)) = (&self.program, before) {
            let after = program.usage()?;
            self.growth.push(after.resident_peak - before.resident);
            self.processor += after.cpu - before.cpu;
        }
        Ok(())
    }
}
