//! A request to the API server in the terms of its own authorization. Pure.
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authorization/>)

use std::fmt;

/// Kinds of the API that are in no namespace, so that asking for all of them is not
/// asking for those of every namespace.
const CLUSTER_WIDE: [&str; 16] = [
    "apiservices",
    "certificatesigningrequests",
    "clusterrolebindings",
    "clusterroles",
    "csidrivers",
    "csinodes",
    "customresourcedefinitions",
    "ingressclasses",
    "mutatingwebhookconfigurations",
    "namespaces",
    "nodes",
    "persistentvolumes",
    "priorityclasses",
    "storageclasses",
    "validatingwebhookconfigurations",
    "volumeattachments",
];

/// Who wants what of which object.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: &'static str,
    /// `pods`, `deployments.apps`, `pods/exec`.
    pub resource: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub dry_run: bool,
}

impl Request {
    /// None: it is about no object (versions, discovery).
    pub fn of(method: &str, path: &str) -> Option<Self> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        // What the server sees is what is judged.
        let path = decoded(path);
        let names = path.split('/').filter(|name| !name.is_empty());
        let mut segments = names.peekable();
        let group = match segments.next()? {
            "api" => "",
            "apis" => segments.next()?,
            _ => return None,
        };
        let _version = segments.next()?;
        // The old form of a watch, which servers still know.
        let is_watch = segments.next_if_eq(&"watch").is_some();
        let (namespace, mut parts) = placed(segments.map(str::to_owned).collect());
        let kind = parts.next()?;
        let name = parts.next();
        let part = parts.next();
        let mut resource = kind;
        if !group.is_empty() {
            resource = format!("{resource}.{group}");
        }
        let has = |pair: &str| query.split('&').any(|one| one == pair);
        let watches = is_watch || has("watch=true") || has("watch=1");
        // However it is asked for, it is the same way in.
        let verb = match part.as_deref().is_some_and(is_way_in) {
            true => "create",
            false => verb(method, name.is_some(), watches),
        };
        if let Some(part) = part {
            resource = format!("{resource}/{part}");
        }
        Some(Self {
            verb,
            resource,
            namespace,
            name,
            dry_run: has("dryRun=All"),
        })
    }

    /// Whether a server may read another path in it than [`Request::of`] does: one with
    /// encoded slashes, or with dots for a name.
    pub fn is_ambiguous(path: &str) -> bool {
        let path = path.split('?').next().unwrap_or_default();
        let odd = |name: &String| name.contains('/') || matches!(name.as_str(), "." | "..");
        path.split('/').map(decoded).any(|name| odd(&name))
    }

    /// Whether it changes anything; questions about rights are asked by `create`.
    pub fn changes(&self) -> bool {
        let asks = self.resource.contains("reviews.auth");
        !asks && !self.reads()
    }

    /// Whether it only reads, by a verb that is known.
    pub fn reads(&self) -> bool {
        matches!(self.verb, "get" | "list" | "watch")
    }

    pub(super) fn is_way_in(&self) -> bool {
        self.part().is_some_and(is_way_in)
    }

    /// Whether the answer may hold the values of a Secret. That of a change does.
    pub fn tells_secrets(&self) -> bool {
        let removes = matches!(self.verb, "create" | "delete" | "deletecollection");
        (self.resource == "secrets" && !removes) || self.resource == "serviceaccounts/token"
    }

    pub(super) fn is_cluster_wide(&self) -> bool {
        let kind = self.resource.split(['.', '/']).next().unwrap_or_default();
        CLUSTER_WIDE.contains(&kind)
    }

    /// Whether a pattern means it: `deployments` is of any group and has parts,
    /// `deployments.apps/scale` is just that.
    pub(super) fn is(&self, pattern: &str) -> bool {
        let whole = self.resource.as_str();
        let (without_part, _) = whole.split_once('/').unwrap_or((whole, ""));
        let (kind, _) = without_part.split_once('.').unwrap_or((without_part, ""));
        let short = self.part().map(|part| format!("{kind}/{part}"));
        [
            Some(whole),
            Some(without_part),
            Some(kind),
            short.as_deref(),
        ]
        .into_iter()
        .flatten()
        .any(|name| super::matches(pattern, name))
    }

    fn part(&self) -> Option<&str> {
        self.resource.split_once('/').map(|(_, part)| part)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

/// The namespace, and what is asked for within it or outside of all.
fn placed(mut segments: Vec<String>) -> (Option<String>, std::vec::IntoIter<String>) {
    // `/namespaces/NAME/finalize` is about the namespace, not about something in it.
    let inside = |part: &String| !matches!(part.as_str(), "finalize" | "status");
    let is_inside = segments.first().is_some_and(|first| first == "namespaces")
        && segments.get(2).is_some_and(inside);
    let namespace = is_inside.then(|| segments.drain(..2).nth(1)).flatten();
    (namespace, segments.into_iter())
}

fn verb(method: &str, is_named: bool, watches: bool) -> &'static str {
    match (method, is_named) {
        ("GET", _) if watches => "watch",
        ("GET", true) => "get",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "other",
    }
}

