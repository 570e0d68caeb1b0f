//! Checks JSON against the schemas of the published protocol, as far as that page uses
//! JSON Schema; a keyword that it does not know is a failure. Stricter in one thing: a
//! field that the page does not name is refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{transcript, transcripts};

/// The published protocol.
pub(super) struct Page(Value);

impl Page {
    pub(super) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/control-plane-api.yaml");
        let text = fs::read_to_string(path).unwrap();
        let mut documents = pipeops_agent::yaml::parse(&text).unwrap();
        Self(documents.remove(0))
    }

    /// The operation of a method and a path as it is sent.
    pub(super) fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let fits = |template: &str| {
            let pairs = template.split('/').zip(path.split('/'));
            template.split('/').count() == path.split('/').count()
                && pairs.into_iter().all(|(t, p)| t.starts_with('{') || t == p)
        };
        let paths = self.0["paths"].as_object().unwrap();
        let (_, found) = paths.iter().find(|(template, _)| fits(template))?;
        found.get(method.to_lowercase())
    }

    /// What is wrong with a message: of `content` in a request or a response.
    pub(super) fn problems(&self, message: &Value, media_type: &str, body: &Value) -> Vec<String> {
        let message = self.resolve(message);
        let mut problems = Vec::new();
        match message["content"].get(media_type) {
            Some(content) => self.check(&content["schema"], body, "", &mut problems),
            None if message["content"].is_null() && body.is_null() => {}
            None => problems.push(format!("{media_type} is not documented")),
        }
        problems
    }

    pub(super) fn operations(&self) -> BTreeSet<String> {
        let paths = self.0["paths"].as_object().unwrap().values();
        paths
            .flat_map(|path| path.as_object().unwrap().values())
            .filter_map(|operation| operation["operationId"].as_str())
            .map(str::to_owned)
            .collect()
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.0.pointer(&reference[1..]).unwrap(),
            None => value,
        }
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        for (keyword, wanted) in schema.as_object().unwrap() {
            let holds = match keyword.as_str() {
                "description" => true,
                "$ref" => {
                    self.check(self.resolve(schema), value, at, problems);
                    true
                }
                "type" => is_of(wanted.as_str().unwrap(), value),
                "enum" => wanted.as_array().unwrap().contains(value),
                "minimum" => value.as_f64() >= wanted.as_f64(),
                "maxLength" => value.as_str().map(|text| text.len() as u64) <= wanted.as_u64(),
                "format" => humantime::parse_rfc3339(value.as_str().unwrap_or_default()).is_ok(),
                "required" => {
                    let names = wanted.as_array().unwrap().iter();
                    names
                        .map(|name| name.as_str().unwrap())
                        .all(|name| value.get(name).is_some())
                }
                "properties" => {
                    self.check_fields(wanted, value, at, problems);
                    true
                }
                "additionalProperties" => {
                    for (name, field) in value.as_object().into_iter().flatten() {
                        self.check(wanted, field, &format!("{at}/{name}"), problems);
                    }
                    true
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(wanted, item, &format!("{at}/{index}"), problems);
                    }
                    true
                }
                _ => false,
            };
            if !holds {
                problems.push(format!(
                    "{at}: {keyword} {wanted} does not hold for {value}"
                ));
            }
        }
    }

    fn check_fields(&self, known: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        for (name, field) in value.as_object().into_iter().flatten() {
            match known.get(name) {
                Some(schema) => self.check(schema, field, &format!("{at}/{name}"), problems),
                None => problems.push(format!("{at}: {name} is not documented")),
            }
        }
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        _ => false,
    }
}

#[test]
fn transcripts_are_what_the_page_says() {
    let page = Page::read();
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
    let page = Page::read();
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
