//! Text inside a JSON document, borrowed where it has no escapes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Text that may be null or missing: then it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }
}

/// A quantity: the API writes text, clients may have written numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amount<'a>(Cow<'a, str>);

impl Deref for Amount<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Amount<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl<'de> Visitor<'de> for AmountVisitor {
    type Value = Amount<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Amount<'de>, E> {
        Ok(Amount(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Amount<'de>, E> {
        Ok(Amount(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Amount<'de>, E> {
        Ok(Amount(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Amount<'de>, E> {
        Ok(Amount(Cow::Owned(number.to_string())))
    }

    fn visit_unit<E: Error>(self) -> Result<Amount<'de>, E> {
        Ok(Amount::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_borrowed_unless_escaped_and_null_is_empty() {
        let read = |json| serde_json::from_str::<Text<'_>>(json).unwrap();
        assert!(matches!(read(r#""plain""#).0, Cow::Borrowed("plain")));
        assert_eq!(&*read(r#""a\"b""#), "a\"b");
        assert_eq!(&*read("null"), "");
        assert!(serde_json::from_str::<Text<'_>>("7").is_err());
    }

    #[test]
    fn quantities_may_be_numbers() {
        let read = |json| serde_json::from_str::<Amount<'_>>(json).unwrap();
        assert_eq!(&*read(r#""250m""#), "250m");
        assert_eq!(&*read("2"), "2");
        assert_eq!(&*read("0.5"), "0.5");
        assert_eq!(&*read("null"), "");
    }
}
