//! What a command can be, and what comes back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::support::{SOON, eventually};
use super::{Fault, Gate, Op, Rig, touch};

#[test]
fn commands_run_and_their_results_come_back() {
    let rig = Rig::new();
    let agent = rig.agent();
    rig.api.set_answer(
        "/api/v1/namespaces/default/pods/web",
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}),
    );
    let ping = rig.outcome(&json!({"type": "ping"}));
    assert_eq!(
        (&ping["success"], &ping["output"]),
        (&json!(true), &json!("pong\n"))
    );
    assert_eq!(ping["metadata"]["outcome"], "completed");
    let got = rig.outcome(&touch("web"));
    assert_eq!(
        (&got["exit_code"], &got["output"]),
        (&json!(0), &json!("pod/web\n"))
    );
    let failed = rig.outcome(&touch("nowhere"));
    assert_eq!(
        (&failed["exit_code"], &failed["success"]),
        (&json!(1), &json!(false))
    );
    let error = failed["error"].as_str().unwrap();
    assert!(error.starts_with("Error from server"), "{error}");

    let before = rig.plane.agents()[0]["statuses"].as_u64();
    let status = rig.outcome(&json!({"type": "status"}));
    assert_eq!(status["output"], "the status was acknowledged\n");
    assert!(rig.plane.agents()[0]["statuses"].as_u64() > before);
    let set = json!({"type": "config", "payload": {"status_interval": 7, "log_level": "debug"}});
    let said = rig.outcome(&set)["output"].as_str().unwrap().to_owned();
    assert!(said.contains("status 7 s, log level debug"), "{said}");
    agent.wait_log("DEBUG");
    for one in rig.plane.commands(&rig.id()) {
        assert_eq!(one["results"], 1, "{one}");
        assert_eq!(one["handed_out"], 1, "{one}");
    }
    let capabilities = &rig.plane.agents()[0]["registration"]["capabilities"];
    assert!(capabilities.as_array().unwrap().contains(&json!("kubectl")));
}

#[test]
fn what_does_not_fit_into_the_agent_is_refused_and_pages_are_small() {
    let rig = Rig::new();
    let _agent = rig.agent();
    let path = "/api/v1/namespaces/default/pods";
    let list = |items: Vec<Value>| json!({"kind": "PodList", "apiVersion": "v1", "items": items});
    let pods = (0..251).map(|n| json!({"metadata": {"name": format!("pod-{n}")}}));
    rig.api.set_answer(path, list(pods.collect()));
    let get = |form: &str| {
        let args = ["get", "pods", "-o", form];
        rig.outcome(&json!({"type": "kubectl", "payload": {"args": args}}))
    };
    // Written one by one: any number fits.
    assert_eq!(get("name")["exit_code"], 0);
    let asked = rig.api.requests(path, Op::Get);
    assert_eq!(asked[0].query("limit"), Some("50"), "{asked:?}");
    let kept = get("jsonpath={.items}");
    let error = kept["error"].as_str().unwrap();
    assert!(error.contains("more than 250 objects"), "{error}");

    let large = json!({"metadata": {"name": "x".repeat(5 << 20)}});
    rig.api.set_answer(path, list(vec![large]));
    let error = get("json")["error"].to_string();
    assert!(error.contains("too long: ask for less"), "{error}");
}

