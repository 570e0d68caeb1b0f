//! Text inside a JSON document, borrowed where it has no escapes.

use std::borrow::Cow;
use std::ops::Deref;

use crate::json::{Place, Slot};

/// Text that may be null or missing: then it is empty.
pub type Text<'a> = Cow<'a, str>;

/// A quantity: the API writes text, clients may have written numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amount<'a>(Cow<'a, str>);

impl Deref for Amount<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> Place<'a> for Amount<'a> {
    fn slot(&mut self) -> Slot<'_, 'a> {
        Slot::Amount(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn text_is_borrowed_unless_escaped_and_null_is_empty() {
        let read = |text: &'static str| json::read::<Text<'_>>(text.as_bytes()).unwrap();
        assert!(matches!(read(r#""plain""#), Cow::Borrowed("plain")));
        assert_eq!(&*read(r#""a\"b""#), "a\"b");
        assert_eq!(&*read("null"), "");
        assert!(json::read::<Text<'_>>(b"7").is_err());
    }

    #[test]
    fn quantities_may_be_numbers() {
        let read = |text: &'static str| json::read::<Amount<'_>>(text.as_bytes()).unwrap();
        assert_eq!(&*read(r#""250m""#), "250m");
        assert_eq!(&*read("2"), "2");
        assert_eq!(&*read("0.5"), "0.5");
        assert_eq!(&*read("null"), "");
    }
}
