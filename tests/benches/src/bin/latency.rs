//! How soon a change of a pod is told: by the agent's server-sent events beside
//! `kubectl get pods -w`, on the cluster that `cluster env` names. Where there is none, it
//! says so.
//!
//! Both look on at the same changes of the same pod, which is never placed on a node: each
//! is another reason in its status, which both tell. The time begins when the change is sent
//! to the API server. Its own answer, which comes when the change is stored, is the least
//! that anybody could reach.

use std::any::Any;
use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use benches::{Figures, TOKEN, Table, agent, has_cluster, kubectl};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::{Client, Config};
use serde_json::{from_value, json};

const RUNS: usize = 5;
const CHANGES: usize = 200;
const NAMESPACE: &str = "bench-latency";
const POD: &str = "changing";
/// What a reason begins with; its number follows.
const MARK: &str = "Change";
/// For one change to be told by both.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two changes, so that one is over before the next.
const PACE: Duration = Duration::from_millis(15);

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    if !has_cluster() {
        return Ok(());
    }
    let provider = rustls::crypto::ring::default_provider();
    let _ = provider.install_default();
    let client = Client::try_from(Config::infer().await?)?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let space = from_value(json!({"metadata": {"name": NAMESPACE}}))?;
    namespaces.create(&PostParams::default(), &space).await?;
    let outcome = compare(Api::namespaced(client, NAMESPACE)).await;
    namespaces
        .delete(NAMESPACE, &DeleteParams::default())
        .await?;
    outcome
}

#[allow(clippy::print_stdout, reason = "the table is what was asked for")]
async fn compare(pods: Api<Pod>) -> Outcome<()> {
    let pod = from_value(json!({
        "metadata": {"name": POD},
        "spec": {"schedulerName": "nobody", "automountServiceAccountToken": false,
            "containers": [{"name": "main", "image": "none"}]},
    }))?;
    // The namespace may not have its account yet, which a pod cannot be without.
    let end = Instant::now() + PATIENCE;
    while let Err(error) = pods.create(&PostParams::default(), &pod).await {
        if Instant::now() > end {
            return Err(error.into());
        }
        tokio::time::sleep(PACE).await;
    }
    let mut seen = Seen::default();
    for run in 0..RUNS {
        seen.measure(&pods, run * CHANGES).await?;
    }
    println!("a pod that changes {CHANGES} times, {RUNS} runs; milliseconds from the request");
    println!(
        "until the API server answers that it is stored: {:.2}",
        seen.stored.median()
    );
    let mut table = Table::new("kubectl get -w");
    table.less(
        "told, half of them",
        "<= 1.2x",
        &seen.ours[0],
        &seen.theirs[0],
    );
    table.less("told, 99 of 100", "", &seen.ours[1], &seen.theirs[1]);
    println!("{table}");
    Ok(())
}

/// Of each run, the median and what 99 of 100 stayed below.
#[derive(Default)]
struct Seen {
    ours: [Figures; 2],
    theirs: [Figures; 2],
    stored: Figures,
}

impl Seen {
    async fn measure(&mut self, pods: &Api<Pod>, first: usize) -> Outcome<()> {
        let (mut ours, mut theirs) = (ours()?, theirs()?);
        change(pods, first).await?;
        // Whoever is not there yet is told later how the pod is by then.
        for told in [&mut ours, &mut theirs] {
            told.until(first)?;
        }
        let mut times = [Figures::default(), Figures::default()];
        for number in first + 1..=first + CHANGES {
            tokio::time::sleep(PACE).await;
            let began = Instant::now();
            change(pods, number).await?;
            self.stored.push(began.elapsed().as_secs_f64() * 1e3);
            for (told, times) in [&mut ours, &mut theirs].into_iter().zip(&mut times) {
                let at = told.until(number)?;
                times.push(at.saturating_duration_since(began).as_secs_f64() * 1e3);
            }
        }
        let [own, peer] = times;
        for (all, run) in [(&mut self.ours, own), (&mut self.theirs, peer)] {
            all[0].push(run.median());
            all[1].push(run.below(0.99));
        }
        Ok(())
    }
}

async fn change(pods: &Api<Pod>, number: usize) -> Outcome<()> {
    let status = json!({"status": {"reason": format!("{MARK}{number}.")}});
    let parameters = PatchParams::default();
    pods.patch_status(POD, &parameters, &Patch::Merge(status))
        .await?;
    Ok(())
}

/// One who is told.
struct Told {
    lines: Receiver<(usize, Instant)>,
    /// The program that tells: it ends with this.
    _held: Box<dyn Any>,
}

/// Ends with this.
struct Watching(Child);

impl Told {
    /// Numbers of changes are read on a thread of their own, with the time at which they came.
    fn of(
        all: impl Iterator<Item = io::Result<String>> + Send + 'static,
        held: impl Any,
    ) -> Outcome<Self> {
        let (sender, lines) = channel();
        let read = move || {
            for line in all.map_while(Result::ok) {
                let told = number(&line).map(|number| sender.send((number, Instant::now())));
                if told.is_some_and(|sent| sent.is_err()) {
                    return;
                }
            }
        };
        thread::Builder::new().spawn(read)?;
        Ok(Self {
            lines,
            _held: Box::new(held),
        })
    }

    /// When that change was told.
    fn until(&mut self, wanted: usize) -> Outcome<Instant> {
        loop {
            let (number, at) = self.lines.recv_timeout(PATIENCE)?;
            if number == wanted {
                return Ok(at);
            }
        }
    }
}

/// The last that a line names: the agent says what was before, too.
fn number(line: &str) -> Option<usize> {
    let (_, rest) = line.rsplit_once(MARK)?;
    rest.split('.').next()?.parse().ok()
}

fn ours() -> Outcome<Told> {
    let folder = tempfile::tempdir()?;
    let kubeconfig = PathBuf::from(env::var_os("KUBECONFIG").unwrap_or_default());
    let (mut program, address) = agent(&kubeconfig, folder.path(), &[])?;
    program.wait_line("watching pods")?;
    program.ignore_output();
    program.at_rest()?;
    let mut stream = TcpStream::connect(address)?;
    let head = format!("Host: a\r\nAuthorization: Bearer {TOKEN}\r\n");
    write!(stream, "GET /api/realtime/events HTTP/1.1\r\n{head}\r\n")?;
    let mut lines = BufReader::new(stream).lines();
    // From here on all is told.
    while lines.next().ok_or("the agent tells nothing")??.as_str() != "event: status" {}
    Told::of(lines, (program, folder))
}

fn theirs() -> Outcome<Told> {
    let mut child = kubectl()
        .args(["get", "pods", "-n", NAMESPACE, "-w"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().ok_or("it is not piped")?;
    Told::of(BufReader::new(out).lines(), Watching(child))
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
