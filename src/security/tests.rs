//! The gate before an API server that answers as a script says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::Builder;

use super::*;
use crate::http::Method;
use crate::k8s::{Options as Kubernetes, target};

/// An API server that knows the token `theirs`, whose owner may list pods in `shop`.
fn server() -> (Client, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, \
         clusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}], \
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
         users: [{{name: u, user: {{token: agents}}}}]}}"
    );
    std::fs::write(&config, text).unwrap();
    let options = Kubernetes {
        kubeconfig: vec![config],
        ..Kubernetes::default()
    };
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    Builder::new()
        .spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (head, body) = read(&stream);
                let (status, answer) = judge(&head, &body);
                held(&log).push(body);
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\
                     Content-Length: {}\r\n\r\n{answer}",
                    answer.len()
                )
                .unwrap();
            }
        })
        .unwrap();
    let target = Arc::new(target(&options).unwrap());
    (Client::for_calls(target).unwrap(), asked)
}

fn read(stream: &std::net::TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0);
    }
    let length = head.lines().find_map(|line| {
        line.to_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

fn judge(head: &str, body: &str) -> (&'static str, String) {
    let head = head.to_lowercase();
    assert!(
        !head.contains("agents"),
        "the agent's own token vouches for nobody"
    );
    if !head.contains("authorization: bearer theirs\r\n") {
        return (
            "401 Unauthorized",
            "{\"kind\":\"Status\",\"code\":401}".to_owned(),
        );
    }
    if head.contains("selfsubjectreviews") {
        return (
            "201 Created",
            "{\"status\":{\"userInfo\":{\"username\":\"ada\"}}}".to_owned(),
        );
    }
    let allowed = body.contains("\"namespace\":\"shop\"") && body.contains("\"pods\"");
    (
        "201 Created",
        format!("{{\"status\":{{\"allowed\":{allowed}}}}}"),
    )
}

/// A gate, what it notes, and what the API server was asked.
struct Rig {
    gate: Gate,
    noted: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

fn rig() -> Rig {
    let (client, asked) = server();
    let noted = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&noted);
    let note = move |decision: &Decision<'_>| {
        let Decision {
            who, what, allowed, ..
        } = decision;
        held(&notes).push(format!("{who} {what} {allowed}"));
    };
    let options = Options {
        token: Some(TokenSource::Fixed(Secret::new("ours"))),
        ..Options::default()
    };
    Rig {
        gate: Gate::new(options, client, Box::new(note)),
        noted,
        asked,
    }
}

fn with(token: &str) -> Request {
    Request::new(Method::Get, "/api/x").with_header("Authorization", &format!("Bearer {token}"))
}

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn list(namespace: &str) -> Wish<'_> {
    Wish::Object {
        verb: "list",
        group: "",
        resource: "pods",
        namespace,
        name: "",
    }
}

#[test]
fn an_api_token_asks_nobody() {
    let rig = rig();
    let now = Instant::now();
    let mut caller = rig.gate.caller(&with("ours"), now).unwrap();
    assert!(matches!(caller.means, Means::Key(Scope::Read)));
    assert!(rig.gate.may(&mut caller, PEER, list(""), now).unwrap());
    assert!(held(&rig.asked).is_empty());
    for request in [
        Request::new(Method::Get, "/"),
        Request::new(Method::Get, "/").with_header("Cookie", "pipeops_session=x"),
        Request::new(Method::Get, "/").with_header("Authorization", "Basic b3Vyczo="),
    ] {
        let refused = rig.gate.caller(&request, now);
        assert!(matches!(refused, Err(Refusal::Missing)), "{refused:?}");
    }
}

#[test]
fn the_api_server_says_what_its_users_may_and_is_asked_once() {
    let rig = rig();
    let now = Instant::now();
    let mut caller = rig.gate.caller(&with("theirs"), now).unwrap();
    for _ in 0..3 {
        assert!(rig.gate.may(&mut caller, PEER, list("shop"), now).unwrap());
        assert!(!rig.gate.may(&mut caller, PEER, list(""), now).unwrap());
    }
    assert_eq!(
        *held(&rig.noted),
        ["ada list pods in shop true", "ada list pods false"]
    );
    assert_eq!(held(&rig.asked).len(), 3, "two rights and a name");
    let later = now + Duration::from_secs(11);
    assert!(!rig.gate.may(&mut caller, PEER, list(""), later).unwrap());
    assert_eq!(held(&rig.asked).len(), 4, "a no is kept for 10 s");
    assert!(
        rig.gate
            .may(&mut caller, PEER, list("shop"), later)
            .unwrap()
    );
    assert_eq!(held(&rig.asked).len(), 4, "a yes for a minute");
}

#[test]
fn who_guesses_tokens_has_to_wait() {
    let rig = rig();
    let now = Instant::now();
    let mut wrong = 0;
    let wait = loop {
        let mut caller = match rig.gate.caller(&with(&format!("guess-{wrong}")), now) {
            Ok(caller) => caller,
            Err(Refusal::TooManyFailures(wait)) => break wait,
            Err(other) => panic!("{other:?}"),
        };
        let refused = rig.gate.may(&mut caller, PEER, list(""), now).unwrap_err();
        assert!(matches!(refused, Refusal::Wrong), "{refused:?}");
        wrong += 1;
    };
    assert_eq!(wrong, 10);
    assert!(
        wait > Duration::ZERO && wait <= Duration::from_secs(6),
        "{wait:?}"
    );
    assert!(
        rig.gate.caller(&with("ours"), now).is_ok(),
        "the right one is heard"
    );
    let later = now + Duration::from_secs(6);
    assert!(rig.gate.caller(&with("guess"), later).is_ok());
    assert_eq!(held(&rig.asked).len(), 10);
}

