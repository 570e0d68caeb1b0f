//! `kubectl explain`: what the fields of a kind are for, by the server's OpenAPI v3.

use std::rc::Rc;

use serde_json::Value;

use super::discovery::Resource;
use super::failure::Failure;
use super::flags::{Kind, flag, switch, text};
use super::print::go;
use super::session::Session;
use super::verbs::Verb;

pub(super) const VERB: Verb = Verb {
    name: "explain",
    aliases: &[],
    usage: "TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group]",
    about: "Get documentation for a resource",
    flags: &[&[
        switch("recursive", ""),
        text("api-version", ""),
        flag("output", "o", Kind::Text, "plaintext"),
    ]],
    local: false,
    run,
};

fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let [word] = session.words.as_slice() else {
        return Err(Failure::new(if session.words.is_empty() {
            "You must specify the type of resource to explain. Use \"kubectl api-resources\" for a \
             complete list of supported resources.\n"
        } else {
            "We accept only this format: explain RESOURCE\n"
        }));
    };
    let format = session.flags.text("output");
    if format != "plaintext" {
        return Err(Failure::new(format!("unrecognized format: {format}")));
    }
    let word = word.trim_end_matches('.').to_owned();
    let (resource, path) = parse(session, &word)?;
    let document = document(session, &resource)?;
    let schema = schema(&document, &resource);
    let mut page = Page {
        document: &document,
        text: header(&resource),
        recursive: session.flags.on("recursive"),
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let found = schema.is_some_and(|schema| page.output(schema, &path, &mut Vec::new()));
    if found {
        page.text.push('\n');
    }
    let text = page.text;
    session.out().write_all(text.as_bytes())?;
    match path.last() {
        _ if found => Ok(()),
        Some(field) => Err(Failure::new(format!("field {field:?} does not exist"))),
        None => Err(Failure::new(format!(
            "GVK {} not found in OpenAPI schema",
            resource.kind
        ))),
    }
}

/// What the document says of a kind.
fn schema<'a>(document: &'a Value, resource: &Resource) -> Option<&'a Value> {
    let is_it = |gvk: &Value| {
        let has = |key: &str, wanted: &str| gvk[key].as_str().unwrap_or_default() == wanted;
        has("group", &resource.group)
            && has("kind", &resource.kind)
            && has("version", &resource.version)
    };
    let schemas = document["components"]["schemas"].as_object()?;
    schemas.values().find(|schema| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.into_iter().flatten().any(is_it)
    })
}

fn header(resource: &Resource) -> String {
    let group = match resource.group.as_str() {
        "" => String::new(),
        group => format!("GROUP:      {group}\n"),
    };
    format!(
        "{group}KIND:       {}\nVERSION:    {}\n\n",
        resource.kind, resource.version
    )
}

/// The kind, and the fields behind it: `pods.spec`, `deployments.apps.spec`.
fn parse(session: &Session<'_>, word: &str) -> Result<(Rc<Resource>, Vec<String>), Failure> {
    let api = session.api()?;
    let discovery = api.discovery()?;
    let (first, rest) = word.split_once('.').unwrap_or((word, ""));
    let found = discovery.find(first).map_err(|_| {
        Failure::whole(format!("the server doesn't have a resource type {first:?}"))
    })?;
    let mut resource = found;
    let mut rest = rest;
    // The whole name of a group may follow the name of its kind.
    let named = discovery
        .resources
        .iter()
        .filter(|one| !one.group.is_empty());
    for one in named.filter(|one| one.name == first) {
        let behind = word.strip_prefix(&one.qualified());
        if let Some(behind) = behind.filter(|rest| rest.is_empty() || rest.starts_with('.')) {
            resource = one;
            rest = behind.trim_start_matches('.');
            break;
        }
    }
    let path = rest
        .split('.')
        .filter(|part| !part.is_empty())
        .map(str::to_owned);
    let version = session.flags.text("api-version");
    if version.is_empty() {
        return Ok((resource.clone(), path.collect()));
    }
    let same = |one: &&Rc<Resource>| one.name == resource.name && one.group_version() == version;
    match discovery.resources.iter().find(same) {
        Some(one) => Ok((one.clone(), path.collect())),
        None => {
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            Err(unknown(group, version, &resource.name))
        }
    }
}

fn unknown(group: &str, version: &str, name: &str) -> Failure {
    Failure::new(format!(
        "couldn't find resource for \"{group}/{version}, Resource={name}\""
    ))
}

