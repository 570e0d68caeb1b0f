//! Moments as HTTP writes them: the Date header, and Retry-After in both its forms.
//!
//! Source: RFC 9110, 5.6.7 (dates, the two obsolete forms included) and 10.2.3.

use std::time::{Duration, SystemTime};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Nobody is kept waiting for longer, whatever the server asks.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Parses any of the three forms of an HTTP date.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let words: Vec<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(9)
        .collect();
    let (day, month, year, clock) = match words.as_slice() {
        [_, day, month, year, h, m, s, "GMT"] => (day, month, year, [h, m, s]),
        [_, month, day, h, m, s, year] => (day, month, year, [h, m, s]),
        _ => return None,
    };
    let [hour, minute, second] = clock.map(|number| number.parse::<u64>().ok());
    let (hour, minute, second) = (hour?, minute?, second?);
    let month = MONTHS.iter().position(|name| name == month)? as u64 + 1;
    let day = day.parse::<u64>().ok()?;
    let year = full_year(year)?;
    if !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day)? * 86_400 + hour * 3600 + minute * 60 + second;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// How long a Retry-After header asks to wait, an hour at most.
pub(super) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => parse(text)?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
}

fn full_year(text: &str) -> Option<u64> {
    let year = text.parse::<u64>().ok()?;
    match text.len() {
        // RFC 850 has two digits; nothing of ours is older than 1970.
        2 if year >= 70 => Some(1900 + year),
        2 => Some(2000 + year),
        4 => Some(year),
        _ => None,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, by counting from 1 March so
/// that the leap day comes last.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let since_march = (153 * month + 2) / 5 + day - 1;
    let since_zero = year * 365 + year / 4 - year / 100 + year / 400 + since_march;
    since_zero.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        parse(text).map(|moment| {
            moment
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs()
        })
    }

    #[test]
    fn the_three_forms_of_the_rfc_are_one_moment() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
        assert_eq!(
            seconds("Thu, 29 Feb 2024 00:00:00 GMT"),
            Some(1_709_164_800)
        );
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in [
            "",
            "soon",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Xxx 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_an_hour_at_most() {
        let now = parse("Sun, 06 Nov 1994 08:49:00 GMT").unwrap();
        let wait = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(37));
        assert_eq!(wait("Sun, 06 Nov 1994 08:48:00 GMT"), Some(0));
        assert_eq!(wait("99999999"), Some(3600));
        assert_eq!(wait("-1"), None);
        assert_eq!(wait("tomorrow"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_answer(text in ".{0,60}") {
            let _ = retry_after(&text, SystemTime::UNIX_EPOCH);
        }

        #[test]
        fn it_agrees_with_a_calendar(seconds in 0_u64..253_402_300_799) {
            let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let text = humantime::format_rfc3339_seconds(moment).to_string();
            let (year, month) = (&text[..4], text[5..7].parse::<usize>().unwrap());
            let http = format!("Xxx, {} {} {year} {} GMT", &text[8..10], MONTHS[month - 1], &text[11..19]);
            proptest::prop_assert_eq!(parse(&http), Some(moment));
        }
    }
}
