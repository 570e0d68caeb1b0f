//! Refusals as answers that say what to do.

use std::time::Duration;

use crate::http::Response;
use crate::security::Refusal;

pub(super) fn answer(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Host(host) => Response::problem(
            421,
            "Misdirected Request",
            &format!("the agent has no name {host:?}; if that is one, set PIPEOPS_HOSTS"),
        ),
        Refusal::Origin => forbidden("a page of another origin asks"),
        Refusal::TooMany(wait) => too_many("too many requests", wait),
        Refusal::TooManyFailures(wait) => too_many("too many wrong tokens", wait),
        Refusal::Closed => forbidden(
            "send a token of Kubernetes (kubectl create token NAME); no API token is configured: \
             to have one, set PIPEOPS_API_TOKEN_FILE (or PIPEOPS_API_TOKEN) and restart",
        ),
        Refusal::Missing => unauthorized(
            "send an API token, or a token of Kubernetes (kubectl create token NAME), as \
             Authorization: Bearer TOKEN",
        ),
        Refusal::Wrong => unauthorized(
            "this is no API token of the agent, and the API server does not know it either",
        ),
        Refusal::Forbidden(detail) => forbidden(&detail),
        Refusal::Busy => unavailable("others are asking the API server who they are; try again"),
        Refusal::Unanswered(problem) => unavailable(&format!(
            "the API server does not say who has this token: {problem}"
        )),
    }
}

fn forbidden(detail: &str) -> Response {
    Response::problem(403, "Forbidden", detail)
}

fn unauthorized(detail: &str) -> Response {
    Response::problem(401, "Unauthorized", detail)
        .with("WWW-Authenticate", "Bearer realm=\"pipeops-agent\"")
}

fn unavailable(detail: &str) -> Response {
    Response::problem(503, "Service Unavailable", detail).with("Retry-After", "1")
}

fn too_many(detail: &str, wait: Duration) -> Response {
    // Whole seconds (RFC 9110, section 10.2.3), not too early.
    let seconds = wait.as_secs_f64().ceil().max(1.0);
    Response::problem(429, "Too Many Requests", detail).with("Retry-After", seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_to_wait_is_told_how_long() {
        let retry = |wait| {
            let response = answer(Refusal::TooMany(wait));
            let mut headers = response.headers.into_iter();
            headers.find(|(name, _)| *name == "Retry-After").unwrap().1
        };
        assert_eq!(retry(Duration::from_millis(5)), "1");
        assert_eq!(retry(Duration::from_millis(5001)), "6");
    }
}
