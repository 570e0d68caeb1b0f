//! Walks through a text by hand, for what is read where it lies or not at all.
//!
//! Only what is between the values is looked at here; the reader reads those.

use std::borrow::Cow;

use serde_json::Error;

use super::{Anything, Place, error, first};

/// What is still to be read.
pub struct Walk<'t> {
    rest: &'t [u8],
}

/// What is done with each field, which it must read or skip.
type EachField<'e, 't> = &'e mut dyn FnMut(&str, &mut Walk<'t>) -> Result<(), Error>;
/// What is done with each element, which it must read or skip.
type EachItem<'e, 't> = &'e mut dyn FnMut(&mut Walk<'t>) -> Result<(), Error>;

impl<'t> Walk<'t> {
    #[must_use]
    pub fn new(text: &'t [u8]) -> Self {
        Self { rest: text }
    }

    /// Walks through an object.
    ///
    /// # Errors
    /// There is none, it is broken, or `each` fails.
    pub fn fields(&mut self, each: EachField<'_, 't>) -> Result<(), Error> {
        let mut more = self.open(b'{', b'}')?;
        while more {
            let name: Cow<'_, str> = self.value()?;
            self.expect(b':')?;
            each(&name, self)?;
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
        let (value, length) = first(self.rest)?;
        self.advance(length);
        Ok(value)
    }

    /// Goes behind a value; gives back its text.
    ///
    /// # Errors
    /// There is none.
    pub fn skip(&mut self) -> Result<&'t [u8], Error> {
        let text = self.rest.trim_ascii_start();
        let (Anything, length) = first(text)?;
        self.rest = text;
        self.advance(length);
        Ok(text.get(..length).unwrap_or_default())
    }

    /// # Errors
    /// There is more.
    pub fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(error("there is text behind the end")),
        }
    }

    #[must_use]
    pub fn rest(&self) -> &'t [u8] {
        self.rest
    }

    pub fn advance(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    /// The next byte that is no space.
    pub fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    /// Goes into an object or list; false when it is empty.
    fn open(&mut self, open: u8, close: u8) -> Result<bool, Error> {
        self.expect(open)?;
        if self.peek() == Some(close) {
            self.advance(1);
            return Ok(false);
        }
        Ok(true)
    }

    /// Goes behind a comma or the end; false at the end.
    fn next(&mut self, close: u8) -> Result<bool, Error> {
        if self.peek() == Some(b',') {
            self.advance(1);
            return Ok(true);
        }
        self.expect(close).map(|()| false)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Error> {
        if self.peek() != Some(wanted) {
            let wanted = char::from(wanted);
            return Err(error(&format!(
                "there is no `{wanted}` where one should be"
            )));
        }
        self.advance(1);
        Ok(())
    }
}
