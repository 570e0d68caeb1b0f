//! Goes behind what nobody keeps.
//!
//! It is not read, only followed to its end: its quotes and brackets must match, and no
//! more is looked at. Nine tenths of what an API server sends is of that kind.

use serde_json::Error;

use super::Walk;

/// How deep brackets may be nested: one bit each.
const DEEPEST: u32 = u128::BITS;

/// A string as it lies in the text.
pub(super) enum Quoted<'t> {
    /// What is between its quotes is all.
    Plain(&'t [u8]),
    /// There are escapes in it; here with its quotes.
    Escaped(&'t [u8]),
}

impl<'t> Walk<'t> {
    /// Goes behind a value; gives back its text.
    ///
    /// # Errors
    /// There is none.
    pub fn skip(&mut self) -> Result<&'t [u8], Error> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => {
                self.quoted()?;
            }
            Some(b'{' | b'[') => self.skip_nested()?,
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => self.skip_word(),
            Some(_) => return Err(self.error("expected value")),
            None => return Err(self.error("EOF while parsing a value")),
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Goes behind a string.
    pub(super) fn quoted(&mut self) -> Result<Quoted<'t>, Error> {
        self.expect(b'"')?;
        let start = self.at;
        let plain = self.skip_string()?;
        let between = |start, end| self.text.get(start..end).unwrap_or_default();
        Ok(if plain {
            Quoted::Plain(between(start, self.at - 1))
        } else {
            Quoted::Escaped(between(start - 1, self.at))
        })
    }

    /// Goes on behind the end of a string; whether there are no escapes in it.
    #[inline]
    fn skip_string(&mut self) -> Result<bool, Error> {
        let mut plain = true;
        loop {
            self.at += plain_length(self.rest());
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    plain = false;
                    self.at += 2;
                }
                Some(_) => return Err(self.error("control character in a string")),
                None => return Err(self.error("EOF while parsing a string")),
            }
        }
        self.at += 1;
        Ok(plain)
    }

    /// A number, true, false or null, or what looks like it.
    fn skip_word(&mut self) {
        let of_word = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        self.at += self.rest().iter().take_while(of_word).count();
    }

    fn skip_nested(&mut self) -> Result<(), Error> {
        // From the innermost: whether it is an object.
        let mut open: u128 = 0;
        let mut depth = 0;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    self.skip_string()?;
                    continue;
                }
                Some(byte @ (b'{' | b'[')) => {
                    open = open << 1 | u128::from(*byte == b'{');
                    depth += 1;
                    if depth > DEEPEST {
                        return Err(self.error("nested too deeply"));
                    }
                }
                Some(byte @ (b'}' | b']')) => {
                    if open & 1 != u128::from(*byte == b'}') {
                        return Err(self.error("brackets do not match"));
                    }
                    open >>= 1;
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                Some(_) => {}
                None => return Err(self.error("EOF while parsing an object or list")),
            }
            self.at += 1;
        }
    }
}

/// How many bytes come before a quote, a backslash or a control character.
///
/// Eight at a time: a byte borrows into its highest bit where it was below what is taken
/// from it. The lowest such byte is right; those above may have lent to it.
#[inline]
fn plain_length(text: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let (chunks, rest) = text.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let bytes = u64::from_le_bytes(*chunk);
        let quote = bytes ^ (ONES * u64::from(b'"'));
        let escape = bytes ^ (ONES * u64::from(b'\\'));
        let found = (bytes.wrapping_sub(ONES * 0x20) & !bytes)
            | (quote.wrapping_sub(ONES) & !quote)
            | (escape.wrapping_sub(ONES) & !escape);
        if found & HIGH != 0 {
            return index * 8 + (found & HIGH).trailing_zeros() as usize / 8;
        }
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    chunks.len() * 8 + rest.iter().position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn skipped(text: &str) -> Result<&str, String> {
        let skipped = Walk::new(text.as_bytes()).skip();
        skipped
            .map(|text| str::from_utf8(text).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_is_skipped_to_its_end() {
        for (text, value) in [
            (r#" {"a" : 1}}"#, r#"{"a" : 1}"#),
            (r#"[{"]":"}"},[]],"#, r#"[{"]":"}"},[]]"#),
            (r#""a\"b",1"#, r#""a\"b""#),
            (r#""\\","#, r#""\\""#),
            ("-1.5e+3}", "-1.5e+3"),
            ("true,", "true"),
            ("null", "null"),
        ] {
            assert_eq!(skipped(text).unwrap(), value);
        }
    }

    #[test]
    fn what_has_no_end_is_told() {
        for (text, problem) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            (" \n }", "expected value at line 2 column 1"),
            (r#"{"a":[1}"#, "brackets do not match at line 1 column 7"),
            (r#"{"a":[1]"#, "EOF while parsing an object or list"),
            (r#"{"a"#, "EOF while parsing a string"),
            (r#""a\"#, "EOF while parsing a string"),
            ("\"a\nb\"", "control character in a string"),
            (&"[".repeat(129), "nested too deeply at line 1 column 128"),
        ] {
            let told = skipped(text).unwrap_err();
            assert!(told.starts_with(problem), "{text}: {told}");
        }
        let deep = "[".repeat(128) + &"]".repeat(128);
        assert_eq!(skipped(&deep), Ok(&*deep));
    }

    proptest! {
        #[test]
        fn eight_at_a_time_find_what_one_at_a_time_finds(text: Vec<u8>, at: u8, end in "[\"\\\\\n]") {
            let mut text: Vec<u8> = text.into_iter().filter(|byte| *byte >= 0x20).collect();
            text.insert(usize::from(at) % (text.len() + 1), end.as_bytes()[0]);
            let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            prop_assert_eq!(Some(plain_length(&text)), text.iter().position(ends));
        }
    }
}
