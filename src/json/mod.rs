//! JSON read into values of our own types, by one reader for all of them.
//!
//! Derived code is a parser for each type and was a tenth of the program. Here a value
//! says where each of its fields belongs ([`Fields`]), and the reader puts it there. As
//! with derived code, unknown fields are skipped and a wrong type is an error. What is
//! skipped is not looked at beyond where it ends, which is fast. What is missing stays as
//! it was: whether it must not be missing, `check` says.

mod few;
mod place;
mod reader;
mod skip;
mod walk;

use std::borrow::Cow;

use serde_json::Error;
pub use serde_json::Value;

pub use few::Few;
pub use place::{Anything, Raw};
pub use walk::Walk;

/// Where one value belongs, and thereby of which type it must be.
pub enum Slot<'s, 't> {
    Object(&'s mut dyn Fields<'t>),
    List(&'s mut dyn Room<'t>),
    /// Null takes no room.
    Optional(&'s mut dyn Room<'t>),
    /// Null is empty text.
    Text(&'s mut Cow<'t, str>),
    /// A quantity: the API writes text, clients may have written numbers.
    Amount(&'s mut Cow<'t, str>),
    /// Text that is there.
    String(&'s mut String),
    Bool(&'s mut bool),
    U16(&'s mut u16),
    U32(&'s mut u32),
    U64(&'s mut u64),
    I32(&'s mut i32),
    F64(&'s mut f64),
    Value(&'s mut Value),
    /// Any value, as it is written.
    Raw(&'s mut &'t [u8]),
    Anything,
}

/// What a value can be read into.
pub trait Place<'t> {
    /// Empties it where values are added.
    fn slot(&mut self) -> Slot<'_, 't>;
}

/// An object.
pub trait Fields<'t> {
    /// Where the field of that name belongs; none: it is skipped. Most are skipped, so the
    /// name is as it came: whether it is UTF-8, only those look who keep it.
    fn field(&mut self, name: &[u8]) -> Option<Slot<'_, 't>>;

    /// What is wrong with the whole.
    ///
    /// # Errors
    /// Something is missing, or beyond limits that its type does not have.
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

/// A list, or a value that may be absent.
pub trait Room<'t> {
    /// Makes room for one more.
    fn next(&mut self) -> Slot<'_, 't>;
}

/// What borrows nothing from its text.
pub trait Owned: Default + for<'t> Place<'t> {}

impl<T: Default + for<'t> Place<'t>> Owned for T {}

/// Reads a text that is one value.
///
/// # Errors
/// It is no JSON, or not of that type.
pub fn read<'t, T: Place<'t> + Default>(text: &'t [u8]) -> Result<T, Error> {
    let mut walk = Walk::new(text);
    let value = walk.value()?;
    walk.end()?;
    Ok(value)
}

/// Reads the value that `text` starts with, and how long it is.
///
/// # Errors
/// It is no JSON, or not of that type.
pub fn first<'t, T: Place<'t> + Default>(text: &'t [u8]) -> Result<(T, usize), Error> {
    let mut walk = Walk::new(text);
    let value = walk.value()?;
    Ok((value, walk.at))
}

/// A check that text is there, for [`Fields::check`].
///
/// # Errors
/// The problem, if there is none.
pub fn given(text: &str, problem: &'static str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err(problem);
    }
    Ok(())
}

/// Declares a struct that is read from an object: each field with its name there, and
/// after the struct what to check in the end. All begin empty.
#[macro_export]
macro_rules! object {
    (
        $(#[$about:meta])* $seen:vis struct $name:ident $(<$text:lifetime>)? {
            $($(#[$more:meta])* $open:vis $field:ident: $type:ty = $key:literal,)+
        }
        $(check $check:expr)?
    ) => {
        $(#[$about])*
        #[derive(Default)]
        $seen struct $name $(<$text>)? {
            $($(#[$more])* $open $field: $type,)+
        }
        $crate::object!(@ $name [$($text)?] ($($field = $key)+) $($check)?);
    };
    (@ $name:ident [] $fields:tt $($check:expr)?) => {
        $crate::object!(@ 'text, $name, $fields $($check)?);
    };
    (@ $name:ident [$text:lifetime] $fields:tt $($check:expr)?) => {
        $crate::object!(@ $text, $name<$text>, $fields $($check)?);
    };
    (@ $text:lifetime, $type:ty, ($($field:ident = $key:literal)+) $($check:expr)?) => {
        impl<$text> $crate::Place<$text> for $type {
            fn slot(&mut self) -> $crate::Slot<'_, $text> {
                $crate::Slot::Object(self)
            }
        }
        impl<$text> $crate::Fields<$text> for $type {
            fn field(&mut self, name: &[u8]) -> Option<$crate::Slot<'_, $text>> {
                $(if name == $key.as_bytes() {
                    return Some($crate::Place::slot(&mut self.$field));
                })+
                None
            }
            $(fn check(&self) -> Result<(), &'static str> {
                let check: fn(&Self) -> Result<(), &'static str> = $check;
                check(self)
            })?
        }
    };
}

/// An object with these fields; see [`map!`].
pub fn map(fields: Vec<(&str, Value)>) -> Value {
    let owned = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Value::Object(owned.collect())
}

/// As `serde_json::json!` of an object, with values that a [`Value`] can be made of: less code at
/// each place.
#[macro_export]
macro_rules! map {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::map(vec![$(($name, $crate::Value::from($value))),*])
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    object! {
        #[derive(Debug, PartialEq)]
        struct Whole<'t> {
            name: Cow<'t, str> = "name",
            parts: Vec<Part> = "someParts",
            part: Option<Box<Part>> = "part",
            on: bool = "on",
            ratio: Option<f64> = "ratio",
        }
        check |whole| if whole.on { Ok(()) } else { Err("it is off") }
    }

    object! {
        #[derive(Debug, PartialEq)]
        struct Part {
            size: u16 = "size",
            change: i32 = "change",
            label: String = "label",
        }
    }

    fn told(text: &str) -> String {
        read::<Whole<'_>>(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn fields_are_found_by_their_names_and_others_skipped() {
        let text = r#"{"x":{"y":[1]},"someParts":[{"size":7,"change":-1},{}],"name":"a",
            "part":{"label":"\u0062"},"on":true,"ratio":2}"#;
        let part = |size, change, label: &str| Part {
            size,
            change,
            label: label.to_owned(),
        };
        let whole = Whole {
            name: Cow::Borrowed("a"),
            parts: vec![part(7, -1, ""), part(0, 0, "")],
            part: Some(Box::new(part(0, 0, "b"))),
            on: true,
            ratio: Some(2.0),
        };
        assert_eq!(read::<Whole<'_>>(text.as_bytes()).unwrap(), whole);
    }

    #[test]
    fn null_is_absent_only_where_it_may_be() {
        let text = r#"{"on":true,"part":null,"ratio":null,"name":null}"#;
        let whole = read::<Whole<'_>>(text.as_bytes()).unwrap();
        assert_eq!((whole.part, whole.ratio, &*whole.name), (None, None, ""));
        assert!(told(r#"{"on":null}"#).starts_with("invalid type: null, expected true or false"));
        assert!(told(r#"{"someParts":null}"#).starts_with("invalid type: null, expected a list"));
    }

    #[test]
    fn what_is_there_last_counts() {
        let text = r#"{"on":true,"someParts":[{"size":1}],"someParts":[{"size":2}]}"#;
        let whole = read::<Whole<'_>>(text.as_bytes()).unwrap();
        assert_eq!(whole.parts.len(), 1);
        assert_eq!(whole.parts[0].size, 2);
    }

    #[test]
    fn a_wrong_type_is_named_with_its_place() {
        for (text, problem) in [
            ("[]", "invalid type: sequence, expected an object"),
            ("7", "invalid type: integer `7`, expected an object"),
            (
                r#"{"name":7}"#,
                "invalid type: integer `7`, expected text or null",
            ),
            (r#"{"name":{}}"#, "invalid type: map, expected text or null"),
            (
                r#"{"part":{"label":1.5}}"#,
                "invalid type: floating point `1.5`, expected text",
            ),
            (
                r#"{"part":{"size":-1}}"#,
                "invalid type: integer `-1`, expected a whole number",
            ),
            (
                r#"{"part":{"size":70000}}"#,
                "invalid type: integer `70000`, expected a whole number",
            ),
            (
                r#"{"part":{"size":"7"}}"#,
                "invalid type: string \"7\", expected a whole number",
            ),
            (r#"{"on":false}"#, "it is off at line 1 column 12"),
            (r#"{"on":true} x"#, "trailing characters"),
            (r#"{"on":true"#, "EOF while parsing an object"),
            ("", "EOF while parsing a value"),
        ] {
            assert!(told(text).starts_with(problem), "{text}: {}", told(text));
        }
    }

    #[test]
    fn a_value_can_be_kept_as_it_is_written() {
        let raw: Raw<'_> = read(br#" {"a" : [1, "\u0062"]} "#).unwrap();
        assert_eq!(raw.0, br#"{"a" : [1, "\u0062"]}"#);
        assert!(read::<Raw<'_>>(b"").is_err());
    }

    #[test]
    fn the_first_value_ends_where_the_next_begins() {
        let (value, length) = first::<String>(br#" "a" , "b""#).unwrap();
        assert_eq!((&*value, length), ("a", 4));
        let (Anything, length) = first(br#"[1,{"a":"]"}]]"#).unwrap();
        assert_eq!(length, 13);
    }
}
