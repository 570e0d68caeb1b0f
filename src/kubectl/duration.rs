//! Durations: as flags have them, and as ages are shown.
//!
//! The first is Go's syntax (`1h2m3.5s`), the second what kubectl shows where the server
//! does not.

use std::time::SystemTime;

use crate::age;

/// Seconds of a text such as `1m30s`, `500ms` or `0`.
///
/// # Errors
/// The problem in Go's words.
pub fn seconds(text: &str) -> Result<f64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0.0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = &rest[..letters];
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            _ => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        total += number * factor;
        rest = &rest[letters..];
    }
    Ok(sign * total)
}

/// As Go shows one: `1m30s`, `500ms`, `1.5s`.
pub fn shown(seconds: f64) -> String {
    let (sign, left) = if seconds < 0.0 {
        ("-", -seconds)
    } else {
        ("", seconds)
    };
    if left > 0.0 && left < 1.0 {
        return format!("{sign}{}ms", left * 1000.0);
    }
    let (hours, minutes) = ((left / 3600.0).floor(), (left / 60.0).floor() % 60.0);
    let rest = (left % 60.0 * 1e9).round() / 1e9;
    match (hours > 0.0, minutes > 0.0) {
        (true, _) => format!("{sign}{hours}h{minutes}m{rest}s"),
        (false, true) => format!("{sign}{minutes}m{rest}s"),
        (false, false) => format!("{sign}{rest}s"),
    }
}

/// How long ago that time was, `<unknown>` if it is none.
pub fn since(time: &str) -> String {
    seconds_since(time).map_or_else(|| "<unknown>".to_owned(), age::shown)
}

/// Seconds since that time.
pub fn seconds_since(time: &str) -> Option<i64> {
    let then = humantime::parse_rfc3339_weak(time).ok()?;
    let seconds = match SystemTime::now().duration_since(then) {
        Ok(ago) => i64::try_from(ago.as_secs()),
        Err(ahead) => i64::try_from(ahead.duration().as_secs()).map(|seconds| -seconds),
    };
    seconds.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("0", Ok(0.0)),
            ("1h2m3.5s", Ok(3723.5)),
            ("-1m", Ok(-60.0)),
            ("1500ms", Ok(1.5)),
            ("5", Err("time: missing unit in duration \"5\"".to_owned())),
            ("", Err("time: invalid duration \"\"".to_owned())),
            ("x", Err("time: invalid duration \"x\"".to_owned())),
            (
                "1d",
                Err("time: unknown unit \"d\" in duration \"1d\"".to_owned()),
            ),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_shown_as_go_shows_them() {
        for text in [
            "0s",
            "1s",
            "1.5s",
            "500ms",
            "1m0s",
            "-1s",
            "1h0m0s",
            "26h3m4.25s",
        ] {
            assert_eq!(shown(seconds(text).unwrap()), text);
        }
    }
}
