//! Reads Markdown pages as far as the tidy tests need: tables, code spans and
//! links.

use std::fs;
use std::path::Path;

/// A page of the documentation.
pub(super) struct Page {
    text: String,
}

impl Page {
    pub(super) fn read(root: &Path, path: &str) -> Page {
        let text = fs::read_to_string(root.join(path))
            .unwrap_or_else(|error| panic!("{path} is readable: {error}"));
        Page { text }
    }

    /// The rows, without the heading, of each table whose first heading that is.
    pub(super) fn rows(&self, first_heading: &str) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let mut wanted = false;
        let mut previous_was_row = false;
        for line in self.text.lines() {
            let cells = cells(line);
            if !cells.is_empty() && !previous_was_row {
                wanted = cells[0] == first_heading;
            } else if wanted && !cells.is_empty() && !cells[0].starts_with("--") {
                rows.push(cells.clone());
            }
            previous_was_row = !cells.is_empty();
        }
        rows
    }

    /// The targets of links into that folder, without the folder.
    pub(super) fn links_into(&self, folder: &str) -> Vec<String> {
        let mark = format!("]({folder}");
        self.text
            .match_indices(&mark)
            .filter_map(|(at, _)| {
                let target = &self.text[at + mark.len()..];
                target.split_once(')').map(|(target, _)| target.to_owned())
            })
            .collect()
    }
}

/// The texts in backticks.
pub(super) fn code_spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The cells of a table's line; none when it is not one.
fn cells(line: &str) -> Vec<String> {
    let inner = line
        .strip_prefix('|')
        .and_then(|line| line.trim_end().strip_suffix('|'));
    inner
        .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect())
        .unwrap_or_default()
}
