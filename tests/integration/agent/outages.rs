//! A control plane that is down, at the start and later.

use std::net::SocketAddr;
use std::path::Path;

use control_plane::{Handle, Options};

use super::super::support::{SOON, TinyApi, eventually};
use super::{TOKEN, agent, assert_discreet, explained, registered};

/// At an address that is its own while it is down: no other test uses this host.
fn plane_at(address: SocketAddr, file: &Path) -> Handle {
    let options = Options {
        listen: address,
        file: Some(file.to_owned()),
        ..Options::new(TOKEN)
    };
    control_plane::start(&options).unwrap()
}

#[test]
fn one_that_is_down_at_the_start_is_registered_with_once_it_is_up() {
    let (api, folder) = (TinyApi::start(), tempfile::tempdir().unwrap());
    let file = folder.path().join("agents.json");
    let down = plane_at("127.0.10.1:0".parse().unwrap(), &file);
    let (url, address) = (down.url().to_owned(), down.address());
    down.stop();

    let agent = agent(&api, &url, &[]);
    assert_eq!(agent.get_open("/health").status, 200);
    let explanation = explained(&agent, "refused");
    assert_eq!(explanation["stage"], "tcp");
    assert_ne!(explanation["hint"], "");
    let ready = agent.get_open("/ready");
    assert_eq!(ready.status, 503);
    let check = &ready.json()["checks"]["control_plane"];
    assert_eq!(check["ok"], false);
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.starts_with("never connected: "), "{detail}");

    let plane = plane_at(address, &file);
    registered(&plane);
    agent.wait_log("connected again after ");
    let ready = || (agent.get_open("/ready").status == 200).then_some(());
    eventually("ready", ready);
    assert_discreet(&agent, &plane);
}

#[test]
fn one_that_goes_down_later_is_missed_reported_and_welcomed_back() {
    let (api, folder) = (TinyApi::start(), tempfile::tempdir().unwrap());
    let file = folder.path().join("agents.json");
    let plane = plane_at("127.0.10.2:0".parse().unwrap(), &file);
    let (url, address) = (plane.url().to_owned(), plane.address());
    let agent = agent(&api, &url, &[("PIPEOPS_STATUS_INTERVAL", "1h")]);
    assert!(plane.wait("status", 1, SOON));
    let id = registered(&plane);
    plane.stop();

    let alert = agent.wait_log("alert: the control plane is lost: ");
    assert!(alert.contains(" beats missed in "), "{alert}");
    assert!(alert.contains("refused"), "{alert}");
    let link = agent.json("/api/health/detailed")["control_plane"].clone();
    assert!(link["beats_missed"].as_u64() >= Some(5), "{link}");
    assert_eq!(link["connected"], false);
    assert_eq!(link["alerting"], true);
    let ready = agent.get_open("/ready");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains(" beats missed: "), "{}", ready.body);
    assert_eq!(agent.get_open("/health").status, 200);

    let plane = plane_at(address, &file);
    let recovered = agent.wait_log("connected again after ");
    assert!(recovered.contains(" missed beats"), "{recovered}");
    assert!(plane.wait("status", 1, SOON), "a status at once");
    // It is remembered there, and needs no second registration.
    assert!(!plane.wait_any("register", 1, std::time::Duration::ZERO));
    assert_eq!(plane.agents()[0]["id"], id.as_str());
    assert_eq!(agent.log().matches("alert: ").count(), 1);
    assert_discreet(&agent, &plane);
}
