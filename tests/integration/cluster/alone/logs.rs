//! Logs that are followed while servers end and begin.

use crate::cluster::rig::alone;
use crate::cluster::streams::Pods;
use crate::cluster::streams::follow::counter;

#[test]
fn a_followed_log_survives_its_servers() {
    let Some(cluster) = alone() else { return };
    let pods = Pods::none(&cluster);
    let mut followed = counter(&pods, "", "0.1");
    followed.reach(20);
    cluster.api_server("restart");
    followed.reach(followed.next + 50);
    cluster.part("kill", "kubelet");
    cluster.part("start", "kubelet");
    followed.reach(followed.next + 50);
}
