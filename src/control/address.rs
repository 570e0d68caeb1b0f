//! The control plane's URL, validated: scheme, host, port and a path prefix.
//!
//! Everything a URL may carry that we would not send, or must not log, is refused
//! with the reason, so that no later step has to cope with it.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

/// Where the control plane is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) https: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// Empty, or a path that starts with `/` and does not end with one.
    prefix: String,
}

impl Address {
    /// # Errors
    /// What is wrong and how to write it.
    pub(super) fn parse(url: &str, plain_http_allowed: bool) -> Result<Self, String> {
        let url = url.trim();
        let (https, rest) = scheme(url)?;
        for (mark, what) in [('?', "a query"), ('#', "a fragment")] {
            if rest.contains(mark) {
                return Err(format!(
                    "must not have {what}: remove what follows '{mark}'"
                ));
            }
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            let problem = "must not have a user or password: put the token into PIPEOPS_TOKEN";
            return Err(problem.to_owned());
        }
        let (host, port) = host_and_port(authority, if https { 443 } else { 80 })?;
        let address = Self {
            https,
            host,
            port,
            prefix: path.trim_end_matches('/').to_owned(),
        };
        if !path.is_ascii() || address.to_string().parse::<Uri>().is_err() {
            return Err("is not a valid URL: write https://host[:port][/path]".to_owned());
        }
        if !https && !plain_http_allowed && !is_loopback(&address.host) {
            return Err(format!(
                "uses plain http, which would show the token to everyone on the way: use \
                 https://{}, or allow plain http explicitly",
                address.host
            ));
        }
        Ok(address)
    }

    /// The URL of a path that starts with `/`.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// `host:port`, with brackets where IPv6 needs them.
    pub(super) fn authority(&self) -> String {
        authority(&self.host, self.port)
    }

    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.prefix)
    }
}

pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Splits `host[:port]` or `[v6][:port]`.
pub(super) fn host_and_port(authority: &str, default_port: u16) -> Result<(String, u16), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or("has an IPv6 address without its closing bracket")?;
            host.parse::<std::net::Ipv6Addr>()
                .map_err(|_| "has brackets around something that is no IPv6 address")?;
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() {
        return Err("has no host: write https://host[:port][/path]".to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    if !host.chars().all(plain) {
        return Err("has a host that is no name or address (use punycode for others)".to_owned());
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => default_port,
        None => return Err("has something between host and port".to_owned()),
        Some(port) => match port.parse() {
            Ok(port) if port > 0 => port,
            _ => return Err("has a port that is not a number from 1 to 65535".to_owned()),
        },
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn scheme(url: &str) -> Result<(bool, &str), String> {
    if url.is_empty() {
        return Err("is empty: write https://host[:port][/path]".to_owned());
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("must not contain blanks or control characters".to_owned());
    }
    let (scheme, rest) = url
        .split_once("://")
        .ok_or("has no scheme: write https:// before the host")?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok((true, rest)),
        "http" => Ok((false, rest)),
        _ => Err("has an unknown scheme: only https (or http to loopback) is spoken".to_owned()),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses_come_back_normalised() {
        for (url, shown) in [
            ("https://api.pipeops.io", "https://api.pipeops.io:443"),
            ("HTTPS://API.Example.com/", "https://api.example.com:443"),
            (" https://h:8443/a/b/ \n", "https://h:8443/a/b"),
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
            ("http://localhost", "http://localhost:80"),
            ("http://[::1]:9", "http://[::1]:9"),
            ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"),
        ] {
            let address = Address::parse(url, false).unwrap();
            assert_eq!(address.to_string(), shown);
        }
        let address = Address::parse("https://h/a", false).unwrap();
        assert_eq!(
            address.join("/api/v1/health"),
            "https://h:443/a/api/v1/health"
        );
    }

    #[test]
    fn bad_addresses_say_what_to_do() {
        for (url, words) in [
            ("", "is empty"),
            ("api.pipeops.io", "no scheme"),
            ("ftp://x", "unknown scheme"),
            ("https://", "no host"),
            ("https:///path", "no host"),
            ("https://:443", "no host"),
            ("https://user:pass@h", "PIPEOPS_TOKEN"),
            ("https://h?x=1", "a query"),
            ("https://h/#top", "a fragment"),
            ("https://h:0", "1 to 65535"),
            ("https://h:65536", "1 to 65535"),
            ("https://h:", "1 to 65535"),
            ("https://h:8x", "1 to 65535"),
            ("https://a b", "blanks"),
            ("https://h\u{7}", "control"),
            ("https://[::1", "closing bracket"),
            ("https://[h]", "no IPv6"),
            ("https://[::1]x:1", "between host and port"),
            ("https://bücher.example", "punycode"),
            ("https://h/\u{e4}\"", "valid URL"),
            ("http://example.com", "plain http"),
            ("http://10.0.0.1:80", "plain http"),
        ] {
            let problem = Address::parse(url, false).unwrap_err();
            assert!(problem.contains(words), "{url}: {problem}");
            assert!(!problem.contains("pass@"), "{url}: {problem}");
        }
    }

    #[test]
    fn plain_http_is_spoken_where_it_is_allowed() {
        let address = Address::parse("http://10.0.0.1:80", true).unwrap();
        assert!(!address.https);
        assert_eq!(address.authority(), "10.0.0.1:80");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_answer(url in ".{0,40}", allowed in proptest::bool::ANY) {
            if let Ok(address) = Address::parse(&url, allowed) {
                let again = Address::parse(&address.to_string(), allowed);
                proptest::prop_assert_eq!(again, Ok(address));
            }
        }
    }
}
