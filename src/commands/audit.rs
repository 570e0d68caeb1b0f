//! Who did what: a line of JSON for each command and each decision of the local API, in a file
//! of bounded size, or as far as memory is spared for it.
//!
//! No arguments, no input, no output: they may hold secrets. What a command touched is
//! told by its requests to the API server.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::Value;

use super::End;
use crate::json::map;
use crate::logger;

/// Requests told of one command.
pub const MOST_REQUESTS: usize = 20;

/// Characters of what somebody asked for; no path of an object is as long.
const LONGEST: usize = 1024;

/// Who sends commands through the link.
pub const CONTROL_PLANE: &str = "control plane";

/// Lines that are kept where there is no folder.
const KEPT: usize = 200;
/// Bytes of the files that are read back.
const BACK: u64 = 256 * 1024;

/// The file, and the one before it.
#[derive(Debug)]
pub struct Audit {
    /// None: the log, and the last lines in memory.
    path: Option<PathBuf>,
    limit: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failed: bool,
    last: VecDeque<String>,
}

/// A decision about a request to the local API.
#[derive(Debug)]
pub struct Visit<'a> {
    /// Empty: nobody that is known.
    pub who: &'a str,
    pub peer: &'a str,
    pub what: &'a str,
    pub allowed: bool,
}

/// One operation.
#[derive(Debug)]
pub struct Operation<'a> {
    pub who: &'a str,
    /// Of a visitor of the local API.
    pub peer: Option<&'a str>,
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
            state: Mutex::default(),
        }
    }

    /// Writes to file and log. A file that cannot be written is told once.
    pub fn note(&self, operation: &Operation<'_>) {
        self.write(&line(operation, SystemTime::now()));
    }

    /// The same for the local API.
    pub fn note_visit(&self, visit: &Visit<'_>) {
        let who = if visit.who.is_empty() {
            "unknown"
        } else {
            visit.who
        };
        let line = map! {
            "ts": humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            "who": who,
            "peer": visit.peer,
            "type": "api",
            "what": visit.what.chars().take(LONGEST).collect::<String>(),
            "decision": if visit.allowed { "allowed" } else { "refused" },
        };
        self.write(&line);
    }

    fn write(&self, line: &Value) {
        let line = &*logger::harmless(line);
        log::info!("audit: {line}");
        let mut state = self.state();
        let Some(path) = &self.path else {
            if state.last.len() >= KEPT {
                state.last.pop_front();
            }
            return state.last.push_back(line.to_owned());
        };
        let written = self.append(path, line);
        if let (Err(error), false) = (&written, state.failed) {
            log::error!("the audit {} cannot be written: {error}", path.display());
        }
        state.failed = written.is_err();
    }

    /// The last lines, at most `most`, oldest first, as far as 256 KiB of the files go.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn last(&self, most: usize) -> io::Result<Vec<String>> {
        let state = self.state();
        let mut lines: Vec<String> = match &self.path {
            None => state.last.iter().cloned().collect(),
            Some(path) => {
                let mut lines = tail(&path.with_extension("log.1"))?;
                lines.append(&mut tail(path)?);
                lines
            }
        };
        let surplus = lines.len().saturating_sub(most);
        lines.drain(..surplus);
        Ok(lines)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The whole lines at the end of a file; none without a file.
fn tail(path: &Path) -> io::Result<Vec<String>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let start = file.metadata()?.len().saturating_sub(BACK);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // Where it does not begin at the start, the first is but a part.
    let lines = text.lines().skip(usize::from(start > 0));
    Ok(lines.map(str::to_owned).collect())
}

fn line(operation: &Operation<'_>, now: SystemTime) -> Value {
    let end = operation.end;
    let mut line = map! {
        "ts": humantime::format_rfc3339_seconds(now).to_string(),
        "who": operation.who,
        "id": operation.id,
        "type": operation.kind,
        "decision": if operation.refused.is_some() { "refused" } else { "allowed" },
        "outcome": end.outcome.as_str(),
        "duration_ms": end.duration_ms,
    };
    if let Some(peer) = operation.peer {
        line["peer"] = Value::from(peer);
    }
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
            who: CONTROL_PLANE,
            peer: None,
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
        let last = audit.last(3).unwrap();
        let text = fs::read_to_string(folder.path().join("audit.log")).unwrap();
        assert!(text.ends_with(&format!("{}\n", last[2])));
        assert_eq!(last.len(), 3);
        let all = audit.last(1000).unwrap();
        assert!(all.len() > text.lines().count(), "of both files");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn without_a_folder_the_last_lines_are_kept() {
        let audit = Audit::new(None, 0);
        let long = "x".repeat(LONGEST + 1);
        audit.note_visit(&Visit {
            who: "",
            peer: "10.0.0.1",
            what: &long,
            allowed: false,
        });
        let kept = audit.last(1).unwrap();
        assert!(!kept[0].contains(&long) && kept[0].contains(&long[1..]));
        for number in 0..=KEPT {
            audit.note_visit(&Visit {
                who: "",
                peer: "10.0.0.1",
                what: &format!("get /{number}\n\u{9b}\u{202e}"),
                allowed: false,
            });
        }
        let all = audit.last(usize::MAX).unwrap();
        assert_eq!(all.len(), KEPT);
        let last: Value = serde_json::from_str(all.last().unwrap()).unwrap();
        assert_eq!(last["what"], format!("get /{KEPT}\n\u{9b}\u{202e}"));
        assert!(all.concat().is_ascii(), "it drives no terminal");
        assert_eq!(
            (&last["who"], &last["decision"]),
            (&json!("unknown"), &json!("refused"))
        );
    }
}
