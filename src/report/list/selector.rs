//! Selectors of labels and fields in Kubernetes' syntax, read strictly.
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>,
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/>)

use super::rows::{Field, Listed};
use crate::cluster::Labels;

/// Requirements and values of one selector: a stream tries all of them on each row at each change.
const MOST: usize = 64;

/// What a label must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Test {
    In(Vec<String>),
    /// Or it is absent.
    NotIn(Vec<String>),
    Exists,
    Absent,
}

/// What a field must be, or must not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FieldTest {
    field: Field,
    equal: bool,
    value: String,
}

/// What labels must be, all of it; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

impl Selector {
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        labels(text).map(Self)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn fits(&self, labels: &Labels) -> bool {
        self.0.iter().all(|wanted| wanted.fits(labels))
    }
}

impl Requirement {
    pub(super) fn is_met(&self, row: &dyn Listed) -> bool {
        self.fits(row.labels())
    }

    fn fits(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let among = |values: &[String]| value.is_some_and(|own| values.iter().any(|v| v == own));
        match &self.test {
            Test::In(values) => among(values),
            Test::NotIn(values) => !among(values),
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
        }
    }
}

impl FieldTest {
    pub(super) fn is_met(&self, row: &dyn Listed) -> bool {
        (row.field(self.field) == self.value) == self.equal
    }
}

/// Requirements with commas between; none of empty text.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn labels(text: &str) -> Result<Vec<Requirement>, String> {
    bounded(text)?;
    let mut all = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() || !all.is_empty() {
        let (requirement, behind) = requirement(rest)?;
        all.push(requirement);
        rest = match behind.trim_start().strip_prefix(',') {
            Some(next) => next,
            None if behind.trim().is_empty() => break,
            None => return Err(format!("a comma is missing before {:?}", behind.trim())),
        };
    }
    Ok(all)
}

/// Commas stand between requirements, and between values.
fn bounded(text: &str) -> Result<(), String> {
    match text.matches(',').count() < MOST {
        true => Ok(()),
        false => Err(format!("a selector has {MOST} parts at most")),
    }
}

/// The first requirement, and what is behind it.
fn requirement(text: &str) -> Result<(Requirement, &str), String> {
    let text = text.trim_start();
    let (absent, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let (key, rest) = word(text);
    if !is_key(key) {
        return Err(format!("{key:?} is no key of a label"));
    }
    let behind = rest.trim_start();
    let (test, behind) = if absent {
        (Test::Absent, behind)
    } else if let Some(rest) = behind.strip_prefix("!=") {
        let (value, rest) = value(rest)?;
        (Test::NotIn(vec![value]), rest)
    } else if let Some(rest) = behind.strip_prefix("==").or(behind.strip_prefix('=')) {
        let (value, rest) = value(rest)?;
        (Test::In(vec![value]), rest)
    } else {
        match word(behind) {
            ("", rest) => (Test::Exists, rest),
            ("in", rest) => values(rest).map(|(values, rest)| (Test::In(values), rest))?,
            ("notin", rest) => values(rest).map(|(values, rest)| (Test::NotIn(values), rest))?,
            (other, _) => {
                return Err(format!(
                    "there is no {other:?}: =, ==, !=, in and notin are"
                ));
            }
        }
    };
    let key = key.to_owned();
    Ok((Requirement { key, test }, behind))
}

/// Up to the next sign or space.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| c.is_whitespace() || "=!,()<>".contains(c));
    text.split_at(end.unwrap_or(text.len()))
}

fn value(text: &str) -> Result<(String, &str), String> {
    let (value, rest) = word(text.trim_start());
    Ok((valid(value)?, rest))
}

/// `(a, b)`.
fn values(text: &str) -> Result<(Vec<String>, &str), String> {
    let inside = text.trim_start().strip_prefix('(');
    let (inside, rest) = inside
        .and_then(|inside| inside.split_once(')'))
        .ok_or("in and notin want values in parentheses")?;
    let values: Result<_, _> = inside.split(',').map(|one| valid(one.trim())).collect();
    Ok((values?, rest))
}

fn valid(value: &str) -> Result<String, String> {
    if value.len() <= 63 && value.bytes().all(is_part) {
        return Ok(value.to_owned());
    }
    Err(format!("{value:?} is no value of a label"))
}

fn is_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').unwrap_or(("a", text));
    let is_part = |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(is_part);
    is_part(prefix, 253) && is_part(name, 63)
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// Tests with commas between; none of empty text.
///
/// # Errors
/// What is wrong; of a field that is not known, which are.
pub(super) fn fields(text: &str, known: &[(&str, Field)]) -> Result<Vec<FieldTest>, String> {
    bounded(text)?;
    let parts = text.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(|part| field(part, known)).collect()
}

