//! A hundred objects applied by the server: the built agent beside kubectl, on the cluster
//! that `cluster env` names. Where there is none, it says so.
//!
//! Each applies to a namespace of its own, the same objects with other values each time.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use benches::{Figures, Table, has_cluster, kubectl, ours};

const RUNS: usize = 7;
const OBJECTS: usize = 100;
const NAMESPACES: [&str; 2] = ["bench-apply-ours", "bench-apply-theirs"];

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    if !has_cluster() {
        return Ok(());
    }
    for name in NAMESPACES {
        run(kubectl(), &["create", "namespace", name], "")?;
    }
    let compared = compare();
    for name in NAMESPACES {
        run(
            kubectl(),
            &["delete", "namespace", name, "--wait=false"],
            "",
        )?;
    }
    compared
}

#[allow(clippy::print_stdout, reason = "the table is what was asked for")]
fn compare() -> Outcome<()> {
    let [mine, peer] = NAMESPACES;
    let (mut agent, mut other) = (Vec::new(), Vec::new());
    // The first one creates them, and fills kubectl's cache.
    for number in 0..=RUNS {
        let manifest = manifest(number);
        let pair = [
            apply(ours(), mine, &manifest)?,
            apply(kubectl(), peer, &manifest)?,
        ];
        if number > 0 {
            agent.push(pair[0]);
            other.push(pair[1]);
        }
    }
    println!("{OBJECTS} objects applied by the server, {RUNS} runs");
    let mut table = Table::new("kubectl");
    let figures = |all: Vec<f64>| all.into_iter().collect::<Figures>();
    let (agent, other) = (figures(agent), figures(other));
    table.less("apply --server-side: ms", "<= 0.8x", &agent, &other);
    println!("{table}");
    Ok(())
}

fn manifest(number: usize) -> String {
    let mut text = String::new();
    for object in 0..OBJECTS {
        let _ = writeln!(
            text,
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: object-{object}}}\n\
             data: {{run: \"{number}\"}}\n---"
        );
    }
    text
}

/// Milliseconds.
fn apply(command: Command, namespace: &str, manifest: &str) -> Outcome<f64> {
    let begun = Instant::now();
    let told = run(
        command,
        &["-n", namespace, "apply", "--server-side", "-f", "-"],
        manifest,
    )?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    let count = told.lines().count();
    if count == OBJECTS
        && told
            .lines()
            .all(|line| line.ends_with(" serverside-applied"))
    {
        return Ok(took);
    }
    Err(format!("{count} lines: {told}").into())
}

fn run(mut command: Command, words: &[&str], input: &str) -> Outcome<String> {
    let mut child = command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{words:?} failed").into()),
    }
}
