//! What Prometheus gets from the built agent, judged by its own tools where they are.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use pipeops_agent::api::{METRICS, Of, Sort};
use pipeops_agent::yaml;
use serde_json::Value;

use super::{agent, ask, assert_problem};
use crate::support::{Agent, TinyApi, eventually, golden, request, within};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const AUTHORIZED: &str = "Authorization: Bearer test-api-token\r\n";
const ACCEPT_OPEN: &str = "Authorization: Bearer test-api-token\r\n\
    Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";

/// The page is written from the table: what is said about it stands before.
#[test]
fn the_page_is_in_step_with_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let page = fs::read_to_string(path).unwrap();
    let heading = "## All of them\n";
    let (before, _) = page.split_once(heading).expect("the page has that heading");
    golden("docs/metrics.md", &format!("{before}{heading}{}", table()));
}

fn table() -> String {
    let mut text = String::from("\n| name | type | of | what it is |\n|---|---|---|---|\n");
    for metric in &METRICS {
        let sort = match metric.sort {
            Sort::Counter => "counter",
            Sort::Gauge => "gauge",
            Sort::Histogram => "histogram",
        };
        let of = match metric.of {
            Of::Agent(_) => "agent",
            Of::Kind(_) => "each kind",
            Of::Node(_) => "each node",
            Of::Namespace => "each namespace",
            Of::Deployment(_) => "each deployment",
            Of::Pod(_) => "each pod",
        };
        let (name, help) = (metric.name, metric.help);
        writeln!(text, "| `{name}` | {sort} | {of} | {help} |").unwrap();
    }
    text
}

#[test]
fn they_need_the_token_unless_they_are_open() {
    let api = TinyApi::start();
    let closed = agent(&api);
    assert_problem(&closed.get_open("/metrics"), 401, "Authorization: Bearer");
    assert_eq!(closed.get("/metrics").status, 200);
    assert!(list(&closed.get_open("/").json()["with_token"]).contains(&"/metrics".to_owned()));

    let open = Agent::start(&api.kubeconfig(), &[("PIPEOPS_METRICS_OPEN", "true")]);
    assert_eq!(open.get_open("/metrics").status, 200);
    assert_problem(
        &open.get_open("/api/k8s/pods"),
        401,
        "Authorization: Bearer",
    );
    let index = open.get_open("/").json();
    assert!(
        list(&index["open"]).contains(&"/metrics".to_owned()),
        "{index}"
    );
    assert!(
        !list(&index["with_token"]).contains(&"/metrics".to_owned()),
        "{index}"
    );
}

