//! Texts turned into values, or into what is wrong with them. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::mistake::{Fault, nearest};
use crate::k8s::quantity;
use crate::logger::Format;
use crate::secret::Secret;

const LONGEST_NAME: usize = 63;
const SMALLEST_STATE: u64 = 1 << 20;
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The URL of a control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// Without a slash at the end.
    pub(super) text: String,
    /// Whether a token would cross a network unencrypted.
    pub(super) exposed: bool,
}

/// Where to listen; without a port, the port setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) ip: IpAddr,
    pub(super) port: Option<u16>,
}

/// A name that is safe in URLs, labels and file names.
pub(super) fn name(text: &str) -> Result<String, Fault> {
    let fits = text.len() <= LONGEST_NAME
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if fits {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        "is not a name",
        "use 1 to 63 letters, digits, '-', '_' or '.', starting with a letter or digit",
    ))
}

/// Text without a rule of ours.
pub(super) fn text(text: &str) -> Result<String, Fault> {
    Ok(text.to_owned())
}

pub(super) fn path(text: &str) -> Result<PathBuf, Fault> {
    Ok(PathBuf::from(text))
}

/// Files with ':' between them; empty ones do not count, as in kubectl.
pub(super) fn paths(text: &str) -> Result<Vec<PathBuf>, Fault> {
    Ok(text
        .split(':')
        .filter(|part| !part.is_empty())
        .map(PathBuf::from)
        .collect())
}

/// How many streams there may be at once.
pub(super) fn streams(text: &str) -> Result<usize, Fault> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=4096).contains(number));
    number.ok_or_else(|| Fault::new("is not a number of streams", "give 1 to 4096"))
}

/// `agent.example.com,*.edge.example.com`.
pub(super) fn hosts(text: &str) -> Result<Vec<String>, Fault> {
    let is_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_name = |name: &str| {
        let name = name.strip_prefix("*.").unwrap_or(name);
        !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_byte)
    };
    let mut all = Vec::new();
    for name in text.split(',').map(str::trim) {
        if !is_name(name) {
            return Err(Fault::new(
                "has something that is no host name",
                "write agent.example.com or *.example.com, without scheme and port",
            ));
        }
        all.push(name.to_ascii_lowercase());
    }
    Ok(all)
}

/// `90`, `90s`, `5m`, `1h30m`; a bare number is seconds.
pub(super) fn interval(text: &str) -> Result<Duration, Fault> {
    let time = seconds(text).ok_or_else(|| {
        Fault::new(
            "is not a time",
            "write 30s, 5m or 1h; a bare number is seconds",
        )
    })?;
    let time = Duration::from_secs(time);
    if (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&time) {
        Ok(time)
    } else {
        Err(Fault::new("is out of range", "give 1s to 24h"))
    }
}

/// Bytes: `500000`, `64Ki`, `16Mi`, `1G`; 0 is none.
pub(super) fn size(text: &str) -> Result<u64, Fault> {
    quantity::units(text)
        .filter(|size| *size > 0)
        .ok_or_else(|| Fault::new("is not a size", "write 16Mi, 500k or a number of bytes"))
}

pub(super) fn state_size(text: &str) -> Result<u64, Fault> {
    match size(text)? {
        size if size < SMALLEST_STATE => Err(Fault::new("is out of range", "give 1Mi or more")),
        size => Ok(size),
    }
}

pub(super) fn port(text: &str) -> Result<u16, Fault> {
    digits(text)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or_else(|| {
            Fault::new(
                "is not a port",
                "give a number from 0 to 65535; 0 takes a free one",
            )
        })
}

/// Addresses with ',' between them: `127.0.0.1`, `[::1]:8080`, `:8080`. `any`
/// stands where there is only a port.
pub(super) fn addresses(text: &str, any: IpAddr) -> Result<Vec<Address>, Fault> {
    let mut addresses = Vec::new();
    for part in text.split(',').map(str::trim) {
        let address = address(part, any).ok_or_else(|| {
            let problem = "is not a list of addresses";
            Fault::new(
                problem,
                "write 127.0.0.1, 0.0.0.0:8080 or [::1]:8080, with ',' between",
            )
        })?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// All addresses: both families where there is IPv6.
pub(super) fn any_address(ipv6: bool) -> IpAddr {
    if ipv6 {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}

pub(super) fn level(text: &str) -> Result<LevelFilter, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Ok(LevelFilter::Error),
        "warn" | "warning" => Ok(LevelFilter::Warn),
        "info" => Ok(LevelFilter::Info),
        "debug" => Ok(LevelFilter::Debug),
        "trace" => Ok(LevelFilter::Trace),
        _ => Err(one_of(
            "is not a log level",
            text,
            &["error", "warn", "info", "debug", "trace"],
        )),
    }
}

pub(super) fn format(text: &str) -> Result<Format, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err(one_of("is not a log format", text, &["text", "json"])),
    }
}

