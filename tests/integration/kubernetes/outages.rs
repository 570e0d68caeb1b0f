//! An API server that is not there, comes back, or never answers.

use serde_json::json;

use super::{Rig, follows, lives, ready, unready};
use crate::support::Agent;
use crate::support::api_server::{ApiServer, Cut, Fault, KINDS, Op, object, path};

#[test]
fn an_agent_that_starts_first_waits_for_the_server() {
    for tls in [false, true] {
        let mut server = ApiServer::stopped(tls);
        let agent = Agent::start(&server.kubeconfig(), &[]);
        unready(
            &agent,
            "nodes, pods, namespaces, deployments, services, events: GET",
        );
        unready(&agent, "Connection refused");
        assert_eq!(agent.json("/api/k8s/pods").get("items"), None);
        server.listen();
        follows(&agent, &server, &KINDS.map(|(kind, _)| kind));
        ready(&agent);
    }
}

#[test]
fn a_server_that_stops_leaves_stale_rows_and_is_followed_again() {
    let mut rig = Rig::start();
    rig.server.stop();
    unready(&rig.agent, "not followed: ");
    unready(
        &rig.agent,
        "nodes, pods, namespaces, deployments, services, events",
    );
    let pods = rig.agent.json("/api/k8s/pods");
    assert_eq!(pods["availability"]["state"], "stale");
    assert_eq!(pods["count"], 1);
    rig.server.apply("pods", object("pods", "meanwhile"));
    rig.server.delete("services", "first");
    rig.server.listen();
    rig.follows();
    for (kind, _) in KINDS {
        assert_eq!(rig.lists(kind), 1, "{kind}: listed again");
    }
}

#[test]
fn a_server_that_lost_its_history_is_listed_again() {
    let mut rig = Rig::start();
    rig.server.stop();
    unready(&rig.agent, "not followed: ");
    rig.server.delete("pods", "first");
    rig.server.apply("nodes", object("nodes", "second"));
    rig.server.compact();
    rig.server.listen();
    rig.follows();
    for (kind, _) in KINDS {
        assert_eq!(rig.lists(kind), 2, "{kind}");
    }
}

#[test]
fn a_list_that_is_never_answered_holds_up_nothing_else() {
    let server = ApiServer::start();
    server.fault(path("pods"), Op::Get, Fault::Silence);
    let agent = Agent::start(&server.kubeconfig(), &[]);
    server.wait_requests(path("pods"), Op::Get, 1);
    follows(
        &agent,
        &server,
        &["nodes", "namespaces", "deployments", "services", "events"],
    );
    unready(&agent, "not listed yet: pods");
    // It gives up by itself.
    agent.wait_log("pods are not followed: GET /api/v1/pods failed: timeout");
    follows(&agent, &server, &KINDS.map(|(kind, _)| kind));
    ready(&agent);
}

#[test]
fn an_agent_stops_at_once_while_the_server_is_silent() {
    let server = ApiServer::start();
    server.always("*", Op::Get, Fault::Silence);
    let agent = Agent::start(&server.kubeconfig(), &[]);
    for (_, list) in KINDS {
        server.wait_requests(list, Op::Get, 1);
    }
    let (status, time) = agent.stop();
    assert_eq!(status.code(), Some(0));
    assert!(time.as_secs() < 8, "{time:?}");
}

#[test]
fn one_kind_that_is_lost_is_named_alone() {
    let rig = Rig::start();
    rig.server.always(path("services"), Op::Watch, Fault::Reset);
    rig.server.cut("services", Cut::Reset);
    unready(
        &rig.agent,
        "not followed: services: GET /api/v1/services failed",
    );
    let detailed = rig.agent.json("/api/health/detailed");
    let watches = detailed["kubernetes"]["watches"].as_array().unwrap();
    let stale: Vec<_> = watches
        .iter()
        .filter(|watch| watch["availability"] == "stale")
        .map(|watch| &watch["kind"])
        .collect();
    assert_eq!(stale, [&json!("services")]);
    rig.server.apply("services", object("services", "later"));
    rig.server.heal();
    rig.follows();
    lives(&rig.agent);
}

#[test]
fn the_reason_that_is_shown_is_the_present_one() {
    let mut server = ApiServer::stopped(false);
    server.accept_token("another");
    let agent = Agent::start(&server.kubeconfig(), &[]);
    unready(&agent, "Connection refused");
    server.listen();
    unready(&agent, "status 401, Unauthorized");
    server.write_token("another");
    follows(&agent, &server, &KINDS.map(|(kind, _)| kind));
}
