//! In which form an answer is wanted.

/// How much a client with this `Accept` wants a media type, 0 to 1 (RFC 9110, section
/// 12.5.1): what is said most specifically holds.
pub(super) fn quality(accept: Option<&str>, media_type: &str) -> f64 {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return 1.0;
    };
    let family = media_type.split('/').next().unwrap_or_default();
    let mut best = (0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().unwrap_or_default();
        let specific = match named.strip_suffix("/*") {
            Some("*") => 1,
            Some(named) if named.eq_ignore_ascii_case(family) => 2,
            None if named.eq_ignore_ascii_case(media_type) => 3,
            _ => continue,
        };
        let said = parts.find_map(|part| {
            let value = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            value?.parse().ok()
        });
        let candidate = (specific, said.unwrap_or(1.0));
        if candidate > best {
            best = candidate;
        }
    }
    best.1
}

/// Whether a client with this `Accept-Encoding` takes gzip.
pub(super) fn takes_gzip(accepted: &str) -> bool {
    let mut any = false;
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let is_wanted = !parts.any(|part| {
            let quality = part.strip_prefix("q=").or(part.strip_prefix("Q="));
            quality.is_some_and(|quality| quality.parse() == Ok(0.0))
        });
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            return is_wanted;
        }
        any |= coding == "*" && is_wanted;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_read_as_clients_write_it() {
        let json = |accept| quality(accept, "application/json") > 0.0;
        for taken in [
            None,
            Some(""),
            Some("*/*"),
            Some("application/json"),
            Some("text/html,application/xhtml+xml,*/*;q=0.8"),
            Some("Application/JSON; charset=utf-8"),
            Some("application/*;q=0.1"),
        ] {
            assert!(json(taken), "{taken:?}");
        }
        for refused in [
            "text/html",
            "application/json;q=0",
            "image/*, text/plain",
            "*/*, application/json;q=0",
        ] {
            assert!(!json(Some(refused)), "{refused}");
        }
    }

    /// As Prometheus 2 asks, and Prometheus 3.
    #[test]
    fn of_two_types_the_more_wanted_is_known() {
        let first = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let second = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
            application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (accept, open, plain) in [
            (first, 1.0, 0.5),
            (second, 0.5, 0.2),
            ("*/*;q=0.1", 0.1, 0.1),
        ] {
            let quality = |media_type| quality(Some(accept), media_type);
            assert_eq!(quality("application/openmetrics-text"), open, "{accept}");
            assert_eq!(quality("text/plain"), plain, "{accept}");
        }
    }
}
