//! What keys and values of labels may look like, in the words of kubectl
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>).

const LONGEST_NAME: usize = 63;
const LONGEST_PREFIX: usize = 253;

const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, \
    '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
    'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and \
    end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used \
    for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const PREFIX: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
    'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// What is wrong with a value, with `; ` between; empty if nothing is.
pub(super) fn value_problems(value: &str) -> String {
    let mut problems = Vec::new();
    if value.len() > LONGEST_NAME {
        problems.push(too_long(LONGEST_NAME));
    }
    if !value.is_empty() && !is_name(value) {
        problems.push(VALUE.to_owned());
    }
    problems.join("; ")
}

/// What is wrong with a key, with an optional domain in front.
pub(super) fn key_problems(key: &str) -> String {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if name.contains('/') {
        return format!(
            "a valid label key {NAME} with an optional DNS subdomain prefix and '/' (e.g. \
             'example.com/MyName')"
        );
    }
    let mut problems = Vec::new();
    let mut add = |part: &str, problem: &str| problems.push(format!("{part} part {problem}"));
    match prefix {
        Some("") => add("prefix", "must be non-empty"),
        Some(prefix) => {
            if prefix.len() > LONGEST_PREFIX {
                add("prefix", &too_long(LONGEST_PREFIX));
            }
            if !prefix.split('.').all(is_dns_label) {
                add("prefix", PREFIX);
            }
        }
        None => {}
    }
    if name.is_empty() {
        add("name", "must be non-empty");
    } else if name.len() > LONGEST_NAME {
        add("name", &too_long(LONGEST_NAME));
    }
    if !is_name(name) {
        add("name", NAME);
    }
    problems.join("; ")
}

fn too_long(most: usize) -> String {
    format!("must be no more than {most} bytes")
}

fn is_name(text: &str) -> bool {
    is_made_of(text, &|byte| byte.is_ascii_alphanumeric(), b"-_.")
}

fn is_dns_label(text: &str) -> bool {
    let is_end = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    is_made_of(text, &is_end, b"-")
}

/// Whether the first and last byte are fit for ends, and all others too or of `inner`.
fn is_made_of(text: &str, is_end: &dyn Fn(u8) -> bool, inner: &[u8]) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|byte| is_end(*byte))
        && bytes.last().is_some_and(|byte| is_end(*byte))
        && bytes
            .iter()
            .all(|byte| is_end(*byte) || inner.contains(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_and_values_are_judged_as_kubernetes_judges_them() {
        let long = "a".repeat(64);
        for value in ["", "a", "A-b_c.9"] {
            assert_eq!(value_problems(value), "", "{value}");
        }
        for value in ["-a", "a-", "a b", "\u{e9}", &long] {
            assert_ne!(value_problems(value), "", "{value}");
        }
        for key in ["a", "example.com/a", "a.b-c/X_9"] {
            assert_eq!(key_problems(key), "", "{key}");
        }
        for key in ["", "/a", "A/b", "a/b/c", "a/", "a..b/c", "a-", &long] {
            assert_ne!(key_problems(key), "", "{key}");
        }
        assert_eq!(
            key_problems("a/").split("; ").next(),
            Some("name part must be non-empty")
        );
    }

    proptest! {
        #[test]
        fn a_value_that_is_a_name_is_a_key_too(text in "\\PC{0,70}") {
            let is_key = key_problems(&text).is_empty();
            prop_assert_eq!(value_problems(&text).is_empty() && !text.is_empty(), is_key && !text.contains('/'));
        }
    }
}
