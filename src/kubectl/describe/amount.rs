//! Amounts of resources: read, added, compared and written as Kubernetes writes them.

use serde_json::Value;

use super::page::{Page, Place};
use super::values::{items, text};

const NANO: i128 = 1_000_000_000;
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// `100m`, `2Gi`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    nanos: i128,
    is_binary: bool,
}

/// Amounts by the name of what they are of.
pub(super) type Amounts = Vec<(String, Amount)>;

impl Amount {
    /// Nothing, if it is no amount.
    pub(super) fn read(text: &str) -> Self {
        let end = text
            .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+'))
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let of = |names: &[&str]| names.iter().position(|name| *name == suffix);
        let (factor, is_binary) = match (of(&BINARY[1..]), of(&DECIMAL)) {
            (Some(power), _) => (NANO << (10 * (power + 1)), true),
            (None, Some(power)) => (power_of(1000, power), false),
            (None, None) => {
                let power = suffix.get(1..).and_then(|power| power.parse().ok());
                (NANO.saturating_mul(power_of(10, power.unwrap_or(0))), false)
            }
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{part}");
        let digits: i128 = digits.parse().unwrap_or_default();
        let scale = power_of(10, part.len());
        Self {
            nanos: digits.saturating_mul(factor) / scale,
            is_binary,
        }
    }

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::read(text),
            other => Self::read(&other.to_string()),
        }
    }

    /// In units of so many billionths, rounded up.
    pub(super) fn units(self, nanos: i128) -> i64 {
        let up = (self.nanos + nanos - 1).div_euclid(nanos);
        i64::try_from(up).unwrap_or(i64::MAX)
    }

    fn add(&mut self, other: Self) {
        if self.nanos == 0 {
            self.is_binary = other.is_binary;
        }
        self.nanos = self.nanos.saturating_add(other.nanos);
    }

    pub(super) fn shown(self) -> String {
        let whole = self.nanos % NANO == 0;
        let (mut number, step, names) =
            if self.is_binary && whole && self.nanos.abs() >= 1024 * NANO {
                (self.nanos / NANO, 1024, BINARY.as_slice())
            } else {
                (self.nanos, 1000, DECIMAL.as_slice())
            };
        if number == 0 {
            return "0".to_owned();
        }
        let mut power = 0;
        while number % step == 0 && power + 1 < names.len() {
            number /= step;
            power += 1;
        }
        format!("{number}{}", names[power])
    }

    /// How many hundredths of the other, cut; by the same steps as Go's, as the last digit
    /// depends on them.
    pub(super) fn percent(self, all: Self, unit: i128) -> String {
        match all.units(unit) {
            // What Go makes of a division by zero.
            0 => i64::MIN.to_string(),
            all => {
                let part = self.units(unit) as f64 / all as f64 * 100.0;
                format!("{:.0}", part.trunc())
            }
        }
    }
}

/// At most what an amount may have.
fn power_of(base: i128, power: usize) -> i128 {
    (0..power.min(20)).fold(1, |product, _| product.saturating_mul(base))
}

pub(super) fn get(list: &Amounts, name: &str) -> Amount {
    let found = list.iter().find(|(known, _)| known == name);
    found.map_or_else(Amount::default, |(_, amount)| *amount)
}

pub(super) fn list(map: &Value) -> Amounts {
    let map = map.as_object().into_iter().flatten();
    map.map(|(name, value)| (name.clone(), Amount::of(value)))
        .collect()
}

pub(super) fn add(list: &mut Amounts, more: &Amounts) {
    merge(list, more, &|known, other| known.add(other));
}

/// The larger one of each.
pub(super) fn raise(list: &mut Amounts, more: &Amounts) {
    merge(list, more, &|known, other| {
        if other.nanos > known.nanos {
            *known = other;
        }
    });
}

fn merge(list: &mut Amounts, more: &Amounts, join: &dyn Fn(&mut Amount, Amount)) {
    for (name, amount) in more {
        match list.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => join(known, *amount),
            None => list.push((name.clone(), *amount)),
        }
    }
}

