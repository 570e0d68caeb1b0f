//! `custom-columns`: a table whose columns are paths.

use std::borrow::Cow;
use std::io::Write;

use serde_json::Value;

use super::tabs::Tabs;
use super::{escape_terminal, go};
use crate::kubectl::failure::Failure;
use crate::kubectl::jsonpath::{self, JsonPath};

/// Columns, and lines that wait for their widths.
#[derive(Debug)]
pub struct Columns {
    columns: Vec<(String, JsonPath)>,
    header: bool,
    tabs: Tabs,
}

impl Columns {
    /// Of `NAME:.metadata.name,...`.
    ///
    /// # Errors
    /// It is wrong.
    pub fn of_text(text: &str, header: bool) -> Result<Self, Failure> {
        let column = |part: &str| match part.split_once(':') {
            Some((name, path)) => Ok((name.to_owned(), path_of(path)?)),
            None => Err(Failure::new(format!(
                "unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"
            ))),
        };
        Self::of(text.split(',').map(column).collect(), header)
    }

    /// Of a file with a line of names and a line of paths.
    ///
    /// # Errors
    /// It is wrong.
    pub fn of_file(text: &str) -> Result<Self, Failure> {
        let missing = |what: &str| {
            Failure::new(format!(
                "invalid template, missing {what} line. Expected format is one line of space \
                 separated headers, one line of space separated column specs."
            ))
        };
        let mut lines = text.lines();
        let names = lines.next().ok_or_else(|| missing("header"))?;
        let paths = lines.next().ok_or_else(|| missing("spec"))?;
        let names: Vec<_> = names.split_whitespace().collect();
        let paths: Vec<_> = paths.split_whitespace().collect();
        if names.len() != paths.len() {
            return Err(Failure::new(format!(
                "number of headers ({}) and field specifications ({}) don't match",
                names.len(),
                paths.len()
            )));
        }
        let pairs = names.into_iter().zip(paths);
        let column = |(name, path): (&str, &str)| Ok((name.to_owned(), path_of(path)?));
        Self::of(pairs.map(column).collect(), true)
    }

    fn of(
        columns: Result<Vec<(String, JsonPath)>, Failure>,
        header: bool,
    ) -> Result<Self, Failure> {
        Ok(Self {
            columns: columns?,
            header,
            tabs: Tabs::table(),
        })
    }

    /// Adds the line of an object.
    ///
    /// # Errors
    /// The object is not as the paths expect it.
    pub fn object(&mut self, object: &Value) -> Result<(), Failure> {
        self.start();
        let mut cells = Vec::new();
        for (_, path) in &self.columns {
            let found = path.find(object).map_err(Failure::new)?;
            let shown = |value: &Cow<'_, Value>| escape_terminal(&go::sprint(value));
            let mut values: Vec<_> = found.iter().flatten().map(shown).collect();
            if found.first().is_none_or(Vec::is_empty) {
                values.insert(0, "<none>".to_owned());
            }
            cells.push(values.join(","));
        }
        self.tabs.line(&cells);
        Ok(())
    }

    /// The header, once.
    pub fn start(&mut self) {
        if std::mem::take(&mut self.header) {
            let names: Vec<_> = self.columns.iter().map(|(name, _)| name).collect();
            self.tabs.line(&names);
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self, out: &mut dyn Write) -> Result<(), Failure> {
        Ok(self.tabs.flush(out)?)
    }
}

fn path_of(text: &str) -> Result<JsonPath, Failure> {
    let path = match text {
        "" => String::new(),
        text => jsonpath::relaxed(text).map_err(Failure::new)?,
    };
    JsonPath::parse(&path).map_err(Failure::new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_paths() {
        let text = "NAME:.metadata.name,ALL:{.list[*]},NONE:nope";
        let mut columns = Columns::of_text(text, true).unwrap();
        let object = json!({"metadata": {"name": "a"}, "list": [1, {"b": "c"}]});
        columns.object(&object).unwrap();
        let mut out = Vec::new();
        columns.flush(&mut out).unwrap();
        let expected = "NAME   ALL          NONE\na      1,map[b:c]   <none>\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn wrong_columns_are_refused_as_kubectl_does() {
        let told = |result: Result<Columns, Failure>| result.unwrap_err().text();
        assert_eq!(
            told(Columns::of_text("NAME", true)),
            "error: unexpected custom-columns spec: NAME, expected <header>:<json-path-expr>\n"
        );
        assert_eq!(
            told(Columns::of_file("A B\nx\n")),
            "error: number of headers (2) and field specifications (1) don't match\n"
        );
        assert!(Columns::of_file("A B\n").is_err());
        assert!(Columns::of_file("A\n{.a}\n").is_ok());
    }
}
