//! `GET /api/openapi.yaml`: the page that describes these routes. It tells nothing secret.

use super::{accept, tag};
use crate::http::{Body, Request, Response};

/// [RFC 9512](https://www.rfc-editor.org/rfc/rfc9512)
pub(super) const MEDIA_TYPE: &str = "application/yaml";

/// As gzip, a sixth of its size; nothing here could unpack it.
static PAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.yaml.gz"));

/// The page, for those who take gzip.
pub(super) fn answer(request: &Request) -> Response {
    // Whoever says nothing may be shown what arrives (RFC 9110, section 12.5.3 would let us).
    if !accept::takes_gzip(request.headers.get("accept-encoding").unwrap_or_default()) {
        let detail =
            "the page is there as gzip only: ask with Accept-Encoding: gzip (curl --compressed)";
        return Response::problem(406, "Not Acceptable", detail).with("Vary", "Accept-Encoding");
    }
    let page =
        || Response::of(200, MEDIA_TYPE, Body::Static(PAGE)).with("Content-Encoding", "gzip");
    tag::answer(request, sum(), page).with("Vary", "Accept-Encoding")
}

/// What gzip ends with: a checksum of the page and its length (RFC 1952, section 2.3.1).
fn sum() -> String {
    let end = PAGE.last_chunk().copied().unwrap_or_default();
    format!("\"{:016x}\"", u64::from_be_bytes(end))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;
    use crate::http::Method;

    #[test]
    fn it_is_the_page_of_this_commit() {
        let request = Request::new(Method::Get, "/").with_header("Accept-Encoding", "gzip, br");
        let answer = answer(&request);
        assert_eq!(answer.status, 200);
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(answer.body.as_bytes());
        decoder.read_to_string(&mut text).unwrap();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = fs::read_to_string(folder.join("docs/openapi.yaml")).unwrap();
        assert_eq!(text, page);
    }

    #[test]
    fn who_takes_no_gzip_is_told() {
        for (accepted, expected) in [
            (None, 406),
            (Some("br, deflate"), 406),
            (Some("gzip;q=0, *"), 406),
            (Some("*;q=0.0"), 406),
            (Some("*"), 200),
            (Some("deflate, GZIP;q=0.5"), 200),
            (Some("x-gzip"), 200),
        ] {
            let mut request = Request::new(Method::Get, "/");
            if let Some(accepted) = accepted {
                request = request.with_header("Accept-Encoding", accepted);
            }
            assert_eq!(answer(&request).status, expected, "{accepted:?}");
        }
        let request = Request::new(Method::Get, "/")
            .with_header("Accept-Encoding", "gzip")
            .with_header("If-None-Match", &sum());
        assert_eq!(answer(&request).status, 304);
    }
}
