//! Both sides of the protocol are what the published page says.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{transcript, transcripts};
use crate::support::Page;

fn protocol() -> Page {
    Page::read("control-plane-api.yaml")
}

#[test]
fn transcripts_are_what_the_page_says() {
    let page = protocol();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(transcripts()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let golden = transcript(name);
        let (request, response) = (&golden["request"], &golden["response"]);
        let (method, path) = (&request["method"], &request["path"]);
        let operation = page
            .operation(method.as_str().unwrap(), path.as_str().unwrap())
            .unwrap_or_else(|| panic!("{name}: {method} {path} is not documented"));
        assert_eq!(operation["operationId"], golden["call"], "{name}");
        seen.insert(operation["operationId"].as_str().unwrap().to_owned());

        let sent = page.problems(
            &operation["requestBody"],
            "application/json",
            &request["body"],
        );
        let is_meant_to_be_wrong = golden["invalid_request"] == true;
        assert_eq!(!sent.is_empty(), is_meant_to_be_wrong, "{name}: {sent:?}");

        let status = response["status"].to_string();
        let responses = &operation["responses"];
        let documented = responses.get(&status).unwrap_or(&responses["default"]);
        let media_type = response["headers"]["content-type"].as_str().unwrap_or("");
        let answered = page.problems(documented, media_type, &response["body"]);
        wrong.extend(
            answered
                .into_iter()
                .map(|problem| format!("{name}: {problem}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(seen, page.operations(), "each operation has a transcript");
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let page = protocol();
    let operation = page
        .operation("POST", "/api/v1/agents/a/heartbeat")
        .unwrap();
    let good = transcript("heartbeat")["request"]["body"].clone();
    let problems = |change: fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        page.problems(&operation["requestBody"], "application/json", &body)
    };
    assert!(problems(|_| {}).is_empty());
    let changes: [fn(&mut Value); 6] = [
        |body| body["timestamp"] = "yesterday".into(),
        |body| body["status"] = "asleep".into(),
        |body| body["surprise"] = 1.into(),
        |body| body["metadata"]["counts"]["pods"] = (-1).into(),
        |body| body["metadata"]["uptime"] = 1.5.into(),
        |body| drop(body.as_object_mut().unwrap().remove("metadata")),
    ];
    for change in changes {
        assert_eq!(problems(change).len(), 1);
    }
    assert!(
        page.operation("GET", "/api/v1/agents/a/heartbeat")
            .is_none()
    );
}
