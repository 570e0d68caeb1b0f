//! Reads a value into its place.

use std::borrow::Cow;

use serde::de::{Error as _, Unexpected};
use serde_json::{Error, Number, Value};

use super::{Slot, Walk};

impl<'t> Walk<'t> {
    /// Reads a value into its place.
    ///
    /// # Errors
    /// There is none, or not of that type.
    pub(super) fn put(&mut self, mut slot: Slot<'_, 't>) -> Result<(), Error> {
        let Some(byte) = self.peek() else {
            return Err(self.error("EOF while parsing a value"));
        };
        match (&mut slot, byte) {
            (Slot::Anything, _) => drop(self.skip()?),
            (Slot::Raw(raw), _) => **raw = self.skip()?,
            (Slot::Value(value), _) => **value = serde_json::from_slice(self.skip()?)?,
            (Slot::Optional(_), b'n') => self.null()?,
            (Slot::Optional(room), _) => self.put(room.next())?,
            (Slot::Object(fields), b'{') => {
                self.names(&mut |name, walk| match fields.field(name) {
                    Some(slot) => walk.put(slot),
                    None => walk.skip().map(drop),
                })?;
                fields.check().map_err(|problem| self.error(problem))?;
            }
            (Slot::List(room), b'[') => self.items(&mut |walk| walk.put(room.next()))?,
            (Slot::Text(text) | Slot::Amount(text), b'"') => **text = self.string()?,
            (Slot::Text(text) | Slot::Amount(text), b'n') => {
                self.null()?;
                **text = Cow::Borrowed("");
            }
            (Slot::String(text), b'"') => **text = self.string()?.into_owned(),
            _ => return self.put_word(&mut slot),
        }
        Ok(())
    }

    /// Null, and nothing else that begins like it.
    fn null(&mut self) -> Result<(), Error> {
        serde_json::from_slice(self.skip()?)
    }

    /// Reads what may be a number, true or false.
    fn put_word(&mut self, slot: &mut Slot<'_, 't>) -> Result<(), Error> {
        let value: Value = serde_json::from_slice(self.skip()?)?;
        let fits = match (&mut *slot, &value) {
            (Slot::Bool(place), Value::Bool(value)) => {
                **place = *value;
                true
            }
            (_, Value::Number(number)) => put_number(number, slot),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        let wrong = Error::invalid_type(unexpected(&value), &expected(slot));
        Err(self.error(&wrong.to_string()))
    }
}

/// Puts a number where it fits.
fn put_number(number: &Number, slot: &mut Slot<'_, '_>) -> bool {
    fn put<N, P: TryFrom<N>>(number: Option<N>, place: &mut P) -> bool {
        let fits = number.and_then(|number| P::try_from(number).ok());
        fits.map(|number| *place = number).is_some()
    }
    match slot {
        Slot::U16(place) => put(number.as_u64(), *place),
        Slot::U32(place) => put(number.as_u64(), *place),
        Slot::U64(place) => put(number.as_u64(), *place),
        Slot::I32(place) => put(number.as_i64(), *place),
        Slot::F64(place) => put(number.as_f64(), *place),
        Slot::Amount(text) if number.is_u64() || number.is_f64() => {
            **text = Cow::Owned(match number.as_u64() {
                Some(whole) => whole.to_string(),
                None => number.as_f64().unwrap_or_default().to_string(),
            });
            true
        }
        _ => false,
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Other("null"),
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Unexpected::Unsigned(number),
            (_, Some(number)) => Unexpected::Signed(number),
            _ => Unexpected::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

fn expected(slot: &Slot<'_, '_>) -> &'static str {
    match slot {
        Slot::Object(_) => "an object",
        Slot::List(_) => "a list",
        Slot::Text(_) => "text or null",
        Slot::Amount(_) => "a quantity",
        Slot::String(_) => "text",
        Slot::Bool(_) => "true or false",
        Slot::U16(_) | Slot::U32(_) | Slot::U64(_) | Slot::I32(_) => {
            "a whole number within its limits"
        }
        Slot::F64(_) => "a number",
        Slot::Optional(_) | Slot::Value(_) | Slot::Raw(_) | Slot::Anything => "any value",
    }
}
