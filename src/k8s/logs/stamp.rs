//! The time in front of each line of a log: RFC 3339 with nine digits and a zone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment; the zone is the node's and may change, so it is computed away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    pub(super) second: u64,
    nanos: u32,
}

/// Longest stamp: `2026-11-26T06:29:56.123456789+01:00`.
const LONGEST: usize = 35;

impl Stamp {
    /// The stamp at the start of a line and what follows its blank.
    pub fn split(line: &[u8]) -> Option<(Stamp, &[u8])> {
        let end = line
            .iter()
            .take(LONGEST + 1)
            .position(|byte| *byte == b' ')?;
        let (text, rest) = line.split_at(end);
        Some((Self::parse(str::from_utf8(text).ok()?)?, rest.get(1..)?))
    }

    /// Seconds since 1970.
    pub fn second(self) -> u64 {
        self.second
    }

    fn parse(text: &str) -> Option<Stamp> {
        let (moment, rest) = text.split_at_checked("2026-11-26T06:29:56".len())?;
        let moment = humantime::parse_rfc3339_weak(moment).ok()?;
        let second = moment.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let zone = rest.find(['Z', '+', '-'])?;
        let (fraction, zone) = rest.split_at(zone);
        Some(Stamp {
            second: second.checked_add_signed(-offset(zone)?)?,
            nanos: nanos(fraction)?,
        })
    }
}

/// `.123` as nanoseconds.
fn nanos(fraction: &str) -> Option<u32> {
    let Some(digits) = fraction.strip_prefix('.') else {
        return fraction.is_empty().then_some(0);
    };
    let missing = u32::try_from(9_usize.checked_sub(digits.len())?).ok()?;
    let number: u32 = digits.parse().ok()?;
    Some(number * 10_u32.pow(missing))
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    let (sign, time) = match zone.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", time) => (1, time),
        ("-", time) => (-1, time),
        _ => return None,
    };
    let (hours, minutes) = time.split_once(':')?;
    let minutes = hours.parse::<u8>().ok().map(i64::from)? * 60
        + minutes.parse::<u8>().ok().map(i64::from)?;
    Some(sign * 60 * minutes)
}

/// As a query has it.
pub(super) fn text(second: u64) -> String {
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    humantime::format_rfc3339_seconds(moment).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_moments_in_any_zone() {
        let read = |text: &str| Stamp::parse(text).map(|stamp| (stamp.second, stamp.nanos));
        let moment = Some((1_795_674_596, 120_000_000));
        for text in [
            "2026-11-26T06:29:56.120000000Z",
            "2026-11-26T06:29:56.12Z",
            "2026-11-26T11:59:56.12+05:30",
            "2026-11-26T03:29:56.12-03:00",
        ] {
            assert_eq!(read(text), moment, "{text}");
        }
        assert_eq!(read("2026-11-26T06:29:56Z"), Some((1_795_674_596, 0)));
        for text in [
            "",
            "unable to retrieve",
            "2026-11-26T06:29:56",
            "2026-11-26T06:29:56.1234567890Z",
            "2026-11-26T06:29:56.-1Z",
            "2026-11-26T06:29:56Zulu",
            "2026-11-26T06:29:56+0100",
            "2026-13-26T06:29:56Z",
            "1970-01-01T00:00:00+01:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(text(1_795_674_596), "2026-11-26T06:29:56Z");
    }

    #[test]
    fn the_rest_of_the_line_is_untouched() {
        let rest = |line: &'static [u8]| Stamp::split(line).map(|(_, rest)| rest);
        assert_eq!(rest(b"2026-11-26T06:29:56Z  a b\n"), Some(&b" a b\n"[..]));
        assert_eq!(rest(b"2026-11-26T06:29:56Z \n"), Some(&b"\n"[..]));
        assert_eq!(rest(b"2026-11-26T06:29:56Z"), None);
        assert_eq!(rest(b"failed to watch file\n"), None);
    }
}
