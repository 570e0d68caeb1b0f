//! Text in columns, as wide as their widest cell, as Go's tabwriter makes it.
//!
//! A column is a run of lines that have a cell there with another behind it; the last cell
//! of a line is never padded.

use std::fmt;
use std::io::{self, Write};

/// Lines that wait until it is known how wide their columns are.
#[derive(Debug)]
pub struct Tabs {
    narrowest: usize,
    padding: usize,
    /// Widths so far, if later columns are at least as wide.
    widest: Option<Vec<usize>>,
    text: String,
}

impl Tabs {
    /// For tables of objects: what is printed later stays in line.
    pub fn table() -> Self {
        Self {
            narrowest: 6,
            padding: 3,
            widest: Some(Vec::new()),
            text: String::new(),
        }
    }

    /// With other sizes, and each run by itself.
    pub fn of(narrowest: usize, padding: usize) -> Self {
        Self {
            narrowest,
            padding,
            widest: None,
            text: String::new(),
        }
    }

    /// A line of cells.
    pub fn line<T: AsRef<str>>(&mut self, cells: &[T]) {
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                self.text.push('\t');
            }
            self.text.push_str(cell.as_ref());
        }
        self.text.push('\n');
    }

    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// A new table begins, with widths of its own.
    pub fn forget(&mut self) {
        if let Some(widest) = &mut self.widest {
            widest.clear();
        }
    }

    /// Writes what waits; its last line must have ended.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let text = std::mem::take(&mut self.text);
        let lines: Vec<&str> = text.lines().collect();
        let mut widths = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let columns = cells(line).count() - 1;
            widths.truncate(columns);
            if columns > widths.len() {
                self.open(&lines[index..], columns, &mut widths);
            }
            write_line(line, &widths, out)?;
        }
        Ok(())
    }

    /// Measures the columns that begin with the first of these lines. Line by line, as
    /// text from anywhere may have very many columns.
    fn open(&mut self, lines: &[&str], columns: usize, widths: &mut Vec<usize>) {
        let first = widths.len();
        widths.resize(columns, 0);
        let mut open = columns;
        for line in lines {
            open = open.min(cells(line).count() - 1);
            if open <= first {
                break;
            }
            let cells = cells(line).take(open);
            for (width, cell) in widths.iter_mut().zip(cells).skip(first) {
                *width = cell.chars().count().max(*width);
            }
        }
        for (column, width) in widths.iter_mut().enumerate().skip(first) {
            *width = self.width(*width, column);
        }
    }

    fn width(&mut self, longest: usize, column: usize) -> usize {
        let width = self.narrowest.max(longest + self.padding);
        let Some(widest) = &mut self.widest else {
            return width;
        };
        if widest.len() <= column {
            widest.resize(column + 1, 0);
        }
        widest[column] = widest[column].max(width);
        widest[column]
    }
}

impl fmt::Write for Tabs {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        Ok(())
    }
}

fn cells<'a>(line: &&'a str) -> std::str::Split<'a, [char; 2]> {
    line.split(['\t', '\u{b}'])
}

fn write_line(line: &str, widths: &[usize], out: &mut dyn Write) -> io::Result<()> {
    for (index, cell) in cells(&line).enumerate() {
        out.write_all(cell.as_bytes())?;
        if let Some(width) = widths.get(index) {
            let gap = width.saturating_sub(cell.chars().count());
            write!(out, "{:gap$}", "")?;
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tabs: &mut Tabs) -> String {
        let mut out = Vec::new();
        tabs.flush(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut tabs = Tabs::table();
        tabs.line(&["NAME", "AGE", "X"]);
        tabs.line(&["a-long-name", "", "y"]);
        tabs.line(&["\u{e9}\u{e9}"]);
        let expected = "NAME          AGE   X\na-long-name         y\n\u{e9}\u{e9}\n";
        assert_eq!(written(&mut tabs), expected);
    }

    #[test]
    fn later_lines_keep_the_widths_until_they_are_forgotten() {
        let mut tabs = Tabs::table();
        tabs.line(&["a-long-name", "x"]);
        assert_eq!(written(&mut tabs), "a-long-name   x\n");
        tabs.line(&["a", "x"]);
        assert_eq!(written(&mut tabs), "a             x\n");
        tabs.forget();
        tabs.line(&["a", "x"]);
        assert_eq!(written(&mut tabs), "a     x\n");
    }

    #[test]
    fn each_run_of_lines_has_widths_of_its_own() {
        let mut tabs = Tabs::of(0, 2);
        tabs.push("Name:\tweb\nLabels:\ta\n\nX:\ty\tz\nXX:\ty\n");
        let expected = "Name:    web\nLabels:  a\n\nX:   y  z\nXX:  y\n";
        assert_eq!(written(&mut tabs), expected);
    }

    #[test]
    fn columns_inside_of_columns_begin_and_end_by_themselves() {
        let mut tabs = Tabs::of(0, 2);
        tabs.push("a\tb\n\tlong\tx\n\ty\tz\nwider\tb\nc\n");
        let expected = "a      b\n       long  x\n       y     z\nwider  b\nc\n";
        assert_eq!(written(&mut tabs), expected);
        tabs.push(&"\t".repeat(100_000));
        tabs.push("\n");
        assert_eq!(written(&mut tabs).len(), 200_001);
    }
}
