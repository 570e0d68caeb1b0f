//! Refusals as answers that say what to do.

use std::borrow::Cow;

use crate::http::Response;
use crate::security::Refusal;

pub(super) fn answer(refusal: Refusal) -> Response {
    let (status, title, detail) = told(&refusal);
    let answer = Response::problem(status, title, &detail);
    match refusal {
        Refusal::TooMany(wait) | Refusal::TooManyFailures(wait) => {
            // Whole seconds (RFC 9110, section 10.2.3), not too early.
            let seconds = wait.as_secs_f64().ceil().max(1.0);
            answer.with("Retry-After", seconds.to_string())
        }
        Refusal::Missing | Refusal::Wrong => {
            answer.with("WWW-Authenticate", "Bearer realm=\"pipeops-agent\"")
        }
        Refusal::Busy | Refusal::Unanswered(_) => answer.with("Retry-After", "1"),
        Refusal::Host(_) | Refusal::Origin | Refusal::Closed | Refusal::Forbidden(_) => answer,
    }
}

/// Status, its name, and what to do.
pub(super) fn told(refusal: &Refusal) -> (u16, &'static str, Cow<'_, str>) {
    const FORBIDDEN: (u16, &str) = (403, "Forbidden");
    const UNKNOWN: (u16, &str) = (401, "Unauthorized");
    const TOO_MANY: (u16, &str) = (429, "Too Many Requests");
    const LATER: (u16, &str) = (503, "Service Unavailable");
    let ((status, title), detail): (_, Cow<'_, str>) = match refusal {
        Refusal::Host(host) => (
            (421, "Misdirected Request"),
            format!("the agent has no name {host:?}; if that is one, set PIPEOPS_HOSTS").into(),
        ),
        Refusal::Origin => (FORBIDDEN, "a page of another origin asks".into()),
        Refusal::TooMany(_) => (TOO_MANY, "too many requests".into()),
        Refusal::TooManyFailures(_) => (TOO_MANY, "too many wrong tokens".into()),
        Refusal::Closed => (
            FORBIDDEN,
            "send a token of Kubernetes (kubectl create token NAME); no API token is configured: \
             to have one, set PIPEOPS_API_TOKEN_FILE (or PIPEOPS_API_TOKEN) and restart"
                .into(),
        ),
        Refusal::Missing => (
            UNKNOWN,
            "send an API token, or a token of Kubernetes (kubectl create token NAME), as \
             Authorization: Bearer TOKEN"
                .into(),
        ),
        Refusal::Wrong => (
            UNKNOWN,
            "this is no API token of the agent, and the API server does not know it either".into(),
        ),
        Refusal::Forbidden(detail) => (FORBIDDEN, detail.as_str().into()),
        Refusal::Busy => (LATER, "others are asking the API server; try again".into()),
        Refusal::Unanswered(problem) => (
            LATER,
            format!("the API server does not say who has this token: {problem}").into(),
        ),
    };
    (status, title, detail)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
