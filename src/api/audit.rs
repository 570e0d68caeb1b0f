//! `GET /api/audit`: what was done, and decided, as far as it is kept.

use crate::commands::audit::Audit;
use crate::http::{Request, Response};

/// Lines without `limit=`, and at most.
const USUAL: usize = 100;
const MOST: usize = 1000;

/// `{"items":[...]}`, the newest last. Each line of the file is an object.
pub(super) fn answer(audit: &Audit, request: &Request) -> Response {
    let limit = match request.query_value("limit").as_deref().map(str::parse) {
        None => USUAL,
        Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
        Some(_) => {
            let detail = format!("limit is a number from 1 to {MOST}");
            return Response::problem(400, "Bad Request", &detail);
        }
    };
    match audit.last(limit) {
        Ok(lines) => {
            let body = format!("{{\"items\":[{}]}}", lines.join(","));
            Response::json(200, body.into_bytes())
        }
        Err(error) => {
            let detail = format!("the audit cannot be read: {error}");
            Response::problem(500, "Internal Server Error", &detail)
        }
    }
}
