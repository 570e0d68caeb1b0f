//! What a command prints: kept in part, shown as it comes. Pure.
//!
//! The beginning and the end are kept, so that memory stays flat; chunks are views of
//! what is kept, so that nothing is held twice.

use std::collections::VecDeque;

use crate::json::map;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Kept of the beginning, and as much of the end.
const PART: usize = 512 * 1024;
/// Largest text of one chunk.
const CHUNK: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// Both streams of one command.
#[derive(Debug)]
pub struct Printed {
    streams: [Kept; 2],
    /// Of the next chunk.
    seq: u64,
}

/// The beginning and the end of one stream.
#[derive(Debug)]
struct Kept {
    part: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// Everything that was printed.
    total: u64,
    /// Up to where it was shown.
    shown: u64,
}

/// Chunks on their way; none of it counts before [`Printed::shown`].
#[derive(Debug)]
pub struct Batch {
    /// The body of the call.
    pub body: Value,
    shown: [u64; 2],
    seq: u64,
}

impl Printed {
    pub fn new() -> Self {
        let kept = |part| Kept {
            part,
            head: Vec::new(),
            tail: VecDeque::new(),
            total: 0,
            shown: 0,
        };
        Self {
            streams: [kept(PART), kept(PART / 8)],
            seq: 0,
        }
    }

    pub fn push(&mut self, stream: Stream, bytes: &[u8]) {
        self.streams[stream as usize].push(bytes);
    }

    /// Bytes that no chunk has shown yet.
    pub fn waiting(&self) -> u64 {
        self.streams
            .iter()
            .map(|kept| kept.total - kept.shown)
            .sum()
    }

    /// The next chunks, one of each stream at most; none when there is nothing to show.
    pub fn batch(&self) -> Option<Batch> {
        let mut chunks = Vec::new();
        let mut shown = [0; 2];
        let mut seq = self.seq;
        let streams = self.streams.iter().zip(["stdout", "stderr"]);
        for ((kept, name), shown) in streams.zip(&mut shown) {
            let (skipped, bytes) = kept.next();
            *shown = kept.shown;
            if bytes.is_empty() {
                continue;
            }
            let (length, mut chunk) = text(&bytes, "data", "encoding");
            *shown += skipped + length as u64;
            chunk.insert("seq".to_owned(), Value::from(seq));
            chunk.insert("stream".to_owned(), Value::from(name));
            if skipped > 0 {
                chunk.insert("skipped".to_owned(), Value::from(skipped));
            }
            chunks.push(Value::Object(chunk));
            seq += 1;
        }
        (!chunks.is_empty()).then(|| Batch {
            body: map! {"chunks": chunks},
            shown,
            seq,
        })
    }

    /// The control plane has these chunks.
    pub fn shown(&mut self, batch: &Batch) {
        self.seq = batch.seq;
        for (kept, shown) in self.streams.iter_mut().zip(batch.shown) {
            kept.shown = shown;
        }
    }

    /// The beginning of what went to standard error.
    pub fn complaint(&self) -> String {
        let [_, errors] = &self.streams;
        String::from_utf8_lossy(&errors.head).into_owned()
    }

    /// The fields of the result that hold what was printed, and how much is left out.
    pub fn fields(&self) -> (Map<String, Value>, u64) {
        let [out, err] = &self.streams;
        let (_, mut fields) = text(&out.whole(), "output", "output_encoding");
        if err.total > 0 {
            let (_, more) = text(&err.whole(), "error", "error_encoding");
            fields.extend(more);
        }
        (fields, out.skipped() + err.skipped())
    }
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (self.part - self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        // Of very much only the end would remain.
        let rest = &rest[rest.len().saturating_sub(self.part)..];
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.part);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
    }

    /// Bytes between the beginning and the end.
    fn skipped(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// What to show next, and how many bytes before it are gone.
    fn next(&self) -> (u64, Vec<u8>) {
        let start = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        if let Some(rest) = self
            .head
            .get(start(self.shown)..)
            .filter(|it| !it.is_empty())
        {
            return (0, rest[..rest.len().min(CHUNK)].to_vec());
        }
        let tail_from = self.total - self.tail.len() as u64;
        let skipped = tail_from.saturating_sub(self.shown);
        let inside = start((self.shown + skipped).saturating_sub(tail_from));
        (
            skipped,
            self.tail.iter().skip(inside).take(CHUNK).copied().collect(),
        )
    }

    /// Everything that is kept; a line says what is missing between.
    fn whole(&self) -> Vec<u8> {
        let mut whole = self.head.clone();
        if self.skipped() > 0 {
            whole.extend(format!("\n[{} bytes left out]\n", self.skipped()).bytes());
        }
        whole.extend(&self.tail);
        whole
    }
}

/// Bytes as a field, base64 where they are no UTF-8; how many of them it holds: a
/// character that may not be complete yet waits for its rest.
fn text(bytes: &[u8], name: &str, encoding: &str) -> (usize, Map<String, Value>) {
    let mut fields = Map::new();
    let whole = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    let length = whole.map_or(bytes.len(), str::len);
    let data = whole.map_or_else(|| STANDARD.encode(bytes), str::to_owned);
    fields.insert(name.to_owned(), Value::String(data));
    if whole.is_none() {
        fields.insert(encoding.to_owned(), Value::from("base64"));
    }
    (length, fields)
}

