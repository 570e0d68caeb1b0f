//! Following a log from a server whose connections break.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::k8s::fixture::client_of;
use crate::stop;

/// Each connection is for one answer: one that is kept could end while it is used again.
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Takes one connection; returns it with the path that is asked for.
fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    (stream, path)
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Answers with that text, whole or cut off.
fn log(listener: &TcpListener, text: &str, whole: bool) -> String {
    let (mut stream, path) = accept(listener);
    let end = if whole { "0\r\n\r\n" } else { "" };
    write!(stream, "{CHUNKED}{}{end}", chunk(text)).unwrap();
    path
}

fn answer(listener: &TcpListener, status: &str, body: &str) -> String {
    let (mut stream, path) = accept(listener);
    let size = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n{body}"
    )
    .unwrap();
    path
}

fn pod(listener: &TcpListener, instance: &str) {
    let state = format!(
        r#"{{"status":{{"containerStatuses":[{{"name":"c","containerID":"{instance}","state":{{"running":{{}}}}}}]}}}}"#
    );
    assert_eq!(
        answer(listener, "200 OK", &state),
        "/api/v1/namespaces/n/pods/p"
    );
}

fn question(tail: Option<u64>) -> Question {
    Question {
        namespace: "n".to_owned(),
        pod: "p".to_owned(),
        container: "c".to_owned(),
        tail,
        ..Question::default()
    }
}

/// Follows the container `x` while `script` plays the server.
fn followed(
    tail: Option<u64>,
    script: impl FnOnce(&TcpListener) + Send,
) -> (Result<(), Error>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_of(&listener);
    let (_source, stop) = stop::channel();
    let mut out = Vec::new();
    let outcome = thread::scope(|scope| {
        // Gone with the script, should that fail: the client then fails too.
        scope.spawn(move || script(&listener));
        let mut sink = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        follow(&client, &question(tail), "x", &stop, &mut sink)
    });
    (outcome, String::from_utf8(out).unwrap())
}

#[test]
fn it_goes_on_where_it_was_cut_and_ends_with_the_container() {
    let (outcome, out) = followed(Some(9), |listener| {
        let start = "/api/v1/namespaces/n/pods/p/log?container=c&follow=true&timestamps=true";
        let path = log(
            listener,
            "2026-11-26T06:00:01.5Z a\n2026-11-26T06:00:01.6Z ha",
            false,
        );
        assert_eq!(path, format!("{start}&tailLines=9"));
        let again = format!("{start}&sinceTime=2026-11-26T06%3A00%3A01Z");
        let both = "2026-11-26T06:00:01.5Z a\n2026-11-26T06:00:01.6Z half\n";
        // The node's program restarts: the answer ends as if that were all.
        assert_eq!(log(listener, both, true), again);
        pod(listener, "x");
        // It does not answer, and then does not know its pods yet.
        answer(listener, "502 Bad Gateway", "");
        pod(listener, "x");
        answer(listener, "404 Not Found", "");
        pod(listener, "x");
        let more = "2026-11-26T06:00:01.7Z b\n2026-11-26T06:00:03Z no end";
        assert_eq!(log(listener, &format!("{both}{more}"), true), again);
        pod(listener, "another");
    });
    outcome.unwrap();
    assert_eq!(out, "a\nhalf\nb\nno end");
}

#[test]
fn one_without_a_line_so_far_goes_on_when_its_node_is_back() {
    let (outcome, out) = followed(None, |listener| {
        log(listener, "", true);
        pod(listener, "x");
        answer(listener, "502 Bad Gateway", "");
        pod(listener, "x");
        log(listener, LINE, true);
        pod(listener, "another");
    });
    outcome.unwrap();
    assert_eq!(out, "a\n");
}

#[test]
fn a_refusal_at_the_start_is_the_end() {
    let (outcome, _) = followed(None, |listener| {
        answer(
            listener,
            "400 Bad Request",
            r#"{"message":"is waiting to start"}"#,
        );
    });
    let told = outcome.unwrap_err().to_string();
    assert!(told.contains("is waiting to start"), "{told}");
}

