//! Answers that are sent only to whoever has them not yet (RFC 9110, section 13.1.2).

use crate::http::{Request, Response};

/// What `body` gives, or 304 where the request says that it is known by this tag already.
pub(super) fn answer(request: &Request, tag: String, body: impl FnOnce() -> Response) -> Response {
    let answer = match is_known(request.headers.get("if-none-match"), &tag) {
        true => Response::new(304),
        false => body(),
    };
    // May be kept, but not used before it was asked for again.
    answer
        .with("ETag", tag)
        .with("Cache-Control", "private, no-cache")
}

/// Tags have no commas here, so those of others may be cut to pieces.
fn is_known(known: Option<&str>, tag: &str) -> bool {
    let mut all = known.unwrap_or_default().split(',').map(str::trim);
    all.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::is_known;

    #[test]
    fn a_tag_is_known_by_itself() {
        for (known, expected) in [
            (None, false),
            (Some(""), false),
            (Some("\"a\""), true),
            (Some("W/\"a\""), true),
            (Some("\"b\", \"a\""), true),
            (Some("\"b,c\",W/\"d\""), false),
            (Some("a"), false),
            (Some("*"), true),
        ] {
            assert_eq!(is_known(known, "\"a\""), expected, "{known:?}");
        }
    }
}
