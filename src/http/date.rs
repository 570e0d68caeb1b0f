//! The Date field: IMF-fixdate of RFC 9110 section 5.6.7.

use std::time::{Duration, SystemTime};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb",
];

/// Formats a moment once for each second.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    second: Option<u64>,
    text: String,
}

impl Clock {
    pub(super) fn text(&mut self, now: SystemTime) -> &str {
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let second = since.unwrap_or(Duration::ZERO).as_secs();
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = format(second);
        }
        &self.text
    }
}

/// Seconds since 1970 in the Gregorian calendar. Years are counted from 1 March
/// of the year 0, so that the leap day comes last.
fn format(second: u64) -> String {
    let (days, clock) = (second / 86_400, second % 86_400);
    let since_zero = days + 719_468;
    let (era, day_of_era) = (since_zero / 146_097, since_zero % 146_097);
    let leaps = day_of_era / 1_460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = 400 * era + year_of_era + month / 10;
    let name = |names: &[&'static str], index: u64| {
        let index = usize::try_from(index).unwrap_or_default();
        names.get(index).copied().unwrap_or_default()
    };
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days % 7),
        name(&MONTHS, month),
        clock / 3600,
        clock / 60 % 60,
        clock % 60,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_rfc_says() {
        for (second, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (1_709_251_200, "Fri, 01 Mar 2024 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(format(second), text);
        }
    }

    #[test]
    fn the_clock_follows_the_time() {
        let mut clock = Clock::default();
        let start = SystemTime::UNIX_EPOCH;
        assert_eq!(clock.text(start), "Thu, 01 Jan 1970 00:00:00 GMT");
        let later = start + Duration::from_millis(1500);
        assert_eq!(clock.text(later), "Thu, 01 Jan 1970 00:00:01 GMT");
        let before = start - Duration::from_secs(1);
        assert_eq!(clock.text(before), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    proptest::proptest! {
        #[test]
        fn it_agrees_with_a_calendar(second in 0_u64..253_402_300_799) {
            let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let known = humantime::format_rfc3339_seconds(moment).to_string();
            let text = format(second);
            proptest::prop_assert_eq!(&text[12..16], &known[..4]);
            proptest::prop_assert_eq!(&text[5..7], &known[8..10]);
            proptest::prop_assert_eq!(&text[17..25], &known[11..19]);
            let month: usize = known[5..7].parse().unwrap();
            proptest::prop_assert_eq!(&text[8..11], MONTHS[(month + 9) % 12]);
        }
    }
}