fn list(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn the_format_is_the_one_that_is_wanted_more() {
    let api = TinyApi::start();
    let agent = agent(&api);
    for (accept, expected) in [
        ("", TEXT),
        ("Accept: */*\r\n", TEXT),
        ("Accept: text/plain\r\n", TEXT),
        ("Accept: application/openmetrics-text\r\n", OPEN_METRICS),
        (
            "Accept: text/plain, application/openmetrics-text;q=0.5\r\n",
            TEXT,
        ),
    ] {
        let answer = ask(&agent, "GET", "/metrics", &format!("{AUTHORIZED}{accept}"));
        assert_eq!(answer.header("content-type"), Some(expected), "{accept}");
        let ends = answer.body.ends_with("# EOF\n");
        assert_eq!(ends, expected == OPEN_METRICS, "{accept}");
    }
    let json = format!("{AUTHORIZED}Accept: application/json\r\n");
    assert_problem(&ask(&agent, "GET", "/metrics", &json), 406, "openmetrics");
    let head = ask(&agent, "HEAD", "/metrics", AUTHORIZED);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let post = format!("{AUTHORIZED}Content-Length: 0\r\n");
    assert_problem(&ask(&agent, "POST", "/metrics", &post), 405, "GET");
}

/// Its value in a scrape.
#[track_caller]
fn value(scrape: &str, sample: &str) -> f64 {
    let found = scrape.lines().find_map(|line| line.strip_prefix(sample));
    let found = found.unwrap_or_else(|| panic!("no {sample} in {scrape}"));
    found.trim().parse().unwrap()
}

#[test]
fn samples_say_what_is_true() {
    let api = TinyApi::start();
    let agent = agent(&api);
    let status = agent.json("/api/status/cluster");
    let scrape = agent.get("/metrics").body;
    let resident = value(&scrape, "process_resident_memory_bytes");
    assert!(resident > 1e6, "{resident}");
    assert!(value(&scrape, "pipeops_agent_threads") > 10.0, "{scrape}");
    assert_eq!(value(&scrape, "pipeops_agent_http_connections "), 1.0);
    for (kind, count) in [
        ("nodes", "nodes"),
        ("pods", "pods"),
        ("namespaces", "namespaces"),
    ] {
        let sample = format!("pipeops_agent_objects{{kind=\"{kind}\"}}");
        let count = status["counts"][count].as_f64();
        assert_eq!(Some(value(&scrape, &sample)), count, "{kind}");
    }
    let pods = scrape
        .lines()
        .filter(|line| line.starts_with("kube_pod_info{"));
    assert_eq!(
        pods.count() as f64,
        status["counts"]["pods"].as_f64().unwrap()
    );

    let requests = "pipeops_agent_http_requests_total{route=\"unknown\",code=\"4xx\"}";
    let before = value(&scrape, requests);
    agent.get("/nowhere");
    let scrape = agent.get("/metrics").body;
    assert_eq!(value(&scrape, requests), before + 1.0);
    let took = "pipeops_agent_http_request_duration_seconds_count{route=\"unknown\"}";
    assert_eq!(value(&scrape, took), before + 1.0);
    // Standalone: nothing is said of a control plane.
    assert!(!scrape.contains("control_plane"), "{scrape}");
    for line in scrape.lines().filter(|line| !line.starts_with('#')) {
        let known = METRICS.iter().any(|metric| line.starts_with(metric.name));
        assert!(known, "{line}");
    }
}

/// The body of an answer in chunks, and what follows it.
fn dechunked(mut text: &str) -> (String, &str) {
    let mut body = String::new();
    loop {
        let (length, rest) = text.split_once("\r\n").unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        body.push_str(&rest[..length]);
        text = rest[length..].strip_prefix("\r\n").unwrap();
        if length == 0 {
            return (body, text);
        }
    }
}

/// In one connection, which stays open after the first.
#[test]
fn a_large_scrape_is_sent_as_it_is_made() {
    const PODS: usize = 5_000;
    let api = TinyApi::with_pods(PODS);
    let agent = agent(&api);
    let peak = |agent: &Agent| {
        let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .unwrap()
    };
    agent.get("/health");
    let before = peak(&agent);
    let mut stream = TcpStream::connect(agent.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let fields = format!("Host: {}\r\n{AUTHORIZED}", agent.address());
    write!(stream, "GET /metrics HTTP/1.1\r\n{fields}\r\n").unwrap();
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\n{fields}Connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    let after = peak(&agent);

    let (head, rest) = answers.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\nTransfer-Encoding: chunked"), "{head}");
    let (first, second) = dechunked(rest);
    let (head, second) = second.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("Transfer-Encoding"), "{head}");
    for body in [first.as_str(), second] {
        let pods = body
            .lines()
            .filter(|line| line.starts_with("kube_pod_info{"));
        assert_eq!(pods.count(), PODS);
        assert!(body.len() > 2_000_000, "{} bytes", body.len());
    }
    assert!(after < before + 1_500, "{before} kB, then {after} kB");
}

/// Each word of a query that could be the name of a metric.
fn named(query: &str) -> Vec<&str> {
    let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = query.split(|letter| !is_of_a_name(letter));
    let ours = ["pipeops_", "kube_", "process_", "node_"];
    words
        .filter(|word| ours.iter().any(|start| word.starts_with(start)))
        .collect()
}

/// The value of each `expr` anywhere in a document.
fn queries(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == "expr") {
                    Some(query) => found.push(query.to_owned()),
                    None => found.append(&mut queries(value)),
                }
            }
        }
        Value::Array(items) => found.extend(items.iter().flat_map(queries)),
        _ => {}
    }
    found
}

fn monitoring(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deployments/monitoring");
    fs::read_to_string(folder.join(file)).unwrap()
}

fn dashboard() -> Vec<String> {
    let queries = queries(&serde_json::from_str(&monitoring("dashboard.json")).unwrap());
    assert!(queries.len() > 30, "{queries:?}");
    queries
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let alerts = yaml::parse(&monitoring("alerts.yaml")).unwrap().remove(0);
    let operator = yaml::parse(&monitoring("operator.yaml")).unwrap();
    assert_eq!(
        operator[1]["spec"], alerts,
        "operator.yaml has the alerts of alerts.yaml"
    );
    let alerts = queries(&alerts);
    assert_eq!(alerts.len(), 15);
    for query in alerts.iter().chain(&dashboard()) {
        let names = named(query);
        assert!(!names.is_empty(), "{query}");
        for name in names {
            let is_there = METRICS.iter().any(|metric| match metric.sort {
                Sort::Histogram => name
                    .strip_prefix(metric.name)
                    .is_some_and(|rest| ["_bucket", "_sum", "_count"].contains(&rest)),
                _ => name == metric.name,
            });
            assert!(is_there, "{name} in {query}");
        }
    }
}

