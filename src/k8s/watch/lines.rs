//! Cuts a stream of bytes into lines of bounded length.

/// A line that has not ended yet, and where the next one starts.
#[derive(Debug)]
pub(super) struct Lines {
    /// The start of a line whose end has not come.
    begun: Vec<u8>,
    limit: usize,
}

/// A line is longer than the limit; what follows cannot be told apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            begun: Vec::new(),
            limit,
        }
    }

    /// Takes in the next bytes and hands each line that they end to `each`, without
    /// its line feed; empty lines are left out. `each` says whether to go on.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), TooLong> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let go_on = if self.begun.is_empty() {
                // The usual case: nothing is copied.
                line.is_empty() || each(line)
            } else {
                self.append(line)?;
                let whole = std::mem::take(&mut self.begun);
                each(&whole)
            };
            if !go_on {
                return Ok(());
            }
        }
        self.append(rest)
    }

    fn append(&mut self, part: &[u8]) -> Result<(), TooLong> {
        if self.begun.len() + part.len() > self.limit {
            return Err(TooLong);
        }
        self.begun.extend_from_slice(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(parts: &[&[u8]], limit: usize) -> Result<Vec<String>, TooLong> {
        let mut lines = Lines::new(limit);
        let mut found = Vec::new();
        for part in parts {
            lines.feed(part, |line| {
                found.push(String::from_utf8_lossy(line).into_owned());
                true
            })?;
        }
        Ok(found)
    }

    #[test]
    fn half_a_line_waits_and_is_never_handed_out() {
        assert_eq!(cut(&[b"a\nb", b"c\n\nd"], 9).unwrap(), ["a", "bc"]);
    }

    #[test]
    fn a_long_line_is_refused_before_it_is_kept() {
        assert_eq!(cut(&[b"12345", b"678", b"9\n"], 8), Err(TooLong));
        assert_eq!(cut(&[b"12345", b"678\n"], 8).unwrap(), ["12345678"]);
    }

    #[test]
    fn nothing_is_handed_out_after_a_no() {
        let mut seen = 0;
        let mut lines = Lines::new(10);
        lines
            .feed(b"a\nb\n", |_| {
                seen += 1;
                false
            })
            .unwrap();
        assert_eq!(seen, 1);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_bytes_come(text in "[ab\n]{0,60}", at in 0usize..60) {
            let at = at.min(text.len());
            let (head, tail) = text.as_bytes().split_at(at);
            let expected: Vec<String> = text
                .rsplit_once('\n')
                .map_or("", |(ended, _)| ended)
                .split('\n')
                .filter(|line| !line.is_empty())
                .map(ToOwned::to_owned)
                .collect();
            prop_assert_eq!(cut(&[head, tail], 100).unwrap(), expected);
        }
    }
}
