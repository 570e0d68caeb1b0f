//! What a watch of the API server sends, line by line. What it means, and whether to watch
//! again when it ended, is for the verbs to say.
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>)

use std::io::{BufRead, BufReader, Read};
use std::time::Instant;

use serde_json::Value;

use super::api::Api;
use super::failure::Failure;
use crate::k8s::{Answer, Call};

/// Longest line; the store behind the API takes in 1.5 MiB.
const MOST_BYTES: u64 = 8 << 20;

/// A watch that is open.
pub(super) struct Lines {
    reader: BufReader<Answer>,
    line: Vec<u8>,
}

impl Lines {
    /// # Errors
    /// No answer, or a refusal.
    pub(super) fn open(api: &Api, path: &str, accept: &str) -> Result<Self, Failure> {
        Ok(Self {
            reader: BufReader::new(api.open(&Call::get(path, accept))?),
            line: Vec::new(),
        })
    }

    /// The next line that is whole; none, however it ended, when there is no more.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        self.line.clear();
        let mut limited = self.reader.by_ref().take(MOST_BYTES);
        let read = limited.read_until(b'\n', &mut self.line);
        (read.is_ok() && self.line.ends_with(b"\n")).then_some(self.line.as_slice())
    }

    /// The next line as `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`, and the
    /// object.
    pub(super) fn event(&mut self) -> Option<(String, Value)> {
        let mut event: Value = serde_json::from_slice(self.next()?).ok()?;
        let object = event["object"].take();
        Some((event["type"].as_str()?.to_owned(), object))
    }
}

/// The seconds that are left for a watch, empty if nothing limits them; none if there are
/// none. The server counts whole ones: what is left of the last is looked at again.
pub(super) fn left(deadline: Option<Instant>) -> Option<String> {
    let Some(deadline) = deadline else {
        return Some(String::new());
    };
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then(|| (left.as_secs() + 1).to_string())
}
