//! What is to be written on an object, and removed from it. Pure.

use serde_json::{Map, Value};

use crate::kubectl::failure::Failure;
use crate::kubectl::labels;

/// Always written, as it tells of the last change.
const CAUSE: &str = "kubernetes.io/change-cause";

/// What is to be written and removed.
pub(super) struct Notes {
    /// `label`, `annotation`
    pub(super) word: &'static str,
    pub(super) set: Map<String, Value>,
    pub(super) remove: Vec<String>,
    pub(super) overwrite: bool,
    /// That the object must still have; empty for any.
    pub(super) version: String,
}

/// Words that name objects, and behind them what to change: `KEY=VALUE`, `KEY-`.
pub(in crate::kubectl) fn split(
    words: &[String],
    what: &str,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let is_pair = |word: &&String| {
        (word.contains('=') && !word.starts_with('=')) || (word.ends_with('-') && *word != "-")
    };
    let at = words.iter().position(|word| is_pair(&word));
    let (resources, pairs) = words.split_at(at.unwrap_or(words.len()));
    if let Some(word) = pairs.iter().find(|word| !is_pair(word)) {
        return Err(Failure::new(format!(
            "all resources must be specified before {what} changes: {word}"
        )));
    }
    Ok((resources.to_vec(), pairs.to_vec()))
}

/// What the pairs say.
pub(super) fn parse(pairs: &[String], word: &'static str) -> Result<Notes, Failure> {
    let mut notes = Notes {
        word,
        set: Map::new(),
        remove: Vec::new(),
        overwrite: false,
        version: String::new(),
    };
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            notes.remove.push(pair[..pair.len() - 1].to_owned());
            continue;
        };
        if word == "label" {
            if value.contains('=') {
                return Err(Failure::new(format!("invalid label spec: {pair}")));
            }
            valid(pair, value)?;
        }
        notes.set.insert(key.to_owned(), value.into());
    }
    Ok(notes)
}

fn valid(pair: &str, value: &str) -> Result<(), Failure> {
    let problems = labels::value_problems(value).replace("; ", ";");
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "invalid label value: {pair:?}: {problems}"
    )))
}

