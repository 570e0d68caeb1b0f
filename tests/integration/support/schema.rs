//! Checks JSON against the schemas of an OpenAPI page, as far as ours use JSON Schema; a
//! keyword that it does not know is a failure. Stricter in one thing: a field that the page
//! does not name is refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// A page of `docs`.
pub(crate) struct Page(Value);

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        let path = folder.join(name);
        let text = fs::read_to_string(path).unwrap();
        let mut documents = pipeops_agent::yaml::parse(&text).unwrap();
        Self(documents.remove(0))
    }

    /// The operation of a method and a path as it is sent.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<&Value> {
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
    pub(crate) fn problems(&self, message: &Value, media_type: &str, body: &Value) -> Vec<String> {
        let message = self.resolve(message);
        let mut problems = Vec::new();
        match message["content"].get(media_type) {
            Some(content) => self.check(&content["schema"], body, "", &mut problems),
            None if message["content"].is_null() && body.is_null() => {}
            None => problems.push(format!("{media_type} is not documented")),
        }
        problems
    }

    pub(crate) fn operations(&self) -> BTreeSet<String> {
        let paths = self.0["paths"].as_object().unwrap().values();
        paths
            .flat_map(|path| path.as_object().unwrap().values())
            .filter_map(|operation| operation["operationId"].as_str())
            .map(str::to_owned)
            .collect()
    }

    /// The templates of all paths.
    pub(crate) fn paths(&self) -> BTreeSet<String> {
        self.0["paths"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
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
