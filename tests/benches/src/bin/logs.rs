//! Logs of 10 and 40 MB, read and followed: the built agent beside kubectl, on the cluster
//! that `cluster env` names. Where there is none, it says so.
//!
//! Both print into a pipe that is read as fast as they write. Memory is the largest that
//! the kernel saw, and has to be the same for both sizes.

use std::error::Error;
use std::io;
use std::process::{Command, Stdio};

use benches::{Printed, Table, has_cluster, kubectl, ours, printed};

const RUNS: usize = 7;
const NAMESPACE: &str = "bench-logs";
const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: "@NAME@"}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:1
    imagePullPolicy: Never
    command: [sh, -c, 'yes "@LINE@" | head -n @COUNT@']
"#;
/// 99 characters and a line feed.
const LINE: &str = "GET /api/v1/namespaces/default/pods/web-5d9c7f8b6d-x2x4q 200 12ms user=system:serviceaccount:app:web";

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Command lines, and how much less time than kubectl they must take.
const LINES: [(&[&str], &str); 4] = [
    (&["logs", "ten"], "<= 0.8x"),
    (&["logs", "--prefix", "ten"], "<= 0.8x"),
    // With times on the wire, to go on after a cut: a third more bytes than kubectl asks for.
    (&["logs", "-f", "ten"], ""),
    (&["logs", "-f", "forty"], ""),
];

fn main() -> Outcome<()> {
    if !has_cluster() {
        return Ok(());
    }
    let namespace = Namespace::new()?;
    for (name, count) in [("ten", 100_000), ("forty", 400_000)] {
        namespace.pod(name, count)?;
    }
    compare()
}

#[allow(clippy::print_stdout, reason = "the table is what was asked for")]
fn compare() -> Outcome<()> {
    println!("logs of 10 and 40 MB, {RUNS} runs");
    let mut table = Table::new("kubectl");
    for (words, must) in LINES {
        let what = words.join(" ");
        let (mut mine, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            mine.push(read(ours(), words)?);
            peer.push(read(kubectl(), words)?);
        }
        let least = if what.ends_with("forty") {
            40_000_000
        } else {
            10_000_000
        };
        if mine.iter().chain(&peer).any(|run| run.bytes < least) {
            return Err(format!("{what} is not whole: the node may have rotated it").into());
        }
        table.printed(&what, [must, "flat"], &mine, &peer);
    }
    println!("{table}");
    Ok(())
}

fn read(mut command: Command, words: &[&str]) -> io::Result<Printed> {
    command.args(["-n", NAMESPACE]);
    printed(command, words)
}

/// Gone with this.
struct Namespace;

impl Namespace {
    fn new() -> Outcome<Self> {
        prepare(&["create", "namespace", NAMESPACE], "")?;
        let namespace = Self;
        let account = [
            "-n",
            NAMESPACE,
            "wait",
            "--for=create",
            "serviceaccount/default",
        ];
        prepare(&account, "")?;
        Ok(namespace)
    }

    /// A pod that wrote that many lines.
    fn pod(&self, name: &str, count: u32) -> Outcome<()> {
        let manifest = POD
            .replace("@NAME@", name)
            .replace("@LINE@", LINE)
            .replace("@COUNT@", &count.to_string());
        prepare(&["-n", NAMESPACE, "apply", "-f", "-"], &manifest)?;
        let ended = "--for=jsonpath={.status.phase}=Succeeded";
        prepare(
            &[
                "-n",
                NAMESPACE,
                "wait",
                ended,
                "--timeout=90s",
                &format!("pod/{name}"),
            ],
            "",
        )
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = prepare(&["delete", "namespace", NAMESPACE, "--wait=false"], "");
    }
}

fn prepare(words: &[&str], input: &str) -> Outcome<()> {
    let mut child = kubectl()
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        io::Write::write_all(&mut stdin, input.as_bytes())?;
    }
    if child.wait()?.success() {
        return Ok(());
    }
    Err(format!("kubectl {words:?} failed").into())
}
