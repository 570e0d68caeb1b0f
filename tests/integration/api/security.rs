//! Who may ask, by which name, from which page and how often.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{ask, assert_problem};
use crate::support::{Agent, Answer, TinyApi, eventually, request_with};

const ADMIN: &str = "Authorization: Bearer admin-0123456789abcdef\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

struct Rig {
    agent: Agent,
    tokens: PathBuf,
    _folder: TempDir,
    _api: TinyApi,
}

fn rig() -> Rig {
    let api = TinyApi::start();
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::write(
        &tokens,
        "# ours\nadmin ada admin-0123456789abcdef\noperate otto operate-0123456789\n",
    )
    .unwrap();
    let settings = [
        ("PIPEOPS_API_TOKENS_FILE", tokens.to_str().unwrap()),
        ("PIPEOPS_HOSTS", "agent.example.com"),
    ];
    let agent = Agent::start(&api.kubeconfig(), &settings);
    Rig {
        agent,
        tokens,
        _folder: folder,
        _api: api,
    }
}

impl Rig {
    fn send(&self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        let fields = format!("{fields}Content-Length: {}\r\n", body.len());
        let with_body = format!("{fields}\r\n{body}");
        // What stands after the empty line is the body.
        request_with(self.agent.address(), method, path, &with_body).unwrap()
    }

    fn log_in(&self, body: &str) -> Answer {
        self.send("POST", "/api/session", JSON, body)
    }

    /// What the audit has, as `who what decision`.
    fn audit(&self) -> Vec<String> {
        let items = ask(&self.agent, "GET", "/api/audit", ADMIN).json()["items"].clone();
        let text = |item: &serde_json::Value, key: &str| item[key].as_str().unwrap().to_owned();
        let lines = items.as_array().unwrap().iter();
        lines
            .map(|item| {
                ["who", "what", "decision"]
                    .map(|key| text(item, key))
                    .join(" ")
            })
            .collect()
    }
}

fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").unwrap();
    assert!(set.ends_with("; HttpOnly; SameSite=Strict"), "{set}");
    format!("Cookie: {}\r\n", set.split(';').next().unwrap())
}

#[test]
fn a_scope_opens_what_it_is_good_for() {
    let rig = rig();
    let get = |path, token: &str| ask(&rig.agent, "GET", path, token).status;
    let read = "Authorization: Bearer test-api-token\r\n";
    let operate = "Authorization: Bearer operate-0123456789\r\n";
    for token in [read, operate, ADMIN] {
        assert_eq!(get("/api/k8s/pods", token), 200, "{token}");
    }
    assert_eq!(get("/api/audit", read), 403);
    assert_eq!(get("/api/audit", operate), 403);
    assert_eq!(get("/api/audit", ADMIN), 200);
    assert_eq!(get("/api/audit?limit=0", ADMIN), 400);
    // The file is looked at every ten seconds: a token that is taken out ends.
    fs::write(&rig.tokens, "admin ada admin-0123456789abcdef\n").unwrap();
    eventually("the token ends", || {
        (get("/api/k8s/pods", operate) == 401).then_some(())
    });
    assert_eq!(get("/api/k8s/pods", ADMIN), 200);
}

