//! `get --watch` beside kubectl: both follow the same objects while these change, and print
//! the same, ages aside.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::super::rig::{self, Cluster, Namespace};
use super::changes::is_age;
use crate::support::{SOON, cleared, eventually, program, settled};

/// What is followed; `kept` is there from the start, and its label `step` tells how far it is.
const FORMS: [&str; 10] = [
    "get cm -L step -w",
    "get cm -L step --watch-only",
    "get cm -L step -w --output-watch-events",
    "get cm --watch-only --output-watch-events -o json",
    "get cm -w -o yaml",
    "get cm -w -o name",
    "get cm --watch-only -o wide --show-labels --no-headers",
    "get cm --watch-only -o custom-columns=N:.metadata.name,S:.metadata.labels.step",
    "get cm kept -L step -w",
    "get cm --watch-only --output-watch-events -o yaml",
];

/// Between the first and the last, which all of them see.
const CHANGES: [&str; 8] = [
    "create cm begun",
    "label cm kept step=begun --overwrite",
    "create cm other --from-literal=a=1 --from-literal=b=2",
    "label cm other step=x",
    "annotate cm kept note=changed",
    "delete cm other",
    "label cm kept step=ended --overwrite",
    "create cm ended",
];

#[test]
fn what_changes_is_followed_alike() {
    let Some(cluster) = rig::cluster() else {
        return;
    };
    let space = cluster.namespace("watch");
    space.kubectl(&["create", "cm", "kept"]);
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("kubectl");
    std::os::unix::fs::symlink(program(), &link).unwrap();
    let theirs = PathBuf::from(cluster.command(&[]).get_program());
    let start =
        |program: &Path, form| Follower::start(&cluster, &space, program, form, folder.path());
    let pairs: Vec<_> = FORMS
        .iter()
        .map(|form| (start(&theirs, form), start(&link, form)))
        .collect();
    let all_saw = |word: &str| {
        let saw = |follower: &Follower| follower.text().contains(word);
        pairs.iter().all(|(theirs, ours)| saw(theirs) && saw(ours))
    };
    // Whoever has seen one of these follows from then on.
    let mut marks = 10..;
    eventually("all of them follow", || {
        let mark = format!("mark-{}", marks.next().unwrap());
        space.kubectl(&["create", "cm", &mark]);
        space.kubectl(&[
            "label",
            "cm",
            "kept",
            &format!("step={mark}"),
            "--overwrite",
        ]);
        all_saw("mark-").then_some(())
    });
    for change in CHANGES {
        space.kubectl(&change.split(' ').collect::<Vec<_>>());
    }
    eventually("all of them are at the end", || {
        all_saw("ended").then_some(())
    });
    for (form, (theirs, ours)) in FORMS.iter().zip(&pairs) {
        // One of them may be a line ahead.
        settled(SOON, || {
            let [ours, theirs] = [ours, theirs].map(|follower| match is_table(form) {
                true => squeezed(&follower.between()),
                false => follower.between(),
            });
            let differ = || format!("{form}\n--- ours\n{ours}\n--- kubectl's\n{theirs}");
            (ours == theirs).then_some(()).ok_or_else(differ)
        });
    }
}

fn is_table(form: &str) -> bool {
    !["json", "yaml", "name"]
        .iter()
        .any(|output| form.ends_with(output))
}

/// How wide a column is hangs on the rows that were there when each began to follow.
fn squeezed(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_whitespace());
    let lines = lines.map(|words| words.collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// A program that prints to a file until it is killed.
struct Follower {
    child: Child,
    output: PathBuf,
}

impl Follower {
    fn start(
        cluster: &Cluster,
        space: &Namespace<'_>,
        program: &Path,
        form: &str,
        folder: &Path,
    ) -> Self {
        let count = fs::read_dir(folder).unwrap().count();
        let output = folder.join(format!("output-{count}"));
        let known = cluster.command(&[]);
        let child = cleared(&mut Command::new(program))
            .args(known.get_args())
            .args(["-n", &space.name])
            .args(form.split(' '))
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stdout(File::create(&output).unwrap())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self { child, output }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// From the first change to the last that is printed by now, with ages masked.
    fn between(&self) -> String {
        let text = self.text();
        let first = text.find("begun").unwrap();
        let last = text.rfind("ended").unwrap();
        let mut masked = String::new();
        let mut after_age = false;
        for word in text[first..last].split_inclusive([' ', '\n']) {
            let own = word.trim_end();
            // How many spaces follow an age hangs on its width.
            if own.is_empty() && after_age && word != "\n" {
                continue;
            }
            after_age = is_age(own);
            masked += &if after_age {
                word.replace(own, "AGE")
            } else {
                word.to_owned()
            };
        }
        masked
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
