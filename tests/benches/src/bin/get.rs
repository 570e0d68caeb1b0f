//! 5,000 pods, listed: the built agent beside kubectl, on the cluster that `cluster env`
//! names, which has to have them (`cluster scale 5000`). Where there is none, it says so.

use std::env;
use std::error::Error;

use benches::{Figures, Printed, Table, kubectl, ours, printed};

const RUNS: usize = 7;
const PODS: u64 = 5_000;
/// Command lines, how much less time than kubectl they must take, and how much memory.
const LINES: [(&[&str], &str, &str); 3] = [
    (&["get", "pods", "-A"], "<= 0.8x", "<= 12"),
    (&["get", "pods", "-A", "-o", "wide"], "", "<= 12"),
    (&["get", "pods", "-A", "-o", "json"], "", ""),
];

type Outcome<T> = Result<T, Box<dyn Error>>;

#[allow(clippy::print_stderr, reason = "whoever asks wants to know")]
fn main() -> Outcome<()> {
    if env::var_os("PIPEOPS_TEST_KUBECTL").is_none() {
        eprintln!("not measured, because it needs a cluster: tests/cluster/cluster up");
        return Ok(());
    }
    compare()
}

#[allow(clippy::print_stdout, reason = "the table is what was asked for")]
fn compare() -> Outcome<()> {
    println!("{PODS} pods listed, {RUNS} runs");
    let mut table = Table::new("kubectl");
    for (words, faster, small) in LINES {
        let what = words.join(" ");
        let (mut mine, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            mine.push(printed(ours(), words)?);
            peer.push(printed(kubectl(), words)?);
        }
        // A line of at least 50 characters for each pod.
        if mine.iter().chain(&peer).any(|run| run.bytes < 50 * PODS) {
            return Err(format!("{what} lists less: are there {PODS} pods?").into());
        }
        let of = |what: fn(&Printed) -> f64| {
            let figures = |all: &[Printed]| all.iter().map(what).collect::<Figures>();
            (figures(&mine), figures(&peer))
        };
        let (a, b) = of(|run| run.milliseconds);
        table.less(&format!("{what}: ms"), faster, &a, &b);
        let (a, b) = of(|run| run.resident);
        table.less(&format!("{what}: resident at most, MB"), small, &a, &b);
    }
    println!("{table}");
    Ok(())
}
