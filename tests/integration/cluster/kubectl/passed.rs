//! kubectl and curl through `/api/k8s/raw` and `/api/k8s/logs`: each as whoever asks.
//!
//! kubectl keeps its token from servers without TLS, so the agent speaks that.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::rig::{self, Cluster, Namespace};
use super::{LINES, Stage, differences, start};
use crate::support::{Agent, Answer, Certified, eventually, request_with};

/// Every sixth line is enough to see that nothing is lost on the way.
const EACH: usize = 6;
const ANYTHING: &str = r#"[
    {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}, {nonResourceURLs: ["*"], verbs: ["*"]}]"#;
const OWN_PODS: &str = r#"[
    {apiGroups: [""], resources: [pods, pods/log, configmaps], verbs: [get, list, watch, create]}]"#;
const TALKER: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: talker}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: busybox:1
    imagePullPolicy: Never
    command: [sh, -c, "n=0; while true; do n=$((n+1)); echo line $n; sleep 0.2; done"]
    ports: [{containerPort: 8080}]
"#;
const SILENCE: Duration = Duration::from_secs(60);

/// An agent that speaks TLS.
fn secured(cluster: &Cluster, certified: &Certified) -> Agent {
    let variables = certified.variables();
    let set: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    cluster.agent(&set)
}

/// Makes a folder a home in which kubectl goes this way with that token.
fn home(agent: &Agent, certified: &Certified, token: &str, namespace: &str, folder: &Path) {
    let server = format!(
        "https://localhost:{}/api/k8s/raw",
        agent.tls_address().port()
    );
    let cluster = json!({"server": server, "certificate-authority": certified.certificate()});
    write_config(&cluster, token, namespace, folder);
}

fn write_config(cluster: &Value, token: &str, namespace: &str, folder: &Path) {
    let context = json!({"cluster": "c", "user": "u", "namespace": namespace});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": context}],
    });
    fs::write(folder.join("kubeconfig"), config.to_string()).unwrap();
}

/// The same user straight to the server.
fn direct(cluster: &Cluster, token: &str, namespace: &str, folder: &Path) {
    let own = cluster.kubectl(&["config", "view", "--raw", "-o", "json"]);
    let own: Value = serde_json::from_str(&own).unwrap();
    write_config(&own["clusters"][0]["cluster"], token, namespace, folder);
}

fn real(cluster: &Cluster) -> PathBuf {
    PathBuf::from(cluster.command(&[]).get_program())
}

fn token(namespace: &Namespace<'_>, account: &str) -> String {
    namespace.kubectl(&["create", "token", account])
}

/// A pod that prints a line five times a second.
fn talk(namespace: &Namespace<'_>) {
    namespace.apply(TALKER);
    let ready = ["--for=condition=Ready", "pod/talker", "--timeout=180s"];
    namespace.kubectl(&[&["wait"][..], &ready].concat());
}

