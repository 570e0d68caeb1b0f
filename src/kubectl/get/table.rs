//! Tables as the server makes them, page by page.
//!
//! Only the cells of what is shown are kept until the widths of their columns are known.

use std::borrow::Cow;
use std::io::Write;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::k8s::Call;
use crate::kubectl::api::Api;
use crate::kubectl::failure::Failure;
use crate::kubectl::print::tabs::Tabs;
use crate::kubectl::print::{go, kind_of};
use crate::kubectl::resources::{Ask, Pages, Selected};
use crate::kubectl::session::Session;

pub(super) const ACCEPT: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,\
                                 application/json;as=Table;v=v1beta1;g=meta.k8s.io,\
                                 application/json";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Table<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    pub(super) metadata: Value,
    column_definitions: Vec<Column>,
    rows: Vec<Row<'a>>,
    /// Of servers that make no tables.
    items: Vec<Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Column {
    name: String,
    r#type: String,
    format: String,
    description: String,
    priority: i32,
}

#[derive(Debug, Deserialize)]
struct Row<'a> {
    #[serde(default)]
    cells: Vec<Value>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

/// What is added to the server's columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) wide: bool,
    pub(super) no_headers: bool,
    pub(super) namespace: bool,
    /// `pod`: stands before the name.
    pub(super) kind: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) show_labels: bool,
}

/// Turns tables of one kind into lines; a header only where the columns change.
#[derive(Debug)]
pub(super) struct Printer {
    options: Options,
    columns: Vec<Column>,
    has_header: bool,
}

pub(super) fn show(session: &mut Session<'_>, selected: &Selected) -> Result<(), Failure> {
    let api = session.api()?;
    let mut output = Output {
        tabs: Tabs::table(),
        printer: None,
        is_separated: false,
        written: 0,
    };
    let mut failures = Vec::new();
    let several = has_several_kinds(selected);
    for (index, ask) in selected.asks.iter().enumerate() {
        let is_new = index == 0 || selected.asks[index - 1].resource != ask.resource;
        let options = is_new.then(|| options(session, ask, several));
        if let Err(failure) = pages(session, &api, (selected, ask), &mut output, options) {
            failures.push(failure);
        }
    }
    output.flush(session.io.stdout)?;
    let failures = super::tolerated(session, failures);
    if output.written == 0 && failures.is_empty() && !session.flags.on("ignore-not-found") {
        super::nothing(session, selected)?;
    }
    Failure::all(failures)
}

fn has_several_kinds(selected: &Selected) -> bool {
    selected
        .asks
        .windows(2)
        .any(|pair| pair[0].resource != pair[1].resource)
}

fn options(session: &Session<'_>, ask: &Ask, several: bool) -> Options {
    let flags = &session.flags;
    let kind = (several || flags.on("show-kind"))
        .then(|| kind_of(&ask.resource.kind, &ask.resource.group));
    Options {
        wide: flags.text("output") == "wide",
        no_headers: flags.on("no-headers"),
        namespace: flags.on("all-namespaces") && ask.resource.is_namespaced,
        kind,
        labels: flags
            .all("label-columns")
            .into_iter()
            .map(str::to_owned)
            .collect(),
        show_labels: flags.on("show-labels"),
    }
}

/// Prints what one request has, in pages; `options` are given when another kind begins.
fn pages(
    session: &mut Session<'_>,
    api: &Api,
    (selected, ask): (&Selected, &Ask),
    output: &mut Output,
    mut options: Option<Options>,
) -> Result<(), Failure> {
    let mut pages = Pages::new(session.flags.number("chunk-size"));
    while let Some(path) = pages.next(selected, ask) {
        let body = api.bytes(&Call::get(&path, ACCEPT));
        let body = body.map_err(|failure| selected.about(ask, failure))?;
        let table: Table = serde_json::from_slice(&body)
            .map_err(|error| Failure::new(format!("the answer is no table: {error}")))?;
        pages.read(&table.metadata);
        if let Some(options) = options.take() {
            output.begin(options, session.io.stdout)?;
        }
        output.table(table);
    }
    Ok(())
}

/// Lines that wait for their widths, and an empty one between kinds.
struct Output {
    tabs: Tabs,
    printer: Option<Printer>,
    is_separated: bool,
    written: usize,
}

impl Output {
    /// Another kind begins.
    fn begin(&mut self, options: Options, out: &mut dyn Write) -> Result<(), Failure> {
        self.flush(out)?;
        self.tabs.forget();
        if self.printer.is_some() && !options.no_headers && self.written > 0 {
            self.is_separated = true;
        }
        self.printer = Some(Printer::new(options));
        Ok(())
    }

