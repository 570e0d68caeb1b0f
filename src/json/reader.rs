//! The reader: one visitor for values of every type.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde_json::Value;

use super::{Fields, Room, Slot};

impl<'t> DeserializeSeed<'t> for Slot<'_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        match self {
            Slot::Optional(_) => deserializer.deserialize_option(self),
            Slot::Value(value) => Value::deserialize(deserializer).map(|read| *value = read),
            Slot::Anything => IgnoredAny::deserialize(deserializer).map(drop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'t> Visitor<'t> for Slot<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
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
            Slot::Optional(_) | Slot::Value(_) | Slot::Anything => "any value",
        })
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        match self {
            Slot::Optional(room) => room.next().deserialize(deserializer),
            _ => Err(D::Error::invalid_type(Unexpected::Option, &self)),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self {
            Slot::Text(text) | Slot::Amount(text) => *text = Cow::Borrowed(""),
            _ => return Err(E::invalid_type(Unexpected::Unit, &self)),
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self {
            Slot::Bool(place) => *place = value,
            _ => return Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, number: u64) -> Result<(), E> {
        let fits = match &mut self {
            Slot::U16(place) => put(number, *place),
            Slot::U32(place) => put(number, *place),
            Slot::U64(place) => put(number, *place),
            Slot::I32(place) => put(number, *place),
            Slot::Amount(text) => {
                **text = Cow::Owned(number.to_string());
                true
            }
            Slot::F64(_) => return self.visit_f64(number as f64),
            _ => false,
        };
        taken(fits, Unexpected::Unsigned(number), &self)
    }

    /// Below zero.
    fn visit_i64<E: Error>(mut self, number: i64) -> Result<(), E> {
        let fits = match &mut self {
            Slot::I32(place) => put(number, *place),
            Slot::F64(_) => return self.visit_f64(number as f64),
            _ => false,
        };
        taken(fits, Unexpected::Signed(number), &self)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        match self {
            Slot::F64(place) => *place = number,
            Slot::Amount(text) => *text = Cow::Owned(number.to_string()),
            _ => return Err(E::invalid_type(Unexpected::Float(number), &self)),
        }
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, value: &'t str) -> Result<(), E> {
        match self {
            Slot::Text(text) | Slot::Amount(text) => *text = Cow::Borrowed(value),
            _ => return self.visit_str(value),
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        match self {
            Slot::Text(text) | Slot::Amount(text) => *text = Cow::Owned(value.to_owned()),
            Slot::String(text) => value.clone_into(text),
            _ => return Err(E::invalid_type(Unexpected::Str(value), &self)),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut access: A) -> Result<(), A::Error> {
        let Slot::List(list) = self else {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        };
        while access.next_element_seed(Next(&mut *list))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'t>>(self, mut access: A) -> Result<(), A::Error> {
        let Slot::Object(fields) = self else {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        };
        while let Some(slot) = access.next_key_seed(Key(&mut *fields))? {
            access.next_value_seed(slot.unwrap_or(Slot::Anything))?;
        }
        fields.check().map_err(A::Error::custom)
    }
}

/// Puts a number where it fits.
fn put<N, P: TryFrom<N>>(number: N, place: &mut P) -> bool {
    P::try_from(number).map(|number| *place = number).is_ok()
}

fn taken<E: Error>(fits: bool, number: Unexpected<'_>, slot: &Slot<'_, '_>) -> Result<(), E> {
    if fits {
        return Ok(());
    }
    Err(E::invalid_type(number, slot))
}

/// The next element of a list, which only has a place if there is one.
struct Next<'s, 't>(&'s mut dyn Room<'t>);

impl<'t> DeserializeSeed<'t> for Next<'_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.next().deserialize(deserializer)
    }
}

/// The name of the next field, read as the place where its value belongs.
struct Key<'s, 't>(&'s mut dyn Fields<'t>);

impl<'s, 't> DeserializeSeed<'t> for Key<'s, 't> {
    type Value = Option<Slot<'s, 't>>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'s, 't> Visitor<'t> for Key<'s, 't> {
    type Value = Option<Slot<'s, 't>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.field(name))
    }
}
