//! Turns the server's tables into lines of cells.

use std::borrow::Cow;

use serde_json::Value;

use crate::json::{self, Walk, object as fields};
use crate::kubectl::duration;
use crate::kubectl::print::{escape_terminal, go, object};
use crate::kubectl::resources::Ask;
use crate::kubectl::session::Session;

/// Stands where the kind belongs before the name of an object.
pub(super) const KIND: char = '\u{1}';

pub(super) const ACCEPT: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,\
                                 application/json;as=Table;v=v1beta1;g=meta.k8s.io,\
                                 application/json";

#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    kind: Cow<'a, str>,
    pub(super) metadata: Value,
    /// As they come: name, type, format, priority.
    column_definitions: Vec<Value>,
    pub(super) rows: Vec<Row<'a>>,
    /// Of servers that make no tables.
    items: Vec<&'a [u8]>,
}

#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    cells: Vec<Value>,
    /// Not read yet; empty when there is none.
    pub(super) object: &'a [u8],
}

fields! {
    #[derive(Debug)]
    struct Object {
        metadata: Metadata = "metadata",
    }
}

fields! {
    #[derive(Debug)]
    struct Metadata {
        namespace: Option<String> = "namespace",
        labels: Value = "labels",
    }
}

/// What is added to the server's columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    wide: bool,
    no_headers: bool,
    namespace: bool,
    labels: Vec<String>,
    show_labels: bool,
    events: bool,
}

/// Makes lines of one kind; a header only where the columns change.
#[derive(Debug)]
pub(super) struct Printer {
    pub(super) options: Options,
    columns: Vec<Value>,
    has_header: bool,
}

impl Options {
    /// What the flags ask for.
    pub(super) fn of(session: &Session<'_>, ask: &Ask) -> Self {
        let flags = &session.flags;
        let labels = flags.all("label-columns");
        Self {
            wide: flags.text("output") == "wide",
            no_headers: flags.on("no-headers"),
            namespace: flags.on("all-namespaces") && ask.resource.is_namespaced,
            labels: labels.into_iter().map(str::to_owned).collect(),
            show_labels: flags.on("show-labels"),
            events: flags.on("output-watch-events"),
        }
    }
}

impl<'a> Table<'a> {
    /// Of a server that makes tables, or of one that answers with objects all the same.
    pub(super) fn read(text: &'a [u8]) -> serde_json::Result<Self> {
        let mut table = Self::default();
        let mut walk = Walk::new(text);
        walk.fields(&mut |name, walk| table.field(name, walk))?;
        walk.end()?;
        if table.kind == "Table" {
            return Ok(table);
        }
        table.column_definitions = vec![column("Name", "name"), column("Age", "")];
        let items = std::mem::take(&mut table.items);
        let items = if table.kind.ends_with("List") {
            items
        } else {
            vec![text]
        };
        for item in items {
            table.rows.push(Row::of_any(item)?);
        }
        Ok(table)
    }

    fn field(&mut self, name: &str, walk: &mut Walk<'a>) -> serde_json::Result<()> {
        match name {
            "kind" => self.kind = walk.value()?,
            "metadata" => self.metadata = walk.value()?,
            // Null where a watch goes on.
            "columnDefinitions" => {
                let columns: Option<_> = walk.value()?;
                self.column_definitions = columns.unwrap_or_default();
            }
            "rows" => walk.items(&mut |walk| {
                self.rows.push(Row::read(walk)?);
                Ok(())
            })?,
            "items" => walk.items(&mut |walk| {
                self.items.push(walk.skip()?);
                Ok(())
            })?,
            _ => drop(walk.skip()?),
        }
        Ok(())
    }
}

impl Printer {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            columns: Vec::new(),
            has_header: false,
        }
    }

    /// Takes in the columns of a table; the header if one is due.
    pub(super) fn begin(&mut self, table: &mut Table<'_>, event: bool, text: &mut String) {
        let columns = std::mem::take(&mut table.column_definitions);
        // Watches do not repeat the columns.
        if !columns.is_empty() && columns != self.columns {
            self.columns = columns;
            self.has_header = false;
        }
        if table.rows.is_empty() || std::mem::replace(&mut self.has_header, true) {
            return;
        }
        if !self.options.no_headers {
            self.header(event, text);
        }
    }

    fn header(&self, event: bool, text: &mut String) {
        let mut names = Vec::new();
        if event {
            names.push("EVENT".to_owned());
        }
        if self.options.namespace {
            names.push("NAMESPACE".to_owned());
        }
        let shown = self.columns.iter().filter(|column| self.shows(column));
        let name = |column: &Value| column["name"].as_str().unwrap_or_default().to_uppercase();
        names.extend(shown.map(name));
        let last = |label: &String| label.rsplit('/').next().unwrap_or_default().to_uppercase();
        names.extend(self.options.labels.iter().map(last));
        if self.options.show_labels {
            names.push("LABELS".to_owned());
        }
        text.push_str(&names.join("\t"));
        text.push('\n');
    }

    fn shows(&self, column: &Value) -> bool {
        self.options.wide || column["priority"].as_i64().unwrap_or_default() == 0
    }

    /// The cells of a row, with tabs between; `event` is empty outside of a watch.
    pub(super) fn row(&self, row: &Row<'_>, event: &str) -> String {
        let metadata = self.metadata(row);
        let mut line = String::new();
        if self.options.events && !event.is_empty() {
            line.push_str(&format!("{event:<8}\t"));
        }
        if self.options.namespace {
            line.push_str(metadata.namespace.as_deref().unwrap_or_default());
            line.push('\t');
        }
        let name = self.columns.iter().position(is_name);
        for (index, (cell, column)) in row.cells.iter().zip(&self.columns).enumerate() {
            if !self.shows(column) {
                continue;
            }
            if name == Some(index) {
                line.push(KIND);
            }
            push_cell(cell, &mut line);
            line.push('\t');
        }
        for label in &self.options.labels {
            line.push_str(metadata.labels[label.as_str()].as_str().unwrap_or_default());
            line.push('\t');
        }
        if self.options.show_labels {
            line.push_str(&labels(&metadata.labels));
            line.push('\t');
        }
        line.pop();
        line.push('\n');
        line
    }

    /// Read only where it is shown: it is most of what comes.
    fn metadata(&self, row: &Row<'_>) -> Metadata {
        let options = &self.options;
        if !options.namespace && !options.show_labels && options.labels.is_empty() {
            return Metadata::default();
        }
        let object = json::read(row.object);
        let object: Object = object.unwrap_or_default();
        object.metadata
    }
}

