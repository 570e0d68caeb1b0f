//! Tokens of service accounts rotate.

use std::time::Duration;

use crate::cluster::rig::alone;
use crate::cluster::rights::{ALL, Login};
use crate::cluster::shown::assert_equal_to_kubectl;
use crate::cluster::wait_ready;
use crate::support::settled;

#[test]
fn a_new_token_in_the_file_heals_at_once() {
    let Some(cluster) = alone() else { return };
    let namespace = cluster.namespace("rotate");
    namespace.account(ALL);
    let login = Login::new(&cluster, &namespace);
    let agent = login.agent(&[]);
    let epoch = agent.json("/api/status/changes")["epoch"].clone();

    // Tokens of a deleted account are void, also for one of the same name.
    namespace.kubectl(&["delete", "serviceaccount", "agent"]);
    namespace.account(ALL);
    // Watches that are open stay so; a restart ends them.
    cluster.api_server("restart");
    wait_ready(&agent, 503);
    let ready = agent.get_open("/ready").body;
    assert!(ready.contains("not followed"), "{ready}");
    assert_eq!(agent.get_open("/health").status, 200);

    namespace.write_token(&login.token());
    settled(Duration::from_secs(5), || {
        let ready = agent.get_open("/ready");
        (ready.status == 200).then_some(()).ok_or(ready.body)
    });
    assert_equal_to_kubectl(&cluster, &agent);
    assert_eq!(agent.json("/api/status/changes")["epoch"], epoch);
}