/// What a variable says of a limit or request of its container.
pub(super) fn of_container(reference: &Value, resources: &Value) -> String {
    let what = text(&reference["resource"]);
    let (side, name) = what.split_once('.').unwrap_or((what, ""));
    let is_known =
        matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
    if !is_known || !matches!(side, "limits" | "requests") {
        return String::new();
    }
    let unit = if name == "cpu" { NANO / 1000 } else { NANO };
    let divisor = match Amount::of(&reference["divisor"]).units(unit) {
        0 => Amount::read("1").units(unit),
        divisor => divisor,
    };
    let amount = Amount::of(&resources[side][name]).units(unit);
    let count = amount.div_euclid(divisor) + i64::from(amount % divisor > 0);
    if count == 0 && matches!(what, "limits.cpu" | "limits.memory") {
        return "node allocatable".to_owned();
    }
    count.to_string()
}

/// A line for each resource that is limited; in a namespace they are further in.
pub(super) fn limits(page: &mut Page<'_>, place: Place<'_>) {
    let start = if page.root["kind"] == "Namespace" {
        " "
    } else {
        ""
    };
    for limit in items(place.get("spec.limits")) {
        let mut names: Vec<&str> = Vec::new();
        let columns = [
            "min",
            "max",
            "defaultRequest",
            "default",
            "maxLimitRequestRatio",
        ];
        for column in columns {
            let map = limit[column].as_object();
            names.extend(
                map.into_iter()
                    .flat_map(|map| map.keys().map(String::as_str)),
            );
        }
        names.sort_unstable();
        names.dedup();
        for name in names {
            page.text.push_str(start);
            page.text.push_str(text(&limit["type"]));
            page.text.push('\t');
            page.text.push_str(name);
            for column in columns {
                page.text.push('\t');
                page.text
                    .push_str(limit[column][name].as_str().unwrap_or("-"));
            }
            page.text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_added_and_written_as_kubernetes_writes_them() {
        for (a, b, sum) in [
            ("100m", "900m", "1"),
            ("1", "1500m", "2500m"),
            ("70Mi", "954Mi", "1Gi"),
            ("0", "8Mi", "8Mi"),
            ("512", "0.5Ki", "1024"),
            ("1Ki", "0", "1Ki"),
            ("0.1Ki", "0", "102400m"),
            ("1e3", "1k", "2k"),
            ("1500M", "0", "1500M"),
            ("0", "0", "0"),
            ("x", "1n", "1n"),
        ] {
            let mut amount = Amount::read(a);
            amount.add(Amount::read(b));
            assert_eq!(amount.shown(), sum, "{a} + {b}");
        }
    }

    #[test]
    fn hundredths_are_those_of_go() {
        let percent = |a, b| Amount::read(a).percent(Amount::read(b), NANO / 1000);
        assert_eq!(percent("290m", "1"), "28");
        assert_eq!(percent("1", "4"), "25");
        assert_eq!(percent("1", "0"), i64::MIN.to_string());
    }

    #[test]
    fn a_variable_has_its_limit_in_units_rounded_up() {
        let resources = json!({"limits": {"cpu": "1500m", "memory": "10Mi"}});
        for (resource, divisor, expected) in [
            ("limits.cpu", "0", "2"),
            ("limits.cpu", "1m", "1500"),
            ("limits.memory", "1Mi", "10"),
            ("limits.memory", "3Mi", "4"),
            ("requests.cpu", "0", "0"),
            ("limits.ephemeral-storage", "0", "0"),
            ("limits.other", "0", ""),
        ] {
            let reference = json!({"resource": resource, "divisor": divisor});
            assert_eq!(of_container(&reference, &resources), expected, "{resource}");
        }
        let reference = json!({"resource": "limits.cpu"});
        assert_eq!(of_container(&reference, &json!({})), "node allocatable");
    }
}
