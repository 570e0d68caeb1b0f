//! `pipeops-agent check`: what is in order, what is not, and what to do.

use std::path::Path;

use serde_json::json;

use super::super::support::{TinyApi, command, write_kubeconfig};
use super::{TOKEN, plane};

/// Exit code and report.
fn check(kubeconfig: &Path, set: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = command()
        .arg("check")
        .env("KUBECONFIG", kubeconfig)
        .env("PIPEOPS_STATE_DIR", folder.path())
        .envs(set.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let all = format!("{text}{errors}");
    for token in ["token-7c21", "kubernetes-token", "test-api-token"] {
        assert!(!all.contains(token), "{all}");
    }
    (output.status.code(), all)
}

/// It fails, in one line with these words, and the next line is a hint with these.
#[track_caller]
fn assert_fails(kubeconfig: &Path, set: &[(&str, &str)], words: &[&str], hint: &str) {
    let (code, report) = check(kubeconfig, set);
    assert_eq!(code, Some(1), "{report}");
    let mut lines = report.lines();
    let named =
        |line: &&str| line.starts_with("  FAIL  ") && words.iter().all(|word| line.contains(word));
    assert!(lines.find(named).is_some(), "{words:?} in {report}");
    let next = lines.next().unwrap_or_default();
    assert!(next.starts_with("        -> "), "{report}");
    assert!(next.contains(hint), "{hint} in {report}");
}

#[test]
fn all_in_order() {
    let (api, plane) = (TinyApi::start(), plane());
    let set = [("PIPEOPS_API_URL", plane.url()), ("PIPEOPS_TOKEN", TOKEN)];
    let (code, report) = check(&api.kubeconfig(), &set);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.trim_end().ends_with("all is in order"), "{report}");
    assert!(
        report.contains("  ok    version v1.34.1+k3s1\n"),
        "{report}"
    );
    assert!(report.contains("  ok    may list nodes, "), "{report}");
    assert!(
        report.contains("  ok    http http://127.0.0.1:"),
        "{report}"
    );
    assert!(plane.agents().is_empty(), "it only asks");
}

#[test]
fn a_cluster_that_does_not_let_it_in() {
    let api = TinyApi::reviewing(json!({"status": {"allowed": false}}));
    let words = ["none of the rights is granted"];
    assert_fails(&api.kubeconfig(), &[], &words, "ClusterRole");
    let (_, report) = check(&api.kubeconfig(), &[]);
    assert!(
        report.contains("may not list nodes: nodes are not seen"),
        "{report}"
    );

    let api = TinyApi::reviewing(json!([]));
    let words = ["cannot ask about list nodes"];
    assert_fails(&api.kubeconfig(), &[], &words, "SelfSubjectAccessReviews");
    let (_, report) = check(&api.kubeconfig(), &[]);
    assert_eq!(
        report.matches("FAIL").count(),
        1,
        "once is enough: {report}"
    );

    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    write_kubeconfig(&kubeconfig, "127.0.0.1:1".parse().unwrap());
    let words = ["GET /version", "refused"];
    assert_fails(&kubeconfig, &[], &words, "must be reachable from here");
}

#[test]
fn a_control_plane_that_is_not_there_or_refuses() {
    let (api, plane) = (TinyApi::start(), plane());
    let kubeconfig = api.kubeconfig();
    let wrong = [
        ("PIPEOPS_API_URL", plane.url()),
        ("PIPEOPS_TOKEN", "wrong-token-7c21"),
    ];
    assert_fails(&kubeconfig, &wrong, &["http", "401"], "PIPEOPS_TOKEN");
    let nowhere = [
        ("PIPEOPS_API_URL", "https://control.invalid"),
        ("PIPEOPS_TOKEN", TOKEN),
    ];
    let words = ["dns control.invalid"];
    assert_fails(
        &kubeconfig,
        &nowhere,
        &words,
        "host name in PIPEOPS_API_URL",
    );
    let down = [
        ("PIPEOPS_API_URL", "https://127.0.0.1:1"),
        ("PIPEOPS_TOKEN", TOKEN),
    ];
    assert_fails(&kubeconfig, &down, &["tcp", "refused"], "firewall");
}