pub(super) fn switch(text: &str) -> Result<bool, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(one_of(
            "is neither true nor false",
            text,
            &["true", "false"],
        )),
    }
}

/// A token as an HTTP header can carry it (RFC 9110, 5.5).
pub(super) fn secret(text: &str) -> Result<Secret, Fault> {
    let text = text.trim();
    let fault = |problem: &str| {
        Err(Fault::new(problem, "give the token alone, on one line").hiding_value())
    };
    if text.is_empty() {
        return fault("is empty");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return fault("holds characters that no token has");
    }
    Ok(Secret::new(text))
}

/// `https://host[:port][/path]`, or the same with http.
pub(super) fn url(text: &str) -> Result<Url, Fault> {
    let fault = |problem: &str, remedy: &str| Fault::new(problem, remedy);
    let (scheme, rest) = text
        .split_once("://")
        .map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest))
        .filter(|(scheme, _)| matches!(scheme.as_str(), "http" | "https"))
        .ok_or_else(|| fault("is not an http or https URL", "write https://host").hiding(text))?;
    if rest.contains('@') {
        let remedy = "leave user and password out; the token goes into PIPEOPS_TOKEN_FILE";
        return Err(fault("holds a user name", remedy).hiding_value());
    }
    if rest.contains(['?', '#']) || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        let remedy = "write scheme, host, port and path only";
        return Err(fault("holds more than a URL of a service", remedy).hiding_value());
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host(authority)
        .ok_or_else(|| fault("has no valid host and port", "write https://host:port"))?;
    Ok(Url {
        text: format!("{scheme}://{authority}{}", path.trim_end_matches('/')),
        exposed: scheme == "http" && !is_loopback(host),
    })
}

impl Fault {
    /// Hides a value in which a password may stand.
    fn hiding(self, value: &str) -> Fault {
        if value.contains('@') {
            self.hiding_value()
        } else {
            self
        }
    }
}

/// The host of an authority with a right port or none.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (address, port)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            if host.is_empty() || host.len() > 253 || !host.chars().all(fits) {
                return None;
            }
            (host, port)
        }
    };
    let right = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(port) => digits(port).is_some_and(|port| (1..=65535).contains(&port)),
    };
    right.then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn address(text: &str, any: IpAddr) -> Option<Address> {
    if let Ok(ip) = text.parse() {
        return Some(Address { ip, port: None });
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        let (ip, port) = (address.ip(), Some(address.port()));
        return Some(Address { ip, port });
    }
    if let Some(port) = text.strip_prefix(':') {
        let port = Some(self::port(port).ok()?);
        return Some(Address { ip: any, port });
    }
    let bracketed = text.strip_prefix('[')?.strip_suffix(']')?;
    let ip = IpAddr::V6(bracketed.parse().ok()?);
    Some(Address { ip, port: None })
}

/// The sum of `1h30m`; digits alone are seconds.
fn seconds(text: &str) -> Option<u64> {
    if let Some(seconds) = digits(text) {
        return Some(seconds);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at(end);
        let factor = match unit.as_bytes().first()? {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            _ => return None,
        };
        total = total.checked_add(digits(number)?.checked_mul(factor)?)?;
        rest = &unit[1..];
    }
    (!text.is_empty()).then_some(total)
}