/// Lines printed by kubectl straight and by kubectl through the agent.
pub(super) fn through_the_agent(cluster: &Cluster, stage: &Stage<'_>) {
    stage.namespace.account(ANYTHING);
    let token = token(&stage.namespace, "agent");
    let certified = Certified::new();
    let agent = secured(cluster, &certified);
    let (straight, passed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    direct(cluster, &token, &stage.namespace.name, straight.path());
    home(
        &agent,
        &certified,
        &token,
        &stage.namespace.name,
        passed.path(),
    );

    let kubectl = real(cluster);
    let (all, reasons) = (LINES.concat(), differences());
    let of_the_place = |line: &&str| !line.contains("config") && !line.contains("cluster-info");
    let lines = all
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !reasons.contains_key(*line))
        .filter(of_the_place)
        .step_by(EACH);
    let sides = [(&*kubectl, straight.path()), (&*kubectl, passed.path())];
    let (mut count, mut wrong) = (0, Vec::new());
    for line in lines {
        count += 1;
        wrong.extend(stage.differs(line, sides));
    }
    assert!(count >= 60, "{count} lines");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn kubectl_works_in_pods_through_the_agent() {
    let Some(cluster) = rig::cluster() else {
        return;
    };
    let namespace = cluster.namespace("passed");
    namespace.account(ANYTHING);
    talk(&namespace);
    let certified = Certified::new();
    let agent = secured(&cluster, &certified);
    let folder = tempfile::tempdir().unwrap();
    let token = token(&namespace, "agent");
    home(&agent, &certified, &token, &namespace.name, folder.path());
    let kubectl = real(&cluster);
    let begin = |line: &[&str], input: Stdio| {
        let arguments: Vec<_> = line.iter().map(|word| (*word).to_owned()).collect();
        start(&kubectl, &arguments, folder.path(), input)
    };
    let run = |line: &[&str], input: &str| {
        let mut child = begin(line, Stdio::piped());
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    };

    let upper = run(
        &["exec", "-i", "talker", "--", "tr", "a-z", "A-Z"],
        "from here\n",
    );
    assert_eq!(upper, "FROM HERE\n");
    let manifest =
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"a":"1"}}"#;
    assert_eq!(
        run(&["apply", "-f", "-"], manifest),
        "configmap/one created\n"
    );
    assert_eq!(
        run(&["apply", "-f", "-"], manifest),
        "configmap/one unchanged\n"
    );
    run(
        &["exec", "talker", "--", "sh", "-c", "echo kept > /tmp/file"],
        "",
    );
    let copy = folder.path().join("copy");
    run(&["cp", "talker:/tmp/file", copy.to_str().unwrap()], "");
    assert_eq!(fs::read_to_string(copy).unwrap(), "kept\n");

    // What goes on until it is ended.
    let mut follower = begin(&["logs", "-f", "talker", "--tail=1"], Stdio::null());
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let first = number(&lines.next().unwrap().unwrap());
    for next in first + 1..first + 5 {
        assert_eq!(number(&lines.next().unwrap().unwrap()), next);
    }
    follower.kill().unwrap();
    follower.wait().unwrap();

    let mut watcher = begin(&["get", "cm", "-w", "-o", "name"], Stdio::null());
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
    while lines.next().unwrap().unwrap() != "configmap/one" {}
    run(&["create", "cm", "two"], "");
    while lines.next().unwrap().unwrap() != "configmap/two" {}
    watcher.kill().unwrap();
    watcher.wait().unwrap();

    run(
        &[
            "exec",
            "talker",
            "--",
            "sh",
            "-c",
            "echo served > /tmp/x; (nc -l -p 8080 < /tmp/x) >/dev/null 2>&1 &",
        ],
        "",
    );
    let mut forward = begin(&["port-forward", "pod/talker", ":8080"], Stdio::null());
    let mut line = String::new();
    let mut out = BufReader::new(forward.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let port: u16 = line
        .split("127.0.0.1:")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    let mut served = [0; 7];
    stream.read_exact(&mut served).unwrap();
    assert_eq!(&served, b"served\n");
    forward.kill().unwrap();
    forward.wait().unwrap();
}

fn number(line: &str) -> u32 {
    line.strip_prefix("line ")
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{line:?}"))
}

