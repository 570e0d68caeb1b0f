//! Tokens that expire, authorities that change, and what may not be seen.

use serde_json::Value;

use super::{HEALED, Rig, follows, lives, ready, shown, unready};
use crate::support::api_server::{ApiServer, Cut, Fault, KINDS, Op, TOKEN, object, path};
use crate::support::{Agent, eventually, within};

fn cut_all(server: &ApiServer, how: Cut) {
    for (kind, _) in KINDS {
        server.cut(kind, how);
    }
}

#[test]
fn a_token_that_expired_is_read_again_from_its_file() {
    let rig = Rig::start();
    rig.server.accept_token("second-token");
    cut_all(&rig.server, Cut::Close);
    unready(&rig.agent, "status 401, Unauthorized");
    rig.server.apply("pods", object("pods", "meanwhile"));
    rig.server.write_token("second-token");
    rig.follows();
    for (kind, list) in KINDS {
        within(HEALED, "a watch with the second token", || {
            let last = rig.server.requests(list, Op::Watch).pop();
            let token = last.and_then(|request| request.authorization);
            (token.as_deref() == Some("Bearer second-token")).then_some(())
        });
        assert_eq!(rig.lists(kind), 1, "{kind}");
    }
    let log = rig.agent.log();
    assert!(
        !log.contains("second-token") && !log.contains(TOKEN),
        "{log}"
    );
}

#[test]
fn a_token_that_was_rotated_in_time_is_not_even_noticed() {
    let rig = Rig::start();
    rig.server.write_token("second-token");
    rig.server.accept_token("second-token");
    cut_all(&rig.server, Cut::End);
    rig.server.apply("pods", object("pods", "later"));
    rig.follows();
    assert!(!rig.agent.log().contains("not followed"));
}

#[test]
fn a_wrong_authority_is_named_until_its_file_is_right() {
    let server = ApiServer::start_tls();
    server.rotate_certificates();
    let agent = Agent::start(&server.kubeconfig(), &[]);
    unready(&agent, "check the certificate authority that is configured");
    let line = agent.wait_log("pods are not followed");
    assert!(line.contains("invalid peer certificate"), "{line}");
    for (kind, list) in KINDS {
        assert!(
            server.requests(list, Op::Get).is_empty(),
            "{kind}: a token was sent"
        );
    }
    server.write_ca();
    follows(&agent, &server, &KINDS.map(|(kind, _)| kind));
    ready(&agent);
}

#[test]
fn an_authority_that_changes_under_way_is_read_again() {
    let rig = Rig::with(ApiServer::start_tls());
    rig.server.rotate_certificates();
    cut_all(&rig.server, Cut::Reset);
    unready(&rig.agent, "invalid peer certificate");
    rig.server.apply("pods", object("pods", "meanwhile"));
    rig.server.write_file("ca.crt", "half a certificate");
    unready(&rig.agent, "invalid peer certificate");
    rig.server.write_ca();
    rig.follows();
    assert_eq!(rig.lists("pods"), 1);
}

#[test]
fn what_is_forbidden_or_absent_is_told_and_the_rest_works() {
    let server = ApiServer::start();
    server.always(path("events"), Op::Get, Fault::status(403, "Forbidden"));
    server.always(path("services"), Op::Watch, Fault::status(403, "Forbidden"));
    server.always(path("deployments"), Op::Get, Fault::status(404, "NotFound"));
    let agent = Agent::start(&server.kubeconfig(), &[]);
    follows(&agent, &server, &["nodes", "pods", "namespaces"]);
    for (kind, status) in [("events", 403), ("services", 403), ("deployments", 404)] {
        let list = eventually("what may not be seen", || {
            let list = agent.json(&format!("/api/k8s/{kind}"));
            (list["availability"]["state"] == "forbidden").then_some(list)
        });
        let reason = list["availability"]["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(&format!("status {status}")), "{list}");
        // Not seen is not zero.
        assert_eq!((list.get("count"), list.get("items")), (None, None));
        assert_eq!(shown(&agent, kind), None);
    }
    let ready = agent.get_open("/ready");
    assert_eq!(ready.status, 200, "{ready:?}");
    let detail = &ready.json()["checks"]["kubernetes"]["detail"];
    assert_eq!(
        detail,
        "watching nodes, pods, namespaces; forbidden: deployments, services, events"
    );
    let counts = &agent.json("/api/status/cluster")["counts"];
    assert_eq!(counts.get("deployments"), None::<&Value>, "{counts}");
    lives(&agent);
}

#[test]
fn an_agent_that_may_see_nothing_is_not_ready() {
    let server = ApiServer::start();
    server.always("*", Op::Get, Fault::status(403, "Forbidden"));
    let agent = Agent::start(&server.kubeconfig(), &[]);
    unready(
        &agent,
        "every kind is forbidden: GET /api/v1/nodes failed: status 403",
    );
}
