//! The last lines of one container, for all who watch them. Pure.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::api::live::feed::{Form, message};
use crate::cluster::bounded;
use crate::k8s::logs::Stamp;

/// Lines that are held, and asked for at first.
pub(super) const MOST: usize = 500;
/// Bytes that are held, counted with what a line costs besides.
const BYTES: usize = 64 * 1024;
const LINE: usize = 100;
/// Longest text of one message; longer lines come in parts.
const PART: usize = 16 * 1024;
/// What was there before comes at once: so long after its first part it counts as whole.
const SETTLED: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Line {
    /// Of the part before, where it has none.
    pub(super) at: Stamp,
    /// As the node wrote it; empty where it has none.
    time: Box<str>,
    pub(super) text: Box<str>,
    /// It goes on in the next.
    partial: bool,
    /// For events and sockets.
    made: [OnceLock<Arc<[u8]>>; 2],
}

/// Where a viewer begins.
#[derive(Debug, PartialEq)]
pub(super) struct Start {
    pub(super) cursor: u64,
    /// Lines that were asked for may be missing before.
    pub(super) short: bool,
}

#[derive(Debug, Default)]
pub(super) struct Ring {
    lines: VecDeque<Arc<Line>>,
    /// Number of the first line that is held.
    first: u64,
    bytes: usize,
    begun: Option<Instant>,
    last: Stamp,
    /// The last line has not ended.
    open: bool,
    /// No line comes any more; why, if it failed.
    ended: Option<Result<(), String>>,
}

impl Ring {
    /// Takes in whole lines, or a part of a long one.
    pub(super) fn feed(&mut self, bytes: &[u8], now: Instant) {
        self.begun.get_or_insert(now);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, whole) = match piece {
                [text @ .., b'\n'] => (text, true),
                _ => (piece, false),
            };
            let stamp = if self.open { None } else { Stamp::split(piece) };
            let (time, text) = match stamp {
                Some((stamp, text)) => {
                    self.last = stamp;
                    let time = piece.len() - text.len();
                    (
                        piece.get(..time.saturating_sub(1)).unwrap_or_default(),
                        text,
                    )
                }
                None => (&[][..], piece),
            };
            self.take(&String::from_utf8_lossy(time), text, whole);
            self.open = !whole;
        }
    }

    fn take(&mut self, time: &str, text: &[u8], whole: bool) {
        let text = String::from_utf8_lossy(text);
        let (mut rest, mut time) = (&*text, time);
        loop {
            let part = bounded(rest, PART);
            rest = rest.get(part.len()..).unwrap_or_default();
            self.push(Line {
                at: self.last,
                time: Box::from(time),
                text: Box::from(part),
                partial: !(whole && rest.is_empty()),
                made: Default::default(),
            });
            time = "";
            if rest.is_empty() {
                return;
            }
        }
    }

    fn push(&mut self, line: Line) {
        self.bytes += line.text.len() + LINE;
        self.lines.push_back(Arc::new(line));
        while self.lines.len() > MOST || (self.bytes > BYTES && self.lines.len() > 1) {
            if let Some(gone) = self.lines.pop_front() {
                self.bytes -= gone.text.len() + LINE;
                self.first += 1;
            }
        }
    }

    pub(super) fn end(&mut self, outcome: Result<(), String>) {
        self.ended.get_or_insert(outcome);
    }

    pub(super) fn ended(&self) -> Option<&Result<(), String>> {
        self.ended.as_ref()
    }

    /// How long until what was there before is whole; none before anything came.
    pub(super) fn unsettled(&self, now: Instant) -> Option<Duration> {
        if self.ended.is_some() {
            return Some(Duration::ZERO);
        }
        let end = self.begun? + SETTLED;
        Some(end.saturating_duration_since(now))
    }

    /// Where somebody begins who wants the last lines, and of these no older ones.
    pub(super) fn start(&self, tail: usize, since: Option<u64>) -> Start {
        let held = self.lines.len();
        let wanted = held.min(tail);
        let mut skipped = held - wanted;
        if let Some(since) = since {
            let old = |line: &&Arc<Line>| line.at.second() < since;
            skipped += self.lines.iter().skip(skipped).take_while(old).count();
        }
        let all = skipped == 0 && (tail > held || since.is_some());
        Start {
            cursor: self.first + skipped as u64,
            short: all && self.is_cut(),
        }
    }

    /// The first line that is held.
    pub(super) fn oldest(&self) -> Start {
        Start {
            cursor: self.first,
            short: self.is_cut(),
        }
    }

    /// The first line behind that moment.
    pub(super) fn behind(&self, moment: Stamp) -> Start {
        let known = |line: &&Arc<Line>| line.at <= moment;
        let known = self.lines.iter().take_while(known).count();
        Start {
            cursor: self.first + known as u64,
            short: known == 0 && self.is_cut(),
        }
    }

    /// There may be lines before the first.
    fn is_cut(&self) -> bool {
        self.first > 0 || self.lines.len() >= MOST
    }

    /// How many lines are gone that come next, and those that are there.
    pub(super) fn after(&self, cursor: u64) -> (u64, impl Iterator<Item = &Arc<Line>>) {
        let lost = self.first.saturating_sub(cursor);
        let known = usize::try_from(cursor.saturating_sub(self.first)).unwrap_or(usize::MAX);
        (lost, self.lines.iter().skip(known))
    }
}

