//! The labels of an object: one text, which equal sets share.

use std::mem;

use super::{Name, Names};

/// Keys and values in the order they came in, which is that of the keys: `app=web,tier=front`.
/// Neither may hold a comma, nor a key an equals sign
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels(pub(super) Option<Name>);

impl Labels {
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.iter().find(|(own, _)| *own == key);
        found.map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = self.0.as_deref().unwrap_or_default();
        text.split(',').filter_map(|pair| pair.split_once('='))
    }
}

impl Names {
    /// The labels that `tell` tells of, one by one; what no label can be is left out.
    pub fn labels(&mut self, tell: impl FnOnce(&mut dyn FnMut(&str, &str))) -> Labels {
        let mut text = mem::take(&mut self.scratch);
        text.clear();
        tell(&mut |key, value| {
            if key.is_empty() || key.contains(['=', ',']) || value.contains(',') {
                return;
            }
            if !text.is_empty() {
                text.push(',');
            }
            for part in [key, "=", value] {
                text.push_str(part);
            }
        });
        let labels = Labels((!text.is_empty()).then(|| self.intern(&text)));
        self.scratch = text;
        labels
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Of a text as labels hold it.
    pub(in crate::cluster) fn labels(text: &str) -> Labels {
        Labels(Some(Name::from(text)))
    }

    #[test]
    fn labels_are_found_by_their_keys() {
        let mut names = Names::new();
        let mut of = |pairs: &[(&str, &str)]| {
            names.labels(|each| pairs.iter().for_each(|(key, value)| each(key, value)))
        };
        let web = of(&[("app", "web"), ("empty", ""), ("odd", "a=b")]);
        assert_eq!(web.get("app"), Some("web"));
        assert_eq!(web.get("empty"), Some(""));
        assert_eq!(web.get("odd"), Some("a=b"));
        assert_eq!(web.get("ap"), None);
        assert_eq!(web.get(""), None);
        assert_eq!(of(&[]), Labels::default());
        assert_eq!(of(&[]).get("app"), None);
        let odd = of(&[
            ("a,b", "c"),
            ("a=b", "c"),
            ("", "c"),
            ("d", "e,f=g"),
            ("h", "i"),
        ]);
        assert_eq!(odd, labels("h=i"));
    }

    #[test]
    fn equal_sets_are_kept_once() {
        let mut names = Names::new();
        let mut one = || names.labels(|each| each("app", "web"));
        let (Labels(Some(first)), Labels(Some(second))) = (one(), one()) else {
            panic!("they are not empty");
        };
        assert!(Name::ptr_eq(&first, &second));
    }
}
