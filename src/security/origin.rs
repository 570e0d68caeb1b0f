//! By which name the agent is asked, and from which page. Pure.
//!
//! A page of somebody else can make a browser ask the agent: under a name of its own that
//! leads here (DNS rebinding), or from where it is. The first has a foreign `Host`, the second
//! a foreign `Origin`.

use std::net::IpAddr;

use crate::http::{Method, Request};

/// Names that nobody outside can own: those of one label, those of a cluster, the host itself.
const OURS: [&str; 4] = [".svc", ".svc.cluster.local", ".localhost", ".internal"];

/// Whether that is a name of the agent: an address, a name that nobody outside can own, or one
/// of those that were configured. `*.` stands for one label or more.
pub fn is_own(host: &str, known: &[String]) -> bool {
    let name = without_port(host);
    if name.is_empty() {
        return false;
    }
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let fits = |known: &String| match known.strip_prefix('*') {
        Some(rest) => name.len() > rest.len() && name.ends_with(rest),
        None => name == *known,
    };
    !name.contains('.') || OURS.iter().any(|end| name.ends_with(end)) || known.iter().any(fits)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons of an address in brackets are no ports, and neither are words.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a page of somebody else made this request, as far as the browser tells.
pub(super) fn is_foreign(request: &Request) -> bool {
    let site = request.headers.get("sec-fetch-site");
    // Links and bookmarks lead to pages, and change nothing.
    let leads = request.headers.get("sec-fetch-mode") == Some("navigate")
        && matches!(request.method, Method::Get | Method::Head);
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) && !leads {
        return true;
    }
    let host = request.headers.get("host").unwrap_or_default();
    let is_own = |origin: &str| {
        let place = origin.split_once("://").map(|(_, place)| place);
        place.is_some_and(|place| place.eq_ignore_ascii_case(host))
    };
    let is_origin = |name: &str| name.eq_ignore_ascii_case("origin");
    let mut fields = request.headers.iter();
    fields.any(|(name, value)| is_origin(name) && !is_own(value))
        || request.headers.hides(is_origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_outside_can_own_are_ours() {
        let known = [
            "agent.example.com".to_owned(),
            "*.edge.example.com".to_owned(),
            "pipeops-agent.pipeops-system".to_owned(),
        ];
        for own in [
            "localhost:8080",
            "127.0.0.1:8080",
            "10.42.0.7",
            "[::1]:8080",
            "[fd00::7]",
            "agent",
            "pipeops-agent.pipeops-system",
            "pipeops-agent.pipeops-system.svc:8080",
            "pipeops-agent.pipeops-system.svc.cluster.local.",
            "Agent.Example.com:443",
            "a.edge.example.com",
        ] {
            assert!(is_own(own, &known), "{own}");
        }
        for foreign in [
            "",
            ":8080",
            "evil.example",
            "agent.example.com.evil.example",
            "127.0.0.1.evil.example",
            "edge.example.com",
            "svc.evil",
            "pipeops-agent.other",
            "1.2.3",
            "localhost:80.evil.example",
        ] {
            assert!(!is_own(foreign, &known), "{foreign}");
        }
    }

    #[test]
    fn what_a_page_of_somebody_else_asks_is_foreign() {
        let request = |fields: &[(&str, &str)], method| {
            let mut request = Request::new(method, "/").with_header("Host", "agent:8080");
            for (name, value) in fields {
                request = request.with_header(name, value);
            }
            is_foreign(&request)
        };
        let get = |fields: &[(&str, &str)]| request(fields, Method::Get);
        assert!(!get(&[]));
        assert!(!get(&[("Origin", "http://agent:8080")]));
        assert!(!get(&[("Sec-Fetch-Site", "same-origin")]));
        assert!(!get(&[
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Mode", "navigate")
        ]));
        for fields in [
            [("Origin", "http://evil.example"), ("A", "b")],
            [("Origin", "null"), ("A", "b")],
            [("Origin", "http://caf\u{e9}.example"), ("A", "b")],
            [("Origin", "http://agent:8081"), ("A", "b")],
            [
                ("Origin", "http://agent:8080"),
                ("Origin", "http://evil.example"),
            ],
            [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors")],
            [
                ("Sec-Fetch-Site", "same-site"),
                ("Sec-Fetch-Mode", "no-cors"),
            ],
        ] {
            assert!(get(&fields), "{fields:?}");
        }
        let posted = [
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Mode", "navigate"),
        ];
        assert!(request(&posted, Method::Post));
    }
}
