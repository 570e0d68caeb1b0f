//! 5,000 pods in one answer, through `/api/k8s/raw`: beside the same answer straight from the
//! server, and beside `kubectl proxy`. curl asks for all of them.

use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use benches::{Figures, Program, TOKEN, Table, agent, has_cluster, kubectl};
use many_pods::ManyPods;

const PODS: usize = 5_000;
const RUNS: usize = 7;
const PATH: &str = "/api/v1/pods";
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
}

fn main() -> Outcome<()> {
    if has_cluster() { compare() } else { Ok(()) }
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
    ];
    for _ in 0..RUNS {
        for way in &mut ways {
            way.run(server.bytes())?;
        }
    }
    let [direct, ours, theirs] = ways;
    let megabytes = server.bytes() / 1_000_000;
    println!("{PODS} pods in one answer of {megabytes} MB, {RUNS} runs");
    let mut table = Table::new("straight");
    table.less("time, ms", "<= 1.5x", &ours.times, &direct.times);
    println!("{table}");
    let mut table = Table::new("kubectl proxy");
    table.less("time, ms", "", &ours.times, &theirs.times);
    let what = "resident at most above what it was, MB";
    table.less(what, "<= 1", &ours.growth, &theirs.growth);
    println!("{table}");
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

impl Way {
    fn new(url: String, fields: Vec<String>, program: Option<Program>) -> Self {
        Self {
            url,
            fields,
            program,
            times: Figures::default(),
            growth: Figures::default(),
        }
    }

    fn run(&mut self, bytes: usize) -> Outcome<()> {
        let before = match &self.program {
            Some(program) => program.forget_peak()?.resident,
            None => 0.0,
        };
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
        if let Some(program) = &self.program {
            self.growth.push(program.usage()?.resident_peak - before);
        }
        Ok(())
    }
}
