//! The routes of the built agent as curl sees them.

#![cfg(test)]

mod described;
mod lists;
mod live;
mod logs;
mod metrics;
mod page;
mod proxy;
mod security;
mod socket;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::support::{Agent, Answer, TinyApi, eventually, request_with};

const OPEN: [&str; 7] = [
    "/", "/health", "/healthz", "/livez", "/ready", "/readyz", "/version",
];
const GUARDED: [&str; 14] = [
    "/api/health/detailed",
    "/api/status/features",
    "/api/status/connectivity",
    "/api/status/cluster",
    "/api/status/changes",
    "/api/metrics/runtime",
    "/api/metrics/history",
    "/api/k8s/nodes",
    "/api/k8s/pods",
    "/api/k8s/namespaces",
    "/api/k8s/deployments",
    "/api/k8s/services",
    "/api/k8s/events",
    "/api/status/changes?since=0",
];

/// A line with the API token.
const TOKEN: &str = "Authorization: Bearer test-api-token\r\n";

fn agent(api: &TinyApi) -> Agent {
    let agent = Agent::start(&api.kubeconfig(), &[]);
    eventually("ready", || {
        Some(agent.get_open("/ready")).filter(|answer| answer.status == 200)
    });
    agent
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/problem+json"), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["status"], status);
    let detail = body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(words), "{answer:?}");
}

fn ask(agent: &Agent, method: &str, path: &str, fields: &str) -> Answer {
    request_with(agent.address(), method, path, fields).unwrap()
}

#[test]
fn every_route_answers_json_with_and_without_its_body() {
    let api = TinyApi::start();
    let agent = agent(&api);
    for path in OPEN.iter().chain(&GUARDED) {
        let answer = agent.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let kept = if path.starts_with("/api/k8s/") {
            "private, no-cache"
        } else {
            "no-store"
        };
        assert_eq!(answer.header("cache-control"), Some(kept), "{path}");
        assert!(answer.json().is_object(), "{path}");
    }
    for path in OPEN {
        assert_eq!(agent.get_open(path).status, 200, "{path} is open");
    }
    let got = agent.get_open("/version");
    let head = ask(&agent, "HEAD", "/version", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), got.header("content-length"));
}

#[test]
fn probes_say_what_the_roadmap_says() {
    let api = TinyApi::start();
    let agent = agent(&api);
    assert_eq!(agent.get_open("/health").body, r#"{"status":"healthy"}"#);
    assert_eq!(agent.get_open("/ready").json()["status"], "ready");
    let version = agent.get_open("/version").json();
    for field in ["version", "commit", "build_time", "rustc"] {
        assert!(version[field].is_string(), "{field}: {version}");
    }
}

#[test]
fn routes_below_api_want_the_token() {
    let api = TinyApi::start();
    let agent = agent(&api);
    for path in GUARDED {
        let answer = agent.get_open(path);
        assert_problem(&answer, 401, "Authorization: Bearer");
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer"), "{path}: {challenge}");
    }
    let wrong = ask(&agent, "GET", GUARDED[0], "Authorization: Bearer wrong\r\n");
    assert_problem(&wrong, 401, "the API server does not know it either");
    assert!(!wrong.body.contains("wrong\""), "{wrong:?}");
}

#[test]
fn without_a_configured_token_they_are_closed_and_say_how_to_open_them() {
    let api = TinyApi::start();
    let folder = tempfile::tempdir().unwrap();
    let mut command = super::support::command();
    command
        .env_remove("PIPEOPS_API_TOKEN")
        .env("KUBECONFIG", api.kubeconfig())
        .env("PIPEOPS_STATE_DIR", folder.path());
    let agent = Agent::spawn(&mut command);
    for path in GUARDED {
        assert_problem(&agent.get_open(path), 403, "PIPEOPS_API_TOKEN");
    }
    assert_eq!(agent.get_open("/health").status, 200);
}

#[test]
fn what_is_not_offered_is_refused_in_the_usual_way() {
    let api = TinyApi::start();
    let agent = agent(&api);
    assert_problem(&agent.get("/nowhere"), 404, "GET / lists");
    assert_problem(&agent.get("/api/k8s/secrets"), 404, "GET / lists");
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let answer = ask(&agent, method, "/health", "Content-Length: 0\r\n");
        assert_problem(&answer, 405, "GET");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    }
    let options = ask(&agent, "OPTIONS", "/api/k8s/pods", "");
    assert_eq!((options.status, options.body.as_str()), (204, ""));
    assert_eq!(options.header("allow"), Some("GET, HEAD, OPTIONS"));
    let html = ask(&agent, "GET", "/health", "Accept: text/html\r\n");
    assert_problem(&html, 406, "application/json");
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    assert_eq!(ask(&agent, "GET", "/health", browser).status, 200);
}