/// The agent's own certificate opens everything: none of it may be lent.
#[test]
fn a_caller_gets_what_its_token_allows_and_no_more() {
    let Some(cluster) = rig::cluster() else {
        return;
    };
    let namespace = cluster.namespace("passed");
    namespace.member("own", OWN_PODS);
    talk(&namespace);
    let name = &namespace.name;
    let own = token(&namespace, "own");
    let agent = cluster.agent(&[]);
    let ask = |method: &str, path: &str, fields: &str| {
        let path = path.replace("{ns}", name);
        request_with(agent.address(), method, &format!("/api/k8s{path}"), fields).unwrap()
    };
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let as_own = |method: &str, path: &str| ask(method, path, &bearer(&own));

    let pods = as_own("GET", "/raw/api/v1/namespaces/{ns}/pods");
    assert_eq!(pods.status, 200, "{pods:?}");
    assert!(pods.body.contains("talker"), "{pods:?}");
    let logs = as_own("GET", "/logs/{ns}/talker?tail=2&container=c");
    let lines = logs.body.matches("line ").count();
    assert_eq!((logs.status, lines), (200, 2), "{logs:?}");
    for (method, path, status) in [
        ("GET", "/raw/api/v1/nodes", 403),
        ("GET", "/raw/api/v1/namespaces/{ns}/secrets", 403),
        ("DELETE", "/raw/api/v1/namespaces/{ns}/pods/talker", 403),
        (
            "POST",
            "/raw/api/v1/namespaces/{ns}/pods/talker/exec?command=id&stdout=1",
            403,
        ),
        ("GET", "/logs/kube-system/any", 403),
        ("GET", "/raw/api/v1/namespaces/{ns}/pods/none", 404),
        ("GET", "/raw/api/v1/namespaces/{ns}%2fpods", 400),
        ("GET", "/logs/{ns}/talker?tail=all", 400),
        ("POST", "/logs/{ns}/talker", 405),
    ] {
        let answer = as_own(method, path);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    }
    let root = format!(
        "{}Impersonate-User: root\r\nImpersonate-Group: system:masters\r\n",
        bearer(&own)
    );
    let answer = ask("GET", "/raw/api/v1/nodes", &root);
    assert_eq!(answer.status, 403, "{answer:?}");
    let proxy = format!(
        "{}X-Remote-User: root\r\nX-Remote-Group: system:masters\r\n",
        bearer(&own)
    );
    assert_eq!(ask("GET", "/raw/api/v1/nodes", &proxy).status, 403);
    for nobody in ["", "Authorization: Basic cm9vdDpyb290\r\n"] {
        assert_eq!(ask("GET", "/raw/api/v1/nodes", nobody).status, 401);
    }
    assert_eq!(
        ask("GET", "/raw/api/v1/nodes", &bearer("forged")).status,
        401
    );

    let reads = |path: &str| {
        agent
            .get(&format!("/api/k8s{}", path.replace("{ns}", name)))
            .status
    };
    assert_eq!(reads("/raw/api/v1/nodes"), 200);
    assert_eq!(reads("/logs/{ns}/talker?tail=1"), 200);
    assert_eq!(reads("/raw/api/v1/secrets"), 403);
    assert_eq!(
        reads("/raw/api/v1/namespaces/{ns}/pods/talker/exec?command=id"),
        403
    );
    still_there(&agent, &pods);
}

#[track_caller]
fn still_there(agent: &Agent, seen: &Answer) {
    assert!(
        seen.header("connection")
            .is_some_and(|value| value == "close")
    );
    assert_eq!(agent.get_open("/health").status, 200);
    assert!(!agent.log().contains("panicked"), "{}", agent.log());
}

/// A stream ends with whoever asked, and its place is free for the next.
#[test]
fn watches_end_with_whoever_asked() {
    let Some(cluster) = rig::cluster() else {
        return;
    };
    let agent = cluster.agent(&[]);
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(watch(&agent));
    }
    let path = "/api/k8s/raw/api/v1/namespaces";
    let answer = agent.get(path);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(agent.get_open("/health").status, 200);
    open.truncate(40);
    eventually("places of those that are gone", || {
        (agent.get(path).status == 200).then_some(())
    });
}

/// A watch whose answer has begun.
fn watch(agent: &Agent) -> TcpStream {
    let mut stream = TcpStream::connect(agent.address()).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    let path = "/api/k8s/raw/api/v1/namespaces?watch=true&resourceVersion=0";
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer test-api-token\r\n\r\n",
        agent.address()
    )
    .unwrap();
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    stream
}