/// Digits only; the standard parser would take a sign.
fn digits(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn one_of(problem: &str, text: &str, choices: &[&str]) -> Fault {
    let remedy = match nearest(text, choices.iter().copied()) {
        Some(choice) => format!("did you mean {choice}?"),
        None => format!("give one of {}", choices.join(", ")),
    };
    Fault::new(problem, remedy)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ok<T>(result: Result<T, Fault>) -> Option<T> {
        result.ok()
    }

    #[test]
    fn times() {
        let table = [
            ("30s", Some(30)),
            ("5m", Some(300)),
            ("1h", Some(3_600)),
            ("1h30m", Some(5_400)),
            ("45", Some(45)),
            ("1", Some(1)),
            ("24h", Some(86_400)),
            ("0", None),
            ("0s", None),
            ("24h1s", None),
            ("500ms", None),
            ("-1", None),
            ("+1", None),
            ("1.5s", None),
            ("1 s", None),
            ("s", None),
            ("", None),
            ("1h30", None),
            ("99999999999999999999", None),
            ("9999999999999999999h", None),
        ];
        for (text, expected) in table {
            assert_eq!(
                ok(interval(text)),
                expected.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    #[test]
    fn ports() {
        let table = [("0", Some(0)), ("8080", Some(8080)), ("65535", Some(65535))];
        for (text, expected) in table {
            assert_eq!(ok(port(text)), expected);
        }
        for text in ["65536", "-1", "+1", "", "http", "80 ", "8_0"] {
            assert_eq!(ok(port(text)), None, "{text}");
        }
    }

    #[test]
    fn listen_addresses() {
        let any = any_address(true);
        let shown = |text: &str| {
            let addresses = ok(addresses(text, any))?;
            let texts = addresses.iter().map(|address| match address.port {
                Some(port) => SocketAddr::new(address.ip, port).to_string(),
                None => address.ip.to_string(),
            });
            Some(texts.collect::<Vec<_>>().join(" "))
        };
        let table = [
            ("127.0.0.1", Some("127.0.0.1")),
            ("0.0.0.0:80", Some("0.0.0.0:80")),
            ("::1", Some("::1")),
            ("[::1]", Some("::1")),
            ("[::1]:80", Some("[::1]:80")),
            (":80", Some("[::]:80")),
            ("127.0.0.1, ::1,127.0.0.1", Some("127.0.0.1 ::1")),
            ("localhost", None),
            ("127.0.0.1:99999", None),
            ("127.0.0.1,", None),
            ("", None),
            (":", None),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text).as_deref(), expected, "{text}");
        }
        assert_eq!(any_address(false).to_string(), "0.0.0.0");
    }

    #[test]
    fn urls_and_who_could_listen() {
        let table = [
            (
                "https://api.pipeops.io",
                Some(("https://api.pipeops.io", false)),
            ),
            ("HTTPS://h:8443/base/", Some(("https://h:8443/base", false))),
            ("https://[fd00::1]:1", Some(("https://[fd00::1]:1", false))),
            ("http://control-plane", Some(("http://control-plane", true))),
            (
                "http://localhost.evil.example",
                Some(("http://localhost.evil.example", true)),
            ),
            (
                "http://127.0.0.1.evil.example:1",
                Some(("http://127.0.0.1.evil.example:1", true)),
            ),
            ("http://10.0.0.1", Some(("http://10.0.0.1", true))),
            ("http://localhost:1", Some(("http://localhost:1", false))),
            ("http://127.8.9.1", Some(("http://127.8.9.1", false))),
            ("http://[::1]:80/", Some(("http://[::1]:80", false))),
        ];
        for (text, expected) in table {
            let found = ok(url(text)).map(|url| (url.text, url.exposed));
            let expected = expected.map(|(text, exposed)| (text.to_owned(), exposed));
            assert_eq!(found, expected, "{text}");
        }
        let wrong = [
            "",
            "api.pipeops.io",
            "ftp://h",
            "https://",
            "https:///x",
            "https://h:0",
            "https://h:x",
            "https://h:",
            "https://h:99999",
            "https://[::1",
            "https://[x]",
            "https://h o",
            "https://h?x=1",
            "https://h#x",
            "https://\u{fc}.de",
            "https://h:80:80",
        ];
        for text in wrong {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_with_a_password_is_not_quoted() {
        for text in [
            "https://me:hunter2@h",
            "hunter2@h",
            "https://h?token=hunter2",
        ] {
            assert!(url(text).unwrap_err().hide_value, "{text}");
        }
    }

    #[test]
    fn names_levels_formats_and_switches() {
        assert!(name("edge-1.site_A").is_ok());
        let long = "x".repeat(64);
        for text in ["", "-a", ".", "..", "a b", "a/b", "\u{e9}", &long] {
            assert!(name(text).is_err(), "{text}");
        }
        assert_eq!(ok(level("WARN")), Some(LevelFilter::Warn));
        assert_eq!(level("inof").unwrap_err().remedy, "did you mean info?");
        assert_eq!(format("xml").unwrap_err().remedy, "give one of text, json");
        assert_eq!(ok(switch("1")), Some(true));
        assert_eq!(ok(switch("maybe")), None);
    }

    #[test]
    fn tokens_fit_a_header_and_are_never_quoted() {
        assert_eq!(secret(" abc \n").unwrap().expose(), "abc");
        for text in ["", " \n", "a b", "a\nb", "a\u{e9}", "a\0"] {
            assert!(secret(text).unwrap_err().hide_value, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_a_fault(text in "\\PC{0,20}|[0-9smh:.,\\[\\]/@]{0,20}") {
            let _ = (interval(&text), port(&text), addresses(&text, any_address(true)), url(&text));
            let _ = (name(&text), level(&text), format(&text), switch(&text), secret(&text));
        }
    }
}
