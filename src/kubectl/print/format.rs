//! The forms that `-o` has for objects, and how objects are written in them.

use std::fs;
use std::io::Write;

use serde_json::Value;

use super::{Columns, json as as_json, name_of, object};
use crate::kubectl::failure::Failure;
use crate::kubectl::jsonpath::JsonPath;
use crate::kubectl::session::Session;
use crate::yaml;

/// How objects are shown.
#[derive(Debug)]
pub enum Format {
    Json,
    Yaml,
    Name,
    /// The template, what it makes, and whether values are shown as JSON arrays.
    Path(String, JsonPath, bool),
    Columns(Columns),
}

/// Writes one object, or a list of them piece by piece.
pub struct Writer<'a> {
    pub out: &'a mut dyn Write,
    pub format: Format,
    /// Whether it is a list, even of one.
    pub is_list: bool,
    pub count: usize,
    /// Of templates, which look at a list as a whole.
    kept: Vec<Value>,
}

impl Format {
    /// What `-o` and `--template` ask for; none if they ask for a table.
    ///
    /// # Errors
    /// There is no such form, or its template is wrong.
    pub fn of(session: &Session<'_>, allowed: &[&str]) -> Result<Option<Self>, Failure> {
        let flags = &session.flags;
        let output = flags.text("output");
        let (name, inline) = output.split_once('=').unwrap_or((output, ""));
        let template = match flags.text("template") {
            "" => inline,
            given => given,
        };
        let has_template = name.starts_with("jsonpath") || name.starts_with("custom-columns");
        if !allowed.contains(&name) || (name != output && !has_template) {
            if name.is_empty() && template.is_empty() {
                return Ok(None);
            }
            return Err(Failure::new(format!(
                "unable to match a printer suitable for the output format {output:?}, allowed \
                 formats are: {}",
                allowed.join(",")
            )));
        }
        let template = match name.strip_suffix("-file") {
            Some(_) if !session.is_local() => return Err(Failure::local("a file with a template")),
            Some(_) => &fs::read_to_string(template).map_err(|error| {
                Failure::new(format!("error reading template {template}, {error}"))
            })?,
            None => template,
        };
        match name {
            "" | "wide" => Ok(None),
            "json" => Ok(Some(Self::Json)),
            "yaml" => Ok(Some(Self::Yaml)),
            "name" => Ok(Some(Self::Name)),
            _ if name.starts_with("custom-columns") => columns(session, name, template).map(Some),
            _ => path(session, name, template).map(Some),
        }
    }

    /// Whether it leaves out who changed which field: what a person reads as a whole does.
    pub fn prunes(&self, session: &Session<'_>) -> bool {
        matches!(self, Self::Json | Self::Yaml) && !session.flags.on("show-managed-fields")
    }
}

fn columns(session: &Session<'_>, name: &str, template: &str) -> Result<Format, Failure> {
    if template.is_empty() {
        return Err(Failure::new(
            "custom-columns format specified but no custom columns given",
        ));
    }
    let columns = if name.ends_with("-file") {
        Columns::of_file(template)
    } else {
        Columns::of_text(template, !session.flags.on("no-headers"))
    };
    Ok(Format::Columns(columns?))
}

fn path(session: &Session<'_>, name: &str, template: &str) -> Result<Format, Failure> {
    if template.is_empty() {
        return Err(Failure::new(
            "template format specified but no template given",
        ));
    }
    let mut path = JsonPath::parse(template)
        .map_err(|problem| Failure::new(format!("error parsing jsonpath {template}, {problem}")))?;
    path.allow_missing = session.flags.on("allow-missing-template-keys");
    Ok(Format::Path(
        template.to_owned(),
        path,
        name == "jsonpath-as-json",
    ))
}

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut dyn Write, format: Format, is_list: bool) -> Self {
        Self {
            out,
            format,
            is_list,
            count: 0,
            kept: Vec::new(),
        }
    }

    /// Whether objects of a list wait for the last one.
    pub fn keeps(&self) -> bool {
        matches!(self.format, Format::Path(..))
    }

    /// The next object; shown at once where that is possible.
    ///
    /// # Errors
    /// It cannot be shown or written.
    pub fn object(&mut self, object: Value) -> Result<(), Failure> {
        self.count += 1;
        let text = match (&mut self.format, self.is_list) {
            (Format::Columns(columns), _) => return columns.object(&object),
            (Format::Path(..), true) => {
                self.kept.push(object);
                return Ok(());
            }
            (Format::Path(template, path, arrays), false) => {
                made(template, path, *arrays, &object)?
            }
            (Format::Name, _) => format!("{}\n", name_of(&object)),
            (Format::Yaml, false) => {
                let start = if self.count > 1 { "---\n" } else { "" };
                format!("{start}{}", yaml::to_string(&object))
            }
            (Format::Json, false) => format!("{}\n", as_json::pretty(&object, 0)),
            (Format::Yaml, true) => {
                let start = if self.count == 1 {
                    "apiVersion: v1\nitems:\n"
                } else {
                    ""
                };
                format!("{start}{}", yaml::to_string(&Value::Array(vec![object])))
            }
            (Format::Json, true) => {
                let start = match self.count {
                    1 => "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n",
                    _ => ",\n",
                };
                format!("{start}        {}", as_json::pretty(&object, 2))
            }
        };
        Ok(self.out.write_all(text.as_bytes())?)
    }

    /// What follows the last object.
    ///
    /// # Errors
    /// It cannot be shown or written.
    pub fn end(mut self) -> Result<(), Failure> {
        let items = std::mem::take(&mut self.kept);
        let text = match (&mut self.format, self.is_list) {
            (Format::Columns(columns), is_list) => {
                if is_list {
                    columns.start();
                }
                return columns.flush(self.out);
            }
            (_, false) | (Format::Name, _) => return Ok(()),
            (Format::Path(template, path, arrays), _) => {
                made(template, path, *arrays, &list_of(items))?
            }
            (Format::Json, _) if self.count == 0 => {
                format!("{}\n", as_json::pretty(&list_of(items), 0))
            }
            (Format::Yaml, _) if self.count == 0 => yaml::to_string(&list_of(items)),
            (Format::Json, _) => "\n    ],\n    \"kind\": \"List\",\n    \
                 \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
                .to_owned(),
            (Format::Yaml, _) => "kind: List\nmetadata:\n  resourceVersion: \"\"\n".to_owned(),
        };
        Ok(self.out.write_all(text.as_bytes())?)
    }

    /// Writes what waits for more lines, when more may not come for long.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self) -> Result<(), Failure> {
        if let Format::Columns(columns) = &mut self.format {
            columns.flush(self.out)?;
        }
        Ok(self.out.flush()?)
    }
}

/// The list that objects of any kind are shown in.
pub fn list_of(items: Vec<Value>) -> Value {
    object(vec![
        ("apiVersion", "v1".into()),
        ("items", items.into()),
        ("kind", "List".into()),
        ("metadata", object(vec![("resourceVersion", "".into())])),
    ])
}

fn made(template: &str, path: &JsonPath, arrays: bool, object: &Value) -> Result<String, Failure> {
    let made = if arrays {
        path.arrays(object)
    } else {
        path.text(object)
    };
    made.map_err(|problem| {
        Failure::new(format!(
            "error executing jsonpath {template:?}: Error executing template: {problem}. Printing \
             more information for debugging the template:\n\ttemplate was:\n\t\t{template}\n\
             \tobject given to jsonpath engine was:\n\t\t{}\n\n\n",
            super::go::syntax(object)
        ))
    })
}
