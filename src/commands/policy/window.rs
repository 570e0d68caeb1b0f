//! When something may be changed: `sat-sun 22:00-04:00`, in UTC. Pure.

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u64 = 24 * 60;

/// Days of the week and minutes of the day; past midnight it belongs to the day before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    days: [bool; 7],
    from: u64,
    to: u64,
}

impl Window {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (days, times) = text.split_once(' ')?;
        let (from, to) = times.trim().split_once('-')?;
        Some(Self {
            days: read_days(days)?,
            from: minutes(from)?,
            to: minutes(to)?,
        })
    }

    /// At this second since 1970, a Thursday.
    pub(super) fn is_open(&self, now: u64) -> bool {
        let minute = now / 60 % DAY;
        let today = usize::try_from((now / 60 / DAY + 3) % 7).unwrap_or(0);
        let yesterday = (today + 6) % 7;
        if self.from <= self.to {
            return self.days[today] && (self.from..self.to).contains(&minute);
        }
        (self.days[today] && minute >= self.from) || (self.days[yesterday] && minute < self.to)
    }
}

fn read_days(text: &str) -> Option<[bool; 7]> {
    let place = |name: &str| DAYS.iter().position(|day| *day == name);
    let (first, last) = match text {
        "daily" => (0, 6),
        _ => {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            (place(first)?, place(last)?)
        }
    };
    let mut days = [false; 7];
    let mut day = first;
    loop {
        days[day] = true;
        if day == last {
            return Some(days);
        }
        day = (day + 1) % 7;
    }
}

fn minutes(text: &str) -> Option<u64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 January 1970 was a Thursday.
    fn at(day: &str, time: &str) -> u64 {
        let day = DAYS.iter().position(|name| *name == day).unwrap() as u64;
        ((day + 4) % 7 * DAY + minutes(time).unwrap()) * 60
    }

    #[test]
    fn a_window_is_open_when_it_says() {
        for (window, day, time, open) in [
            ("daily 00:00-24:00", "wed", "12:00", true),
            ("mon-fri 09:00-17:00", "mon", "09:00", true),
            ("mon-fri 09:00-17:00", "mon", "17:00", false),
            ("mon-fri 09:00-17:00", "sat", "12:00", false),
            ("sat 22:00-04:00", "sat", "23:59", true),
            ("sat 22:00-04:00", "sun", "03:59", true),
            ("sat 22:00-04:00", "sat", "03:59", false),
            ("sun-mon 10:00-11:00", "mon", "10:30", true),
            ("sun-mon 10:00-11:00", "tue", "10:30", false),
        ] {
            let parsed = Window::parse(window).unwrap();
            assert_eq!(parsed.is_open(at(day, time)), open, "{window} {day} {time}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in [
            "",
            "mon",
            "someday 1:00-2:00",
            "mon 25:00-26:00",
            "mon 1:60-2:00",
            "mon 1-2",
        ] {
            assert_eq!(Window::parse(text), None, "{text}");
        }
    }
}
