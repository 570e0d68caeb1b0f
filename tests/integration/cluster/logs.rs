//! Logs of many pods as one stream, from real nodes.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::rig::{Namespace, cluster};
use super::rights::Login;
use crate::support::{Agent, eventually};

const WORK: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: "@APP@"}
spec:
  replicas: 2
  selector: {matchLabels: {app: "@APP@"}}
  template:
    metadata: {labels: {app: "@APP@", part: shop}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: c
          image: busybox:1
          imagePullPolicy: Never
          command: [sh, -c, "n=0; while true; do echo @APP@ $n; n=$((n+1)); sleep 0.2; done"]
"#;
const SILENCE: Duration = Duration::from_secs(60);

struct Stream(Lines<BufReader<TcpStream>>);

impl Stream {
    /// The stream, and the line with its status.
    fn open(agent: &Agent, query: &str, token: &str) -> (Self, String) {
        let mut stream = TcpStream::connect(agent.address()).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        write!(
            stream,
            "GET /api/realtime/logs{query} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .unwrap();
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next().unwrap().unwrap();
        (Self(lines), status)
    }

    /// The data of the next line of a log.
    fn line(&mut self) -> Value {
        loop {
            let line = self.0.next().unwrap().unwrap();
            if line == "event: log" {
                let data = self.0.next().unwrap().unwrap();
                return serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            }
        }
    }
}

fn pods(namespace: &Namespace<'_>, app: &str) -> BTreeSet<String> {
    let names = "jsonpath={.items[*].metadata.name}";
    let told = namespace.kubectl(&["get", "pods", "-l", &format!("app={app}"), "-o", names]);
    told.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn two_deployments_are_one_stream_also_when_a_pod_is_another() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("merged");
    for app in ["front", "back"] {
        namespace.apply(&WORK.replace("@APP@", app));
    }
    for app in ["front", "back"] {
        let deployment = format!("deploy/{app}");
        namespace.kubectl(&["rollout", "status", &deployment, "--timeout=90s"]);
    }
    let agent = cluster.agent(&[]);
    let name = &namespace.name;
    let query = format!("?namespace={name}&labelSelector=part%3Dshop&tail=1");
    let (mut stream, status) = Stream::open(&agent, &query, "test-api-token");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let all: BTreeSet<_> = ["front", "back"]
        .iter()
        .flat_map(|app| pods(&namespace, app))
        .collect();
    assert_eq!(all.len(), 4);
    let mut heard = BTreeSet::new();
    while heard.len() < 4 {
        let line = stream.line();
        assert_eq!(
            (&line["namespace"], &line["container"]),
            (&name.as_str().into(), &"c".into())
        );
        heard.insert(line["pod"].as_str().unwrap().to_owned());
    }
    assert_eq!(heard, all);
    let gone = all.first().unwrap();
    namespace.kubectl(&["delete", "pod", gone, "--wait=false"]);
    // Of one that is new, every line from the first is told.
    let mut next = 0;
    let mut fresh = None;
    while next < 5 {
        let line = stream.line();
        let pod = line["pod"].as_str().unwrap().to_owned();
        if all.contains(&pod) {
            continue;
        }
        assert_eq!(*fresh.get_or_insert(pod.clone()), pod);
        let text = line["line"].as_str().unwrap();
        assert!(
            text.ends_with(&format!(" {next}")),
            "{text} is not number {next}"
        );
        next += 1;
    }
}

#[test]
fn whoever_may_not_read_logs_there_is_refused_and_whoever_may_is_not() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("readers");
    namespace.apply(&WORK.replace("@APP@", "front"));
    namespace.kubectl(&["rollout", "status", "deploy/front", "--timeout=90s"]);
    for (account, resources) in [("lists", "pods"), ("reads", "pods,pods/log")] {
        namespace.kubectl(&["create", "serviceaccount", account]);
        let role = ["create", "role", account, "--verb=get,list"];
        namespace.kubectl(&[&role[..], &[&format!("--resource={resources}")]].concat());
        let subject = format!("--serviceaccount={}:{account}", namespace.name);
        let role = format!("--role={account}");
        namespace.kubectl(&["create", "rolebinding", account, &role, &subject]);
        let user = format!("system:serviceaccount:{}:{account}", namespace.name);
        eventually("the right", || {
            let asked = ["auth", "can-i", "--as", &user, "list", "pods"];
            (namespace.try_kubectl(&asked)?.trim() == "yes").then_some(())
        });
    }
    let token = |account: &str| namespace.kubectl(&["create", "token", account]);
    let agent = cluster.agent(&[]);
    let here = format!("?namespace={}&labelSelector=app%3Dfront", namespace.name);
    let (_, status) = Stream::open(&agent, &here, token("lists").trim());
    assert!(status.starts_with("HTTP/1.1 403 "), "{status}");
    let reads = token("reads");
    let (_, status) = Stream::open(&agent, "?namespace=kube-system", reads.trim());
    assert!(status.starts_with("HTTP/1.1 403 "), "{status}");
    // All that they may see is that of their own namespace.
    for query in [here.as_str(), "?tail=1"] {
        let (mut stream, status) = Stream::open(&agent, query, reads.trim());
        assert_eq!(status, "HTTP/1.1 200 OK");
        for _ in 0..4 {
            assert_eq!(stream.line()["namespace"], namespace.name.as_str());
        }
    }
    // An agent that may not read logs itself reads them as whoever asks, or not at all.
    namespace.account(super::rights::ALL);
    let agent = Login::new(&cluster, &namespace).agent(&[]);
    let (mut stream, status) = Stream::open(&agent, &here, reads.trim());
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(stream.line()["container"], "c");
    let (_, status) = Stream::open(&agent, &here, "test-api-token");
    assert!(status.starts_with("HTTP/1.1 403 "), "{status}");
}