fn is_name(column: &Value) -> bool {
    column["format"] == "name" && column["type"] == "string"
}

fn column(name: &str, format: &str) -> Value {
    object(vec![
        ("name", name.into()),
        ("type", "string".into()),
        ("format", format.into()),
    ])
}

impl<'a> Row<'a> {
    fn read(walk: &mut Walk<'a>) -> serde_json::Result<Self> {
        let mut row = Self::default();
        walk.fields(&mut |name, walk| {
            match name {
                "cells" => row.cells = walk.value()?,
                "object" => row.object = walk.skip()?,
                _ => drop(walk.skip()?),
            }
            Ok(())
        })?;
        Ok(row)
    }

    /// Name and age, which every object has.
    fn of_any(object: &'a [u8]) -> serde_json::Result<Self> {
        let read: Value = json::read(object)?;
        let metadata = &read["metadata"];
        let age = duration::since(metadata["creationTimestamp"].as_str().unwrap_or_default());
        let cells = vec![metadata["name"].clone(), age.into()];
        Ok(Self { cells, object })
    }
}

/// The first line of a cell, harmless to a terminal.
fn push_cell(cell: &Value, line: &mut String) {
    let text = match cell {
        Value::Null => return,
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(go::sprint(other)),
    };
    let end = text
        .find(['\n', '\r', '\u{c}'])
        .filter(|_| cell.is_string());
    line.push_str(&escape_terminal(&text[..end.unwrap_or(text.len())]));
    if end.is_some() {
        line.push_str("...");
    }
}

/// `a=b,c=d`
fn labels(labels: &Value) -> String {
    let pairs = labels.as_object().into_iter().flatten();
    let pairs: Vec<_> = pairs
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if pairs.is_empty() {
        "<none>".to_owned()
    } else {
        pairs.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(options: Options, table: &str) -> String {
        let mut printer = Printer::new(options);
        let mut table = Table::read(table.as_bytes()).unwrap();
        let mut text = String::new();
        printer.begin(&mut table, false, &mut text);
        for row in &table.rows {
            text += &printer.row(row, "");
        }
        text.replace(KIND, "pod/").replace('\t', "|")
    }

    const TABLE: &str = r#"{"kind": "Table",
        "columnDefinitions": [{"name": "Name", "type": "string", "format": "name"},
            {"name": "Age", "type": "string"}, {"name": "More", "type": "string", "priority": 1}],
        "rows": [{"cells": ["a", "5m\nlong", 7],
            "object": {"metadata": {"namespace": "x", "labels": {"a/b": "c"}}}}]}"#;

    #[test]
    fn tables_of_the_server_are_shown_as_they_are() {
        assert_eq!(
            printed(Options::default(), TABLE),
            "NAME|AGE\npod/a|5m...\n"
        );
        let options = Options {
            wide: true,
            namespace: true,
            labels: vec!["a/b".to_owned()],
            show_labels: true,
            ..Options::default()
        };
        let expected = "NAMESPACE|NAME|AGE|MORE|B|LABELS\nx|pod/a|5m...|7|c|a/b=c\n";
        assert_eq!(printed(options, TABLE), expected);
    }

    #[test]
    fn what_a_watch_adds_has_the_columns_of_before() {
        let mut printer = Printer::new(Options::default());
        let mut text = String::new();
        let next = r#"{"kind": "Table", "columnDefinitions": null,
            "rows": [{"cells": ["b", "6m", 8], "object": null}]}"#;
        for table in [TABLE, next] {
            let mut table = Table::read(table.as_bytes()).unwrap();
            printer.begin(&mut table, false, &mut text);
            text += &printer.row(&table.rows[0], "");
        }
        let text = text.replace(KIND, "").replace('\t', "|");
        assert_eq!(text, "NAME|AGE\na|5m...\nb|6m\n");
    }

    #[test]
    fn objects_without_a_table_have_name_and_age() {
        let list = r#"{"kind": "PodList", "items": [{"metadata": {"name": "a"}}]}"#;
        let expected = "NAME|AGE\npod/a|<unknown>\n";
        assert_eq!(printed(Options::default(), list), expected);
        let one = r#"{"kind": "Pod", "metadata": {"name": "a"}}"#;
        assert_eq!(printed(Options::default(), one), expected);
    }

    #[test]
    fn without_rows_there_is_no_header() {
        let empty = r#"{"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": []}"#;
        assert_eq!(printed(Options::default(), empty), "");
    }
}
