//! Objects as JSON, YAML, names, templates or columns.

use serde_json::Value;

use crate::kubectl::failure::Failure;
use crate::kubectl::print::format::Writer;
use crate::kubectl::print::{Format, without_managed_fields};
use crate::kubectl::resources::{self, Selected};
use crate::kubectl::session::Session;
use crate::kubectl::sort::Field;

/// Objects that are kept at once for the control plane: a few megabytes of the agent's own.
const MOST_KEPT: usize = 250;

pub(super) fn show(
    session: &mut Session<'_>,
    selected: &Selected,
    format: Format,
) -> Result<(), Failure> {
    let field = match session.flags.text("sort-by") {
        "" => None,
        path => Some(Field::parse(path)?),
    };
    let chunk = session.flags.number("chunk-size");
    let prune = format.prunes(session);
    let is_local = session.is_local();
    let api = session.api()?;
    let is_list = !selected.is_single;
    let mut writer = Writer::new(session.io.stdout, format, is_list);
    let keeps = is_list && (field.is_some() || writer.keeps());
    let limit = (keeps && !is_local).then_some(MOST_KEPT);
    let mut kept = Vec::new();
    let failures = resources::visit(&api, selected, chunk, &mut |_, mut object| {
        fits(writer.count.max(kept.len()), limit)?;
        if prune {
            without_managed_fields(&mut object);
        }
        match field.as_ref().filter(|_| is_list) {
            Some(field) => kept.push((field.of(&object)?, object)),
            None => writer.object(object)?,
        }
        Ok(())
    });
    if let Some(field) = field.filter(|_| !kept.is_empty()) {
        sorted(&field, kept, &mut writer)?;
    }
    let ignored = session.flags.on("ignore-not-found");
    let is_wanted = writer.count > 0 || (is_list && !ignored);
    let ended = if is_wanted { writer.end() } else { Ok(()) };
    let failures = super::tolerated(session, failures);
    ended.and(Failure::all(failures))
}

fn fits(count: usize, limit: Option<usize>) -> Result<(), Failure> {
    match limit.filter(|limit| count >= *limit) {
        Some(limit) => Err(Failure::new(format!(
            "more than {limit} objects do not fit into the agent: ask for fewer, or without \
             --sort-by and jsonpath"
        ))),
        None => Ok(()),
    }
}

fn sorted(
    field: &Field,
    kept: Vec<(Option<Value>, Value)>,
    writer: &mut Writer<'_>,
) -> Result<(), Failure> {
    field
        .sort(kept)?
        .into_iter()
        .try_for_each(|object| writer.object(object))
}
