//! Logs that are followed while everything around them breaks.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::super::rig::cluster;
use super::Pods;
use crate::support::eventually;

/// Writes a number ten times a second.
const COUNTER: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: counter}
spec:
  terminationGracePeriodSeconds: 1
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:1
    imagePullPolicy: Never
    command: [sh, -c, 'i=0; while true; do echo "$i @FILL@"; i=$((i+1)); sleep @PAUSE@; done']
"#;
/// No line for so long means that something is broken; the agent itself may wait 20 s
/// between two tries.
const LATE: Duration = Duration::from_secs(60);

/// A log that is followed, line by line.
pub(in crate::cluster) struct Followed {
    child: Child,
    lines: Receiver<String>,
    pub(in crate::cluster) next: usize,
}

impl Followed {
    fn start(mut command: Command) -> Followed {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be run");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        let reader = thread::Builder::new().spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        reader.expect("a thread can be started");
        Followed {
            child,
            lines,
            next: 0,
        }
    }

    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(LATE).expect("a line comes")
    }

    /// Reads until that many lines came: each number once and in order.
    #[track_caller]
    pub(in crate::cluster) fn reach(&mut self, count: usize) {
        while self.next < count {
            let line = self.line();
            let number = line.split(' ').next().and_then(|word| word.parse().ok());
            assert_eq!(number, Some(self.next), "{line}");
            self.next += 1;
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(in crate::cluster) fn counter(pods: &Pods<'_>, fill: &str, pause: &str) -> Followed {
    let manifest = COUNTER.replace("@FILL@", fill).replace("@PAUSE@", pause);
    pods.namespace.apply(&manifest);
    let ready = [
        "wait",
        "--for=condition=ready",
        "pod/counter",
        "--timeout=90s",
    ];
    pods.namespace.kubectl(&ready);
    Followed::start(pods.ours(&["logs", "-f", "counter"]))
}

#[test]
fn a_followed_log_survives_its_rotation() {
    let Some(cluster) = cluster() else { return };
    let pods = Pods::none(&cluster);
    // The node rotates at 10 MiB and looks every 10 s: 600 KB a second.
    let mut followed = counter(&pods, &"x".repeat(15_000), "0.025");
    let first = |pods: &Pods<'_>| {
        let words = ["logs", "counter", "--limit-bytes=20"];
        let text = String::from_utf8(pods.run(&words, b"")).unwrap();
        text.split(' ')
            .next()
            .and_then(|word| word.parse::<usize>().ok())
    };
    while first(&pods).is_none_or(|first| first == 0) {
        followed.reach(followed.next + 100);
    }
    followed.reach(followed.next + 200);
}

#[test]
fn a_followed_log_ends_with_its_container_and_others_go_on() {
    let Some(cluster) = cluster() else { return };
    let pods = Pods::several(&cluster);
    pods.namespace
        .kubectl(&["scale", "deploy/web", "--replicas=1"]);
    // One that goes while its log is asked for is a failure to kubectl, too.
    let names = ["get", "pod", "-l", "app=web", "-o", "name"];
    eventually("one pod of them alone", || {
        let told = pods.namespace.kubectl(&names);
        (told.lines().count() == 1).then_some(())
    });
    let command = pods.ours(&[
        "logs",
        "-f",
        "-l",
        "app in (web,done)",
        "-c",
        "main",
        "--prefix",
    ]);
    let mut followed = Followed::start(command);
    // Both logs come, in whatever order: the last ten lines of what goes on, and all of what has ended.
    let (mut is_finished, mut others) = (false, 0);
    while !is_finished || others < 10 {
        let line = followed.line();
        is_finished |= line == "[pod/done/main] finished";
        others += usize::from(line.starts_with("[pod/web-"));
    }
    let more = "echo more >/proc/1/fd/1";
    let say = ["exec", "deploy/web", "-c", "main", "--", "sh", "-c", more];
    pods.namespace.kubectl(&say);
    assert!(followed.line().ends_with("/main] more"));
    pods.namespace
        .kubectl(&["delete", "deploy/web", "--wait=false"]);
    // All containers are gone: so is the command.
    let status = followed.child.wait().expect("it can be waited for");
    assert!(status.success());
}
