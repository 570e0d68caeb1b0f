//! Lists by selectors, by pages, as tables, and only when they differ.

use serde_json::Value;

use super::{TOKEN, agent, ask, assert_problem};
use crate::support::{Agent, TinyApi, eventually};

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().into_iter().flatten();
    items
        .map(|item| item["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Waits until all pods are there.
fn listed(api: &TinyApi, count: usize) -> Agent {
    let agent = agent(api);
    eventually("every pod", || {
        (agent.json("/api/k8s/pods")["count"] == count).then_some(())
    });
    agent
}

#[test]
fn rows_are_chosen_by_their_labels_and_fields() {
    let api = TinyApi::with_pods(4);
    let agent = listed(&api, 4);
    let all = agent.json("/api/k8s/pods");
    for (query, count) in [
        ("namespace=shop", 4),
        ("namespace=none", 0),
        ("labelSelector=app%3Dweb", 4),
        ("labelSelector=app=web,index+in+(0,2)", 2),
        ("labelSelector=index+notin+(0)", 3),
        ("labelSelector=!index", 0),
        ("fieldSelector=metadata.name=web-0", 1),
        ("fieldSelector=spec.nodeName!=edge-1", 0),
        (
            "fieldSelector=status.phase=Running&labelSelector=index=1",
            1,
        ),
        ("labelSelector=", 4),
    ] {
        let list = agent.json(&format!("/api/k8s/pods?{query}"));
        assert_eq!(list["count"], count, "{query}: {list}");
        assert_eq!(names(&list).len(), count, "{query}");
        assert_eq!(list["availability"], all["availability"]);
    }
    let node = agent.json("/api/k8s/nodes?labelSelector=kubernetes.io/arch=arm64");
    assert_eq!(node["count"], 1, "{node}");
}

#[test]
fn what_is_not_understood_is_not_left_out() {
    let api = TinyApi::start();
    let agent = agent(&api);
    for (path, words) in [
        ("pods?labels=app", "labelSelector, fieldSelector, limit"),
        (
            "pods?fieldSelector=spec.hostNetwork=true",
            "metadata.name, metadata.namespace, status.phase, spec.nodeName are",
        ),
        ("pods?labelSelector=a+b", "labelSelector: there is no \"b\""),
        ("pods?namespace=%2e%2e", "namespace: it is no name"),
        ("nodes?namespace=a", "there is no \"namespace\" for nodes"),
        ("pods?limit=many", "limit: it is a number"),
        ("pods?continue=x", "leave it out to begin anew"),
        ("pods?limit=1&limit=2", "limit is there twice"),
        ("pods?as=xml", "table or json"),
        ("pods?namespace=%ff", "percent-encoded UTF-8"),
    ] {
        assert_problem(&agent.get(&format!("/api/k8s/{path}")), 400, words);
    }
}

#[test]
fn pages_are_gone_on_with() {
    let api = TinyApi::with_pods(5);
    let agent = listed(&api, 5);
    let mut seen = Vec::new();
    let mut path = "/api/k8s/pods?limit=2&labelSelector=index!=3".to_owned();
    loop {
        let page = agent.json(&path);
        assert_eq!(page["count"], 4, "{page}");
        seen.extend(names(&page));
        let Some(place) = page["continue"].as_str() else {
            break;
        };
        path = format!("/api/k8s/pods?limit=2&labelSelector=index!=3&continue={place}");
    }
    assert_eq!(seen.len(), 4);
    let whole = names(&agent.json("/api/k8s/pods?labelSelector=index!=3"));
    assert_eq!(seen, whole);
}

#[test]
fn what_is_known_is_not_sent_again() {
    let api = TinyApi::start();
    let agent = listed(&api, 1);
    let first = agent.get("/api/k8s/pods");
    assert_eq!(first.header("x-data-age"), Some("0"));
    let tag = first.header("etag").unwrap().to_owned();
    let fields = format!("{TOKEN}If-None-Match: {tag}\r\n");
    let again = ask(&agent, "GET", "/api/k8s/pods", &fields);
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(&*tag));
    assert_eq!(again.header("x-data-age"), Some("0"));
    let other = ask(&agent, "GET", "/api/k8s/pods?limit=1", &fields);
    assert_eq!(other.status, 200, "another query is another answer");
    // Another process has seen another cluster, for all it knows.
    let restarted = listed(&api, 1);
    assert_eq!(ask(&restarted, "GET", "/api/k8s/pods", &fields).status, 200);
}

#[test]
fn a_table_is_text_for_whoever_takes_it() {
    let api = TinyApi::start();
    let agent = listed(&api, 1);
    let table = agent.get("/api/k8s/pods?as=table&namespace=shop");
    let media_type = table.header("content-type");
    assert_eq!(media_type, Some("text/plain; charset=utf-8"), "{table:?}");
    let rows: Vec<Vec<&str>> = table
        .body
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0], ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]);
    assert_eq!(rows[1][0], "web-0");
    assert_eq!(table.header("etag"), None, "ages grow");
    let json = format!("{TOKEN}Accept: application/json\r\n");
    let refused = ask(&agent, "GET", "/api/k8s/pods?as=table", &json);
    assert_problem(&refused, 406, "text/plain");
}
