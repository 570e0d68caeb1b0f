//! `GET /api/k8s/KIND`: rows of the snapshot, chosen by the query of the request.

use std::time::SystemTime;

use super::rights::Asking;
use super::{Sources, refusal, tag};
use crate::age::since_1970;
use crate::cluster::Kind;
use crate::http::{Body, Request, Response};
use crate::report::{self, Query};

/// What the answer will be, before it is known whether the query is right.
pub(super) fn media_type(request: &Request) -> &'static str {
    match request.query_value("as").as_deref() {
        Some("table") => "text/plain",
        _ => "application/json",
    }
}

/// The rows that the query chooses among those that whoever asks may see.
pub(super) fn answer(
    sources: &Sources,
    kind: Kind,
    request: &Request,
    mut asking: Asking<'_>,
) -> Response {
    let query = match query(kind, request) {
        Ok(query) => query,
        Err(problem) => return Response::problem(400, "Bad Request", &problem),
    };
    let snapshot = sources.published.current();
    let namespace = request.query_value("namespace");
    let visible = &match asking.seen(kind, namespace.as_deref(), &snapshot) {
        Ok(visible) => visible,
        Err(refused) => return refusal::answer(refused),
    };
    let now = since_1970(SystemTime::now());
    let body = || {
        let text = report::list(&snapshot, kind, &query, visible, now);
        match query.is_table() {
            true => Response::of(200, "text/plain; charset=utf-8", Body::Shared(text)),
            false => Response::json(200, text),
        }
    };
    let answer = match report::tag(&snapshot, kind, &query, visible) {
        Some(tag) => tag::answer(request, tag, body),
        None => body(),
    };
    match report::age(&snapshot, kind, now) {
        Some(age) => answer.with("X-Data-Age", age.to_string()),
        None => answer,
    }
}

fn query(kind: Kind, request: &Request) -> Result<Query, String> {
    let pairs: Option<Vec<_>> = request.query_pairs().collect();
    let pairs = pairs.ok_or("a parameter is not percent-encoded UTF-8")?;
    Query::read(kind, pairs.iter().map(|(name, value)| (&**name, &**value)))
}
