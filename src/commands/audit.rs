//! Who did what: a line of JSON for each command, in a file of bounded size.
//!
//! No arguments, no input, no output: they may hold secrets. What a command touched is
//! told by its requests to the API server.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::Value;

use super::End;
use crate::json::map;

/// Requests told of one command.
pub const MOST_REQUESTS: usize = 20;

/// The file, and the one before it.
#[derive(Debug)]
pub struct Audit {
    /// None: the log alone.
    path: Option<PathBuf>,
    limit: u64,
    failed: Mutex<bool>,
}

/// One operation.
#[derive(Debug)]
pub struct Operation<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    /// Of kubectl.
    pub verb: Option<&'a str>,
    /// What it asked of the API server, as far as [`MOST_REQUESTS`].
    pub requests: &'a [String],
    pub end: End,
    /// Why it was refused.
    pub refused: Option<&'a str>,
}

impl Audit {
    /// Two files of half the limit each.
    pub fn new(folder: Option<PathBuf>, limit: u64) -> Self {
        Self {
            path: folder.map(|folder| folder.join("audit.log")),
            limit: limit / 2,
            failed: Mutex::new(false),
        }
    }

    /// Writes to file and log. A file that cannot be written is told once.
    pub fn note(&self, operation: &Operation<'_>) {
        let line = line(operation, SystemTime::now()).to_string();
        log::info!("audit: {line}");
        let Some(path) = &self.path else { return };
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.append(path, &line);
        if let (Err(error), false) = (&written, *failed) {
            log::error!("the audit {} cannot be written: {error}", path.display());
        }
        *failed = written.is_err();
    }

    fn append(&self, path: &PathBuf, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        if file.metadata()?.len() + line.len() as u64 >= self.limit {
            fs::rename(path, path.with_extension("log.1"))?;
            file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(path)?;
        }
        // In one call: lines stay whole.
        file.write_all(format!("{line}\n").as_bytes())
    }
}

fn line(operation: &Operation<'_>, now: SystemTime) -> Value {
    let end = operation.end;
    let mut line = map! {
        "ts": humantime::format_rfc3339_seconds(now).to_string(),
        "who": "control plane",
        "id": operation.id,
        "type": operation.kind,
        "decision": if operation.refused.is_some() { "refused" } else { "allowed" },
        "outcome": end.outcome.as_str(),
        "duration_ms": end.duration_ms,
    };
    if let Some(verb) = operation.verb {
        line["verb"] = Value::from(verb);
    }
    if let Some(code) = end.exit_code {
        line["exit_code"] = Value::from(code);
    }
    if let Some(reason) = operation.refused {
        line["reason"] = Value::from(reason);
    }
    if !operation.requests.is_empty() {
        line["requests"] = Value::from(operation.requests);
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::Outcome;

    fn operation<'a>(requests: &'a [String], refused: Option<&'a str>) -> Operation<'a> {
        let end = End {
            outcome: Outcome::Completed,
            exit_code: Some(0),
            duration_ms: 41,
        };
        Operation {
            id: "c-1",
            kind: "kubectl",
            verb: Some("get"),
            requests,
            end,
            refused,
        }
    }

    #[test]
    fn a_line_says_who_did_what_where_and_how_it_ended() {
        let requests = ["list pods".to_owned()];
        let expected = json!({
            "ts": "1970-01-01T00:00:00Z", "who": "control plane", "id": "c-1", "type": "kubectl",
            "verb": "get", "decision": "allowed", "outcome": "completed", "duration_ms": 41,
            "exit_code": 0, "requests": ["list pods"],
        });
        assert_eq!(
            line(&operation(&requests, None), SystemTime::UNIX_EPOCH),
            expected
        );
        let refused = line(&operation(&[], Some("no")), SystemTime::UNIX_EPOCH);
        assert_eq!(
            (&refused["decision"], &refused["reason"]),
            (&json!("refused"), &json!("no"))
        );
    }

    #[test]
    fn the_files_are_bounded_and_lines_stay_whole() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::new(Some(folder.path().to_owned()), 4_000);
        for _ in 0..100 {
            audit.note(&operation(&[], None));
        }
        let mut total = 0;
        for name in ["audit.log", "audit.log.1"] {
            let text = fs::read_to_string(folder.path().join(name)).unwrap();
            total += text.len();
            for line in text.lines() {
                assert!(serde_json::from_str::<Value>(line).unwrap().is_object());
            }
        }
        assert!((2_000..=4_000).contains(&total), "{total}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
