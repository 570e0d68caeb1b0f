//! Where values of the usual types belong.

use std::borrow::Cow;

use serde_json::Value;

use super::{Place, Room, Slot};

/// Any value; what it was is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anything;

/// Any value as it is written, to be read later; empty if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raw<'t>(pub &'t [u8]);

/// Types that are a slot themselves.
macro_rules! places {
    ($($type:ty => $slot:ident,)+) => {
        $(impl<'t> Place<'t> for $type {
            fn slot(&mut self) -> Slot<'_, 't> {
                Slot::$slot(self)
            }
        })+
    };
}

places! {
    Cow<'t, str> => Text,
    String => String,
    bool => Bool,
    u16 => U16,
    u32 => U32,
    u64 => U64,
    i32 => I32,
    f64 => F64,
    Value => Value,
}

impl<'t> Place<'t> for Anything {
    fn slot(&mut self) -> Slot<'_, 't> {
        Slot::Anything
    }
}

impl<'t> Place<'t> for Raw<'t> {
    fn slot(&mut self) -> Slot<'_, 't> {
        Slot::Raw(&mut self.0)
    }
}

impl<'t, T: Place<'t>> Place<'t> for Box<T> {
    fn slot(&mut self) -> Slot<'_, 't> {
        (**self).slot()
    }
}

impl<'t, T: Place<'t> + Default> Place<'t> for Option<T> {
    fn slot(&mut self) -> Slot<'_, 't> {
        *self = None;
        Slot::Optional(self)
    }
}

impl<'t, T: Place<'t> + Default> Room<'t> for Option<T> {
    fn next(&mut self) -> Slot<'_, 't> {
        self.insert(T::default()).slot()
    }
}

impl<'t, T: Place<'t> + Default> Place<'t> for Vec<T> {
    fn slot(&mut self) -> Slot<'_, 't> {
        self.clear();
        Slot::List(self)
    }
}

impl<'t, T: Place<'t> + Default> Room<'t> for Vec<T> {
    fn next(&mut self) -> Slot<'_, 't> {
        self.push_mut(T::default()).slot()
    }
}
