//! Text that many rows share, kept once.

use std::collections::HashSet;
use std::sync::Arc;

/// Immutable text; clones share it.
pub type Name = Arc<str>;

/// So few names are not worth pruning.
const SMALL: usize = 256;

/// Gives equal text the same [`Name`]. Each watch thread owns one.
///
/// Names that no row holds any more are dropped when the set has doubled since
/// it was last pruned, so it stays within twice what is in use.
#[derive(Debug, Default)]
pub struct Names {
    all: HashSet<Name>,
    prune_at: usize,
    /// Where a text is put together before it is known whether it is new.
    pub(super) scratch: String,
}

impl Names {
    pub fn new() -> Self {
        Self::default()
    }

    /// The one `Name` of this text.
    pub fn intern(&mut self, text: &str) -> Name {
        if let Some(name) = self.all.get(text) {
            return Arc::clone(name);
        }
        if self.all.len() >= self.prune_at.max(SMALL) {
            self.all.retain(|name| Arc::strong_count(name) > 1);
            self.all.shrink_to(self.all.len() * 2);
            self.prune_at = self.all.len() * 2;
        }
        let name: Name = Arc::from(text);
        self.all.insert(Arc::clone(&name));
        name
    }

    /// How many names are kept, used or not.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// The longest start of `text` with at most `limit` bytes that ends between
/// characters.
pub fn bounded(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_text_is_kept_once() {
        let mut names = Names::new();
        let first = names.intern("kube-system");
        let second = names.intern("kube-system");
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(names.len(), 1);
    }

    #[test]
    fn names_out_of_use_are_pruned() {
        let mut names = Names::new();
        let kept: Vec<Name> = (0..10)
            .map(|i| names.intern(&format!("kept-{i}")))
            .collect();
        for i in 0..100_000 {
            names.intern(&format!("passing-{i}"));
            assert!(names.len() <= SMALL + 1);
        }
        assert!(Arc::ptr_eq(&names.intern("kept-3"), &kept[3]));
    }

    #[test]
    fn the_set_stays_within_twice_the_names_in_use() {
        let mut names = Names::new();
        let kept: Vec<Name> = (0..5_000)
            .map(|i| names.intern(&format!("kept-{i}")))
            .collect();
        for i in 0..50_000 {
            names.intern(&format!("passing-{i}"));
        }
        assert!(names.len() <= 2 * kept.len() + 1);
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(bounded("Stra\u{df}e", 5), "Stra");
        assert_eq!(bounded("Stra\u{df}e", 6), "Stra\u{df}");
        assert_eq!(bounded("short", 256), "short");
        assert_eq!(bounded("\u{1f680}", 3), "");
    }
}