#[test]
fn whoever_is_known_does_not_wait_for_those_who_guess() {
    let rig = rig();
    let now = Instant::now();
    let mut known = rig.gate.caller(&with("theirs"), now).unwrap();
    assert!(rig.gate.may(&mut known, PEER, list("shop"), now).unwrap());
    while let Ok(mut caller) = rig.gate.caller(&with("guess"), now) {
        let _ = rig.gate.may(&mut caller, PEER, list(""), now);
    }
    assert!(rig.gate.caller(&with("theirs"), now).is_ok());
    let noted = held(&rig.noted)
        .iter()
        .filter(|line| *line == " authenticate false")
        .count();
    assert_eq!(noted, 10);
    let ticket = Request::new(Method::Get, "/ws?ticket=guess");
    let refused = rig.gate.caller_of_stream(&ticket, now).unwrap_err();
    assert!(
        matches!(refused, Refusal::TooManyFailures(_)),
        "{refused:?}"
    );
    let noted = held(&rig.noted)
        .iter()
        .filter(|line| *line == " authenticate false")
        .count();
    assert_eq!(noted, 10, "no more than were let happen");
}

#[test]
fn a_browser_logs_in_and_out() {
    let rig = rig();
    let now = Instant::now();
    for (token, name) in [("ours", "api-token"), ("theirs", "ada")] {
        let (secret, login) = rig.gate.log_in(PEER, token, now).unwrap();
        assert_eq!(
            (login.caller.name.as_str(), login.caller.from_cookie),
            (name, true)
        );
        let cookie = format!("a=b; pipeops_session={}", secret.expose());
        let request = Request::new(Method::Get, "/").with_header("Cookie", &cookie);
        assert_eq!(rig.gate.caller(&request, now).unwrap().name, name);
        rig.gate.log_out(&request);
        assert!(rig.gate.caller(&request, now).is_err());
    }
    let refused = rig.gate.log_in(PEER, "guess", now).unwrap_err();
    assert!(matches!(refused, Refusal::Wrong), "{refused:?}");
    let cookie = Gate::cookie("s", Duration::from_secs(5), true);
    let expected = "pipeops_session=s; Path=/; Max-Age=5; HttpOnly; SameSite=Strict; Secure";
    assert_eq!(cookie, expected);
    let noted = ["api-token", "ada"]
        .map(|who| [format!("{who} log in true"), format!("{who} log out true")])
        .concat();
    let last = [noted, vec![" log in false".to_owned()]].concat();
    assert_eq!(*held(&rig.noted), last);
}

#[test]
fn wrong_codes_are_wrong_tokens() {
    let rig = rig();
    let now = Instant::now();
    rig.gate.offer_code(PEER, now).unwrap();
    for _ in 0..9 {
        let refused = rig.gate.pair(PEER, "0", now).unwrap_err();
        assert!(matches!(refused, Refusal::Wrong), "{refused:?}");
    }
    let refused = rig.gate.pair(PEER, "0", now).unwrap_err();
    assert!(
        matches!(refused, Refusal::TooManyFailures(_)),
        "{refused:?}"
    );
    let refused = rig.gate.offer_code(PEER, now).unwrap_err();
    assert!(
        matches!(refused, Refusal::TooManyFailures(_)),
        "{refused:?}"
    );
}

#[test]
fn foreign_names_pages_and_floods_are_not_let_in() {
    let rig = rig();
    let now = Instant::now();
    let request = |host| Request::new(Method::Get, "/").with_header("Host", host);
    assert!(rig.gate.admit(&request("localhost:8080"), now).is_ok());
    let refused = rig.gate.admit(&request("evil.example"), now).unwrap_err();
    assert!(matches!(refused, Refusal::Host(_)), "{refused:?}");
    let foreign = request("localhost").with_header("Origin", "http://evil.example");
    let refused = rig.gate.admit(&foreign, now).unwrap_err();
    assert!(matches!(refused, Refusal::Origin), "{refused:?}");
    let admitted = (0..1000).take_while(|_| rig.gate.admit(&request("localhost"), now).is_ok());
    assert_eq!(admitted.count(), 597);
    let refused = rig.gate.admit(&request("localhost"), now).unwrap_err();
    assert!(matches!(refused, Refusal::TooMany(_)), "{refused:?}");
}

#[test]
fn a_browser_opens_streams_by_a_protocol_or_a_ticket() {
    let rig = rig();
    let now = Instant::now();
    let offering = |protocols: &str| {
        let request = Request::new(Method::Get, "/ws").with_header("Host", "a");
        request.with_header("Sec-WebSocket-Protocol", protocols)
    };
    // "ours" as base64url.
    let request = offering("v1.pipeops.io, base64url.bearer.authorization.pipeops.io.b3Vycw");
    assert_eq!(rig.gate.caller(&request, now).unwrap().name, "api-token");
    let garbled = offering("base64url.bearer.authorization.pipeops.io.%%");
    assert!(rig.gate.caller(&garbled, now).is_err());
    let caller = rig.gate.caller(&with("ours"), now).unwrap();
    let (secret, _) = rig.gate.ticket(caller, now);
    let request = Request::new(Method::Get, &format!("/ws?ticket={}", secret.expose()));
    assert!(rig.gate.caller(&request, now).is_err(), "only for streams");
    assert!(rig.gate.caller_of_stream(&request, now).is_ok());
    let again = rig.gate.caller_of_stream(&request, now).unwrap_err();
    assert!(matches!(again, Refusal::Wrong), "{again:?}");
    assert!(rig.gate.caller_of_stream(&with("ours"), now).is_ok());
}
