//! `get --watch`: what is there, and then what changes, until the server or the caller
//! ends it.

use serde_json::Value;

use super::printer::{ACCEPT, KIND, Options, Printer, Table};
use crate::json;
use crate::k8s::{Call, JSON, watch};
use crate::kubectl::api::{Api, query};
use crate::kubectl::failure::Failure;
use crate::kubectl::print;
use crate::kubectl::print::format::Writer;
use crate::kubectl::print::tabs::Tabs;
use crate::kubectl::print::{Format, json as as_json, kind_of, without_managed_fields};
use crate::kubectl::resources::{Ask, Pages, Selected};
use crate::kubectl::session::Session;
use crate::kubectl::watched::Lines;

pub(super) fn follow(
    session: &mut Session<'_>,
    selected: &Selected,
    format: Option<Format>,
) -> Result<(), Failure> {
    let [ask] = selected.asks.as_slice() else {
        return Err(Failure::new(
            "you may only watch a single resource or type of resource at a time",
        ));
    };
    let api = session.api()?;
    let options = Options::of(session, ask);
    let accept = if format.is_some() { JSON } else { ACCEPT };
    let prune = format.as_ref().is_some_and(|format| format.prunes(session));
    let mut shown = Shown {
        tabs: Tabs::table(),
        printer: Printer::new(options),
        kind: match session.flags.on("show-kind") {
            true => kind_of(&ask.resource.kind, &ask.resource.group) + "/",
            false => String::new(),
        },
        // What wraps an object hides it from what leaves out fields: so it is with kubectl.
        prune: prune && !session.flags.on("output-watch-events"),
        events: session.flags.on("output-watch-events"),
        silent: session.flags.on("watch-only"),
        writer: format.map(|format| (format, 0)),
    };
    let Some(mut version) = shown.list(&api, (selected, ask), accept, session)? else {
        return Ok(());
    };
    shown.flush(session)?;
    // A single one is sent again at the start of its watch.
    shown.silent = !ask.name.is_empty();
    if shown.silent {
        version = "0".to_owned();
    }
    shown.changes(&api, &path(selected, ask, &version), accept, session)
}

fn path(selected: &Selected, ask: &Ask, version: &str) -> String {
    let mut all = ask.clone();
    let only = if ask.name.is_empty() {
        String::new()
    } else {
        all.name.clear();
        format!("metadata.name={}", ask.name)
    };
    let path = selected.list_path(&all, &[("resourceVersion", version), ("watch", "true")]);
    query(&path, &[("fieldSelector", &only)])
}

/// What has been shown, as far as it decides what comes next.
struct Shown {
    tabs: Tabs,
    printer: Printer,
    /// What stands before names.
    kind: String,
    prune: bool,
    events: bool,
    /// Whether what comes next is known or not wished for.
    silent: bool,
    /// None: tables.
    writer: Option<(Format, usize)>,
}

impl Shown {
    /// Shows what is there; gives back the version of the list, none if what was named is
    /// not there and need not be.
    fn list(
        &mut self,
        api: &Api,
        (selected, ask): (&Selected, &Ask),
        accept: &str,
        session: &mut Session<'_>,
    ) -> Result<Option<String>, Failure> {
        let mut version = String::new();
        let mut pages = Pages::new(session.flags.number("chunk-size"));
        while let Some(path) = pages.next(selected, ask) {
            let body = match api.bytes(&Call::get(&path, accept)) {
                Err(failure) if failure.is_not_found() && session.flags.on("ignore-not-found") => {
                    return Ok(None);
                }
                body => body.map_err(|failure| selected.about(ask, failure))?,
            };
            let metadata = self.listed(&body, ask, session)?;
            pages.read(&metadata);
            version = metadata["resourceVersion"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
        }
        Ok(Some(version))
    }

    /// Takes a page or an object; gives back its metadata.
    fn listed(
        &mut self,
        body: &[u8],
        ask: &Ask,
        session: &mut Session<'_>,
    ) -> Result<Value, Failure> {
        let event = if self.events { "ADDED" } else { "" };
        if self.writer.is_none() {
            let table = Table::read(body).map_err(|error| unreadable(&error))?;
            let metadata = table.metadata.clone();
            self.table(table, event);
            return Ok(metadata);
        }
        let mut page: Value = json::read(body).map_err(|error| unreadable(&error))?;
        let metadata = page["metadata"].clone();
        if !ask.name.is_empty() {
            self.object(page, event, session)?;
            return Ok(metadata);
        }
        let version = page["apiVersion"].clone();
        if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
            for mut item in items {
                if let Value::Object(map) = &mut item {
                    map.entry("kind")
                        .or_insert_with(|| ask.resource.kind.clone().into());
                    map.entry("apiVersion").or_insert_with(|| version.clone());
                }
                self.object(item, event, session)?;
            }
        }
        Ok(metadata)
    }

    fn table(&mut self, mut table: Table<'_>, event: &str) {
        if self.silent {
            table.rows.clear();
        }
        let mut text = String::new();
        self.printer.begin(&mut table, self.events, &mut text);
        for row in &table.rows {
            text += &self.printer.row(row, event);
        }
        self.tabs.push(&text.replace(KIND, &self.kind));
    }

    fn object(
        &mut self,
        mut object: Value,
        event: &str,
        session: &mut Session<'_>,
    ) -> Result<(), Failure> {
        // What is not shown leaves the writer where it is.
        let writer = match self.silent {
            true => None,
            false => self.writer.take(),
        };
        let Some((format, count)) = writer else {
            return Ok(());
        };
        if self.prune {
            without_managed_fields(&mut object);
        }
        let mut writer = Writer::new(session.io.stdout, format, false);
        writer.count = count;
        if event.is_empty() || matches!(writer.format, Format::Name | Format::Path(..)) {
            writer.object(object)?;
        } else {
            match &writer.format {
                // In this order, which is not that of the letters.
                Format::Json => {
                    let object = as_json::compact(&object);
                    writeln!(writer.out, "{{\"type\":\"{event}\",\"object\":{object}}}")?;
                }
                _ => writer.object(print::object(vec![
                    ("type", event.into()),
                    ("object", object),
                ]))?,
            }
        }
        self.writer = Some((writer.format, writer.count));
        Ok(())
    }

    fn flush(&mut self, session: &mut Session<'_>) -> Result<(), Failure> {
        self.tabs.flush(session.io.stdout)?;
        if let Some((Format::Columns(columns), _)) = &mut self.writer {
            columns.flush(session.io.stdout)?;
        }
        session.warn();
        Ok(session.io.stdout.flush()?)
    }

    fn changes(
        mut self,
        api: &Api,
        path: &str,
        accept: &str,
        session: &mut Session<'_>,
    ) -> Result<(), Failure> {
        let mut lines = Lines::open(api, path, accept)?;
        // However it ends, there is no more to show.
        while let Some(line) = lines.next() {
            if session.context.stop.is_stopped() {
                break;
            }
            let (kind, text) = watch::event(line).map_err(|error| unreadable(&error))?;
            let kind = if self.events { &*kind } else { "" };
            if self.writer.is_none() {
                let table = Table::read(text).map_err(|error| unreadable(&error))?;
                self.table(table, kind);
            } else {
                let object = json::read(text).map_err(|error| unreadable(&error))?;
                self.object(object, kind, session)?;
            }
            self.flush(session)?;
            self.silent = false;
        }
        Ok(())
    }
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::new(format!("the answer of the server cannot be read: {error}"))
}