#[test]
fn figures_of_the_process_are_those_of_the_kernel() {
    let api = TinyApi::start();
    let agent = agent(&api);
    let proc = format!("/proc/{}", agent.pid());
    // Threads of its start come and go between one count and the other.
    let runtime = eventually("as many threads as the kernel counts", || {
        let runtime = agent.json("/api/metrics/runtime");
        let threads = std::fs::read_dir(format!("{proc}/task")).unwrap().count();
        (runtime["threads"] == threads).then_some(runtime)
    });
    let status = std::fs::read_to_string(format!("{proc}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: u64 = peak
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    let said = runtime["memory"]["resident_peak_bytes"].as_u64().unwrap();
    // It may have grown since it answered; the kernel counts by processor, and is off by some pages.
    let most = (peak + 256) * 1024;
    assert!(said > 0 && said <= most, "{said} of {peak} kB");
    assert!(runtime["cpu"]["seconds"].is_number(), "{runtime}");
    let answered = runtime["http"]["requests"].as_u64().unwrap();
    let now = agent.json("/api/metrics/runtime")["http"]["requests"].as_u64();
    assert_eq!(now, Some(answered + 1));
}

#[test]
fn the_history_has_what_was_measured() {
    let api = TinyApi::start();
    let agent = agent(&api);
    let history = eventually("a first sample", || {
        let history = agent.json("/api/metrics/history");
        history["nodes"][0].is_object().then_some(history)
    });
    assert_eq!(history["interval_seconds"], 300);
    let node = &history["nodes"][0];
    assert_eq!(node["name"], "edge-1");
    let point = &node["cpu_millicores"][0];
    assert_eq!(point[1], 438, "{history}");
    assert_eq!(point[0].as_u64().unwrap() % 300, 0);
    // Of 64 KiB each.
    let memory = node["memory_bytes"][0][1].as_u64().unwrap();
    assert_eq!(memory, 2_043_512 * 1024 / 65_536 * 65_536);
    assert_eq!(history["total"]["memory_bytes"], node["memory_bytes"]);
    assert_eq!(history["nodes_left_out"], 0);
}

#[test]
fn connectivity_tells_each_hop_that_there_is() {
    let api = TinyApi::start();
    let agent = agent(&api);
    let connectivity = agent.json("/api/status/connectivity");
    let kubernetes = &connectivity["kubernetes"];
    assert_eq!(kubernetes["reachable"], true, "{connectivity}");
    assert!(kubernetes["latency_seconds"].as_f64() > Some(0.0));
    assert_eq!(connectivity.get("control_plane"), None::<&Value>);
}

/// Whether it went well is for the API server to say.
#[test]
fn what_is_passed_on_is_counted_and_not_called_a_success() {
    let api = TinyApi::start();
    let agent = agent(&api);
    let figures = || agent.json("/api/metrics/runtime")["http"].clone();
    let before = figures();
    // That server leaves the connection open: the first line is the answer.
    let mut stream = TcpStream::connect(agent.address()).unwrap();
    let fields = "Host: a\r\nAuthorization: Bearer test-api-token\r\n";
    write!(
        stream,
        "GET /api/k8s/raw/api/v1/nodes HTTP/1.1\r\n{fields}\r\n"
    )
    .unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
    let after = figures();
    let grown = |what: &str| {
        let count = |figures: &Value| figures.pointer(what).unwrap().as_u64().unwrap();
        count(&after) - count(&before)
    };
    // The first question itself is the other one.
    assert_eq!(grown("/requests"), 2);
    assert_eq!(grown("/by_status/2xx"), 1);
}