fn document(session: &Session<'_>, resource: &Resource) -> Result<Value, Failure> {
    let api = session.api()?;
    let all = api.get("/openapi/v3")?;
    let root = if resource.group.is_empty() {
        "api"
    } else {
        "apis"
    };
    let name = format!("{root}/{}", resource.group_version());
    match all["paths"][&name]["serverRelativeURL"].as_str() {
        Some(path) => api.get(path),
        None => Err(unknown(&resource.group, &resource.version, &resource.name)),
    }
}

struct Page<'a> {
    document: &'a Value,
    text: String,
    recursive: bool,
}

impl<'a> Page<'a> {
    /// The schema that a reference leads to, or the schema itself.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let path = schema["$ref"]
            .as_str()
            .and_then(|path| path.strip_prefix('#'));
        path.and_then(|path| self.document.pointer(path))
            .unwrap_or(schema)
    }

    /// Follows the path, and tells about what it leads to; whether it leads anywhere.
    fn output(&mut self, schema: &'a Value, path: &[&str], seen: &mut Vec<&'a str>) -> bool {
        let resolved = self.resolved(schema);
        let Some((first, rest)) = path.split_first() else {
            self.about(resolved);
            return true;
        };
        if let Some(reference) = schema["$ref"].as_str() {
            if seen.contains(&reference) {
                return false;
            }
            seen.push(reference);
        }
        if let Some(field) = resolved["properties"].get(first) {
            let before = self.text.len();
            if rest.is_empty() {
                let kind = self.kind(field);
                self.text += &format!("FIELD: {first} <{kind}>\n{}\n\n", values(field, None));
            }
            let found = self.output(field, rest, &mut Vec::new());
            if !found {
                self.text.truncate(before);
            }
            return found;
        }
        let inner = [&resolved["items"], &resolved["additionalProperties"]];
        if let Some(inner) = inner.into_iter().find(|inner| inner.is_object()) {
            return self.output(inner, path, seen);
        }
        let parts = resolved["allOf"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        parts
            .iter()
            .any(|part| self.output(part, path, &mut seen.clone()))
    }

    fn about(&mut self, schema: &'a Value) {
        let description = match self.description(schema) {
            empty if empty.is_empty() => "<empty>".to_owned(),
            text => text,
        };
        self.text += "DESCRIPTION:\n";
        self.text += &indented(&wrapped(&description, 76), 4);
        self.text.push('\n');
        let before = self.text.len();
        self.text += "FIELDS:\n";
        let start = self.text.len();
        self.fields(schema, 1, &mut Vec::new());
        if self.text.len() == start {
            self.text.truncate(before);
        }
    }

    fn description(&self, schema: &'a Value) -> String {
        let schema = self.resolved(schema);
        let mut text = match schema["description"].as_str() {
            Some(text) if !text.is_empty() => format!("{text}\n"),
            _ => String::new(),
        };
        for part in parts(schema) {
            text += &self.description(part);
        }
        text
    }

    fn fields(&mut self, schema: &'a Value, level: usize, seen: &mut Vec<&'a str>) {
        if let Some(reference) = schema["$ref"].as_str() {
            if seen.contains(&reference) {
                return;
            }
            seen.push(reference);
        }
        let resolved = self.resolved(schema);
        for (name, field) in resolved["properties"].as_object().into_iter().flatten() {
            self.field(name, field, &resolved["required"], level);
            if self.recursive {
                self.fields(field, level + 1, &mut seen.clone());
            }
        }
        for part in parts(resolved) {
            self.fields(part, level, &mut seen.clone());
        }
    }

    fn field(&mut self, name: &str, field: &'a Value, required: &Value, level: usize) {
        let indent = level * 2;
        let is_required = required
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == name));
        let mark = if is_required { " -required-" } else { "" };
        let kind = self.kind(field);
        let values = values(field, Some(indent));
        self.text += &format!("{:indent$}{name}\t<{kind}>{mark}{values}\n", "");
        if !self.recursive {
            let text = match field["description"].as_str() {
                Some(text) if !text.is_empty() => text,
                _ => "<no description>",
            };
            self.text += &indented(&wrapped(text, 78 - indent), indent + 2);
            self.text += "\n\n";
        }
    }

    /// `string`, `[]Container`, `map[string]string`
    fn kind(&self, schema: &'a Value) -> String {
        let or_object = |kind: &Value| match kind.as_str() {
            Some("object") | Some("") | None => "Object".to_owned(),
            Some(kind) => kind.to_owned(),
        };
        if schema["items"].is_object() {
            return format!("[]{}", self.kind(&schema["items"]));
        }
        if schema["additionalProperties"].is_object() {
            return format!("map[string]{}", self.kind(&schema["additionalProperties"]));
        }
        if let (Some([only]), Value::Null) = (
            schema["allOf"].as_array().map(Vec::as_slice),
            &schema["properties"],
        ) {
            return self.kind(only);
        }
        let Some(reference) = schema["$ref"].as_str() else {
            return or_object(&schema["type"]);
        };
        match self.resolved(schema)["type"].as_str() {
            Some(kind) if kind != "object" => kind.to_owned(),
            _ => {
                let name = reference.rsplit(['/', '.']).next().unwrap_or_default();
                if name.is_empty() {
                    "Object".to_owned()
                } else {
                    name.to_owned()
                }
            }
        }
    }
}

