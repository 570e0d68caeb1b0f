//! What this binary is: version, commit, build time and compiler, from `build.rs`.

use std::time::{Duration, SystemTime};

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, 12 digits; "unknown" outside of a git checkout.
pub const COMMIT: &str = env!("PIPEOPS_BUILD_COMMIT");

/// What `rustc -V` said.
pub const RUSTC: &str = env!("PIPEOPS_BUILD_RUSTC");

/// `SOURCE_DATE_EPOCH`, else the time of the commit, in RFC 3339; else "unknown".
/// Never the time of the build itself, which would differ from build to build.
pub fn build_time() -> String {
    time(env!("PIPEOPS_BUILD_EPOCH"))
}

/// What `--version` prints.
pub fn text() -> String {
    format!(
        "pipeops-agent {VERSION}\ncommit      {COMMIT}\nbuild time  {}\nrustc       {}\n",
        build_time(),
        RUSTC.trim_start_matches("rustc ")
    )
}

/// Seconds since 1970 as a time; what is no time of this age is unknown.
fn time(epoch: &str) -> String {
    epoch
        .parse()
        .ok()
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
        .filter(|time| *time < SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800))
        .map_or_else(
            || "unknown".to_owned(),
            |time| humantime::format_rfc3339_seconds(time).to_string(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_time_is_told_or_unknown() {
        let table = [
            ("0", "1970-01-01T00:00:00Z"),
            ("1764000000", "2025-11-24T16:00:00Z"),
            ("253402300799", "9999-12-31T23:59:59Z"),
            ("253402300800", "unknown"),
            ("18446744073709551615", "unknown"),
            ("unknown", "unknown"),
            ("-1", "unknown"),
        ];
        for (epoch, expected) in table {
            assert_eq!(time(epoch), expected, "{epoch}");
        }
    }

    #[test]
    fn the_text_has_all_four() {
        let text = text();
        assert_eq!(text.lines().count(), 4);
        let time = build_time();
        let compiler = RUSTC.trim_start_matches("rustc ");
        for part in [VERSION, COMMIT, &time, compiler] {
            assert!(text.contains(part), "{text}");
        }
    }
}
