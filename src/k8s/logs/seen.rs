//! Which lines of a log were passed on, so that it can be asked for again after a cut
//! without losing or repeating one. Pure.
//!
//! The server can be asked for all from a second on. Of those the lines that were seen
//! come first, so they are counted; after a rotation they no longer come, so a line that
//! is newer than all seen ends the counting. Nothing grows with the log.

use super::stamp::Stamp;

/// Longest line that is held back until it is whole. Longer ones go on in pieces.
const LINE: usize = 64 * 1024;

/// The state of one log.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether the reader wants the times, too.
    stamps: bool,
    newest: Option<Stamp>,
    /// Lines seen of the newest second and later.
    count: usize,
    /// How many of them still come again.
    again: usize,
    /// The start of a line whose end has not come.
    begun: Vec<u8>,
    /// Of a line that is passed on in pieces.
    piece: Option<Piece>,
    /// A piece of a line that was cut: it comes again, too.
    cut: Option<Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    stamp: Option<Stamp>,
    /// Whether it is passed on, or was seen.
    wanted: bool,
    /// Bytes passed on.
    given: usize,
}

impl Seen {
    pub(super) fn new(stamps: bool) -> Self {
        Self {
            stamps,
            ..Self::default()
        }
    }

    /// The second to ask from, if any line came.
    pub(super) fn since(&self) -> Option<u64> {
        self.newest.map(|stamp| stamp.second)
    }

    /// The connection was cut; what comes next was asked for by [`Self::since`].
    pub(super) fn restart(&mut self) {
        self.begun.clear();
        if let Some(mut piece) = self.piece.take().filter(|piece| piece.wanted) {
            // It may have been cut before, and further on.
            let before = self.cut.filter(|cut| cut.stamp == piece.stamp);
            piece.given = before.map_or(0, |cut| cut.given).max(piece.given);
            self.cut = Some(piece);
        }
        self.again = self.count;
    }