    fn table(&mut self, table: Table<'_>) {
        if let Some(printer) = &mut self.printer {
            printer.print(table, &mut self.tabs);
        }
    }

    fn flush(&mut self, out: &mut dyn Write) -> Result<(), Failure> {
        if self.tabs.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.is_separated) {
            out.write_all(b"\n")?;
        }
        self.written += 1;
        Ok(self.tabs.flush(out)?)
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

    pub(super) fn print(&mut self, table: Table<'_>, tabs: &mut Tabs) {
        let (columns, rows, items) = match &*table.kind {
            "Table" => (table.column_definitions, table.rows, Vec::new()),
            _ => (Column::of_any(), Vec::new(), table.items),
        };
        // Watches do not repeat the columns.
        if !columns.is_empty() && columns != self.columns {
            self.columns = columns;
            self.has_header = false;
        }
        if rows.is_empty() && items.is_empty() {
            return;
        }
        if !std::mem::replace(&mut self.has_header, true) && !self.options.no_headers {
            self.header(tabs);
        }
        for row in rows {
            self.row(row, tabs);
        }
    }

    fn header(&self, tabs: &mut Tabs) {
        let mut names = Vec::new();
        if self.options.namespace {
            names.push("NAMESPACE".to_owned());
        }
        let shown = self.columns.iter().filter(|column| self.shows(column));
        names.extend(shown.map(|column| column.name.to_uppercase()));
        let last = |label: &String| label.rsplit('/').next().unwrap_or_default().to_uppercase();
        names.extend(self.options.labels.iter().map(last));
        if self.options.show_labels {
            names.push("LABELS".to_owned());
        }
        tabs.line(&names);
    }

    fn shows(&self, column: &Column) -> bool {
        self.options.wide || column.priority == 0
    }

    fn row(&self, row: Row<'_>, tabs: &mut Tabs) {
        let metadata = self.metadata(row.object);
        let mut is_first = true;
        let mut next = |tabs: &mut Tabs| {
            if !std::mem::take(&mut is_first) {
                tabs.push("\t");
            }
        };
        if self.options.namespace {
            next(tabs);
            tabs.push(metadata.namespace.as_deref().unwrap_or_default());
        }
        let name = self.columns.iter().position(Column::is_name);
        for (index, (cell, column)) in row.cells.iter().zip(&self.columns).enumerate() {
            if !self.shows(column) {
                continue;
            }
            next(tabs);
            if let Some(kind) = self.options.kind.as_ref().filter(|_| name == Some(index)) {
                tabs.push(kind);
                tabs.push("/");
            }
            push_cell(cell, tabs);
        }
        for label in &self.options.labels {
            next(tabs);
            tabs.push(metadata.labels[label.as_str()].as_str().unwrap_or_default());
        }
        if self.options.show_labels {
            next(tabs);
            tabs.push(&labels(&metadata.labels));
        }
        tabs.push("\n");
    }

    /// Read only where it is shown: it is most of what comes.
    fn metadata(&self, object: Option<&RawValue>) -> Metadata {
        let options = &self.options;
        let is_shown = options.namespace || options.show_labels || !options.labels.is_empty();
        object
            .filter(|_| is_shown)
            .and_then(|object| serde_json::from_str::<Object>(object.get()).ok())
            .unwrap_or_default()
            .metadata
    }
}

#[derive(Debug, Default, Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    namespace: Option<String>,
    #[serde(default)]
    labels: Value,
}

impl Column {
    fn is_name(&self) -> bool {
        self.format == "name" && self.r#type == "string"
    }

    /// What every object has.
    fn of_any() -> Vec<Column> {
        let column = |name: &str, format: &str| Column {
            name: name.to_owned(),
            r#type: "string".to_owned(),
            format: format.to_owned(),
            ..Column::default()
        };
        vec![column("Name", "name"), column("Age", "")]
    }
}

/// The first line of a cell, harmless to a terminal.
fn push_cell(cell: &Value, tabs: &mut Tabs) {
    let text = match cell {
        Value::Null => return,
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(go::sprint(other)),
    };
    let end = text
        .find(['\n', '\r', '\u{c}'])
        .filter(|_| cell.is_string());
    let line = &text[..end.unwrap_or(text.len())];
    for part in line.split_inclusive(['\u{1b}', '\r']) {
        match part.strip_suffix(['\u{1b}', '\r']) {
            Some(plain) => {
                tabs.push(plain);
                tabs.push(if part.ends_with('\r') { "\\r" } else { "^[" });
            }
            None => tabs.push(part),
        }
    }
    if end.is_some() {
        tabs.push("...");
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