impl Line {
    /// The message that tells it; `origin` is `"namespace":"...","pod":"...","container":"..."`.
    pub(super) fn told(&self, form: Form, origin: &str) -> Arc<[u8]> {
        let place = match form {
            Form::Events => 0,
            Form::Socket => 1,
        };
        let made = || message(form, "log", None, self.data(origin).as_bytes());
        Arc::clone(self.made[place].get_or_init(made))
    }

    fn data(&self, origin: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let time = match &*self.time {
            "" => String::new(),
            time => format!(",\"time\":{}", quoted(time)),
        };
        let partial = if self.partial {
            ",\"partial\":true"
        } else {
            ""
        };
        format!(
            "{{{origin}{time},\"line\":{}{partial}}}",
            quoted(&self.text)
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(second: u32, text: &str) -> String {
        format!("2026-11-26T06:00:{second:02}.5Z {text}\n")
    }

    fn ring(lines: &[String]) -> Ring {
        let mut ring = Ring::default();
        ring.feed(lines.concat().as_bytes(), Instant::now());
        ring
    }

    fn texts(ring: &Ring, cursor: u64) -> Vec<&str> {
        ring.after(cursor).1.map(|line| &*line.text).collect()
    }

    #[test]
    fn lines_are_told_with_where_and_when() {
        let mut ring = ring(&[line(1, "a \"quoted\" one")]);
        ring.feed(b"the node says", Instant::now());
        ring.feed(b" more\n", Instant::now());
        let told: Vec<_> = ring
            .after(0)
            .1
            .map(|line| line.data("\"pod\":\"p\""))
            .collect();
        assert_eq!(
            told,
            [
                r#"{"pod":"p","time":"2026-11-26T06:00:01.5Z","line":"a \"quoted\" one"}"#,
                r#"{"pod":"p","line":"the node says","partial":true}"#,
                r#"{"pod":"p","line":" more"}"#,
            ]
        );
        let line = ring.after(0).1.next().unwrap();
        let [one, same] = [0, 1].map(|_| line.told(Form::Events, "\"pod\":\"p\""));
        assert_eq!(one.as_ptr(), same.as_ptr(), "made once");
        assert!(one.starts_with(b"event: log\ndata: {"));
    }

    #[test]
    fn a_tail_begins_where_it_is_wanted() {
        let lines: Vec<_> = (0..5)
            .map(|second| line(second, &second.to_string()))
            .collect();
        let ring = ring(&lines);
        let begun = |tail, since| {
            let start = ring.start(tail, since);
            (texts(&ring, start.cursor), start.short)
        };
        assert_eq!(begun(2, None), (vec!["3", "4"], false));
        assert_eq!(begun(0, None), (vec![], false));
        assert_eq!(begun(9, None), (vec!["0", "1", "2", "3", "4"], false));
        let second = Stamp::split(lines[2].as_bytes()).unwrap().0;
        assert_eq!(texts(&ring, ring.behind(second).cursor), ["3", "4"]);
        let third = Stamp::split(lines[3].as_bytes()).unwrap().0.second();
        assert_eq!(begun(MOST, Some(third)), (vec!["3", "4"], false));
    }

    #[test]
    fn what_is_held_is_bounded_and_what_is_gone_is_counted() {
        let lines: Vec<_> = (0..MOST + 7)
            .map(|number| line(1, &number.to_string()))
            .collect();
        let short = ring(&lines);
        assert_eq!(short.after(2).0, 5);
        assert!(!short.start(MOST, None).short, "as many as were asked for");
        assert!(short.start(MOST, Some(0)).short);
        assert!(short.oldest().short);
        let long = ring(&[line(1, &"x".repeat(BYTES * 3)), line(2, "y")]);
        assert!(long.bytes <= BYTES + PART + LINE, "{}", long.bytes);
        let last = texts(&long, 0);
        assert_eq!(last.last(), Some(&"y"));
        assert!(last.iter().all(|part| part.len() <= PART));
    }

    #[test]
    fn what_was_before_is_whole_a_while_after_its_beginning() {
        let mut ring = Ring::default();
        let now = Instant::now();
        assert_eq!(ring.unsettled(now), None);
        ring.feed(line(1, "a").as_bytes(), now);
        assert_eq!(ring.unsettled(now), Some(SETTLED));
        ring.feed(line(2, "b").as_bytes(), now + SETTLED);
        assert_eq!(ring.unsettled(now + SETTLED), Some(Duration::ZERO));
        let mut ended = Ring::default();
        ended.end(Ok(()));
        ended.end(Err("later".to_owned()));
        assert_eq!(ended.ended(), Some(&Ok(())));
        assert_eq!(ended.unsettled(now), Some(Duration::ZERO));
    }

    proptest! {
        /// However it is fed, what comes out of the parts is what went in.
        #[test]
        fn nothing_is_changed(text in "\\PC{0,60}", cut in 0_usize..60) {
            let text = text.replace('\n', " ");
            let whole = line(1, &text);
            let cut = whole.floor_char_boundary("2026-11-26T06:00:01.5Z ".len() + cut.min(text.len()));
            let mut ring = Ring::default();
            for part in [&whole[..cut], &whole[cut..]] {
                ring.feed(part.as_bytes(), Instant::now());
            }
            prop_assert_eq!(texts(&ring, 0).concat(), text);
        }
    }
}
