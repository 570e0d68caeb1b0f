//! `GET /` for people: the dashboard, one file without any other.
//!
//! It is kept compressed and only sent so: every browser takes gzip, and unpacking it for others
//! would cost the binary a decompressor.

use super::{accept, tag};
use crate::http::{Body, Request, Response};

/// `build.rs` makes it of `page.html`.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.gz"));
const TAG: &str = concat!("\"", env!("PIPEOPS_PAGE_HASH"), "\"");
/// Only the page's own script and style run, only this agent is asked, nobody frames it, and no
/// text becomes markup (<https://www.w3.org/TR/CSP3/>).
const POLICY: &str = concat!(
    "default-src 'none'; script-src 'sha256-",
    env!("PIPEOPS_PAGE_SCRIPT"),
    "'; style-src 'sha256-",
    env!("PIPEOPS_PAGE_STYLE"),
    "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
);

/// Whether this client would rather have HTML than JSON, as browsers do and `curl` does not.
pub(super) fn wanted(accept: Option<&str>) -> bool {
    accept::quality(accept, "text/html") > accept::quality(accept, "application/json")
}

pub(super) fn answer(request: &Request) -> Response {
    // A browser that says nothing takes any coding (RFC 9110, section 12.5.3).
    if !accept::takes_gzip(request.headers.get("accept-encoding").unwrap_or("*")) {
        let detail = "the page is only sent with Content-Encoding: gzip; send Accept-Encoding: gzip, \
                      or ask for application/json";
        return Response::problem(406, "Not Acceptable", detail).with("Vary", VARY);
    }
    let page = || {
        Response::of(200, "text/html; charset=utf-8", Body::Static(PACKED))
            .with("Content-Encoding", "gzip")
    };
    tag::answer(request, TAG.to_owned(), page)
        .with("Content-Security-Policy", POLICY)
        .with("Referrer-Policy", "no-referrer")
        .with("X-Frame-Options", "DENY")
        .with("Vary", VARY)
}

/// What the answer to `GET /` depends on.
const VARY: &str = "Accept, Accept-Encoding";

#[cfg(test)]
mod tests {
    use std::io::Read;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ring::digest;

    use super::*;
    use crate::http::Method;

    const SOURCE: &str = include_str!("page.html");
    /// What a browser sends.
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    fn asked(fields: &[(&str, &str)]) -> Response {
        let request = Request::new(Method::Get, "/");
        let mut fields = fields.iter();
        answer(&fields.try_fold(request, with).unwrap())
    }

    fn with(request: Request, (name, value): &(&str, &str)) -> Option<Request> {
        Some(request.with_header(name, value))
    }

    fn field(response: &Response, name: &str) -> String {
        let mut fields = response.headers.iter();
        let found = fields.find(|(own, _)| *own == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    #[test]
    fn the_source_is_small() {
        assert!(SOURCE.len() <= 48_000, "{} bytes", SOURCE.len());
    }

    #[test]
    fn text_never_becomes_markup_and_nothing_comes_from_elsewhere() {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "http:",
            "https:",
            "javascript:",
            "style=",
            "src=",
            "@import",
            "url(",
        ] {
            assert!(!SOURCE.contains(word), "{word}");
        }
        let markup = SOURCE.split_once("<script>").unwrap().0;
        let handler = markup.match_indices(" on").find(|(at, _)| {
            let name = markup[at + 1..].split(['=', ' ', '>', ';']).next().unwrap();
            markup[at + 1 + name.len()..].starts_with('=')
        });
        assert_eq!(handler, None);
    }

    #[test]
    fn the_policy_names_this_script_and_this_style() {
        let policy = field(&asked(&[]), "Content-Security-Policy");
        for (kind, tag) in [("script", "script"), ("style", "style")] {
            assert_eq!(SOURCE.matches(&format!("<{tag}")).count(), 1);
            let (_, rest) = SOURCE.split_once(&format!("<{tag}>")).unwrap();
            let (text, _) = rest.split_once(&format!("</{tag}>")).unwrap();
            let hash = STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()));
            let expected = format!("{kind}-src 'sha256-{hash}';");
            assert!(policy.contains(&expected), "{policy}");
        }
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(!policy.contains("unsafe"));
    }

    #[test]
    fn what_is_sent_is_the_page() {
        let response = asked(&[("Accept-Encoding", "gzip, deflate, br, zstd")]);
        assert_eq!(response.status, 200);
        assert_eq!(field(&response, "Content-Type"), "text/html; charset=utf-8");
        assert_eq!(field(&response, "Content-Encoding"), "gzip");
        assert_eq!(field(&response, "Cache-Control"), "private, no-cache");
        assert_eq!(field(&response, "X-Frame-Options"), "DENY");
        assert_eq!(field(&response, "Referrer-Policy"), "no-referrer");
        let mut text = String::new();
        flate2::read::GzDecoder::new(response.body.as_bytes())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, SOURCE);
    }

    #[test]
    fn who_has_this_version_is_told_so() {
        let tag = field(&asked(&[]), "ETag");
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let response = asked(&[("If-None-Match", &known)]);
            assert_eq!(response.status, 304, "{known}");
            assert!(response.body.as_bytes().is_empty());
            assert_eq!(field(&response, "ETag"), tag);
            assert!(!field(&response, "Content-Security-Policy").is_empty());
        }
        assert_eq!(asked(&[("If-None-Match", "\"x\"")]).status, 200);
    }

    #[test]
    fn who_does_not_unpack_is_told_what_to_do() {
        for (codings, status) in [
            ("gzip", 200),
            ("br;q=1.0, GZIP;q=0.5", 200),
            ("*", 200),
            ("*;q=0, gzip", 200),
            ("", 406),
            ("identity", 406),
            ("br", 406),
            ("*;q=0", 406),
            ("gzip;q=0, *", 406),
        ] {
            let response = asked(&[("Accept-Encoding", codings)]);
            assert_eq!(response.status, status, "{codings}");
        }
        assert_eq!(asked(&[]).status, 200);
    }

    #[test]
    fn programs_keep_getting_json() {
        assert!(wanted(Some(BROWSER)));
        assert!(wanted(Some("text/html")));
        for program in [
            None,
            Some("*/*"),
            Some("application/json"),
            Some("application/json, text/html"),
            Some("text/html;q=0.5, application/json"),
        ] {
            assert!(!wanted(program), "{program:?}");
        }
    }
}
