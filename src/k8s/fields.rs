//! One mapping of a kubeconfig, read field by field.
//!
//! Not by serde, whose errors quote the value that they do not like: it may be a
//! secret. An empty text counts as absent, as it does for kubectl.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::credentials::Pem;

/// A mapping with its place. There is no `Debug`: it holds secrets.
pub(super) struct Fields<'a> {
    pub(super) file: &'a Path,
    /// `user "dev"`; empty for the file itself.
    about: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(file: &'a Path, about: String, map: &'a Map<String, Value>) -> Fields<'a> {
        Fields { file, about, map }
    }

    /// A message about this mapping.
    pub(super) fn wrong(&self, problem: impl AsRef<str>) -> String {
        let (file, about) = (self.file.display(), &self.about);
        let gap = if about.is_empty() { "" } else { ": " };
        format!("{file}{gap}{about}: {}", problem.as_ref())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, String> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(format!("{key} is not text; put it in quotes"))),
        }
    }

    pub(super) fn switch(&self, key: &str) -> Result<bool, String> {
        match self.value(key) {
            None => Ok(false),
            Some(Value::Bool(on)) => Ok(*on),
            Some(_) => Err(self.wrong(format!("{key} is neither true nor false"))),
        }
    }

    /// A path; a relative one starts at the folder of the file.
    pub(super) fn path(&self, key: &str) -> Result<Option<PathBuf>, String> {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        Ok(self.text(key)?.map(|path| folder.join(path)))
    }

    /// PEM text: given as `KEY-data`, else in the file that `KEY` names.
    pub(super) fn pem(&self, key: &str) -> Result<Option<Pem>, String> {
        let data = format!("{key}-data");
        match self.text(&data)? {
            Some(base64) => Pem::decode(self.wrong(data), base64).map(Some),
            None => Ok(self.path(key)?.map(Pem::File)),
        }
    }

    /// The entries of a list of `name` and `item`, as the file has them.
    pub(super) fn entries(&self, list: &str, item: &str) -> Result<Vec<(&'a str, Value)>, String> {
        let wrong = || self.wrong(format!("{list} is not a list of name and {item}"));
        let Some(values) = self.value(list) else {
            return Ok(Vec::new());
        };
        let entry = |value: &'a Value| {
            let name = value.get("name").and_then(Value::as_str)?;
            // A user without credentials may have nothing here.
            let content = value.get(item).filter(|content| !content.is_null());
            Some((name, content.cloned().unwrap_or_else(|| Map::new().into())))
        };
        values
            .as_array()
            .ok_or_else(wrong)?
            .iter()
            .map(|value| entry(value).ok_or_else(wrong))
            .collect()
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        let value = self.map.get(key)?;
        let is_empty = value.is_null() || value.as_str() == Some("");
        (!is_empty).then_some(value)
    }
}
