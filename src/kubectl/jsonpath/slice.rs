//! Parts of a list: `1`, `-1`, `1:3`, `:`, `0:10:2`.

#[derive(Debug)]
pub(super) struct Slice {
    start: Option<i64>,
    end: Option<i64>,
    step: Option<i64>,
    /// An index, not a range.
    is_one: bool,
}

impl Slice {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let is_index = |part: &&str| {
            let digits = part.strip_prefix('-').unwrap_or(part);
            digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if parts.len() > 3 || !parts.iter().all(is_index) {
            return Err(format!("invalid array index {text}"));
        }
        let number = |index: usize| match parts.get(index) {
            None | Some(&"") => Ok(None),
            Some(part) => match part.parse::<i64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(format!("array index {part} is not a number")),
            },
        };
        Ok(Self {
            start: number(0)?,
            end: number(1)?,
            step: number(2)?,
            is_one: parts.len() == 1,
        })
    }

    /// Where it starts in a list of that length, how many items it spans, and which of
    /// them it has: every one, every second one.
    pub(super) fn range(&self, length: usize) -> Result<(usize, usize, usize), String> {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let mut first = self.start.unwrap_or(0);
        let mut last = match self.end {
            Some(end) => end,
            None if self.is_one => first.saturating_add(1),
            None => length,
        };
        if first < 0 {
            first += length;
        }
        if last < 0 || (last == 0 && self.is_one) {
            last += length;
        }
        if first == last {
            return Ok((0, 0, 1));
        }
        let out = |index: i64| format!("array index out of bounds: index {index}, length {length}");
        if first < 0 || first >= length {
            return Err(out(first));
        }
        if last < 0 || last > length {
            return Err(out(last - 1));
        }
        if first > last {
            let problem = "is greater than ending index";
            return Err(format!("starting index {first} {problem} {last}"));
        }
        let size = |number: i64| usize::try_from(number).unwrap_or_default();
        match size(self.step.unwrap_or(1)) {
            0 => Err("step must be > 0".to_owned()),
            step => Ok((size(first), size(last - first), step)),
        }
    }
}
