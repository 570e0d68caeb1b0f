//! docs/openapi.yaml as schemathesis reads it: requests of every kind that the page allows, and
//! many that it does not. No answer is a failure of the server, or undocumented.

use std::env;
use std::path::Path;
use std::process::Command;

use super::rig::{cluster, missing};

#[test]
fn every_answer_is_one_that_the_page_has() {
    let Some(cluster) = cluster() else { return };
    let Some(schemathesis) = env::var_os("PIPEOPS_TEST_SCHEMATHESIS") else {
        return missing("schemathesis: make test installs it");
    };
    let agent = cluster.agent(&[]);
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(schemathesis)
        .arg("--config-file")
        .arg(root.join("tests/integration/cluster/schemathesis.toml"))
        .arg("run")
        .arg(root.join("docs/openapi.yaml"))
        .args(["--url", &format!("http://{}", agent.address())])
        .args(["--header", "Authorization: Bearer test-api-token"])
        // They have no end; tests of their own have them.
        .args(["--exclude-operation-id", "realtimeEvents"])
        .args(["--exclude-operation-id", "realtimeLogs"])
        .args(["--max-examples", "20", "--seed", "1", "--no-color"])
        .current_dir(&folder)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", agent.log());
    assert!(told.contains("Tested: "), "{told}");
    assert!(!agent.log().contains("panicked"), "{}", agent.log());
}
