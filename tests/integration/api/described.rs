//! What docs/openapi.yaml says of the routes, both ways.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{TOKEN, agent, ask};
use crate::support::{Agent, Answer, Page, TinyApi, eventually};

fn page() -> Page {
    Page::read("openapi.yaml")
}

/// How an answer differs from what the page says of that route.
fn problems(page: &Page, method: &str, path: &str, answer: &Answer) -> Vec<String> {
    let plain = path.split('?').next().unwrap();
    let Some(operation) = page.operation(method, plain) else {
        return vec![format!("{method} {plain} is not documented")];
    };
    let responses = &operation["responses"];
    let status = answer.status.to_string();
    let documented = responses.get(&status).unwrap_or(&responses["default"]);
    let media_type = answer.header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    let body = match media_type.ends_with("json") {
        true => answer.json(),
        false => Value::String(answer.body.clone()),
    };
    let found = page.problems(documented, media_type, &body);
    found
        .into_iter()
        .map(|problem| format!("{path}: {problem}"))
        .collect()
}

fn routes(agent: &Agent, list: &str) -> Vec<String> {
    let index = agent.get_open("/").json();
    let paths = index[list].as_array().unwrap().iter();
    paths
        .map(|path| path.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_page_has_the_routes_and_the_routes_answer_as_it_says() {
    let (page, api) = (page(), TinyApi::start());
    let agent = agent(&api);
    let asked = [routes(&agent, "open"), routes(&agent, "with_token")].concat();
    let passed = routes(&agent, "passed_on").into_iter().map(|path| {
        path.replace("PATH", "{path}")
            .replace("NAMESPACE", "{namespace}")
            .replace("POD", "{pod}")
    });
    let others = [routes(&agent, "streams"), routes(&agent, "sessions")].concat();
    let all: BTreeSet<_> = asked.iter().cloned().chain(others).chain(passed).collect();
    assert_eq!(page.paths(), all);
    for method in ["POST", "GET"] {
        let documented = page.operation(method, "/api/k8s/proxy").is_some();
        assert_eq!(documented, method == "POST", "{method}");
    }

    let mut wrong = Vec::new();
    // It is no text on its way.
    let asked = asked.iter().filter(|path| *path != "/api/openapi.yaml");
    let some = ["/api/k8s/pods?limit=1", "/api/k8s/pods?as=table"];
    for path in asked.map(String::as_str).chain(some) {
        let answer = agent.get(path);
        // This token only reads, and not this.
        let status = if path == "/api/audit" { 403 } else { 200 };
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        wrong.extend(problems(&page, "GET", path, &answer));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn refusals_are_as_the_page_says() {
    let (page, api) = (page(), TinyApi::start());
    let agent = agent(&api);
    let mut wrong = Vec::new();
    for (path, fields, status) in [
        ("/api/k8s/pods", "", 401),
        ("/api/k8s/pods", "Authorization: Bearer no\r\n", 401),
        ("/metrics", "", 401),
        ("/api/status/changes?since=999999", TOKEN, 410),
        ("/api/status/changes?since=x", TOKEN, 400),
        ("/api/k8s/logs/a/b", "", 401),
        ("/api/k8s/logs/a/b?tail=x", TOKEN, 400),
        ("/api/k8s/pods?limit=x", TOKEN, 400),
        ("/version", "Accept: text/html\r\n", 406),
        ("/api/openapi.yaml", "", 406),
    ] {
        let answer = ask(&agent, "GET", path, fields);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        wrong.extend(problems(&page, "GET", path, &answer));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_agent_that_cannot_work_says_so_as_the_page_says() {
    let (page, api) = (page(), TinyApi::start());
    let url = [
        ("PIPEOPS_API_URL", "http://127.0.0.1:1"),
        ("PIPEOPS_TOKEN", "t"),
    ];
    let agent = Agent::start(&api.kubeconfig(), &url);
    let unready = eventually("a beat that fails", || {
        let answer = agent.get_open("/ready");
        (answer.status == 503 && answer.body.contains("never connected:")).then_some(answer)
    });
    let mut wrong = problems(&page, "GET", "/ready", &unready);
    for path in [
        "/api/health/detailed",
        "/api/status/connectivity",
        "/api/metrics/runtime",
    ] {
        wrong.extend(problems(&page, "GET", path, &agent.get(path)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