/// Follows a log of one line; then there is neither the log nor its pod.
fn gone_after(script: impl FnOnce(&TcpListener) + Send) -> Result<(), Error> {
    let (outcome, out) = followed(None, |listener| {
        script(listener);
        answer(listener, "404 Not Found", "{}");
        answer(listener, "404 Not Found", "{}");
    });
    assert_eq!(out, "a\n");
    outcome
}

const LINE: &str = "2026-11-26T06:00:01Z a\n";

#[test]
fn a_pod_that_is_gone_after_a_cut_is_told() {
    let outcome = gone_after(|listener| {
        log(listener, LINE, false);
    });
    assert_eq!(outcome.unwrap_err().verdict(), Verdict::Absent);
}

#[test]
fn a_pod_that_is_gone_after_an_end_has_ended() {
    let outcome = gone_after(|listener| {
        log(listener, LINE, true);
        // Its state lags behind its log, and behind what the node tells.
        pod(listener, "x");
        answer(listener, "400 Bad Request", "{}");
        pod(listener, "x");
    });
    outcome.unwrap();
}

#[test]
fn a_pod_that_is_gone_after_its_node_fell_is_told() {
    let outcome = gone_after(|listener| {
        log(listener, LINE, true);
        pod(listener, "x");
        answer(listener, "502 Bad Gateway", "");
        pod(listener, "x");
    });
    assert_eq!(outcome.unwrap_err().verdict(), Verdict::Absent);
}

#[test]
fn what_cannot_be_passed_on_ends_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_of(&listener);
    let (_source, stop) = stop::channel();
    thread::scope(|scope| {
        scope.spawn(|| log(&listener, "2026-11-26T06:00:01Z a\n", true));
        let mut sink = |_: &[u8]| Err(ErrorKind::BrokenPipe.into());
        let outcome = follow(&client, &question(None), "x", &stop, &mut sink);
        assert!(outcome.unwrap_err().is_output());
    });
}

#[test]
fn what_is_read_at_once_and_cut_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_of(&listener);
    let mut out = Vec::new();
    let outcome = thread::scope(|scope| {
        scope.spawn(|| log(&listener, "a\nb", false));
        let mut sink = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        read(&client, &question(None), &mut sink)
    });
    assert_eq!(outcome.unwrap_err().verdict(), Verdict::Unreachable);
    assert_eq!(out, b"a\nb");
}

#[test]
fn the_path_says_how_much() {
    let mut question = Question {
        namespace: "n".to_owned(),
        pod: "p".to_owned(),
        container: "c".to_owned(),
        tail: Some(5),
        since: Some(Since::Seconds(60)),
        ..Question::default()
    };
    let asked =
        |question: &Question, more| path(question, question.since.as_ref(), question.tail, more);
    let start = "/api/v1/namespaces/n/pods/p/log?container=c";
    assert_eq!(
        asked(&question, ""),
        format!("{start}&sinceSeconds=60&tailLines=5")
    );
    question.since = Some(Since::Time("2026-11-26T06:29:56Z".to_owned()));
    (question.tail, question.limit_bytes) = (None, Some(9));
    (question.previous, question.timestamps) = (true, true);
    assert_eq!(
        asked(&question, ""),
        format!(
            "{start}&previous=true&timestamps=true&sinceTime=2026-11-26T06%3A29%3A56Z&limitBytes=9"
        )
    );
}

#[test]
fn a_container_lives_as_the_same_instance() {
    let status = |name: &str, id: &str, state: &str| json!({"name": name, "containerID": id, "state": {state: {}}});
    let pod = |status| json!({"status": {"containerStatuses": [status]}});
    assert!(runs(&pod(status("c", "x", "running")), "c", "x"));
    assert!(!runs(&pod(status("c", "y", "running")), "c", "x"));
    assert!(!runs(&pod(status("d", "x", "running")), "c", "x"));
    assert!(!runs(&pod(status("c", "x", "terminated")), "c", "x"));
    assert!(!runs(&json!({}), "c", "x"));
}