impl Default for Printed {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use serde_json::json;

    use super::*;

    fn bytes_of(chunk: &Value) -> Vec<u8> {
        let data = chunk["data"].as_str().unwrap();
        match chunk["encoding"].as_str() {
            Some("base64") => STANDARD.decode(data).unwrap(),
            _ => data.as_bytes().to_vec(),
        }
    }

    #[test]
    fn chunks_come_in_order_and_again_until_they_are_shown() {
        let mut printed = Printed::new();
        assert!(printed.batch().is_none());
        printed.push(Stream::Stdout, b"one\n");
        printed.push(Stream::Stderr, b"oh\n");
        let lost = printed.batch().unwrap();
        printed.push(Stream::Stdout, b"two\n");
        let batch = printed.batch().unwrap();
        assert_eq!(
            lost.body["chunks"][0]["seq"],
            batch.body["chunks"][0]["seq"]
        );
        assert_eq!(batch.body["chunks"][0]["data"], "one\ntwo\n");
        assert_eq!(batch.body["chunks"][1]["stream"], "stderr");
        printed.shown(&batch);
        assert!(printed.batch().is_none());
        assert_eq!(printed.waiting(), 0);
        printed.push(Stream::Stdout, b"three");
        let body = printed.batch().unwrap().body;
        assert_eq!(
            body,
            json!({"chunks": [{"seq": 2, "stream": "stdout", "data": "three"}]})
        );
        let (fields, skipped) = printed.fields();
        assert_eq!(skipped, 0);
        assert_eq!(
            Value::Object(fields),
            json!({"output": "one\ntwo\nthree", "error": "oh\n"})
        );
    }

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let mut printed = Printed::new();
        let line = |number: usize| format!("{number:07}\n");
        for number in 0..400_000 {
            printed.push(Stream::Stdout, line(number).as_bytes());
        }
        let (fields, skipped) = printed.fields();
        assert_eq!(skipped, 400_000 * 8 - 2 * PART as u64);
        let output = fields["output"].as_str().unwrap();
        assert!(output.starts_with(&line(0)) && output.ends_with(&line(399_999)));
        assert!(output.contains(&format!("\n[{skipped} bytes left out]\n")));
        // What was not shown in time is left out of the chunks too, and counted.
        let (mut shown, mut missing) = (0, 0);
        while let Some(batch) = printed.batch() {
            let chunk = &batch.body["chunks"][0];
            shown += bytes_of(chunk).len() as u64;
            missing += chunk["skipped"].as_u64().unwrap_or(0);
            printed.shown(&batch);
        }
        assert_eq!((shown, missing), (2 * PART as u64, skipped));
    }

    #[test]
    fn what_is_no_text_is_carried_all_the_same() {
        let mut printed = Printed::new();
        printed.push(Stream::Stdout, "gr\u{fc}n".as_bytes().split_at(3).0);
        let first = printed.batch().unwrap();
        assert_eq!(first.body["chunks"][0]["data"], "gr");
        printed.shown(&first);
        printed.push(Stream::Stdout, "gr\u{fc}n".as_bytes().split_at(3).1);
        let second = printed.batch().unwrap();
        assert_eq!(second.body["chunks"][0]["data"], "\u{fc}n");
        printed.shown(&second);
        printed.push(Stream::Stdout, b"\xff\xfe");
        let third = printed.batch().unwrap().body;
        assert_eq!(third["chunks"][0]["encoding"], "base64");
        assert_eq!(bytes_of(&third["chunks"][0]), b"\xff\xfe");
        let (fields, _) = printed.fields();
        assert_eq!(fields["output_encoding"], "base64");
    }

    proptest! {
        #[test]
        fn chunks_together_are_what_was_printed(
            pushes in prop::collection::vec(
                (any::<bool>(), prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..40),
                    "\\PC{0,20}".prop_map(String::into_bytes),
                ], any::<bool>(), any::<bool>()),
                0..40,
            ),
        ) {
            let mut printed = Printed::new();
            let mut wanted = [Vec::new(), Vec::new()];
            let mut seen = [Vec::new(), Vec::new()];
            let mut next = 0;
            let mut show = |printed: &mut Printed, lost: bool, seen: &mut [Vec<u8>; 2]| {
                let Some(batch) = printed.batch() else { return false };
                if lost {
                    return true;
                }
                for chunk in batch.body["chunks"].as_array().unwrap() {
                    assert_eq!(chunk["seq"], next);
                    next += 1;
                    seen[usize::from(chunk["stream"] == "stderr")].extend(bytes_of(chunk));
                }
                printed.shown(&batch);
                true
            };
            for (to_stderr, bytes, is_shown, is_lost) in pushes {
                let stream = if to_stderr { Stream::Stderr } else { Stream::Stdout };
                printed.push(stream, &bytes);
                wanted[usize::from(to_stderr)].extend(bytes);
                if is_shown {
                    show(&mut printed, is_lost, &mut seen);
                }
            }
            while show(&mut printed, false, &mut seen) {}
            prop_assert_eq!(seen, wanted);
        }
    }
}
