//! Exchanges that are allowed and easily done wrong.

use super::Target;
use crate::support::peer::End;

#[test]
fn a_body_is_asked_for_by_100_and_only_then() {
    let target = Target::start();
    let post = "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n";
    let asks = format!("{post}Expect: 100-continue\r\n\r\n");
    // It waits: 100, then the answer.
    let mut peer = target.connect();
    peer.send(&asks);
    assert_eq!(peer.answer().text(), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("hello");
    assert_eq!(peer.answer().statuses(), [405]);
    peer.shut();
    assert_eq!(peer.rest().bytes, b"");
    // The body is already there: no 100.
    let heard = target.connect().tell(format!("{asks}hello"));
    assert_eq!(heard.statuses(), [405], "{heard:?}");
    // A body that will be refused is not asked for.
    let long = asks.replace("h: 5", "h: 1048577");
    let mut peer = target.connect();
    peer.send(long);
    assert_eq!(peer.answer().statuses(), [413]);
    assert_eq!(peer.rest().bytes, b"");
    // HTTP/1.0 does not know 100, and one without a body needs none.
    for (change, with) in [("HTTP/1.1", "HTTP/1.0"), ("h: 5", "h: 0")] {
        let heard = target.connect().tell(asks.replace(change, with) + "hello");
        assert_eq!(heard.statuses().first(), Some(&405), "{heard:?}");
    }
    target.unharmed();
}

#[test]
fn head_is_the_head_of_get_and_nothing_more() {
    let target = Target::start();
    for path in ["/health", "/version", "/ready", "/nowhere", "/api/k8s/pods"] {
        let ask = |method| {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            target.connect().tell(request).text()
        };
        let (get, head) = (ask("GET"), ask("HEAD"));
        let (lines, body) = head.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "", "{path}");
        // The clock may have gone on between the two.
        let undated = |text: &str| -> Vec<String> {
            let lines = text.split_once("\r\n\r\n").map_or(text, |(head, _)| head);
            let lines = lines.lines().filter(|line| !line.starts_with("Date: "));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(undated(lines), undated(&get), "{path}");
    }
    // What follows it is read as the next request.
    let head = "HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let text = target.connect().tell(head.repeat(2)).text();
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{text}");
    target.unharmed();
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let target = Target::start();
    let paths = ["/health", "/nowhere", "/version", "/api/k8s/pods"];
    let statuses = [200, 404, 200, 401];
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let round: String = paths.map(get).concat();
    let heard = target.connect().tell(round.repeat(50));
    assert_eq!(heard.statuses(), statuses.repeat(50));
    // One that is refused ends the row.
    let row = get("/health") + "GET /health HTTP/1.1\r\n\r\n" + &get("/health");
    let heard = target.connect().tell(row);
    assert_eq!(heard.statuses(), [200, 400], "{heard:?}");
    // And so does one that asks for the end.
    let last = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let heard = target
        .connect()
        .tell(get("/version") + last + &get("/health"));
    assert_eq!(heard.statuses(), [200, 200], "{heard:?}");
    target.unharmed();
}

#[test]
fn who_shuts_its_side_is_still_answered() {
    let target = Target::start();
    for (sent, statuses) in [
        ("GET /health HTTP/1.1\r\nHost: a\r\n\r\n", [200].as_slice()),
        ("GET /health HTTP/1.1\r\nHo", &[400]),
        (
            "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
            &[400],
        ),
        (
            "POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
            &[400],
        ),
        ("", &[]),
        ("\r\n", &[400]),
    ] {
        let heard = target.connect().tell(sent);
        assert_eq!(heard.statuses(), statuses, "{sent:?}: {heard:?}");
        assert_eq!(heard.end, End::Orderly, "{sent:?}");
    }
    target.unharmed();
}
