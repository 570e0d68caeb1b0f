//! Objects as JSON, YAML or names.

use std::io::Write;

use serde_json::{Value, json};

use crate::kubectl::failure::Failure;
use crate::kubectl::print::{json as as_json, name_of, without_managed_fields};
use crate::kubectl::resources::{self, Selected};
use crate::kubectl::session::Session;
use crate::yaml;

pub(super) fn show(
    session: &mut Session<'_>,
    selected: &Selected,
    format: &str,
) -> Result<(), Failure> {
    let chunk = session.flags.number("chunk-size");
    let keep_managed = session.flags.on("show-managed-fields");
    let api = session.api()?;
    let mut shown = Shown {
        out: session.io.stdout,
        format,
        is_single: selected.is_single,
        count: 0,
    };
    let failures = resources::visit(&api, selected, chunk, &mut |_, mut object| {
        if !keep_managed {
            without_managed_fields(&mut object);
        }
        shown.object(&object)
    });
    let is_empty = shown.count == 0;
    let failures = super::tolerated(session, failures);
    if selected.is_single && is_empty {
        return Failure::all(failures);
    }
    if is_empty && session.flags.on("ignore-not-found") {
        return Failure::all(failures);
    }
    Shown {
        out: session.io.stdout,
        format,
        is_single: selected.is_single,
        count: usize::from(!is_empty),
    }
    .end()?;
    Failure::all(failures)
}

/// Writes objects as they come, so that a long list is never held as a whole.
struct Shown<'a> {
    out: &'a mut dyn Write,
    format: &'a str,
    is_single: bool,
    count: usize,
}

impl Shown<'_> {
    fn object(&mut self, object: &Value) -> Result<(), Failure> {
        self.count += 1;
        let text = match (self.format, self.is_single) {
            ("name", _) => name_of(object),
            ("yaml", true) => yaml::to_string(object).trim_end_matches('\n').to_owned(),
            (_, true) => as_json::pretty(object, 0),
            ("yaml", false) => self.in_yaml_list(object),
            (_, false) => self.in_json_list(object),
        };
        let end = if self.is_single || self.format != "json" {
            "\n"
        } else {
            ""
        };
        Ok(write!(self.out, "{text}{end}")?)
    }

    fn in_json_list(&self, object: &Value) -> String {
        let start = match self.count {
            1 => "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n",
            _ => ",\n",
        };
        format!("{start}        {}", as_json::pretty(object, 2))
    }

    fn in_yaml_list(&self, object: &Value) -> String {
        let start = if self.count == 1 {
            "apiVersion: v1\nitems:\n"
        } else {
            ""
        };
        let item = yaml::to_string(&json!([object]));
        format!("{start}{}", item.trim_end_matches('\n'))
    }

    /// What follows the last object of a list.
    fn end(&mut self) -> Result<(), Failure> {
        let text = match (self.format, self.is_single, self.count) {
            ("json", false, 0) => {
                "{\n    \"apiVersion\": \"v1\",\n    \"items\": [],\n    \"kind\": \"List\",\n    \
                 \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
            }
            ("json", false, _) => {
                "\n    ],\n    \"kind\": \"List\",\n    \
                 \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
            }
            ("yaml", false, 0) => {
                "apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n"
            }
            ("yaml", false, _) => "kind: List\nmetadata:\n  resourceVersion: \"\"\n",
            _ => "",
        };
        Ok(self.out.write_all(text.as_bytes())?)
    }
}
