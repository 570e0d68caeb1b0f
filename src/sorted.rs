//! Small maps: pairs in the order of their keys, found by halving.
//!
//! One of a dozen entries needs no tree, whose code is several times as large for each
//! type of keys and values.

use serde::ser::{Serialize, Serializer};

/// A map in the order of its keys.
#[derive(Clone, Debug)]
pub struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    pub fn get(&self, key: &K) -> Option<&V> {
        let at = self.find(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Puts the value in place of any that is there.
    pub fn insert(&mut self, key: K, value: V) {
        match self.find(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// Puts the value where there is none yet.
    pub fn fill(&mut self, key: K, value: V) {
        if let Err(at) = self.find(&key) {
            self.0.insert(at, (key, value));
        }
    }

    /// The value of that key, the default one if there was none.
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let at = match self.find(&key) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (key, V::default()));
                at
            }
        };
        &mut self.0[at].1
    }

    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.0.iter()
    }

    fn find(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.cmp(key))
    }
}

impl<K, V> IntoIterator for Sorted<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Sorted<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(pairs in prop::collection::vec((0u8..9, 0u8..3, 0u64..9), 0..30)) {
            let (mut map, mut model) = (Sorted::default(), BTreeMap::new());
            for (key, way, value) in pairs {
                match way {
                    0 => {
                        map.insert(key, value);
                        model.insert(key, value);
                    }
                    1 => {
                        map.fill(key, value);
                        model.entry(key).or_insert(value);
                    }
                    _ => {
                        *map.entry(key) += value;
                        *model.entry(key).or_default() += value;
                    }
                }
                prop_assert_eq!(map.get(&key), model.get(&key));
            }
            prop_assert_eq!(serde_json::to_string(&map)?, serde_json::to_string(&model)?);
            let all: Vec<_> = map.into_iter().collect();
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        }
    }
}
