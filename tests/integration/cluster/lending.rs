//! The agent lends its rights to nobody: accounts with few of them try every route by every way
//! in, and are told just what they may be told; tokens that are void open nothing.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::callers::{effective, get, post, token};
use super::rig::{Cluster, Namespace, cluster};
use crate::attacks::routes::{Kind, ROUTES};
use crate::support::peer::Peer;
use crate::support::{Agent, eventually, within};

/// `none` has no right, `lists` may list pods, `logs` may read what they print.
const ACCOUNTS: [(&str, &str); 3] = [
    ("none", "[]"),
    (
        "lists",
        r#"[{apiGroups: [""], resources: [pods], verbs: [list]}]"#,
    ),
    (
        "logs",
        r#"[{apiGroups: [""], resources: [pods/log], verbs: [get]}]"#,
    ),
];
const OBJECTS: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: mine}
stringData: {value: hidden-from-all}
---
apiVersion: v1
kind: Pod
metadata: {name: talker}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: c, image: "busybox:1", imagePullPolicy: Never, command: [sh, -c, "echo said; sleep 3600"]}
"#;
const NAMES: [&str; 3] = ["none", "lists", "logs"];
/// What each of them is answered, in that order.
type Each = [u16; 3];
const NOBODY: Each = [403; 3];
const LISTS: Each = [403, 200, 403];
const LOGS: Each = [403, 403, 200];

/// Routes of the agent's own; `@NAME@` is the namespace.
const OWN: &[(&str, Each)] = &[
    ("/metrics", NOBODY),
    ("/api/health/detailed", NOBODY),
    ("/api/status/features", NOBODY),
    ("/api/status/connectivity", NOBODY),
    ("/api/status/cluster", NOBODY),
    ("/api/status/changes", NOBODY),
    ("/api/metrics/runtime", NOBODY),
    ("/api/metrics/history", NOBODY),
    ("/api/audit", NOBODY),
    ("/api/k8s/nodes", NOBODY),
    ("/api/k8s/namespaces", NOBODY),
    ("/api/k8s/deployments", NOBODY),
    ("/api/k8s/services", NOBODY),
    ("/api/k8s/events", NOBODY),
    ("/api/k8s/pods", LISTS),
    ("/api/k8s/pods?namespace=@NAME@", LISTS),
    ("/api/k8s/pods?namespace=kube-system", NOBODY),
    ("/api/k8s/logs/@NAME@/talker", LOGS),
    ("/api/k8s/logs/kube-system/any", NOBODY),
    ("/api/realtime/events", LISTS),
    ("/api/realtime/events?kind=pod&namespace=@NAME@", LISTS),
    ("/api/realtime/events?namespace=kube-system", NOBODY),
    ("/api/realtime/events?kind=node", NOBODY),
    // Which pods there are is told, too.
    ("/api/realtime/logs", NOBODY),
    ("/api/realtime/logs?namespace=@NAME@", NOBODY),
    ("/api/realtime/logs?namespace=@NAME@&pod=talker", LOGS),
    ("/api/realtime/logs?namespace=kube-system&pod=any", NOBODY),
];
/// Paths of the API server, below `/api/k8s/raw` and in envelopes.
const THEIRS: &[(&str, Each)] = &[
    // Every user may.
    ("/version", [200; 3]),
    ("/api/v1/namespaces/@NAME@/pods", LISTS),
    ("/api/v1/namespaces/@NAME@/pods?limit=1", LISTS),
    ("/api/v1/namespaces/@NAME@/pods/talker", NOBODY),
    ("/api/v1/namespaces/@NAME@/pods/talker/log", LOGS),
    ("/api/v1/namespaces/@NAME@/secrets", NOBODY),
    ("/api/v1/namespaces/@NAME@/secrets/mine", NOBODY),
    ("/api/v1/namespaces/@NAME@/%73ecrets/mine", NOBODY),
    ("/api/v1/namespaces/kube-system/pods", NOBODY),
    ("/api/v1/pods", NOBODY),
    ("/api/v1/nodes", NOBODY),
    ("/metrics", NOBODY),
];
/// More than any of them may, by which nothing is read.
const CHANGES: &[(&str, &str)] = &[
    ("POST", "/api/v1/namespaces/@NAME@/pods"),
    (
        "POST",
        "/api/v1/namespaces/@NAME@/serviceaccounts/logs/token",
    ),
    ("PUT", "/api/v1/namespaces/@NAME@/secrets/mine"),
    ("PATCH", "/api/v1/namespaces/@NAME@/pods/talker"),
    ("DELETE", "/api/v1/namespaces/@NAME@/pods/talker"),
    ("DELETE", "/api/v1/namespaces/@NAME@/pods"),
    (
        "POST",
        "/api/v1/namespaces/@NAME@/pods/talker/exec?command=id",
    ),
    (
        "POST",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    ),
];
/// Names by which somebody else might be meant.
const OTHERS: [&str; 4] = [
    "",
    "Impersonate-User: system:admin\r\nImpersonate-Group: system:masters\r\n",
    "X-Remote-User: system:admin\r\nX-Remote-Group: system:masters\r\n",
    "Cookie: pipeops_session=guess\r\nX-Forwarded-User: system:admin\r\n",
];