    /// Takes in what came and appends to `out` what is to be passed on: whole lines, or
    /// a piece of a very long one.
    pub(super) fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end + 1);
            bytes = rest;
            if self.begun.is_empty() {
                self.line(line, out);
            } else {
                let mut whole = std::mem::take(&mut self.begun);
                whole.extend_from_slice(line);
                self.line(&whole, out);
                whole.clear();
                self.begun = whole;
            }
        }
        self.begun.extend_from_slice(bytes);
        if self.begun.len() > LINE {
            self.flush(out);
        }
    }

    /// Passes on what is there of the last line, which has no end.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        let begun = std::mem::take(&mut self.begun);
        if !begun.is_empty() {
            self.pass(&begun, out);
        }
    }

    fn line(&mut self, rest: &[u8], out: &mut Vec<u8>) {
        self.pass(rest, out);
        let Some(Piece {
            stamp: Some(stamp),
            wanted: true,
            ..
        }) = self.piece.take()
        else {
            return;
        };
        let newest = *self.newest.get_or_insert(stamp);
        if stamp.second > newest.second {
            self.count = 0;
        }
        if stamp.second >= newest.second {
            self.count += 1;
        }
        self.newest = Some(newest.max(stamp));
    }

    /// The next part of a line; the first has its time in front.
    fn pass(&mut self, part: &[u8], out: &mut Vec<u8>) {
        let (mut piece, text) = match self.piece {
            Some(piece) => (piece, part),
            None => self.begin(part),
        };
        let text = match self.cut {
            // These bytes were passed on before the cut.
            Some(cut) if cut.stamp == piece.stamp && piece.wanted => {
                let left = cut.given.saturating_sub(piece.given).min(text.len());
                piece.given += left;
                text.get(left..).unwrap_or_default()
            }
            _ => text,
        };
        if piece.wanted {
            piece.given += text.len();
            out.extend_from_slice(text);
            if text.ends_with(b"\n") {
                self.cut = None;
            }
        }
        self.piece = Some(piece);
    }

    /// Judges a line by its first part, and takes off what the reader does not want.
    fn begin<'a>(&mut self, part: &'a [u8]) -> (Piece, &'a [u8]) {
        let split = Stamp::split(part);
        let stamp = split.map(|(stamp, _)| stamp);
        let text = match split {
            Some((_, text)) if !self.stamps => text,
            _ => part,
        };
        // What the node itself has to say carries no time and is never left out.
        let seen = self.again > 0 && stamp.is_some() && stamp <= self.newest;
        if seen {
            self.again -= 1;
        } else if stamp.is_some() {
            self.again = 0;
        }
        let piece = Piece {
            stamp,
            wanted: !seen,
            given: 0,
        };
        (piece, text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A line of that second and nanosecond.
    fn line(second: u32, nanos: u32, text: &str) -> String {
        format!("2026-11-26T06:00:{second:02}.{nanos:09}Z {text}\n")
    }

    /// What the server sends when asked again: all lines since that second.
    fn since(log: &[String], seen: &Seen) -> String {
        let second = seen.since().unwrap_or_default();
        let newer = |line: &&String| {
            Stamp::split(line.as_bytes()).is_some_and(|(stamp, _)| stamp.second >= second)
        };
        log.iter().filter(newer).map(String::as_str).collect()
    }

    fn bare(log: &[String]) -> String {
        log.iter()
            .map(|line| line.split_once(' ').unwrap().1)
            .collect()
    }

    #[test]
    fn times_are_taken_off_unless_they_are_wanted() {
        let text = line(1, 5, "a") + "the node says\n" + &line(2, 0, "");
        for (stamps, expected) in [(false, "a\nthe node says\n\n"), (true, text.as_str())] {
            let (mut seen, mut out) = (Seen::new(stamps), Vec::new());
            seen.feed(text.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn half_a_line_is_held_back_and_comes_at_the_end() {
        let (mut seen, mut out) = (Seen::new(false), Vec::new());
        let text = line(1, 0, "a") + "2026-11-26T06:00:02Z no end";
        for byte in text.as_bytes() {
            seen.feed(&[*byte], &mut out);
        }
        assert_eq!(out, b"a\n");
        seen.flush(&mut out);
        assert_eq!(out, b"a\nno end");
    }

    #[test]
    fn after_a_rotation_the_counted_lines_do_not_come_again() {
        let (mut seen, mut out) = (Seen::new(false), Vec::new());
        seen.feed((line(1, 1, "a") + &line(1, 2, "b")).as_bytes(), &mut out);
        seen.restart();
        // The old file is gone: only what is new comes.
        seen.feed((line(1, 3, "c") + &line(1, 4, "d")).as_bytes(), &mut out);
        assert_eq!(out, b"a\nb\nc\nd\n");
    }

    #[test]
    fn a_long_line_goes_on_in_pieces_and_is_taken_up_where_it_was_cut() {
        let long = "0123456789".repeat(20_000);
        let log = [line(1, 1, "a"), line(1, 1, &long), line(1, 1, "b")];
        let whole: String = log.concat();
        for cut in [200, 70_000, 150_000, 199_990] {
            let (mut seen, mut out) = (Seen::new(false), Vec::new());
            for chunk in whole.as_bytes()[..cut].chunks(10_000) {
                seen.feed(chunk, &mut out);
                assert!(seen.begun.len() <= LINE + 10_000);
            }
            seen.restart();
            // Cut again while the piece that was passed on is left out.
            seen.feed(&since(&log, &seen).as_bytes()[..66_000], &mut out);
            seen.restart();
            for chunk in since(&log, &seen).as_bytes().chunks(10_000) {
                seen.feed(chunk, &mut out);
            }
            assert!(out == bare(&log).as_bytes(), "cut at {cut}");
        }
    }

    proptest! {
        /// However often and wherever it is cut, every line comes once and in order, also
        /// when two streams of a container overtake each other.
        #[test]
        fn cuts_lose_and_repeat_nothing(
            times in prop::collection::vec((0_u32..3, 0_u32..4), 1..40),
            cuts in prop::collection::vec(0_usize..600, 0..6),
        ) {
            let mut second = 0;
            let log: Vec<String> = times
                .iter()
                .enumerate()
                .map(|(index, (step, nanos))| {
                    second += u32::from(*step == 0);
                    line(second, *nanos, &format!("line {index}"))
                })
                .collect();
            let (mut seen, mut out) = (Seen::new(false), Vec::new());
            for cut in cuts {
                let all = since(&log, &seen);
                seen.feed(&all.as_bytes()[..cut.min(all.len())], &mut out);
                seen.restart();
            }
            seen.feed(since(&log, &seen).as_bytes(), &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), bare(&log));
        }
    }
}
