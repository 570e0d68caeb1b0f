//! Command lines that change things: run by kubectl in one namespace and by this program in
//! another that started alike. What they print is equal byte for byte, the names of the two
//! namespaces aside; what they did is seen by the lines that read between them.
//!
//! The lines of a file run in order. `{ns}` is the namespace, `{files}` the folder
//! `changes` with its manifests. `LINE < FILE` gives a file of that folder as standard
//! input. A line may start with
//! - `kubectl `: run by kubectl in both, to prepare or to wait; not compared;
//! - `last `: only the last line of the output is compared, where what comes before hangs
//!   on the moment (`rollout status`);
//! - `ages `: ages and times are masked;
//! - `sorted `: in the order of its lines, where kubectl walks through a map of Go and each
//!   run has an order of its own;
//! - `names `: the ends of names that controllers make up are masked;
//! - `meanwhile `: run by kubectl in both while the next line is on its way, which waits
//!   for it.
//!
//! `PIPEOPS_KUBECTL_LINES` names a file (`apply`) to run alone, for whoever works on it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::PoisonError;

use super::super::rig::{self, Cluster, Namespace};
use super::words::split;
use super::{NODES, Outcome, differences, home, outcome, start, told};

/// Runs the lines of a file in two fresh namespaces, and fails with all that differ.
fn compare(name: &str, lines: &str) {
    let only = std::env::var_os("PIPEOPS_KUBECTL_LINES");
    if only.is_some_and(|only| only != name) {
        return;
    }
    let Some(cluster) = rig::cluster() else {
        return;
    };
    let stage = Stage::new(&cluster, name);
    let reasons = differences();
    let mut wrong = Vec::new();
    let mut change = None;
    for line in lines.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(rest) = line.strip_prefix("meanwhile ") {
            change = Some(rest);
            continue;
        }
        let found = stage.difference(line, change.take());
        match (found, reasons.get(line)) {
            (Some(difference), None) => wrong.push(difference),
            (None, Some(reason)) => wrong.push(format!("{line}: no longer differs ({reason})")),
            _ => {}
        }
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} differ\n{}", wrong.join("\n"));
}

/// A namespace for each of the two.
struct Stage<'c> {
    theirs: Side<'c>,
    ours: Side<'c>,
}

struct Side<'c> {
    cluster: &'c Cluster,
    namespace: Namespace<'c>,
    /// The manifests with the namespace's name in them, and a home.
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl<'c> Stage<'c> {
    fn new(cluster: &'c Cluster, name: &str) -> Self {
        let kubectl = cluster.command(&[]);
        let kubectl = Path::new(kubectl.get_program()).to_owned();
        Self {
            theirs: Side::new(cluster, &format!("{name}-a"), kubectl),
            ours: Side::new(cluster, &format!("{name}-b"), PathBuf::from("ours")),
        }
    }

    /// Has kubectl do that in both.
    fn prepare(&self, line: &str) {
        let kubectl = &self.theirs.program;
        let sides = [&self.theirs, &self.ours].map(|side| (side, side.start(kubectl, line)));
        for (side, child) in sides {
            let Outcome { out, err, code } = side.outcome(child);
            assert_eq!(code, Some(0), "{line}: {out}{err}");
        }
    }

    /// How the two differ, if they do, with a change to both while they run.
    fn difference(&self, line: &str, change: Option<&str>) -> Option<String> {
        if let Some(rest) = line.strip_prefix("kubectl ") {
            self.prepare(rest);
            return None;
        }
        let (mask, rest): (fn(String) -> String, _) = match line.split_once(' ') {
            Some(("last", rest)) => (last, rest),
            Some(("ages", rest)) => (without_ages, rest),
            Some(("names", rest)) => (without_ends, rest),
            Some(("sorted", rest)) => (sorted, rest),
            _ => (|text| text, line),
        };
        let pair = [&self.theirs, &self.ours].map(|side| (side, side.start(&side.program, rest)));
        if let Some(change) = change {
            self.prepare(change);
        }
        let [theirs, ours] = pair.map(|(side, child)| {
            let outcome = side.outcome(child);
            Outcome {
                out: mask(outcome.out),
                err: mask(outcome.err),
                ..outcome
            }
        });
        (theirs != ours).then(|| told(line, &theirs, &ours))
    }
}

impl<'c> Side<'c> {
    fn new(cluster: &'c Cluster, name: &str, program: PathBuf) -> Self {
        let side = Self {
            cluster,
            namespace: cluster.namespace(name),
            folder: tempfile::tempdir().unwrap(),
            program,
        };
        side.filled()
    }

    fn filled(mut self) -> Self {
        let given =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/cluster/kubectl/changes");
        for file in fs::read_dir(given).unwrap().map(Result::unwrap) {
            let target = self.folder.path().join(file.file_name());
            let text = fs::read_to_string(file.path()).unwrap();
            fs::write(target, text.replace("@NAME@", &self.namespace.name)).unwrap();
        }
        let link = home(self.cluster, &self.namespace.name, self.folder.path());
        if self.program == Path::new("ours") {
            self.program = link;
        }
        self
    }