/// The folder with promtool and prometheus.
fn tools() -> Option<PathBuf> {
    let found = env::var_os("PIPEOPS_TEST_PROMETHEUS").map(PathBuf::from);
    if found.is_none() {
        skip("Prometheus: build/setup.sh prometheus gets it");
    }
    found
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skip(what: &str) {
    eprintln!("skipped: {what}");
}

/// Runs a judge on a text.
#[track_caller]
fn judged(mut judge: Command, text: &str) {
    judge
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = judge.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
}

/// With a control plane that is not there, so that its metrics are among them.
fn scraped(accept: &str) -> String {
    let api = TinyApi::start();
    let agent = Agent::start(
        &api.kubeconfig(),
        &[
            ("PIPEOPS_TOKEN", "t0ken"),
            ("PIPEOPS_API_URL", "http://127.0.0.1:1"),
        ],
    );
    eventually("a pod, and a call that failed", || {
        let scrape = ask(&agent, "GET", "/metrics", accept).body;
        let failed = "control_plane_request_failures_total{call=\"register\"} 0\n";
        (scrape.contains("kube_pod_info{") && !scrape.contains(failed)).then_some(scrape)
    })
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let Some(tools) = tools() else { return };
    let mut promtool = Command::new(tools.join("promtool"));
    promtool.args(["check", "metrics"]);
    judged(promtool, &scraped(AUTHORIZED));
}

#[test]
fn the_python_client_reads_both_formats() {
    let Some(python) = env::var_os("PIPEOPS_TEST_PROMETHEUS_CLIENT") else {
        return skip("the Python client of Prometheus: build/setup.sh prometheus gets it");
    };
    let script = "import sys\n\
        from prometheus_client import parser\n\
        from prometheus_client.openmetrics import parser as open\n\
        read = {'text': parser, 'open': open}[sys.argv[1]].text_string_to_metric_families\n\
        names = {sample.name for family in read(sys.stdin.read()) for sample in family.samples}\n\
        assert 'kube_pod_info' in names and 'pipeops_agent_commands_total' in names, names\n";
    for (format, accept) in [("text", AUTHORIZED), ("open", ACCEPT_OPEN)] {
        let mut judge = Command::new(&python);
        judge.args(["-c", script, format]);
        judged(judge, &scraped(accept));
    }
}

/// A Prometheus of its own, in a folder of its own.
#[test]
fn prometheus_scrapes_it() {
    let Some(tools) = tools() else { return };
    let api = TinyApi::start();
    let agent = agent(&api);
    let folder = tempfile::tempdir().unwrap();
    let configuration = format!(
        "scrape_configs:\n- job_name: agent\n  scrape_interval: 1s\n  \
         authorization: {{credentials: test-api-token}}\n  \
         static_configs: [{{targets: ['{}']}}]\n",
        agent.address()
    );
    fs::write(folder.path().join("prometheus.yml"), configuration).unwrap();
    let address = free_address();
    let mut prometheus = Prometheus::start(&tools, folder.path(), address);
    within(Duration::from_secs(60), "samples in Prometheus", || {
        prometheus.assert_runs();
        let query = "/api/v1/query?query=up+and+on(job)+kube_pod_info+and+on(job)\
            +pipeops_agent_watch_events_total";
        let answer = request(address, query).ok()?;
        let answer: Value = serde_json::from_str(&answer.body).ok()?;
        (answer["data"]["result"][0]["value"][1] == "1").then_some(())
    });
    for query in dashboard() {
        let query = query
            .replace("$__rate_interval", "5m")
            .replace("$instance", ".*");
        let path = format!("/api/v1/query?query={}", escaped(&query));
        let answer = request(address, &path).unwrap();
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
    }
    let targets = request(address, "/api/v1/targets").unwrap();
    assert!(targets.body.contains("\"lastError\":\"\""), "{targets:?}");
}

fn escaped(query: &str) -> String {
    query.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").unwrap();
        text
    })
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

struct Prometheus(std::process::Child);

impl Prometheus {
    fn start(tools: &Path, folder: &Path, address: SocketAddr) -> Self {
        let child = Command::new(tools.join("prometheus"))
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    #[track_caller]
    fn assert_runs(&mut self) {
        assert_eq!(self.0.try_wait().unwrap(), None, "Prometheus ended");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
