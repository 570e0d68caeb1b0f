//! A result on its way to the control plane. Pure.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::{End, Outcome, Printed};
use crate::json::map;

/// What became of one command.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    pub id: String,
    pub end: End,
    /// Whether the journal knows that it has ended, and so is to know that it was told.
    pub recorded: bool,
    fields: Map<String, Value>,
    skipped: u64,
    retry_after: Option<u64>,
}

impl Letter {
    /// Of a command that ran. `reason` is why it was ended, if it was.
    pub fn of_run(id: &str, end: End, printed: &Printed, reason: Option<&str>) -> Self {
        let (mut fields, skipped) = printed.fields();
        if let Some(reason) = reason {
            let said = fields.get("error").and_then(Value::as_str).unwrap_or("");
            let said = format!("{said}{reason}\n");
            if !fields.contains_key("error_encoding") {
                fields.insert("error".to_owned(), Value::String(said));
            }
        }
        Self {
            fields,
            skipped,
            ..Self::without_run(id, end, "")
        }
    }

    /// Of a command that did not run, or of whose run only the end is known.
    pub fn without_run(id: &str, end: End, reason: &str) -> Self {
        let mut fields = Map::new();
        fields.insert("error".to_owned(), Value::String(reason.to_owned()));
        Self {
            id: id.to_owned(),
            end,
            recorded: false,
            fields,
            skipped: 0,
            retry_after: None,
        }
    }

    /// From the record of a command that was told before, or that an earlier agent left;
    /// then it is `recorded`.
    pub fn of_record(id: &str, end: End, recorded: bool) -> Self {
        let reason = match end.outcome {
            Outcome::Unknown => {
                "it had begun when the agent ended; nobody knows how far it came, and it is not \
                 run again"
            }
            _ if end.exit_code.is_none() => "it was not run, as was told before",
            _ => "what it printed is not kept: it was told before, or the agent ended in between",
        };
        Self {
            recorded,
            ..Self::without_run(id, end, reason)
        }
    }

