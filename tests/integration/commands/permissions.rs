//! Who may make the agent do what: policy, signatures, and the line that is left.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pipeops_agent::commands::canonical;
use ring::signature::{Ed25519KeyPair, KeyPair};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::super::support::eventually;
use super::{Op, Rig, touch};

fn secret(args: &[&str]) -> Value {
    json!({"type": "kubectl", "payload": {"args": args, "namespace": "shop"}})
}

/// A Secret that the API server would give.
fn with_secret(rig: &Rig) {
    rig.api.set_answer(
        "/api/v1/namespaces/shop/secrets/key",
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"},
            "data": {"password": "aHVudGVyMg=="}}),
    );
}

#[test]
fn secrets_are_read_by_an_explicit_rule_alone() {
    let rig = Rig::new();
    with_secret(&rig);
    let path = rig.folder.path().join("policy.yaml");
    fs::write(
        &path,
        "rules: [{name: all, effect: allow, resources: ['*']}]\n",
    )
    .unwrap();
    let set = [("PIPEOPS_POLICY_FILE", path.to_str().unwrap())];
    let agent = rig.agent_with(&rig.state(), &set);
    let read = secret(&["get", "secret", "key", "-o", "json"]);
    let refused = rig.outcome(&read);
    assert_eq!(refused["metadata"]["outcome"], "refused", "{refused}");
    let error = refused["error"].as_str().unwrap();
    assert!(
        error.contains("refuses to get secrets key in shop"),
        "{error}"
    );
    assert!(error.contains("need a rule"), "{error}");
    assert!(!refused.to_string().contains("aHVudGVyMg"), "{refused}");

    // A change is seen by the next command; a mistake changes nothing.
    let rule = "rules: [{name: keys, effect: allow, resources: [secrets], namespaces: [shop]}]\n";
    fs::write(&path, rule).unwrap();
    let allowed = rig.outcome(&read);
    assert!(
        allowed["output"].as_str().unwrap().contains("aHVudGVyMg"),
        "{allowed}"
    );
    fs::write(&path, "rules: none\n").unwrap();
    agent.signal(Signal::HUP);
    agent.wait_log("is wrong: rules is no list; the policy stays as it was");
    assert_eq!(rig.outcome(&read)["success"], true);
    fs::write(
        &path,
        "rules: [{name: shut, effect: deny, namespaces: [shop]}]\n",
    )
    .unwrap();
    let refused = rig.outcome(&read);
    assert!(
        refused["error"].as_str().unwrap().contains("rule \"shut\""),
        "{refused}"
    );

    let audit = fs::read_to_string(rig.state().join("audit.log")).unwrap();
    let lines: Vec<Value> = audit
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let decisions: Vec<_> = lines.iter().map(|line| &line["decision"]).collect();
    assert_eq!(decisions, ["refused", "allowed", "allowed", "refused"]);
    assert_eq!(lines[1]["requests"], json!(["get secrets key in shop"]));
    assert_eq!(
        (&lines[1]["verb"], &lines[1]["who"]),
        (&json!("get"), &json!("control plane"))
    );
}

#[test]
fn no_spelling_of_a_path_leads_around_the_policy() {
    let rig = Rig::new();
    with_secret(&rig);
    let _agent = rig.agent();
    for path in [
        "/api/v1/namespaces/shop/secrets/key",
        "/api/v1/namespaces/shop%2Fsecrets%2Fkey",
        "/api/v1/namespaces/shop/configmaps/../secrets/key",
        "/api/v1/watch/namespaces/shop/secrets/key",
        "//api/v1/namespaces/shop/secrets/key",
        "/%61pi/v1/namespaces/shop/secrets/key",
    ] {
        let refused = rig.outcome(&secret(&["get", "--raw", path]));
        assert_eq!(
            refused["metadata"]["outcome"], "refused",
            "{path}: {refused}"
        );
        assert!(rig.api.requests(path, Op::Get).is_empty(), "{path}");
    }
}

