//! Reads quantities: `250m`, `1Gi`, `1e3`, `12345678n`.
//!
//! Source: [Quantity](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/).
//! Fractions of the wanted unit are rounded up, as the scheduler does.

/// Thousandths: `250m` is 250, `2` is 2000. None for what is no quantity, is
/// negative or does not fit.
pub fn millis(text: &str) -> Option<u64> {
    u64::try_from(read(text, 1_000)?).ok()
}

/// Whole units, bytes for memory: `1Ki` is 1024.
pub fn units(text: &str) -> Option<u64> {
    u64::try_from(read(text, 1)?).ok()
}

/// Billionths, to compare any two.
pub fn nanos(text: &str) -> Option<u128> {
    read(text, 1_000_000_000)
}

/// The shortest form of the same, as the server has it: `1024Mi` is `1Gi`, `0.5` is `500m`.
pub fn canonical(text: &str) -> Option<String> {
    const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    let mut number = nanos(text)?;
    let whole = number / 1_000_000_000;
    let (suffixes, factor): (&[&str], u128) = match text.ends_with('i') {
        true if number % 1_000_000_000 == 0 && whole >= 1024 => {
            number = whole;
            (&BINARY, 1024)
        }
        _ => (&DECIMAL, 1000),
    };
    let mut at = 0;
    while number != 0 && number % factor == 0 && at + 1 < suffixes.len() {
        number /= factor;
        at += 1;
    }
    let suffix = if number == 0 { "" } else { suffixes[at] };
    Some(format!("{number}{suffix}"))
}

/// `text` times `factor`, rounded up.
fn read(text: &str, factor: u128) -> Option<u128> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut digits: u128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        digits = digits.checked_mul(10)?.checked_add(digit.into())?;
    }
    let (numerator, denominator) = scale(suffix)?;
    let places = u32::try_from(fraction.len()).ok()?;
    let dividend = digits.checked_mul(numerator)?.checked_mul(factor)?;
    let divisor = denominator.checked_mul(10u128.checked_pow(places)?)?;
    Some(match divisor {
        1 => dividend,
        divisor => dividend.div_ceil(divisor),
    })
}

/// A suffix as a fraction.
fn scale(suffix: &str) -> Option<(u128, u128)> {
    let thousand = |power| 1_000u128.pow(power);
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, thousand(3)),
        "u" => (1, thousand(2)),
        "m" => (1, thousand(1)),
        "k" => (thousand(1), 1),
        "M" => (thousand(2), 1),
        "G" => (thousand(3), 1),
        "T" => (thousand(4), 1),
        "P" => (thousand(5), 1),
        "E" => (thousand(6), 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10u128.checked_pow(exponent.unsigned_abs())?;
            if exponent < 0 { (1, power) } else { (power, 1) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_form_is_that_of_the_server() {
        for (text, expected) in [
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("512Ki", "512Ki"),
            ("100", "100"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("1000k", "1M"),
            ("0Mi", "0"),
            ("0.5m", "500u"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(canonical("x"), None);
    }

    #[test]
    fn quantities_of_every_form_are_read() {
        for (text, expected) in [
            ("2", 2_000),
            ("250m", 250),
            ("0.5", 500),
            ("1.5", 1_500),
            (".5", 500),
            ("5.", 5_000),
            ("156340001n", 157),
            ("1500u", 2),
            ("1e3", 1_000_000),
            ("1E-2", 10),
            ("0", 0),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        for (text, expected) in [
            ("110", 110),
            ("8029240Ki", 8_221_941_760),
            ("1Gi", 1 << 30),
            ("1.5Gi", 3 << 29),
            ("128974848000m", 128_974_848),
            ("1E", 1_000_000_000_000_000_000),
            ("129e6", 129_000_000),
        ] {
            assert_eq!(units(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_has_no_value() {
        for text in [
            "",
            ".",
            "-1",
            "+1",
            "1KB",
            "Gi",
            "1.2.3",
            "1e99",
            "1e",
            "x",
            "99999999Ei",
            "1 Gi",
        ] {
            assert_eq!(units(text), None, "{text}");
        }
        let long = "9".repeat(60);
        assert_eq!(units(&long), None);
    }
}
