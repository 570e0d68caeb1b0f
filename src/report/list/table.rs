//! A list as columns of text, like that of `kubectl get`.

use super::rows::{self, Listed};
use super::{Found, Query};
use crate::cluster::{Availability, Kind};
use crate::report::figures::moment;

/// Spaces between columns.
const GAP: usize = 3;

/// The columns of the rows at `now`, in seconds since 1970; what else is to be said stands on
/// lines of its own that begin with `#`.
pub(super) fn write(kind: Kind, query: &Query, found: &Found<'_>, now: u32) -> Vec<u8> {
    let mut out = String::new();
    let state = &found.availability;
    if !matches!(&**state, Availability::Current { .. }) {
        remark(&mut out, &told(kind, state));
    }
    if let Some(rows) = &found.rows {
        if rows.is_empty() {
            remark(&mut out, &format!("no {} fit", kind.plural()));
        } else {
            // One namespace needs no column.
            let skipped = usize::from(query.namespace.is_some());
            columns(&mut out, kind, rows, skipped, now);
        }
    }
    if let Some(place) = &found.next {
        let more = format!("{} more: continue={}", found.left, place.text(kind));
        remark(&mut out, &more);
    }
    out.into_bytes()
}

/// How far the list can be trusted.
fn told(kind: Kind, state: &Availability) -> String {
    let mut text = format!("{} are {}", kind.plural(), state.as_str());
    if let Some(since) = state.since().filter(|since| *since > 0) {
        let since = humantime::format_rfc3339_seconds(moment(since));
        text.push_str(&format!(" since {since}"));
    }
    if let Some(reason) = state.reason() {
        text.push_str(&format!(": {reason}"));
    }
    text
}

fn remark(out: &mut String, text: &str) {
    out.push_str("# ");
    out.extend(text.chars().map(shown));
    out.push('\n');
}

/// Twice through the rows, so that no second table of all cells is held.
fn columns(out: &mut String, kind: Kind, rows: &[(u32, &dyn Listed)], skipped: usize, now: u32) {
    let headers = rows::columns(kind);
    let skipped = skipped.min(headers.len());
    let cells = |row: &dyn Listed| {
        let mut cells = row.cells(now);
        if rows::is_namespaced(kind) {
            cells.insert(0, row.key().0.to_owned());
        }
        cells.split_off(skipped.min(cells.len()))
    };
    let headers: Vec<String> = headers[skipped..]
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    let mut widths: Vec<usize> = headers.iter().map(String::len).collect();
    for (_, row) in rows {
        for (width, cell) in widths.iter_mut().zip(cells(*row)) {
            *width = cell.chars().count().max(*width);
        }
    }
    line(out, &headers, &widths);
    for (_, row) in rows {
        line(out, &cells(*row), &widths);
    }
}

fn line(out: &mut String, cells: &[String], widths: &[usize]) {
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        out.extend(cell.chars().map(shown));
        if at + 1 < cells.len() {
            let missing = width.saturating_sub(cell.chars().count());
            out.extend(std::iter::repeat_n(' ', missing + GAP));
        }
    }
    out.push('\n');
}

/// What a cluster says moves no cursor.
fn shown(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}