#[test]
fn a_log_that_is_followed_is_judged_too() {
    let rig = Rig::new();
    rig.api.set_answer(
        "/api/v1/namespaces/shop/pods/web",
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"containers": [{"name": "c"}]}, "status": {"phase": "Running"}}),
    );
    let log = "/api/v1/namespaces/shop/pods/web/log";
    rig.api.set_answer(log, json!("text of the log"));
    let path = rig.folder.path().join("policy.yaml");
    let rule = "rules: [{name: no-logs, effect: deny, resources: [pods/log]}]\n";
    fs::write(&path, rule).unwrap();
    let set = [("PIPEOPS_POLICY_FILE", path.to_str().unwrap())];
    let _agent = rig.agent_with(&rig.state(), &set);
    for args in [&["logs", "web"][..], &["logs", "web", "--follow"]] {
        let refused = rig.outcome(&secret(args));
        assert_eq!(refused["metadata"]["outcome"], "refused", "{refused}");
    }
    assert!(rig.api.requests(log, Op::Get).is_empty());
}

#[test]
fn no_secret_of_a_command_reaches_log_journal_or_audit() {
    let rig = Rig::new();
    with_secret(&rig);
    let path = rig.folder.path().join("policy.yaml");
    let rule = "rules: [{name: keys, effect: allow, resources: [secrets]}]\n";
    fs::write(&path, rule).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let agent = rig.agent_with(
        &rig.state(),
        &[
            ("PIPEOPS_POLICY_FILE", &path),
            ("PIPEOPS_LOG_LEVEL", "trace"),
        ],
    );
    for args in [
        // Not a verb that is known to read: it is recorded.
        &["-n=shop", "get", "secret", "key", "-o", "json"][..],
        &["aHVudGVyMg==", "--password=aHVudGVyMg=="],
        &[
            "create",
            "secret",
            "generic",
            "a",
            "--from-literal=a=aHVudGVyMg==",
        ],
    ] {
        let mut command = secret(args);
        command["payload"]["stdin"] = json!("aHVudGVyMg==");
        rig.outcome(&command);
    }
    let mut told = agent.log();
    for name in ["commands.journal", "audit.log"] {
        let bytes = fs::read(rig.state().join(name)).unwrap();
        told.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(told.contains("command-1"), "{told}");
    assert!(!told.contains("aHVudGVyMg"), "{told}");
}

#[test]
fn with_keys_only_what_is_signed_is_done() {
    let rig = Rig::new();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let path = rig.folder.path().join("keys");
    fs::write(&path, STANDARD.encode(pair.public_key())).unwrap();
    let set = [("PIPEOPS_COMMAND_KEYS_FILE", path.to_str().unwrap())];
    let _agent = rig.agent_with(&rig.state(), &set);
    let agent = rig.id();
    let sign = |mut command: Value, by: &Ed25519KeyPair| {
        command["expires_at"] = json!("2096-01-01T00:00:00Z");
        let signature = by.sign(canonical(&command, &agent).as_bytes());
        command["signature"] = json!(STANDARD.encode(signature));
        command
    };
    rig.touch("unsigned");
    let refused = rig.result("unsigned");
    assert_eq!(refused["metadata"]["outcome"], "refused", "{refused}");
    assert_eq!(refused["error"], "it is not signed");
    assert_eq!(rig.runs("unsigned"), 0);
    let other = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let forged = rig.outcome(&sign(touch("forged"), &other));
    assert_eq!(forged["error"], "its signature is of none of the keys");
    let mut changed = sign(touch("changed"), &pair);
    changed["payload"]["args"][3] = json!("other");
    assert_eq!(rig.outcome(&changed)["metadata"]["outcome"], "refused");
    let signed = rig.outcome(&sign(touch("signed"), &pair));
    assert_eq!(signed["metadata"]["outcome"], "completed", "{signed}");
    eventually("it ran", || (rig.runs("signed") == 1).then_some(()));
}

#[test]
fn files_that_are_wrong_are_mistakes_at_the_start() {
    let rig = Rig::new();
    let path = rig.folder.path().join("wrong");
    fs::write(&path, "rules: 7\n").unwrap();
    for (variable, words) in [
        ("PIPEOPS_POLICY_FILE", "is wrong: rules is no list"),
        ("PIPEOPS_COMMAND_KEYS_FILE", "are not 32 bytes each"),
    ] {
        let mut command = super::command();
        command
            .env("KUBECONFIG", rig.api.kubeconfig())
            .env("PIPEOPS_API_URL", rig.plane.url())
            .env("PIPEOPS_TOKEN", super::TOKEN)
            .env("PIPEOPS_STATE_DIR", rig.state())
            .env(variable, &path);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(64));
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(log.contains(words), "{log}");
    }
}
