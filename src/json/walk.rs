//! Walks through a text: what is between the values.

use std::borrow::Cow;

use serde::de::Error as _;
use serde_json::Error;

use super::Place;
use super::skip::Quoted;

/// A text, and how far it was read.
pub struct Walk<'t> {
    pub(super) text: &'t [u8],
    pub(super) at: usize,
}

/// What is done with each field, which it must read or skip.
type EachField<'e, 't> = &'e mut dyn FnMut(&str, &mut Walk<'t>) -> Result<(), Error>;
/// The same, whose name may be any bytes.
type EachName<'e, 't> = &'e mut dyn FnMut(&[u8], &mut Walk<'t>) -> Result<(), Error>;
/// What is done with each element, which it must read or skip.
type EachItem<'e, 't> = &'e mut dyn FnMut(&mut Walk<'t>) -> Result<(), Error>;

impl<'t> Walk<'t> {
    #[must_use]
    pub fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Walks through an object.
    ///
    /// # Errors
    /// There is none, it is broken, or `each` fails.
    pub fn fields(&mut self, each: EachField<'_, 't>) -> Result<(), Error> {
        self.names(&mut |name, walk| match str::from_utf8(name) {
            Ok(name) => each(name, walk),
            Err(_) => Err(walk.error("the name of a field is no UTF-8")),
        })
    }

    /// Walks through an object. Most names are looked at to skip what they name, and only
    /// compared: whether they are UTF-8 is then of no interest.
    pub(super) fn names(&mut self, each: EachName<'_, 't>) -> Result<(), Error> {
        let mut more = self.open(b'{', b'}')?;
        while more {
            match self.quoted()? {
                Quoted::Plain(name) => {
                    self.expect(b':')?;
                    each(name, self)?;
                }
                Quoted::Escaped(name) => {
                    let name: String = serde_json::from_slice(name)?;
                    self.expect(b':')?;
                    each(name.as_bytes(), self)?;
                }
            }
            more = self.next(b'}')?;
        }
        Ok(())
    }

    /// Walks through a list.
    ///
    /// # Errors
    /// There is none, it is broken, or `each` fails.
    pub fn items(&mut self, each: EachItem<'_, 't>) -> Result<(), Error> {
        let mut more = self.open(b'[', b']')?;
        while more {
            each(self)?;
            more = self.next(b']')?;
        }
        Ok(())
    }

    /// # Errors
    /// There is none, or not of that type.
    pub fn value<T: Place<'t> + Default>(&mut self) -> Result<T, Error> {
        let mut value = T::default();
        self.put(value.slot())?;
        Ok(value)
    }

    /// Reads a string.
    pub(super) fn string(&mut self) -> Result<Cow<'t, str>, Error> {
        match self.quoted()? {
            Quoted::Plain(text) => match str::from_utf8(text) {
                Ok(text) => Ok(Cow::Borrowed(text)),
                Err(_) => Err(self.error("text is no UTF-8")),
            },
            Quoted::Escaped(text) => serde_json::from_slice(text).map(Cow::Owned),
        }
    }

    /// # Errors
    /// There is more.
    pub fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("trailing characters")),
        }
    }

    #[must_use]
    pub fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub fn advance(&mut self, length: usize) {
        self.at += length;
    }

    /// The next byte that is no space.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(byte) if *byte > b' ' => return Some(*byte),
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    /// Goes into an object or list; false when it is empty.
    fn open(&mut self, open: u8, close: u8) -> Result<bool, Error> {
        self.expect(open)?;
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// Goes behind a comma or the end; false at the end.
    #[inline]
    fn next(&mut self, close: u8) -> Result<bool, Error> {
        if self.peek() == Some(b',') {
            self.at += 1;
            return Ok(true);
        }
        self.expect(close).map(|()| false)
    }

    #[inline]
    pub(super) fn expect(&mut self, wanted: u8) -> Result<(), Error> {
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        Err(self.missing(wanted))
    }

    /// Why what is wanted is not there.
    #[cold]
    fn missing(&mut self, wanted: u8) -> Error {
        match self.peek() {
            Some(_) => {
                let wanted = char::from(wanted);
                self.error(&format!("there is no `{wanted}` where one should be"))
            }
            None => self.error(match wanted {
                b']' => "EOF while parsing a list",
                b'}' | b':' | b'"' => "EOF while parsing an object",
                _ => "EOF while parsing a value",
            }),
        }
    }

    /// What is wrong, and where.
    #[cold]
    #[must_use]
    pub fn error(&self, problem: &str) -> Error {
        let seen = self.text.get(..self.at).unwrap_or(self.text);
        let line = seen.split(|byte| *byte == b'\n').count();
        let column = seen
            .rsplit(|byte| *byte == b'\n')
            .next()
            .map_or(0, <[u8]>::len);
        Error::custom(format_args!("{problem} at line {line} column {column}"))
    }
}