#[test]
fn what_makes_no_sense_is_answered_with_the_reason() {
    let rig = Rig::new();
    let _agent = rig.agent();
    let large = "x".repeat(1024 * 1024);
    for (command, outcome, words) in [
        (
            json!({"type": "reboot"}),
            "invalid",
            "\"reboot\" is no type",
        ),
        (
            json!({"type": "ping", "payload": {"loud": true}}),
            "invalid",
            "\"loud\" is no field",
        ),
        (
            json!({"type": "ping", "payload": []}),
            "invalid",
            "no object",
        ),
        (
            json!({"type": "kubectl", "payload": {"args": "get"}}),
            "invalid",
            "no list of texts",
        ),
        (
            json!({"type": "kubectl", "payload": {"args": [large]}}),
            "invalid",
            "larger than",
        ),
        (
            json!({"type": "ping", "expires_at": "2020-01-01T00:00:00Z"}),
            "expired",
            "expired",
        ),
        (
            json!({"type": "ping", "expires_at": null}),
            "invalid",
            "expires_at is missing",
        ),
        (
            json!({"type": "kubectl", "payload": {"args": ["dance"]}}),
            "completed",
            "unknown command",
        ),
    ] {
        let result = rig.outcome(&command);
        let error = result["error"].as_str().unwrap_or_default();
        assert!(error.contains(words), "{words}: {result}");
        assert_eq!(result["metadata"]["outcome"], outcome, "{result}");
        assert_eq!(result["success"], false);
    }
    // Whoever has no usable id gets no answer, and holds up nobody.
    rig.queue(&json!({"type": "ping", "id": "a\nb"}));
    rig.outcome(&json!({"type": "ping"}));
}

#[test]
fn a_long_command_holds_up_nobody_and_too_many_wait_outside() {
    let rig = Rig::new();
    let agent = rig.agent();
    rig.id();
    let gates = rig.all_workers_busy();
    let beats = rig.plane.agents()[0]["heartbeats"].as_u64();
    let many: Vec<String> = (0..40).map(|n| rig.touch(&format!("pod-{n}"))).collect();
    // What is refused for now is no result, and comes again.
    let busy = |said: &Value| said["request"]["body"]["retry_after"] == 1;
    eventually("a command is put off", || {
        rig.plane.transcript().iter().any(busy).then_some(())
    });
    eventually("beats go on", || {
        (rig.plane.agents()[0]["heartbeats"].as_u64() > beats).then_some(())
    });
    gates.iter().for_each(Gate::open);
    for id in &many {
        assert_eq!(rig.result(id)["success"], true);
        assert_eq!(rig.runs(id), 1);
    }
    let threads = || {
        let names = std::fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(entry.unwrap().path().join("comm")).unwrap_or_default()
        };
        names
            .map(name)
            .filter(|name| name.starts_with("command"))
            .count()
    };
    eventually("only the poll is left", || (threads() == 1).then_some(()));
}

#[test]
fn output_arrives_while_a_command_runs_and_again_where_it_was_lost() {
    let rig = Rig::new();
    let _agent = rig.agent();
    rig.id();
    let pod = "/api/v1/namespaces/default/pods/web";
    rig.api.set_answer(
        pod,
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"containers": [{"name": "c"}]}, "status": {"phase": "Running"}}),
    );
    // One line, then nothing more for as long as the gate is shut.
    let gate = Gate::default();
    let log = format!("{pod}/log");
    let line = b"2026-11-26T10:00:00.000000001Z hello \xff\n";
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    answer.extend(format!("{:x}\r\n", line.len()).bytes());
    answer.extend(line);
    answer.extend(b"\r\n");
    rig.api.fault(&log, Op::Get, Fault::Raw(answer));
    rig.api.fault(&log, Op::Get, Fault::Delay(gate.clone()));
    rig.plane
        .fault(&json!({"call": "output", "count": 1, "lose": true}))
        .unwrap();
    let follow = json!({"type": "logs", "payload": {"pod": "web", "follow": true}});
    let id = rig.queue(&follow);
    assert!(rig.plane.wait("output", 1, SOON), "the chunk came twice");
    let seen = rig.seen(&id);
    assert_eq!(seen["result"], Value::Null, "it still runs");
    let chunks = seen["chunks"].as_array().unwrap();
    assert_eq!((chunks.len(), &chunks[0]["seq"]), (1, &json!(0)));
    let bytes = STANDARD
        .decode(chunks[0]["data"].as_str().unwrap())
        .unwrap();
    assert_eq!(
        (bytes.as_slice(), &chunks[0]["encoding"]),
        (&b"hello \xff\n"[..], &json!("base64"))
    );
    let cancel = json!({"type": "cancel", "payload": {"command": id}});
    rig.outcome(&cancel);
    let result = rig.result(&id);
    assert_eq!(result["metadata"]["outcome"], "cancelled");
    assert_eq!(result["output_encoding"], "base64");
}