/// What a schema is made of besides its own properties.
fn parts(schema: &Value) -> impl Iterator<Item = &Value> {
    let all = schema["allOf"].as_array().into_iter().flatten();
    let inner = [&schema["items"], &schema["additionalProperties"]];
    all.chain(inner.into_iter().filter(|inner| inner.is_object()))
}

/// The values that an enumeration has: a few on one line behind an indentation, or all.
fn values(schema: &Value, short: Option<usize>) -> String {
    let Some(all) = schema["enum"].as_array().filter(|all| !all.is_empty()) else {
        return String::new();
    };
    let shown = |value: &Value| match value.as_str() {
        Some("") => "\"\"".to_owned(),
        _ => go::sprint(value),
    };
    let Some(indent) = short else {
        let lines = all.iter().map(|value| format!("\n    {}", shown(value)));
        return format!("ENUM:{}", lines.collect::<String>());
    };
    let few: Vec<_> = all.iter().take(4).map(shown).collect();
    let more = if all.len() > 4 { ", ...." } else { "" };
    format!("\n{:indent$}enum: {}{more}", "", few.join(", "))
}

fn indented(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))
}

/// Breaks lines at spaces; a word longer than a line stays whole.
fn wrapped(text: &str, limit: usize) -> String {
    let (mut out, mut word, mut space) = (String::new(), String::new(), String::new());
    let mut column = 0;
    let count = |text: &str| text.chars().count();
    for c in text.chars() {
        if c == '\n' {
            if !word.is_empty() || column + count(&space) <= limit {
                out.push_str(&space);
            }
            out.push_str(&word);
            out.push('\n');
            word.clear();
            space.clear();
            column = 0;
        } else if c.is_whitespace() && c != '\u{a0}' {
            if space.is_empty() || !word.is_empty() {
                column += count(&space) + count(&word);
                out.push_str(&space);
                out.push_str(&word);
                space.clear();
                word.clear();
            }
            space.push(c);
        } else {
            word.push(c);
            let length = count(&word);
            if column + length + count(&space) > limit && length < limit {
                out.push('\n');
                column = 0;
                space.clear();
            }
        }
    }
    if !word.is_empty() || column + count(&space) <= limit {
        out.push_str(&space);
    }
    out + &word
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_broken_at_spaces() {
        for (text, expected) in [
            ("one two three", "one two\nthree"),
            ("one  two", "one  two"),
            ("incomprehensible x", "incomprehensible\nx"),
            ("a\n\nb", "a\n\nb"),
            ("one two \nx", "one two \nx"),
        ] {
            assert_eq!(wrapped(text, 8), expected, "{text}");
        }
    }

    #[test]
    fn a_path_leads_through_references_lists_and_maps() {
        let document = json!({"components": {"schemas": {
            "a.Thing": {"type": "object", "description": "A thing.", "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "enum": ["", "b", "c", "d", "e"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/a.Thing"}},
                    "names": {"type": "object", "additionalProperties": {"type": "string"}},
                }},
        }}});
        let schema = &document["components"]["schemas"]["a.Thing"];
        let told = |path: &[&str], recursive| {
            let mut page = Page {
                document: &document,
                text: String::new(),
                recursive,
            };
            page.output(schema, path, &mut Vec::new())
                .then_some(page.text)
        };
        assert_eq!(
            told(&["parts", "size"], false).unwrap(),
            "FIELD: size <integer>\nENUM:\n    \"\"\n    b\n    c\n    d\n    e\n\n\
             DESCRIPTION:\n    <empty>\n"
        );
        assert_eq!(
            told(&[], true).unwrap(),
            "DESCRIPTION:\n    A thing.\n    \nFIELDS:\n  names\t<map[string]string>\n  \
             parts\t<[]Thing>\n    names\t<map[string]string>\n    parts\t<[]Thing>\n    \
             size\t<integer> -required-\n    enum: \"\", b, c, d, ....\n  \
             size\t<integer> -required-\n  enum: \"\", b, c, d, ....\n"
        );
        assert_eq!(told(&["parts", "nope"], false), None);
    }
}
