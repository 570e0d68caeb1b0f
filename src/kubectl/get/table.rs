//! Tables as the server makes them, page by page.
//!
//! Only the cells of what is shown are kept until the widths of their columns are known,
//! and until it is known whether several kinds are shown.

use std::io::Write;
use std::rc::Rc;

use serde_json::Value;

use super::printer::{ACCEPT, KIND, Options, Printer, Table};
use crate::json;
use crate::k8s::Call;
use crate::kubectl::api::{Api, query};
use crate::kubectl::discovery::Resource;
use crate::kubectl::failure::Failure;
use crate::kubectl::print::kind_of;
use crate::kubectl::print::tabs::Tabs;
use crate::kubectl::resources::{Ask, Pages, Selected};
use crate::kubectl::session::Session;
use crate::kubectl::sort::Field;

pub(super) fn show(session: &mut Session<'_>, selected: &Selected) -> Result<(), Failure> {
    let sort_by = session.flags.text("sort-by").to_owned();
    let api = session.api()?;
    let mut output = Output {
        // Sorted is what came at once.
        chunk: if sort_by.is_empty() {
            session.flags.number("chunk-size")
        } else {
            0
        },
        field: (!sort_by.is_empty()).then(|| Field::parse(&sort_by)),
        sections: Vec::new(),
        tables: 0,
    };
    let mut failures = Vec::new();
    for ask in &selected.asks {
        failures.extend(output.fetch(&api, selected, ask, session).err());
    }
    // kubectl sorts several tables by a field of the tables, which have none.
    if let Some(field) = output.field.take_if(|_| output.tables > 1) {
        return Err(field?.missing());
    }
    let several = output
        .sections
        .windows(2)
        .any(|two| two[0].resource != two[1].resource);
    let is_shown = several || session.flags.on("show-kind");
    let written = output.write(is_shown, session.flags.on("no-headers"), session.io.stdout)?;
    let failures = super::tolerated(session, failures);
    if written == 0 && failures.is_empty() && !session.flags.on("ignore-not-found") {
        super::nothing(session, selected)?;
    }
    Failure::all(failures)
}

/// What is to be shown, kind by kind.
struct Output {
    chunk: i64,
    field: Option<Result<Field, Failure>>,
    sections: Vec<Section>,
    /// Answers that came.
    tables: usize,
}

/// Lines of one kind.
struct Section {
    resource: Rc<Resource>,
    printer: Printer,
    text: String,
}

impl Output {
    /// What one request has, in pages.
    fn fetch(
        &mut self,
        api: &Api,
        selected: &Selected,
        ask: &Ask,
        session: &Session<'_>,
    ) -> Result<(), Failure> {
        let mut pages = Pages::new(self.chunk);
        while let Some(mut path) = pages.next(selected, ask) {
            if self.field.is_some() {
                path = query(&path, &[("includeObject", "Object")]);
            }
            let body = api.bytes(&Call::get(&path, ACCEPT));
            let body = body.map_err(|failure| selected.about(ask, failure))?;
            let table = Table::read(&body)
                .map_err(|error| Failure::new(format!("the answer is no table: {error}")))?;
            pages.read(&table.metadata);
            self.tables += 1;
            let last = self.sections.last();
            if last.is_none_or(|last| last.resource != ask.resource) {
                self.sections.push(Section {
                    resource: ask.resource.clone(),
                    printer: Printer::new(Options::of(session, ask)),
                    text: String::new(),
                });
            }
            if let Some(section) = self.sections.last_mut() {
                section.take(table, self.field.as_ref());
            }
        }
        Ok(())
    }

    /// Writes every section, with an empty line between; tells how many there are.
    fn write(self, kinds: bool, no_headers: bool, out: &mut dyn Write) -> Result<usize, Failure> {
        let mut written = 0;
        for section in self
            .sections
            .iter()
            .filter(|section| !section.text.is_empty())
        {
            if written > 0 && !no_headers {
                out.write_all(b"\n")?;
            }
            let resource = &section.resource;
            let kind = kind_of(&resource.kind, &resource.group) + "/";
            let mut tabs = Tabs::table();
            for line in section.text.split_inclusive('\n') {
                match line.split_once(KIND) {
                    Some((start, end)) => {
                        tabs.push(start);
                        tabs.push(if kinds { &kind } else { "" });
                        tabs.push(end);
                    }
                    None => tabs.push(line),
                }
            }
            tabs.flush(out)?;
            written += 1;
        }
        Ok(written)
    }
}

impl Section {
    /// What cannot be sorted is not shown, and no failure: so it is with kubectl.
    fn take(&mut self, mut table: Table<'_>, field: Option<&Result<Field, Failure>>) {
        let Some(field) = field else {
            self.printer.begin(&mut table, false, &mut self.text);
            for row in &table.rows {
                self.text += &self.printer.row(row, "");
            }
            return;
        };
        let mut header = String::new();
        self.printer.begin(&mut table, false, &mut header);
        if let Some(lines) = self.sorted(&table, field) {
            self.text += &header;
            self.text.extend(lines);
        }
    }

    fn sorted(&self, table: &Table<'_>, field: &Result<Field, Failure>) -> Option<Vec<String>> {
        let field = field.as_ref().ok()?;
        let mut keyed = Vec::new();
        for row in &table.rows {
            let object: Value = json::read(row.object).unwrap_or_default();
            keyed.push((field.of(&object).ok()?, self.printer.row(row, "")));
        }
        field.sort(keyed).ok()
    }
}
