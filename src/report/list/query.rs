//! What of a list is wanted, and what whoever asks may see of it.

use std::collections::BTreeSet;

use super::place::Place;
use super::rows::{self, Listed};
use super::selector::{self, FieldTest, Requirement};
use crate::cluster::Kind;

/// The longest name of a namespace.
const LONGEST: usize = 63;

/// Which rows of a list, and in which form. By default all, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    pub(super) namespace: Option<String>,
    labels: Vec<Requirement>,
    fields: Vec<FieldTest>,
    pub(super) limit: Option<usize>,
    pub(super) after: Option<Place>,
    /// As columns, with ages; else as JSON.
    pub(super) table: bool,
}

/// What whoever asks may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Visible {
    All,
    /// What is in these namespaces, and themselves. Nothing of kinds outside namespaces.
    Namespaces(BTreeSet<String>),
}

impl Query {
    /// Reads the parameters of a request for a list of that kind, decoded.
    ///
    /// # Errors
    /// What is wrong, for whoever asks; of a parameter that is not known, which are.
    pub fn read<'p>(
        kind: Kind,
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<Self, String> {
        let mut query = Self::default();
        let mut seen = Vec::new();
        for (name, value) in parameters {
            if seen.contains(&name) {
                return Err(format!("{name} is there twice"));
            }
            seen.push(name);
            query
                .set(kind, name, value)
                .map_err(|problem| match problem {
                    Problem::Unknown => unknown(kind, name),
                    Problem::Wrong(problem) => format!("{name}: {problem}"),
                })?;
        }
        Ok(query)
    }

    /// Whether it is for people, with ages that grow as it is read.
    pub fn is_table(&self) -> bool {
        self.table
    }

    fn set(&mut self, kind: Kind, name: &str, value: &str) -> Result<(), Problem> {
        match name {
            "namespace" if rows::is_namespaced(kind) => {
                if !is_namespace(value) {
                    return Err("it is no name of a namespace".into());
                }
                self.namespace = Some(value.to_owned());
            }
            "labelSelector" => self.labels = selector::labels(value)?,
            "fieldSelector" => self.fields = selector::fields(value, rows::fields(kind))?,
            "limit" => {
                let limit: Option<u32> = value.parse().ok().filter(|limit| *limit > 0);
                let limit = limit.ok_or("it is a number of rows, at least 1")?;
                self.limit = usize::try_from(limit).ok();
            }
            "continue" => {
                let place = Place::parse(value, kind);
                let problem = "it is not what a list of this kind gave; leave it out to begin anew";
                self.after = Some(place.ok_or(problem)?);
            }
            "as" if value == "table" => self.table = true,
            "as" if value == "json" => self.table = false,
            "as" => return Err("it is table or json".into()),
            _ => return Err(Problem::Unknown),
        }
        Ok(())
    }

    pub(super) fn fits(&self, row: &dyn Listed) -> bool {
        let is_there = |namespace: &String| row.key().0 == namespace;
        self.namespace.as_ref().is_none_or(is_there)
            && self.fields.iter().all(|test| test.is_met(row))
            && self.labels.iter().all(|wanted| wanted.is_met(row))
    }
}

impl Visible {
    /// Whether anything of that kind is shown, if there is any.
    pub(super) fn shows(&self, kind: Kind) -> bool {
        *self == Visible::All || kind != Kind::Node
    }

    pub(super) fn shows_row(&self, kind: Kind, row: &dyn Listed) -> bool {
        let Visible::Namespaces(names) = self else {
            return true;
        };
        let (namespace, name) = row.key();
        match kind {
            Kind::Node => false,
            Kind::Namespace => names.contains(name),
            _ => names.contains(namespace),
        }
    }
}

enum Problem {
    Unknown,
    Wrong(String),
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Problem::Wrong(problem)
    }
}

impl From<&str> for Problem {
    fn from(problem: &str) -> Self {
        Problem::Wrong(problem.to_owned())
    }
}

fn unknown(kind: Kind, name: &str) -> String {
    let namespace = if rows::is_namespaced(kind) {
        "namespace, "
    } else {
        ""
    };
    format!(
        "there is no {name:?} for {}: {namespace}labelSelector, fieldSelector, limit, continue \
         and as are known",
        kind.plural()
    )
}

/// Whether a namespace can have that name: a label of RFC 1123.
pub fn is_namespace(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LONGEST).contains(&text.len())
        && text.bytes().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told() {
        for (kind, name, value, problem) in [
            (Kind::Pod, "namespace", "A", "namespace: it is no name"),
            (Kind::Pod, "namespace", "", "namespace: it is no name"),
            (Kind::Pod, "limit", "0", "limit: it is a number of rows"),
            (Kind::Pod, "limit", "-1", "limit: it is a number of rows"),
            (Kind::Pod, "limit", "4294967296", "limit: it is a number"),
            (Kind::Pod, "continue", "x", "continue: it is not what"),
            (Kind::Pod, "as", "yaml", "as: it is table or json"),
            (
                Kind::Pod,
                "labelSelector",
                "a b",
                "labelSelector: there is no",
            ),
            (
                Kind::Service,
                "fieldSelector",
                "status.phase=Running",
                "fieldSelector: \"status.phase\" is not known here: metadata.name, \
                 metadata.namespace are",
            ),
            (
                Kind::Pod,
                "namespaces",
                "a",
                "there is no \"namespaces\" for pods: namespace, labelSelector, fieldSelector, \
                 limit, continue and as are known",
            ),
            (
                Kind::Node,
                "namespace",
                "a",
                "there is no \"namespace\" for nodes: labelSelector,",
            ),
        ] {
            let told = Query::read(kind, [(name, value)]).unwrap_err();
            assert!(told.starts_with(problem), "{name}={value}: {told}");
        }
        let twice = Query::read(Kind::Pod, [("limit", "1"), ("limit", "2")]);
        assert_eq!(twice, Err("limit is there twice".to_owned()));
    }

    #[test]
    fn what_asks_for_all_is_the_whole_list() {
        let all = [
            ("labelSelector", " "),
            ("fieldSelector", ""),
            ("as", "json"),
        ];
        assert_eq!(Query::read(Kind::Pod, all), Ok(Query::default()));
        let some = Query::read(Kind::Pod, [("namespace", "a")]);
        assert_ne!(some, Ok(Query::default()));
    }
}