#[test]
fn a_browser_logs_in_looks_and_logs_out() {
    let rig = rig();
    let none = ask(&rig.agent, "GET", "/api/session", "");
    assert_problem(&none, 401, "Authorization: Bearer");
    let entered = rig.log_in(r#"{"token": "admin-0123456789abcdef"}"#);
    assert_eq!(entered.status, 200, "{entered:?}");
    assert_eq!(entered.json()["user"], "ada");
    let cookie = cookie(&entered);
    let get = |path, fields: &str| ask(&rig.agent, "GET", path, fields);
    assert_eq!(get("/api/session", &cookie).json()["scope"], "admin");
    assert_eq!(get("/api/k8s/pods", &cookie).status, 200);
    let path = "/api/k8s/raw/api/v1/namespaces/a/pods/b";
    let changed = rig.send("DELETE", path, &cookie, "");
    assert_problem(&changed, 403, "a browser's login only reads");
    assert_eq!(rig.send("DELETE", "/api/session", &cookie, "").status, 204);
    assert_eq!(get("/api/k8s/pods", &cookie).status, 401);
    assert_eq!(
        rig.audit(),
        [
            "ada log in allowed",
            "ada DELETE /api/k8s/raw/api/v1/namespaces/a/pods/b refused",
            "ada log out allowed",
        ]
    );
}

#[test]
fn somebody_at_the_machine_logs_in_by_the_code_in_the_log() {
    let rig = rig();
    let offered = rig.send("POST", "/api/session/pairing", JSON, "{}");
    assert_eq!(
        (offered.status, &offered.json()["expires_seconds"]),
        (202, &300.into())
    );
    let line = rig.agent.wait_log("pairing code ");
    let code = line.split("pairing code ").nth(1).unwrap();
    let code = code.split(',').next().unwrap();
    let wrong = if code == "0000-0000" {
        "1"
    } else {
        "0000-0000"
    };
    let refused = rig.log_in(&format!(r#"{{"code": "{wrong}"}}"#));
    assert_problem(&refused, 401, "no API token");
    let entered = rig.log_in(&format!(r#"{{"code": "{code}"}}"#));
    assert_eq!(entered.json()["via"], "pairing code", "{entered:?}");
    assert_eq!(entered.json()["scope"], "read");
    let shown = ask(&rig.agent, "GET", "/api/k8s/pods", &cookie(&entered));
    assert_eq!(shown.status, 200);
    let again = rig.log_in(&format!(r#"{{"code": "{code}"}}"#));
    assert_eq!(again.status, 401, "once");
}

#[test]
fn what_is_sent_to_log_in_says_one_thing() {
    let rig = rig();
    for body in ["", "[]", "null", "{\"a\": 1}"] {
        let refused = rig.send("POST", "/api/session/pairing", JSON, body);
        assert_problem(&refused, 400, "send {}");
    }
    for body in [
        "",
        "{}",
        "[]",
        "{\"token\"",
        r#"{"token": 1}"#,
        r#"{"token": "a", "code": "b"}"#,
        r#"{"token": "a", "more": "b"}"#,
    ] {
        assert_problem(&rig.log_in(body), 400, "send {");
    }
}

#[test]
fn the_agent_answers_to_its_own_names() {
    let rig = rig();
    let asked_as = |host: &str, path: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(rig.agent.address()).unwrap();
        let fields = format!("Host: {host}\r\nConnection: close\r\n{ADMIN}");
        write!(stream, "GET {path} HTTP/1.1\r\n{fields}\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.split(' ').nth(1).unwrap().to_owned()
    };
    for own in [
        "localhost",
        "127.0.0.1:8080",
        "agent",
        "agent.example.com",
        "[::1]:80",
    ] {
        assert_eq!(asked_as(own, "/api/k8s/pods"), "200", "{own}");
    }
    // Foreign ones are attacks, on every route.
    for foreign in ["example.com", "agent.example.com.evil.example"] {
        assert_eq!(asked_as(foreign, "/api/k8s/pods"), "421", "{foreign}");
        assert_eq!(asked_as(foreign, "/health"), "200", "probes have no name");
    }
}

#[test]
fn who_guesses_or_floods_has_to_wait() {
    let rig = rig();
    let guess = |number: usize| {
        let token = format!("Authorization: Bearer guess-{number}\r\n");
        ask(&rig.agent, "GET", "/api/k8s/pods", &token)
    };
    let answers: Vec<_> = (0..12).map(guess).collect();
    assert!(answers[..10].iter().all(|answer| answer.status == 401));
    assert_problem(&answers[11], 429, "wrong tokens");
    let wait: u64 = answers[11].header("retry-after").unwrap().parse().unwrap();
    assert!((1..=6).contains(&wait));
    assert_eq!(ask(&rig.agent, "GET", "/api/k8s/pods", ADMIN).status, 200);
    let flooded = flood(&rig.agent, 1000);
    assert!(flooded.contains("HTTP/1.1 200 OK"), "{flooded}");
    assert!(flooded.contains("HTTP/1.1 429 Too Many Requests"));
    assert!(flooded.contains("Retry-After: 1\r\n"));
    assert_eq!(
        rig.agent.get_open("/health").status,
        200,
        "probes are not counted"
    );
    assert!(!rig.agent.log().contains("guess-"), "no token is logged");
}

/// The answers to so many requests that are sent at once.
fn flood(agent: &Agent, count: usize) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(agent.address()).unwrap();
    let request = format!("GET /api/k8s/pods HTTP/1.1\r\nHost: a\r\n{ADMIN}\r\n");
    let last = request.replace(ADMIN, "Connection: close\r\n");
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::Builder::new().spawn(move || {
        writer
            .write_all(request.repeat(count - 1).as_bytes())
            .unwrap();
        writer.write_all(last.as_bytes()).unwrap();
    });
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    writing.unwrap().join().unwrap();
    text
}

#[test]
fn whom_the_api_server_knows_is_told_what_they_may_see() {
    let rig = rig();
    // The server here lets everyone it knows do everything.
    let theirs = "Authorization: Bearer kubernetes-token\r\n";
    for path in [
        "/api/k8s/pods",
        "/api/status/cluster",
        "/metrics",
        "/api/audit",
    ] {
        assert_eq!(ask(&rig.agent, "GET", path, theirs).status, 200, "{path}");
    }
    let audit = rig.audit();
    assert!(
        audit
            .iter()
            .any(|line| line.ends_with("get /metrics allowed")),
        "{audit:?}"
    );
    let api = TinyApi::reviewing(serde_json::json!({"status": {"allowed": false}}));
    let agent = Agent::start(&api.kubeconfig(), &[]);
    for path in [
        "/api/k8s/pods",
        "/api/k8s/nodes",
        "/api/status/cluster",
        "/metrics",
    ] {
        let refused = ask(&agent, "GET", path, theirs);
        assert_problem(&refused, 403, "has no right in Kubernetes to");
    }
}