fn field(part: &str, known: &[(&str, Field)]) -> Result<FieldTest, String> {
    let signs = [("!=", false), ("==", true), ("=", true)];
    let found = signs.into_iter().find_map(|(sign, equal)| {
        let (name, value) = part.split_once(sign)?;
        Some((name.trim(), equal, value.trim()))
    });
    let (name, equal, value) = found.ok_or_else(|| format!("{part:?} has no =, == or !="))?;
    let Some((_, field)) = known.iter().find(|(own, _)| *own == name) else {
        let names: Vec<_> = known.iter().map(|(own, _)| *own).collect();
        return Err(format!(
            "{name:?} is not known here: {} are",
            names.join(", ")
        ));
    };
    Ok(FieldTest {
        field: *field,
        equal,
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rows;
    use super::*;
    use crate::cluster::{Kind, Names};
    use crate::report::fixture::pod;

    fn fits(selector: &str) -> bool {
        let mut pod = pod("web-1", "Running");
        pod.labels = Names::new().labels(|each| {
            each("app", "web");
            each("empty", "");
            each("example.com/tier", "front");
        });
        let all = labels(selector).unwrap();
        all.iter().all(|requirement| requirement.is_met(&pod))
    }

    #[test]
    fn each_form_of_a_selector_is_understood() {
        for (selector, expected) in [
            ("", true),
            ("app=web", true),
            (" app = web ", true),
            ("app==web,example.com/tier=front", true),
            ("app=web,example.com/tier=back", false),
            ("app!=web", false),
            ("none!=web", true),
            ("app", true),
            ("none", false),
            ("!none", true),
            ("! app", false),
            ("empty=", true),
            ("app=", false),
            ("empty=,app", true),
            ("app in (api, web),empty", true),
            ("app in (api)", false),
            ("empty in ()", true),
            ("app notin (api,db)", true),
            ("app notin(web)", false),
            ("none notin (web) , app", true),
            ("in in (web)", false),
        ] {
            assert_eq!(fits(selector), expected, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_told() {
        for (selector, problem) in [
            ("app of (web)", "there is no \"of\""),
            ("app in web", "in and notin want values in parentheses"),
            ("app in (web", "in and notin want"),
            ("app in (a b)", "\"a b\" is no value of a label"),
            ("app=web other", "a comma is missing before \"other\""),
            ("app=web,", "\"\" is no key of a label"),
            (",", "\"\" is no key"),
            ("=web", "\"\" is no key"),
            ("a/b/c=web", "\"a/b/c\" is no key"),
            ("app>5", "a comma is missing before \">5\""),
            ("app=w/b", "\"w/b\" is no value of a label"),
            ("app=a=b", "a comma is missing before \"=b\""),
            ("!app=web", "a comma is missing before \"=web\""),
        ] {
            let told = labels(selector).unwrap_err();
            assert!(told.starts_with(problem), "{selector}: {told}");
        }
        let parts = |count| vec!["a"; count].join(",");
        assert_eq!(labels(&parts(MOST)).unwrap().len(), MOST);
        for long in [parts(MOST + 1), format!("a in ({})", parts(MOST + 1))] {
            let told = labels(&long).unwrap_err();
            assert_eq!(told, "a selector has 64 parts at most");
        }
        let long = vec!["metadata.name=a"; MOST + 1].join(",");
        assert!(fields(&long, rows::fields(Kind::Pod)).is_err());
    }

    #[test]
    fn fields_are_compared() {
        let pod = pod("web-1", "Running");
        let known = rows::fields(Kind::Pod);
        for (selector, expected) in [
            ("", true),
            ("metadata.name=web-1", true),
            ("metadata.name==web-1,metadata.namespace=default", true),
            ("metadata.name!=web-1", false),
            ("status.phase=Running, spec.nodeName=node-1", true),
            ("status.phase!=Running", false),
            ("spec.nodeName=", false),
        ] {
            let all = fields(selector, known).unwrap();
            assert_eq!(
                all.iter().all(|test| test.is_met(&pod)),
                expected,
                "{selector}"
            );
        }
        let told = fields("spec.x=1", known).unwrap_err();
        let names = "metadata.name, metadata.namespace, status.phase, spec.nodeName are";
        assert_eq!(told, format!("\"spec.x\" is not known here: {names}"));
        let told = fields("metadata.name", known).unwrap_err();
        assert_eq!(told, "\"metadata.name\" has no =, == or !=");
    }

    proptest! {
        /// Of two requirements both must be met, and no text breaks the reader.
        #[test]
        fn requirements_are_all_to_be_met(one in "[ a-c!=(),]{0,12}", other in "[ a-c!=(),]{0,12}") {
            if let (Ok(one), Ok(other)) = (labels(&one), labels(&other))
                && !one.is_empty() && !other.is_empty()
            {
                prop_assert!(one.iter().chain(&other).count() >= 2);
            }
            let both = labels(&format!("{one},{other}"));
            if labels(&one).is_ok_and(|all| !all.is_empty())
                && labels(&other).is_ok_and(|all| !all.is_empty())
            {
                prop_assert_eq!(both, Ok([labels(&one).unwrap(), labels(&other).unwrap()].concat()));
            }
        }
    }
}
