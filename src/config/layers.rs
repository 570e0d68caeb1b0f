//! What each source gives, and which of them wins: flag, environment, file, default.

use std::fmt;

use super::kind::Fallback;
use super::mistake::{Fault, Mistake};
use super::table::Key;
use crate::sorted::Sorted;

/// Where a value comes from; smaller wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Flag(&'static str),
    Environment(&'static str),
    /// A key of the file with its line, where that is clear.
    File {
        path: String,
        name: &'static str,
        line: Option<usize>,
    },
    Default,
}

/// A value as it was given. There is no `Debug`: it may be a secret.
pub(super) struct Given {
    pub(super) text: String,
    pub(super) source: Source,
}

/// What one source gives.
#[derive(Default)]
pub(super) struct Layer {
    pub(super) values: Sorted<Key, Given>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) warnings: Vec<String>,
}

impl Source {
    /// Which kind of source; two of one kind stand beside each other.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Source::Flag(_) => 0,
            Source::Environment(_) => 1,
            Source::File { .. } => 2,
            Source::Default => 3,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(flag) => write!(f, "--{flag}"),
            Source::Environment(variable) => f.write_str(variable),
            Source::File { path, name, line } => {
                write!(f, "{path}: {name}")?;
                line.map_or(Ok(()), |line| write!(f, " (line {line})"))
            }
            Source::Default => f.write_str("default"),
        }
    }
}

impl Given {
    pub(super) fn new(text: impl Into<String>, source: Source) -> Given {
        Given {
            text: text.into(),
            source,
        }
    }
}

impl Layer {
    /// Takes what a source of a lower rank gives, where nothing is given yet.
    pub(super) fn fill(&mut self, lower: Layer) {
        for (key, given) in lower.values {
            self.values.fill(key, given);
        }
        self.mistakes.extend(lower.mistakes);
        self.warnings.extend(lower.warnings);
    }

    /// What was given or is the default of the table.
    pub(super) fn given(&self, key: Key) -> Option<(&str, Source)> {
        if let Some(given) = self.values.get(&key) {
            return Some((&given.text, given.source.clone()));
        }
        match key.setting().default {
            Fallback::Value(text) => Some((text, Source::Default)),
            Fallback::Nothing | Fallback::Words(_) => None,
        }
    }

    /// The value of a setting; what is wrong with it becomes a mistake.
    pub(super) fn take<T>(
        &mut self,
        key: Key,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let (text, source) = self.given(key)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(fault) => {
                let mistake = Mistake::of(source, text, fault);
                self.mistakes.push(mistake);
                None
            }
        }
    }

    /// All that is wrong, if anything is.
    pub(super) fn right(self) -> Result<Layer, Vec<Mistake>> {
        if self.mistakes.is_empty() {
            Ok(self)
        } else {
            Err(self.mistakes)
        }
    }

    pub(super) fn mistake(
        &mut self,
        source: impl fmt::Display,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.mistakes.push(Mistake::new(source, problem, remedy));
    }
}
