//! A list that is short nearly always.

use std::ops::Deref;

use super::{Place, Room, Slot};

/// Its first `N` elements lie in itself: what is read and dropped by the thousand then asks
/// nothing of the allocator. musl's maps a page for the first object of a size, and unmaps it
/// with the last.
#[derive(Debug)]
pub struct Few<T, const N: usize> {
    few: [T; N],
    length: usize,
    /// All of them, once there are more.
    many: Vec<T>,
}

impl<T: Default, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self {
            few: std::array::from_fn(|_| T::default()),
            length: 0,
            many: Vec::new(),
        }
    }
}

impl<T, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        if self.many.is_empty() {
            self.few.get(..self.length).unwrap_or_default()
        } else {
            &self.many
        }
    }
}

impl<'t, T: Place<'t> + Default, const N: usize> Place<'t> for Few<T, N> {
    fn slot(&mut self) -> Slot<'_, 't> {
        *self = Self::default();
        Slot::List(self)
    }
}

impl<'t, T: Place<'t> + Default, const N: usize> Room<'t> for Few<T, N> {
    fn next(&mut self) -> Slot<'_, 't> {
        if self.many.is_empty() {
            if self.length < N {
                self.length += 1;
                return self.few[self.length - 1].slot();
            }
            self.many.extend(self.few.iter_mut().map(std::mem::take));
        }
        self.many.push_mut(T::default()).slot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate as json;

    #[test]
    fn few_and_many_are_the_same_list() {
        for length in 0..7 {
            let numbers: Vec<u16> = (0..length).collect();
            let text = format!("{numbers:?}");
            assert_eq!(
                *json::read::<Few<u16, 3>>(text.as_bytes()).unwrap(),
                *numbers
            );
        }
    }

    #[test]
    fn of_a_field_that_comes_twice_the_last_counts() {
        let mut list = Few::<u16, 2>::default();
        for (text, expected) in [("[1,2,3]", &[1, 2, 3][..]), ("[4]", &[4]), ("[]", &[])] {
            json::Walk::new(text.as_bytes()).put(list.slot()).unwrap();
            assert_eq!(*list, *expected);
        }
    }
}
