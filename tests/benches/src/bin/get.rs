//! 5,000 pods, listed: the built agent beside kubectl, on the cluster that `cluster env`
//! names, which has to have them (`cluster scale 5000`). Where there is none, it says so.

use std::error::Error;

use benches::{Table, has_cluster, kubectl, ours, printed};

const RUNS: usize = 7;
const PODS: u64 = 5_000;
/// Command lines, how much less time than kubectl they must take, and how much memory.
const LINES: [(&[&str], [&str; 2]); 3] = [
    (&["get", "pods", "-A"], ["<= 0.8x", "<= 12"]),
    (&["get", "pods", "-A", "-o", "wide"], ["", "<= 12"]),
    (&["get", "pods", "-A", "-o", "json"], ["", ""]),
];

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    if has_cluster() { compare() } else { Ok(()) }
}

#[allow(clippy::print_stdout, reason = "the table is what was asked for")]
fn compare() -> Outcome<()> {
    println!("{PODS} pods listed, {RUNS} runs");
    let mut table = Table::new("kubectl");
    for (words, must) in LINES {
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
        table.printed(&what, must, &mine, &peer);
    }
    println!("{table}");
    Ok(())
}
