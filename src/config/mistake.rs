//! What is wrong with the configuration, all of it at once.
//!
//! A mistake names its source, its value unless that could be a secret, and what
//! to do.

use std::fmt;

use super::Command;

/// Everything that is wrong, and what was asked for.
#[derive(Debug)]
pub struct Mistakes {
    pub command: Command,
    pub list: Vec<Mistake>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// `--port`, `PIPEOPS_PORT`, `/etc/agent.yaml: port (line 3)`.
    pub source: String,
    pub problem: String,
    pub remedy: String,
}

/// What is wrong with a value, whoever gave it: "is not a port".
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) problem: String,
    pub(super) remedy: String,
    /// The value may hold a password.
    pub(super) hide_value: bool,
}

impl Mistake {
    pub(super) fn new(
        source: impl fmt::Display,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Mistake {
        Mistake {
            source: source.to_string(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    /// A fault of that value from that source.
    pub(super) fn of(source: impl fmt::Display, value: &str, fault: Fault) -> Mistake {
        let value = if fault.hide_value {
            "the value".to_owned()
        } else {
            quoted(value)
        };
        Mistake::new(source, format!("{value} {}", fault.problem), fault.remedy)
    }
}

impl Fault {
    pub(super) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Fault {
        Fault {
            problem: problem.into(),
            remedy: remedy.into(),
            hide_value: false,
        }
    }

    pub(super) fn hiding_value(self) -> Fault {
        Fault {
            hide_value: true,
            ..self
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list.len() {
            1 => f.write_str("the configuration has a mistake:")?,
            count => write!(f, "the configuration has {count} mistakes:")?,
        }
        for mistake in &self.list {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.source, self.problem, self.remedy)
    }
}

impl std::error::Error for Mistakes {}

impl std::error::Error for Mistake {}

/// A value in quotes, on one line, cut where it gets long.
pub(super) fn quoted(value: &str) -> String {
    const MOST: usize = 60;
    let short: String = value.chars().take(MOST).collect();
    let rest = if short.len() < value.len() { "..." } else { "" };
    format!("{short:?}{rest}")
}

/// The known name that an unknown one was meant to be, if one is near.
pub(super) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A long text is no misspelling, and would only cost time.
    if unknown.len() > 64 {
        return None;
    }
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let unknown = plain(unknown);
    known
        .map(|name| (distance(&unknown, &plain(name)), name))
        .filter(|(distance, name)| *distance <= name.len().div_ceil(4))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must change, come, go or swap places with a neighbour
/// (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j - 1] + changed)
                .min(rows[i - 1][j] + 1)
                .min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_not() {
        let known = [
            "port",
            "listen",
            "log-level",
            "heartbeat-interval",
            "api_url",
        ];
        let table = [
            ("prot", Some("port")),
            ("Port", Some("port")),
            ("log_level", Some("log-level")),
            ("loglevel", Some("log-level")),
            ("heartbeat-intervall", Some("heartbeat-interval")),
            ("api-ulr", Some("api_url")),
            ("verbose", None),
            ("x", None),
            ("", None),
        ];
        for (unknown, expected) in table {
            assert_eq!(nearest(unknown, known.into_iter()), expected, "{unknown}");
        }
    }

    #[test]
    fn values_are_quoted_on_one_short_line() {
        assert_eq!(quoted("a\nb\u{1b}"), r#""a\nb\u{1b}""#);
        assert_eq!(
            quoted(&"x".repeat(100)),
            format!("\"{}\"...", "x".repeat(60))
        );
    }

    #[test]
    fn mistakes_are_a_list() {
        let one = Mistake::of("--port", "x", Fault::new("is no port", "give a number"));
        let mut mistakes = Mistakes {
            command: Command::Run,
            list: vec![one.clone()],
        };
        assert_eq!(
            mistakes.to_string(),
            "the configuration has a mistake:\n  --port: \"x\" is no port; give a number"
        );
        mistakes.list.push(one);
        assert!(
            mistakes
                .to_string()
                .starts_with("the configuration has 2 mistakes:\n  --port")
        );
    }
}