fn is_way_in(part: &str) -> bool {
    matches!(part, "exec" | "attach" | "portforward" | "proxy")
}

/// Without percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = match code {
            Some(_) => &after[2..],
            None => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_is_wanted() {
        for (method, path, words) in [
            ("GET", "/api/v1/pods", "list pods"),
            ("GET", "/api/v1/pods?watch=true", "watch pods"),
            ("GET", "/%61pi/v1/w%61tch/secret%73", "watch secrets"),
            (
                "GET",
                "/api/v1/watch/namespaces/a/secrets/b",
                "watch secrets b in a",
            ),
            ("GET", "/api/v1/nodes/a", "get nodes a"),
            ("GET", "/api/v1/namespaces", "list namespaces"),
            ("DELETE", "/api/v1/namespaces/a", "delete namespaces a"),
            (
                "PUT",
                "/api/v1/namespaces/a/finalize",
                "update namespaces/finalize a",
            ),
            (
                "GET",
                "/api/v1/namespaces/a/pods/b/log?follow=true",
                "get pods/log b in a",
            ),
            (
                "GET",
                "/api/v1/namespaces/a/pods/b/exec?command=x",
                "create pods/exec b in a",
            ),
            (
                "GET",
                "/api/v1/namespaces/a/services/b/proxy/c/d",
                "create services/proxy b in a",
            ),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/a/deployments/b/scale",
                "patch deployments.apps/scale b in a",
            ),
            (
                "DELETE",
                "/apis/apps/v1/namespaces/a/deployments",
                "deletecollection deployments.apps in a",
            ),
            (
                "GET",
                "/api/v1/namespaces/a/%73ecrets/b",
                "get secrets b in a",
            ),
            (
                "GET",
                "/api/v1//namespaces/a/secrets/b",
                "get secrets b in a",
            ),
        ] {
            assert_eq!(Request::of(method, path).unwrap().to_string(), words);
        }
        for path in [
            "/",
            "/version",
            "/api",
            "/api/v1",
            "/apis/apps",
            "/apis/apps/v1",
            "/openapi/v3/x",
        ] {
            assert_eq!(Request::of("GET", path), None, "{path}");
        }
    }

    #[test]
    fn what_a_server_may_read_in_another_way_is_ambiguous() {
        for path in [
            "/api/v1/namespaces/a%2Fsecrets",
            "/api/v1/namespaces/a/pods/b%2fexec",
            "/api/v1/namespaces/a/configmaps/../secrets",
            "/api/v1/namespaces/a/configmaps/%2e%2E/secrets",
            "/api/./v1/secrets",
        ] {
            assert!(Request::is_ambiguous(path), "{path}");
        }
        for path in [
            "/api/v1/pods?labelSelector=a%2Fb",
            "/api/v1/namespaces/a/events/b..c",
            "/api/v1/namespaces/a/services/b%3A80/proxy/",
        ] {
            assert!(!Request::is_ambiguous(path), "{path}");
        }
    }

    #[test]
    fn questions_about_rights_change_nothing() {
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        assert!(!Request::of("POST", path).unwrap().changes());
        let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        assert!(!Request::of("POST", path).unwrap().changes());
        assert!(
            Request::of("POST", "/api/v1/namespaces/a/pods")
                .unwrap()
                .changes()
        );
    }

    #[test]
    fn a_pattern_means_a_kind_with_its_parts_or_just_one() {
        let scale = Request::of("PATCH", "/apis/apps/v1/namespaces/a/deployments/b/scale");
        let scale = scale.unwrap();
        for (pattern, fits) in [
            ("deployments", true),
            ("deployments.apps", true),
            ("deployments/scale", true),
            ("deployments.apps/scale", true),
            ("*.apps", true),
            ("*", true),
            ("deployments/status", false),
            ("deployments.extensions", false),
            ("pods", false),
        ] {
            assert_eq!(scale.is(pattern), fits, "{pattern}");
        }
    }
}
