//! Walks through one page of a list, so that each object is read once, where it
//! lies: pages are most of what an agent ever reads.

use serde_json::Error;

use super::Sink;
use crate::json::{Walk, object};

object! {
    /// What a page says of the list.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Metadata {
        pub(super) resource_version: String = "resourceVersion",
        pub(super) next: Option<String> = "continue",
    }
}

/// Hands every object of the page to `sink`.
pub(super) fn read(text: &[u8], sink: &mut dyn Sink) -> Result<Metadata, Error> {
    let mut walk = Walk::new(text);
    let mut metadata = Metadata::default();
    walk.fields(&mut |name, walk| {
        match name {
            "metadata" => metadata = walk.value()?,
            "items" if walk.peek() == Some(b'[') => walk.items(&mut |walk| item(walk, sink))?,
            _ => drop(walk.skip()?),
        }
        Ok(())
    })?;
    walk.end()?;
    Ok(metadata)
}

fn item(walk: &mut Walk<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
    match sink.listed(walk.rest()) {
        Ok(length) => walk.advance(length),
        Err(error) => {
            // Broken JSON ends the list, a broken object only itself.
            let object = walk.skip()?;
            sink.broken(object, &error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json;
    use crate::k8s::watch::Health;

    /// Takes numbers as objects.
    #[derive(Default)]
    struct Numbers {
        seen: Vec<u16>,
        broken: usize,
    }

    impl Sink for Numbers {
        fn restart(&mut self) {}
        fn listed(&mut self, text: &[u8]) -> Result<usize, Error> {
            let (number, length) = json::first(text)?;
            self.seen.push(number);
            Ok(length)
        }
        fn broken(&mut self, _text: &[u8], _error: &Error) {
            self.broken += 1;
        }
        fn complete(&mut self) {}
        fn applied(&mut self, _object: &[u8]) {}
        fn deleted(&mut self, _object: &[u8]) {}
        fn health(&mut self, _health: Health<'_>) {}
    }

    fn walk(text: &str) -> (Result<Metadata, Error>, Vec<u16>, usize) {
        let mut sink = Numbers::default();
        let metadata = read(text.as_bytes(), &mut sink);
        (metadata, sink.seen, sink.broken)
    }

    #[test]
    fn the_order_of_fields_and_unknown_ones_do_not_matter() {
        for text in [
            r#"{"kind":"L","metadata":{"resourceVersion":"7","continue":"c","x":[1]},"items":[1,2]}"#,
            " { \"items\" : [ 1 ,\n2 ] , \"\\u006detadata\" : {\"continue\":\"c\",\"resourceVersion\":\"7\"} } \n",
        ] {
            let (metadata, seen, broken) = walk(text);
            let expected = Metadata {
                resource_version: "7".to_owned(),
                next: Some("c".to_owned()),
            };
            assert_eq!((metadata.unwrap(), seen, broken), (expected, vec![1, 2], 0));
        }
    }

    #[test]
    fn a_page_without_items_is_one() {
        for text in [r#"{"metadata":{},"items":null}"#, r#"{"items":[]}"#, "{}"] {
            let (metadata, seen, broken) = walk(text);
            assert_eq!(metadata.unwrap(), Metadata::default());
            assert!(seen.is_empty() && broken == 0);
        }
    }

    #[test]
    fn a_broken_object_fails_alone() {
        let (metadata, seen, broken) = walk(r#"{"items":[1,"x",{"a":[70000]},70000,2]}"#);
        assert!(metadata.is_ok());
        assert_eq!((seen, broken), (vec![1, 2], 3));
    }

    #[test]
    fn broken_json_is_an_error_and_no_broken_object() {
        for text in [
            "",
            "[]",
            "{",
            r#"{"items":[1,2"#,
            r#"{"items":[1 2]}"#,
            r#"{"items":[1,]}"#,
            r#"{"items":[{"a":]}"#,
            r#"{"items":[1],}"#,
            r#"{"items":[1]} x"#,
            r#"{"items" [1]}"#,
            r#"{"metadata":7}"#,
        ] {
            let (metadata, _, broken) = walk(text);
            assert!(metadata.is_err() && broken == 0, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_cut_is_an_error(at in 0usize..58) {
            let text = r#"{"metadata":{"resourceVersion":"7"},"items":[1,22,{"a":3}]}"#;
            let (metadata, _, _) = walk(text.get(..at).unwrap());
            prop_assert!(metadata.is_err());
        }
    }
}
