//! `/api/k8s/logs/NAMESPACE/POD`: the path of the API server that it stands for.

use crate::http::Request;

/// Below it are a namespace and a pod.
pub(super) const PREFIX: &str = "/api/k8s/logs/";

/// The path with its query, or what is wrong with the question.
pub(super) fn path(request: &Request) -> Result<String, String> {
    let rest = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let (namespace, pod) = rest
        .split_once('/')
        .filter(|(namespace, pod)| is_name(namespace) && is_name(pod))
        .ok_or("write /api/k8s/logs/NAMESPACE/POD")?;
    let mut path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log");
    let mut separator = '?';
    for pair in request.query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, "true"));
        let (theirs, value) = parameter(name, value)?;
        path.push_str(&format!("{separator}{theirs}={value}"));
        separator = '&';
    }
    Ok(path)
}

fn parameter(name: &str, value: &str) -> Result<(&'static str, String), String> {
    let theirs = match name {
        "container" if is_name(value) => "container",
        "container" => return Err("container is the name of one".to_owned()),
        "tail" => {
            let lines: u32 = value.parse().map_err(|_| "tail is a number of lines")?;
            return Ok(("tailLines", lines.to_string()));
        }
        "since" => return Ok(("sinceSeconds", seconds(value)?.to_string())),
        "previous" | "timestamps" | "follow" if !matches!(value, "true" | "false") => {
            return Err(format!("{name} is true or false"));
        }
        "previous" => "previous",
        "timestamps" => "timestamps",
        "follow" => "follow",
        _ => {
            return Err(format!(
                "there is no {name}: container, tail, since, previous, timestamps and follow are known"
            ));
        }
    };
    Ok((theirs, value.to_owned()))
}

/// Whole seconds, at least one: a bare number is seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let seconds = match text.parse() {
        Ok(seconds) => seconds,
        Err(_) => humantime::parse_duration(text)
            .map_err(|_| "since is a duration: 30s, 5m, 1h")?
            .as_secs(),
    };
    Ok(seconds.max(1))
}

/// Of a namespace, a pod or a container: RFC 1123 names need no escapes.
pub(super) fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(inside)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    fn asked(target: &str) -> Result<String, String> {
        path(&Request::new(Method::Get, target))
    }

    #[test]
    fn the_question_is_that_of_the_api_server() {
        for (target, expected) in [
            ("a/b", "/api/v1/namespaces/a/pods/b/log"),
            ("a/b.c-1?&", "/api/v1/namespaces/a/pods/b.c-1/log"),
            (
                "a/b?follow&tail=5&since=5m&container=c",
                "/api/v1/namespaces/a/pods/b/log?follow=true&tailLines=5&sinceSeconds=300&container=c",
            ),
            (
                "a/b?previous=true&timestamps=false&since=10",
                "/api/v1/namespaces/a/pods/b/log?previous=true&timestamps=false&sinceSeconds=10",
            ),
            (
                "a/b?since=1ms",
                "/api/v1/namespaces/a/pods/b/log?sinceSeconds=1",
            ),
        ] {
            assert_eq!(asked(&format!("{PREFIX}{target}")).unwrap(), expected);
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (target, problem) in [
            ("a", "write /api/k8s/logs/NAMESPACE/POD"),
            ("a/", "write /api/k8s"),
            ("a/b/c", "write /api/k8s"),
            ("a/..", "write /api/k8s"),
            ("a/B", "write /api/k8s"),
            ("a/b%2fc", "write /api/k8s"),
            ("a/b?container=x%26y", "container is the name of one"),
            ("a/b?tail=-1", "tail is a number of lines"),
            ("a/b?since=soon", "since is a duration: 30s, 5m, 1h"),
            ("a/b?follow=yes", "follow is true or false"),
            (
                "a/b?limitBytes=1",
                "there is no limitBytes: container, tail",
            ),
        ] {
            let told = asked(&format!("{PREFIX}{target}")).unwrap_err();
            assert!(told.starts_with(problem), "{target}: {told}");
        }
    }
}