impl Notes {
    /// Where they stand in the metadata.
    pub(super) fn key(&self) -> &'static str {
        if self.word == "label" {
            "labels"
        } else {
            "annotations"
        }
    }

    /// Fails for what is both written and removed.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let both = self.remove.iter().filter(|key| self.set.contains_key(*key));
        let both: Vec<_> = both.map(String::as_str).collect();
        if both.is_empty() {
            return Ok(());
        }
        Err(Failure::new(if self.word == "label" {
            "can not both modify and remove a label in the same command".to_owned()
        } else {
            let both = both.join(", ");
            format!(
                "can not both modify and remove the following annotation(s) in the same command: \
                 {both}"
            )
        }))
    }

    /// Writes them; what was done with labels, in kubectl's word.
    pub(super) fn write(&self, object: &mut Value) -> Result<&'static str, Failure> {
        let length = object["metadata"].to_string().len();
        let before = object["metadata"].clone();
        let pairs = &mut object["metadata"][self.key()];
        if !pairs.is_object() {
            *pairs = Value::Object(Map::new());
        }
        let Some(pairs) = pairs.as_object_mut() else {
            return Ok("");
        };
        self.overwrites(pairs)?;
        pairs.extend(self.set.clone());
        pairs.retain(|key, _| !self.remove.contains(key));
        if !self.version.is_empty() {
            object["metadata"]["resourceVersion"] = self.version.clone().into();
        }
        let is_shorter = object["metadata"].to_string().len() < length;
        Ok(match self.word {
            "label" if object["metadata"] == before => "not labeled",
            "label" if is_shorter && !self.overwrite => "unlabeled",
            "label" => "labeled",
            _ => "annotated",
        })
    }

    /// Fails for what is there with another value, unless that is wished for.
    fn overwrites(&self, pairs: &Map<String, Value>) -> Result<(), Failure> {
        let is_label = self.word == "label";
        let mut problems = Vec::new();
        for (key, value) in self.set.iter().filter(|_| !self.overwrite) {
            let there = pairs.get(key).filter(|there| *there != value);
            if let Some(there) = there.filter(|_| is_label || key != CAUSE) {
                let there = there.as_str().unwrap_or_default();
                let end = if is_label {
                    ", and --overwrite is false"
                } else {
                    ""
                };
                problems.push(format!("'{key}' already has a value ({there}){end}"));
            }
        }
        match problems.len() {
            0 => Ok(()),
            1 if is_label => Err(Failure::new(problems.concat())),
            _ if is_label => Err(Failure::whole(problems.join("\n"))),
            _ => Err(Failure::new(format!(
                "--overwrite is false but found the following declared annotation(s): {}",
                problems.join("; ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn notes(line: &str, word: &'static str) -> Result<Notes, Failure> {
        let pairs: Vec<_> = line.split(' ').map(str::to_owned).collect();
        parse(&pairs, word)
    }

    #[test]
    fn what_is_done_with_labels_is_told_by_what_is_different() {
        for (line, overwrite, labels, expected) in [
            ("a=1", false, json!({}), Ok("labeled")),
            ("a=1", false, json!({"a": "1"}), Ok("not labeled")),
            (
                "a=2",
                false,
                json!({"a": "1"}),
                Err("'a' already has a value (1), and --overwrite is false"),
            ),
            ("a=2", true, json!({"a": "1"}), Ok("labeled")),
            ("a-", false, json!({"a": "1"}), Ok("unlabeled")),
            ("b-", false, json!({"a": "1"}), Ok("not labeled")),
        ] {
            let mut notes = notes(line, "label").unwrap();
            notes.overwrite = overwrite;
            let mut object = json!({"metadata": {"labels": labels}});
            let done = notes.write(&mut object);
            let done = done.as_ref().map(|done| *done);
            assert_eq!(
                done.map_err(|failure| failure.message()),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn annotations_take_what_labels_do_not() {
        let label = notes("a=b=c", "label").err().unwrap();
        assert_eq!(label.message(), "invalid label spec: a=b=c");
        let value = notes("a=_", "label").err().unwrap();
        assert!(
            value
                .message()
                .starts_with("invalid label value: \"a=_\": a valid label")
        );
        let annotation = notes("a=b=c _d-", "annotation").unwrap();
        let mut object = json!({"metadata": {"annotations": {"_d": "", CAUSE: "x"}}});
        assert_eq!(annotation.write(&mut object).unwrap(), "annotated");
        let expected = json!({"a": "b=c", CAUSE: "x"});
        assert_eq!(object["metadata"]["annotations"], expected);
        let again = notes(&format!("a=d {CAUSE}=y"), "annotation").unwrap();
        let problem = again.write(&mut object).unwrap_err();
        assert!(
            problem
                .message()
                .ends_with("annotation(s): 'a' already has a value (b=c)")
        );
    }

    #[test]
    fn nothing_is_both_written_and_removed() {
        let both = notes("a=1 a-", "label").unwrap().check().unwrap_err();
        assert!(
            both.message()
                .contains("can not both modify and remove a label")
        );
        let both = notes("a=1 b=2 a-", "annotation")
            .unwrap()
            .check()
            .unwrap_err();
        assert!(both.message().ends_with("in the same command: a"));
        assert!(notes("a=1 b-", "label").unwrap().check().is_ok());
    }

    #[test]
    fn names_of_objects_come_before_pairs() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (objects, pairs) = split(&words("pod web a=1 b-"), "label").unwrap();
        assert_eq!((objects, pairs), (words("pod web"), words("a=1 b-")));
        let problem = split(&words("pod a=1 web"), "label").unwrap_err();
        assert_eq!(
            problem.message(),
            "all resources must be specified before label changes: web"
        );
    }
}
