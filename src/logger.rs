//! Log lines on standard error, as text or as JSON.
//!
//! One record is one line whatever it holds: control characters are escaped, so
//! that nobody who chooses a pod's name can forge a line or drive a terminal.
//! There is no colour. Dependencies are heard from warnings up only: what they
//! say at finer levels may hold headers.

use std::io::{self, Write};
use std::time::SystemTime;

use env_logger::{Builder, Target};
use log::{LevelFilter, Record, SetLoggerError};

const OWN: &str = "pipeops_agent";

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `2026-11-24T10:00:00Z INFO  module: message`
    Text,
    /// `{"level":"info","message":"message","target":"module","ts":"2026-11-24T10:00:00Z"}`
    Json,
}

/// Starts logging; fails when that has happened before.
pub fn start(format: Format, level: LevelFilter) -> Result<(), SetLoggerError> {
    let write = match format {
        Format::Text => text,
        Format::Json => json,
    };
    Builder::new()
        .filter_level(LevelFilter::Warn)
        .filter_module(OWN, LevelFilter::Trace)
        .format(move |out, record| write(out, SystemTime::now(), record))
        .target(Target::Stderr)
        .try_init()?;
    set_level(level);
    Ok(())
}

/// Changes the level while the process runs.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

fn text(out: &mut dyn Write, now: SystemTime, record: &Record<'_>) -> io::Result<()> {
    let now = humantime::format_rfc3339_seconds(now);
    let message = escaped(&record.args().to_string());
    let (level, module) = (record.level(), module(record));
    writeln!(out, "{now} {level:<5} {module}: {message}")
}

fn json(out: &mut dyn Write, now: SystemTime, record: &Record<'_>) -> io::Result<()> {
    let line = serde_json::json!({
        "ts": humantime::format_rfc3339_seconds(now).to_string(),
        "level": record.level().as_str().to_ascii_lowercase(),
        "target": module(record),
        "message": record.args().to_string(),
    });
    writeln!(out, "{}", harmless(&line))
}

/// A value as JSON on one line. JSON escapes only some of what must not reach a terminal.
pub fn harmless(value: &serde_json::Value) -> String {
    let mut escaped = String::new();
    for character in value.to_string().chars() {
        if opaque(character) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Where a record comes from, without the name of this crate.
fn module<'a>(record: &Record<'a>) -> &'a str {
    let target = record.target();
    target
        .strip_prefix(OWN)
        .and_then(|rest| rest.strip_prefix("::"))
        .unwrap_or(target)
}

fn escaped(message: &str) -> String {
    let mut escaped = String::with_capacity(message.len());
    for character in message.chars() {
        if opaque(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Characters that end a line, drive a terminal or turn the direction of text.
fn opaque(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use log::Level;

    use super::*;

    fn line(
        write: fn(&mut dyn Write, SystemTime, &Record<'_>) -> io::Result<()>,
        target: &str,
        message: &str,
    ) -> String {
        let mut out = Vec::new();
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_999);
        let arguments = format_args!("{message}");
        let record = Record::builder()
            .level(Level::Info)
            .target(target)
            .args(arguments)
            .build();
        write(&mut out, now, &record).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_has_time_level_module_and_message() {
        assert_eq!(
            line(text, "pipeops_agent::k8s::watch", "pods: live"),
            "2025-11-24T16:00:00Z INFO  k8s::watch: pods: live\n"
        );
        assert_eq!(
            line(text, "pipeops_agent", "a"),
            "2025-11-24T16:00:00Z INFO  pipeops_agent: a\n"
        );
        assert_eq!(
            line(text, "ureq", "a"),
            "2025-11-24T16:00:00Z INFO  ureq: a\n"
        );
    }

    #[test]
    fn json_has_the_same_as_fields() {
        let line = line(json, "pipeops_agent::http", "say \"hi\"");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let expected = serde_json::json!({
            "ts": "2025-11-24T16:00:00Z", "level": "info", "target": "http", "message": "say \"hi\""
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn a_record_is_one_line_and_drives_no_terminal() {
        let evil = "a\r\n2026-11-24T10:00:00Z ERROR forged\u{1b}[2J\u{9b}2J\u{2028}\u{202e}\u{200f}\t\u{7f}";
        let text = line(text, "m", evil);
        assert_eq!(
            text,
            "2025-11-24T16:00:00Z INFO  m: a\\r\\n2026-11-24T10:00:00Z ERROR forged\
             \\u{1b}[2J\\u{9b}2J\\u{2028}\\u{202e}\\u{200f}\\t\\u{7f}\n"
        );
        let json = line(json, "m", evil);
        let harmless = |line: &str| !line.trim_end_matches('\n').contains(opaque);
        assert!(harmless(&json), "{json:?}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["message"], evil);
    }
}