    /// No result: the command is to be handed out again after so many seconds.
    pub fn busy(id: &str, reason: &str, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::without_run(id, End::without_run(Outcome::Busy), reason)
        }
    }

    /// What the record does not hold, to be sealed.
    pub fn contents(&self) -> Vec<u8> {
        json!([self.fields, self.skipped]).to_string().into_bytes()
    }

    /// Takes over what [`Letter::contents`] gave; false when it is something else.
    pub fn fill(&mut self, contents: &[u8]) -> bool {
        let contents = serde_json::from_slice::<Value>(contents).unwrap_or_default();
        let (Value::Object(fields), Some(skipped)) = (&contents[0], contents[1].as_u64()) else {
            return false;
        };
        self.fields.clone_from(fields);
        self.skipped = skipped;
        true
    }

    /// What was kept of it cannot be read.
    pub fn unreadable(&mut self) {
        let reason = "what it printed cannot be read any more: the agent has another token now, or \
                      the disk is damaged";
        self.fields.insert("error".to_owned(), Value::from(reason));
    }

    /// Whether the command is done with once this has arrived.
    pub fn is_final(&self) -> bool {
        self.retry_after.is_none()
    }

    /// Bytes of output it holds.
    pub fn weight(&self) -> usize {
        let texts = self.fields.values().filter_map(Value::as_str);
        texts.map(str::len).sum()
    }

    /// Drops what was printed; false when there is nothing to drop.
    pub fn lighten(&mut self, reason: &str) -> bool {
        let weight = self.weight();
        if self.fields.remove("output").is_none() {
            return false;
        }
        self.skipped += weight as u64;
        self.fields.clear();
        let reason = Value::String(reason.to_owned());
        self.fields.insert("error".to_owned(), reason);
        true
    }

    /// The body of the call.
    pub fn body(&self, now: SystemTime) -> Value {
        let end = &self.end;
        let mut body = map! {
            "success": end.success(),
            "truncated": self.is_truncated(),
            "metadata": map! {"outcome": end.outcome.as_str()},
            "timestamp": humantime::format_rfc3339_seconds(now).to_string(),
        };
        for (name, value) in &self.fields {
            body[name] = value.clone();
        }
        if let Some(code) = end.exit_code {
            body["exit_code"] = Value::from(code);
            body["metadata"]["duration_ms"] = Value::from(end.duration_ms);
        }
        if self.skipped > 0 {
            body["metadata"]["skipped"] = Value::from(self.skipped);
        }
        if let Some(seconds) = self.retry_after {
            body["retry_after"] = Value::from(seconds);
        }
        body
    }

    /// Of what ran and is told from the record the output is lost.
    fn is_truncated(&self) -> bool {
        self.skipped > 0 || (self.end.exit_code.is_some() && !self.fields.contains_key("output"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Stream;

    const END: End = End {
        outcome: Outcome::Completed,
        exit_code: Some(0),
        duration_ms: 41,
    };

    fn body(letter: &Letter) -> Value {
        letter.body(SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_run_is_told_with_what_it_printed() {
        let mut printed = Printed::new();
        printed.push(Stream::Stdout, b"pong\n");
        let letter = Letter::of_run("c", END, &printed, None);
        let expected = json!({
            "success": true, "output": "pong\n", "exit_code": 0, "truncated": false,
            "metadata": {"outcome": "completed", "duration_ms": 41},
            "timestamp": "1970-01-01T00:00:00Z",
        });
        assert_eq!(body(&letter), expected);
        let end = End {
            outcome: Outcome::Timeout,
            ..END
        };
        printed.push(Stream::Stderr, b"well\n");
        let letter = Letter::of_run("c", end, &printed, Some("too slow"));
        assert_eq!(body(&letter)["success"], false);
        assert_eq!(body(&letter)["error"], "well\ntoo slow\n");
    }

    #[test]
    fn what_did_not_run_says_why() {
        let refused = Letter::without_run("c", End::without_run(Outcome::Refused), "no");
        let expected = json!({
            "success": false, "error": "no", "truncated": false,
            "metadata": {"outcome": "refused"}, "timestamp": "1970-01-01T00:00:00Z",
        });
        assert_eq!(body(&refused), expected);
        assert!(refused.is_final());
        let busy = Letter::busy("c", "too much", 10);
        assert_eq!(body(&busy)["retry_after"], 10);
        assert!(!busy.is_final());
    }

    #[test]
    fn from_the_record_the_end_is_told_without_the_output() {
        let done = Letter::of_record("c", END, true);
        assert_eq!(
            (&body(&done)["success"], &body(&done)["truncated"]),
            (&json!(true), &json!(true))
        );
        let unknown = Letter::of_record("c", End::without_run(Outcome::Unknown), true);
        assert_eq!(body(&unknown)["success"], false);
        assert!(
            body(&unknown)["error"]
                .as_str()
                .unwrap()
                .contains("not run again")
        );
    }

    #[test]
    fn what_is_sealed_fills_the_letter_of_the_next_agent() {
        let mut printed = Printed::new();
        printed.push(Stream::Stdout, &[b'x'; 3 * 512 * 1024]);
        printed.push(Stream::Stderr, b"\xff");
        let letter = Letter::of_run("c", END, &printed, None);
        let mut next = Letter::of_record("c", END, true);
        assert!(!next.fill(b"[]") && !next.fill(b""));
        assert!(next.fill(&letter.contents()));
        assert_eq!(body(&next), body(&letter));
        assert_eq!(body(&next)["metadata"]["skipped"], 512 * 1024);
        let mut lost = Letter::of_record("c", END, true);
        lost.unreadable();
        assert_eq!(body(&lost)["truncated"], true);
    }

    #[test]
    fn a_letter_that_is_too_heavy_loses_its_output() {
        let mut printed = Printed::new();
        printed.push(Stream::Stdout, &[b'x'; 5000]);
        let mut letter = Letter::of_run("c", END, &printed, None);
        assert_eq!(letter.weight(), 5000);
        assert!(letter.lighten("too much"));
        assert_eq!(body(&letter)["metadata"]["skipped"], 5000);
        assert_eq!(body(&letter)["truncated"], true);
        assert!(!letter.lighten("too much"));
    }
}