struct Rig<'c> {
    namespace: Namespace<'c>,
    agent: Agent,
}

fn populate(namespace: &Namespace<'_>) {
    for (account, rules) in ACCOUNTS {
        namespace.member(account, rules);
    }
    namespace.apply(OBJECTS);
}

fn rig(cluster: &Cluster) -> Rig<'_> {
    let namespace = cluster.namespace("lending");
    populate(&namespace);
    effective(&namespace, "lists", &["list", "pods"]);
    effective(&namespace, "logs", &["get", "pods", "--subresource=log"]);
    let agent = cluster.agent(&[]);
    eventually("the pod has said something", || {
        namespace
            .try_kubectl(&["logs", "talker"])
            .filter(|said| said.contains("said"))
    });
    Rig { namespace, agent }
}

impl Rig<'_> {
    fn path(&self, path: &str) -> String {
        path.replace("@NAME@", &self.namespace.name)
    }

    /// Status and text of the first answer to somebody who never asked before.
    fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> (u16, String) {
        let mut peer = Peer::stranger(self.agent.address());
        let length = body.len();
        let framing = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        let path = self.path(path);
        peer.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}{framing}\r\n{body}"
        ));
        let heard = peer.answer();
        (heard.statuses()[0], heard.text())
    }

    fn get(&self, path: &str, fields: &str) -> u16 {
        let (status, text) = self.ask("GET", path, fields, "");
        assert!(
            !text.contains("hidden-from-all") && !text.contains("aGlkZGVu"),
            "{path}: {text}"
        );
        status
    }

    /// What the API server said to a request in an envelope.
    fn inside(&self, method: &str, path: &str, who: &str, fields: &Value) -> u16 {
        let letter = json!({"method": method, "path": self.path(path), "headers": fields});
        let mut peer = Peer::stranger(self.agent.address());
        let body = letter.to_string();
        let length = body.len();
        peer.send(format!(
            "POST /api/k8s/proxy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{who}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        let text = peer.rest().text();
        assert!(
            !text.contains("hidden-from-all") && !text.contains("aGlkZGVu"),
            "{path}: {text}"
        );
        if text.starts_with("HTTP/1.1 200 ") {
            let status = text
                .split("\"status\":")
                .nth(1)
                .and_then(|rest| rest.get(..3));
            return status
                .and_then(|status| status.parse().ok())
                .unwrap_or_else(|| panic!("{path}: {text}"));
        }
        text[9..12].parse().unwrap()
    }

    /// The ways to say who asks: a field, the protocol of a WebSocket, a login.
    fn ways(&self, token: &str) -> [(&'static str, String); 3] {
        let coded = URL_SAFE_NO_PAD.encode(token);
        let login = json!({"token": token}).to_string();
        let (status, text) = self.ask("POST", "/api/session", "", &login);
        assert_eq!(status, 200, "{text}");
        let set = text.split("Set-Cookie: ").nth(1).unwrap();
        [
            ("field", format!("Authorization: Bearer {token}\r\n")),
            (
                "protocol",
                format!(
                    "Sec-WebSocket-Protocol: base64url.bearer.authorization.pipeops.io.{coded}\r\n"
                ),
            ),
            (
                "login",
                format!("Cookie: {}\r\n", set.split(';').next().unwrap()),
            ),
        ]
    }
}

#[test]
fn whoever_has_few_rights_has_as_few_on_every_route() {
    let Some(cluster) = cluster() else { return };
    let rig = rig(&cluster);
    let mut wrong = Vec::new();
    for (at, name) in NAMES.iter().enumerate() {
        let token = token(&rig.namespace, name);
        for (way, fields) in rig.ways(token.trim()) {
            let mut expect = |what: &str, told: u16, wanted: u16| {
                if told != wanted {
                    wrong.push(format!("{name} by {way}: {what}: {told}, not {wanted}"));
                }
            };
            for (path, each) in OWN {
                expect(path, rig.get(path, &fields), each[at]);
            }
            for (path, each) in THEIRS {
                let raw = format!("/api/k8s/raw{path}");
                expect(&raw, rig.get(&raw, &fields), each[at]);
                expect(path, rig.inside("GET", path, &fields, &json!({})), each[at]);
            }
            for (method, path) in CHANGES {
                let raw = format!("/api/k8s/raw{path}");
                let (status, _) = rig.ask(method, &raw, &fields, "{}");
                expect(&format!("{method} {raw}"), status, 403);
                expect(
                    &format!("{method} {path}"),
                    rig.inside(method, path, &fields, &json!({})),
                    403,
                );
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    rig.namespace.kubectl(&["get", "pod", "talker"]);
}

#[test]
fn whoever_names_somebody_else_is_who_they_were_or_refused() {
    let Some(cluster) = cluster() else { return };
    let rig = rig(&cluster);
    let mut wrong = Vec::new();
    for (at, name) in NAMES.iter().enumerate() {
        let token = token(&rig.namespace, name);
        let who = format!("Authorization: Bearer {}\r\n", token.trim());
        for others in OTHERS {
            let fields = format!("{who}{others}");
            let impersonates = others.starts_with("Impersonate-");
            let given: serde_json::Map<_, _> = others
                .lines()
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), json!(value)))
                .collect();
            let mut expect = |what: &str, told: u16, wanted: u16| {
                if told != wanted {
                    wrong.push(format!(
                        "{name} as {others:?}: {what}: {told}, not {wanted}"
                    ));
                }
            };
            for (path, each) in OWN {
                // The API server refuses to let them speak for others at all.
                let passed = path.starts_with("/api/k8s/logs/");
                let wanted = if passed && impersonates {
                    403
                } else {
                    each[at]
                };
                expect(path, rig.get(path, &fields), wanted);
            }
            for (path, each) in THEIRS {
                let wanted = if impersonates { 403 } else { each[at] };
                let raw = format!("/api/k8s/raw{path}");
                expect(&raw, rig.get(&raw, &fields), wanted);
                let inside = rig.inside("GET", path, &who, &Value::Object(given.clone()));
                expect(path, inside, wanted);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_ticket_and_a_socket_are_good_for_what_their_owner_may() {
    let Some(cluster) = cluster() else { return };
    let rig = rig(&cluster);
    for (name, streams) in NAMES.iter().zip([false, true, false]) {
        let token = token(&rig.namespace, name);
        let ticket = |path: &str| {
            let issued = post(
                &rig.agent,
                token.trim(),
                "/api/realtime/tickets",
                &json!({}),
            );
            assert_eq!(issued.status, 201, "{issued:?}");
            format!(
                "{path}?ticket={}",
                issued.json()["ticket"].as_str().unwrap()
            )
        };
        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let status = |good| if streams { good } else { 403 };
        assert_eq!(
            rig.get(&ticket("/api/realtime/events"), ""),
            status(200),
            "{name}"
        );
        assert_eq!(rig.get(&ticket("/ws"), upgrade), status(101), "{name}");
        assert_eq!(rig.get(&ticket("/api/k8s/pods"), ""), 401, "{name}");
        let narrowed = ticket("/api/realtime/events") + "&namespace=kube-system";
        assert_eq!(rig.get(&narrowed, ""), 403, "{name}");
    }
}

/// A token with other claims, and the signature of the real one.
fn altered(token: &str, alter: impl FnOnce(&mut Value)) -> String {
    let [head, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{token} is no JWT");
    };
    let mut claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    alter(&mut claims);
    format!(
        "{head}.{}.{signature}",
        URL_SAFE_NO_PAD.encode(claims.to_string())
    )
}

#[test]
fn tokens_that_are_forged_over_or_for_others_open_no_route() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("lending");
    populate(&namespace);
    let real = token(&namespace, "lists");
    let real = real.trim();
    let unsigned = {
        let claims = real.split('.').nth(1).unwrap();
        format!(
            "{}.{claims}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#)
        )
    };
    let elsewhere = namespace.kubectl(&["create", "token", "lists", "--audience", "elsewhere"]);
    let admin =
        |claims: &mut Value| claims["sub"] = "system:serviceaccount:kube-system:admin".into();
    for (name, forged) in [
        ("another's name", altered(real, admin)),
        ("over", altered(real, |claims| claims["exp"] = 1.into())),
        (
            "for ever",
            altered(real, |claims| claims["exp"] = 4_102_444_800_u64.into()),
        ),
        ("signed by nobody", unsigned),
        ("for another audience", elsewhere.trim().to_owned()),
    ] {
        let agent = cluster.agent(&[]);
        for route in ROUTES.iter().filter(|route| route.kind.wants_token()) {
            let mut ask = route.ask();
            ask.token = format!("Authorization: Bearer {forged}\r\n");
            let mut peer = Peer::stranger(agent.address());
            peer.send(ask.bytes());
            let heard = peer.answer();
            // What is in an envelope is answered in one.
            let status = if route.kind == Kind::Envelope {
                200
            } else {
                401
            };
            assert_eq!(heard.statuses(), [status], "{name}: {}", route.listed);
        }
        let letter = json!({"method": "GET", "path": "/api/v1/nodes"});
        let inside = post(&agent, &forged, "/api/k8s/proxy", &letter);
        assert_eq!(inside.json()["status"], 401, "{name}: {inside:?}");
        assert!(!agent.log().contains(&forged), "{name}");
    }
}

/// What is passed on ends at once; what the agent itself judges, after a minute.
#[test]
fn a_right_that_was_withdrawn_and_an_account_that_is_gone_open_nothing_more() {
    const KEPT: Duration = Duration::from_secs(60 + 30);
    let Some(cluster) = cluster() else { return };
    let rig = rig(&cluster);
    let namespace = &rig.namespace;
    let (lists, logs) = (token(namespace, "lists"), token(namespace, "logs"));
    let status = |token: &str, path: &str| get(&rig.agent, token.trim(), &rig.path(path)).status;
    let (own, raw) = (
        "/api/k8s/pods",
        "/api/k8s/raw/api/v1/namespaces/@NAME@/pods",
    );
    let (own_logs, refused) = ("/api/k8s/logs/@NAME@/talker", "/api/k8s/pods");
    assert_eq!((status(&lists, own), status(&lists, raw)), (200, 200));
    assert_eq!(
        (status(&logs, own_logs), status(&logs, refused)),
        (200, 403)
    );
    let login = rig.ways(logs.trim());
    namespace.kubectl(&["delete", "rolebinding", "lists"]);
    namespace.kubectl(&["delete", "serviceaccount", "logs"]);
    eventually("the API server knows", || {
        (status(&lists, raw) == 403 && status(&logs, own_logs) == 401).then_some(())
    });
    within(KEPT, "the agent knows", || {
        (status(&lists, own) == 403 && status(&logs, refused) == 401).then_some(())
    });
    for (way, fields) in login {
        assert_eq!(rig.get(refused, &fields), 401, "{way}");
    }
}