    fn start(&self, program: &Path, line: &str) -> Child {
        let (line, input) = match line.split_once(" < ") {
            Some((line, file)) => (
                line,
                File::open(self.folder.path().join(file)).unwrap().into(),
            ),
            None => (line, Stdio::null()),
        };
        let files = self.folder.path().to_str().unwrap();
        let line = line.replace("{ns}", &self.namespace.name);
        let arguments = split(&line.replace("{files}", files));
        start(program, &arguments, self.folder.path(), input)
    }

    /// With neutral names.
    fn outcome(&self, child: Child) -> Outcome {
        let files = self.folder.path().to_str().unwrap();
        let name = &self.namespace.name;
        let text = |text: String| text.replace(name, "NAMESPACE").replace(files, "FILES");
        let outcome = outcome(child);
        Outcome {
            out: text(outcome.out),
            err: text(outcome.err),
            ..outcome
        }
    }
}

/// Nodes are in no namespace; those of a file have its name as a label.
impl Drop for Side<'_> {
    fn drop(&mut self) {
        let label = format!("stage={}", self.namespace.name);
        let delete = ["delete", "node", "--wait=false", "-l", &label];
        let _ = self.cluster.try_kubectl(&delete);
    }
}

fn sorted(text: String) -> String {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn last(text: String) -> String {
    text.lines().last().unwrap_or_default().to_owned()
}

/// Words that are ages (`12s`, `3m4s`) or times (RFC 3339) become `AGE`; what stands between
/// words is kept as one space, since columns follow from their widths.
fn without_ages(text: String) -> String {
    let lines = text.lines().map(|line| {
        let words = line.split_whitespace();
        let words = words.map(|word| if is_age(word) { "AGE" } else { word });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn is_age(word: &str) -> bool {
    let digit = word.starts_with(|c: char| c.is_ascii_digit());
    let is_time = word.len() >= 20 && word.ends_with('Z') && word.contains('T');
    let is_age = word.ends_with(['s', 'm', 'h', 'd'])
        && word
            .chars()
            .all(|c| c.is_ascii_digit() || "smhd".contains(c));
    digit && (is_time || is_age)
}

/// The five letters at the end of a name that a controller made up become `-END`.
fn without_ends(text: String) -> String {
    let is_made_up = |c: char| "bcdfghjklmnpqrstvwxz2456789".contains(c);
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut masked = String::new();
    for part in text.split_inclusive(|c| !in_name(c)) {
        let name = part.trim_end_matches(|c| !in_name(c));
        match name.rsplit_once('-') {
            Some((start, end)) if end.len() == 5 && end.chars().all(is_made_up) => {
                masked += &format!("{start}-END{}", &part[name.len()..]);
            }
            _ => masked += part,
        }
    }
    masked
}

#[test]
fn made_up_ends_are_masked_and_nothing_else() {
    let masked = without_ends("pod NS/web-x7k2p, NS/web-0 app-house\n".to_owned());
    assert_eq!(masked, "pod NS/web-END, NS/web-0 app-house\n");
}

#[test]
fn ages_are_masked_and_nothing_else() {
    let masked =
        without_ages("web-1   1/1  Running  0   3m4s\nx 2026-11-26T06:00:00Z 5".to_owned());
    assert_eq!(masked, "web-1 1/1 Running 0 AGE\nx AGE 5");
}

#[test]
fn the_stage_is_alike_for_both() {
    compare("start", include_str!("start.changes"));
}

#[test]
fn labels_and_annotations_are_written_alike() {
    compare("label", include_str!("label.changes"));
}

#[test]
fn sizes_are_set_alike() {
    compare("scale", include_str!("scale.changes"));
}

#[test]
fn what_is_in_pods_is_set_alike() {
    compare("set", include_str!("set.changes"));
}

#[test]
fn pods_roll_out_and_back_alike() {
    compare("rollout", include_str!("rollout.changes"));
}

#[test]
fn services_and_pods_are_made_alike() {
    compare("expose", include_str!("expose.changes"));
}

#[test]
fn objects_are_applied() {
    compare("apply", include_str!("apply.changes"));
}

#[test]
fn objects_are_created() {
    compare("create", include_str!("create.changes"));
}

#[test]
fn objects_are_deleted() {
    compare("delete", include_str!("delete.changes"));
}

#[test]
fn objects_are_patched() {
    compare("patch", include_str!("patch.changes"));
}

#[test]
fn objects_are_replaced() {
    compare("replace", include_str!("replace.changes"));
}

#[test]
fn nodes_are_marked_and_tainted_alike() {
    let _alone = NODES.write().unwrap_or_else(PoisonError::into_inner);
    compare("nodes", include_str!("nodes.changes"));
}

#[test]
fn nodes_are_drained_alike() {
    let _alone = NODES.write().unwrap_or_else(PoisonError::into_inner);
    compare("drain", include_str!("drain.changes"));
}

#[test]
fn what_is_waited_for_is_alike() {
    compare("wait", include_str!("wait.changes"));
}
