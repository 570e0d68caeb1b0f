//! `GET /` as browsers ask it, beside what programs get.

use super::{agent, ask, assert_problem};
use crate::support::TinyApi;

/// As Chromium and Firefox send it.
const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
                       Accept-Encoding: ";

#[test]
fn browsers_are_sent_the_page_and_programs_json() {
    let api = TinyApi::start();
    let agent = agent(&api);
    // Without a body: that is no text.
    let fields = format!("{BROWSER}gzip, deflate, br\r\n");
    let page = ask(&agent, "HEAD", "/", &fields);
    assert_eq!(page.status, 200, "{page:?}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("content-encoding", "gzip"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, no-cache"),
        ("vary", "Accept, Accept-Encoding"),
    ] {
        assert_eq!(page.header(name), Some(value), "{page:?}");
    }
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
    let size: usize = page.header("content-length").unwrap().parse().unwrap();
    assert!((1_000..20_000).contains(&size), "{size} bytes are sent");

    let tag = page.header("etag").unwrap();
    let fields = format!("{fields}If-None-Match: {tag}\r\n");
    let known = ask(&agent, "GET", "/", &fields);
    assert_eq!((known.status, known.body.as_str()), (304, ""), "{known:?}");

    let unpacked = ask(&agent, "GET", "/", &format!("{BROWSER}identity\r\n"));
    assert_problem(&unpacked, 406, "send Accept-Encoding: gzip");
    for fields in ["", "Accept: */*\r\n", "Accept: application/json\r\n"] {
        let index = ask(&agent, "GET", "/", fields);
        assert_eq!(index.json()["name"], "pipeops-agent", "{fields}");
    }
}
