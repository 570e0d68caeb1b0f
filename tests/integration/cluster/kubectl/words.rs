//! Splits a command line into words, as a shell does.

/// Words are separated by spaces; either quote keeps them together.
pub(super) fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None;
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            (' ', None) => words.extend(word.take()),
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_with(String::new);
            }
            (_, Some(open)) if c == open => quote = None,
            _ => word.get_or_insert_with(String::new).push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn quotes_keep_words_together() {
    let words = split("get -o 'jsonpath={\"a b\"}' \"it's\"  x=''");
    assert_eq!(words, ["get", "-o", "jsonpath={\"a b\"}", "it's", "x="]);
}
