//! Logins and tickets: what a browser shows by itself reads, and a ticket is good once.

use serde_json::json;

use super::Rig;
use super::routes::{Ask, Kind, ROUTES, Route};
use crate::support::eventually;

fn route(kind: Kind) -> &'static Route {
    let found = ROUTES.iter().find(|route| route.kind == kind);
    found.expect("there is one of each")
}

/// What the browser of the administrator shows from now on.
pub(super) fn cookie(rig: &Rig) -> String {
    let login = route(Kind::Session);
    let text = rig.tell(login, &login.ask(), 200).text();
    let set = text.split("Set-Cookie: ").nth(1).expect("it is let in");
    let pair = set.split(';').next().unwrap_or_default();
    format!("Cookie: a=b; {pair}\r\n")
}

fn as_browser(kind: Kind, cookie: &str) -> Ask {
    let mut ask = route(kind).ask();
    cookie.clone_into(&mut ask.token);
    ask
}

#[track_caller]
fn expect(rig: &Rig, kind: Kind, ask: &Ask, status: u16) {
    let shown = String::from_utf8_lossy(&ask.target).into_owned();
    assert_eq!(rig.problem(route(kind), ask, status), None, "{shown}");
}

#[test]
fn a_login_changes_nothing_and_opens_no_page_of_a_pod() {
    let rig = Rig::start(&[]);
    let cookie = cookie(&rig);
    for kind in [
        Kind::Raw,
        Kind::Envelope,
        Kind::Told,
        Kind::List,
        Kind::Events,
        Kind::Socket,
    ] {
        let ask = as_browser(kind, &cookie);
        expect(&rig, kind, &ask, route(kind).well);
    }
    let base = "/api/v1/namespaces/shop";
    for (method, path) in [
        ("POST", "/pods"),
        ("PUT", "/pods/smuggled"),
        ("PATCH", "/pods/smuggled"),
        ("DELETE", "/pods/smuggled"),
        // Its page would be one of the agent's, and read what the login may.
        ("GET", "/services/smuggled/proxy/page.html"),
        ("GET", "/services/http:smuggled:80/proxy/"),
        ("GET", "/pods/smuggled:8080/proxy/"),
        ("GET", "/pods/smuggled/exec?command=id"),
        ("HEAD", "/pods/smuggled/portforward"),
    ] {
        if method != "HEAD" {
            let mut ask = as_browser(Kind::Raw, &cookie);
            ask.method = method;
            ask.target = format!("/api/k8s/raw{base}{path}").into();
            expect(&rig, Kind::Raw, &ask, 403);
        }
        let mut ask = as_browser(Kind::Envelope, &cookie);
        let letter = json!({"method": method, "path": format!("{base}{path}")});
        ask.send("application/json", letter.to_string());
        expect(&rig, Kind::Envelope, &ask, 403);
    }
    let mut ask = as_browser(Kind::Raw, &cookie);
    ask.target = b"/api/k8s/raw/api/v1/nodes/smuggled/proxy/logs/".to_vec();
    ask.add("Connection: Upgrade\r\nUpgrade: websocket");
    expect(&rig, Kind::Raw, &ask, 403);
    rig.unharmed();
}

#[test]
fn nobody_logs_in_by_a_token_that_is_none() {
    let rig = Rig::start(&[]);
    let lines = "x\r\nSmuggled: smuggled";
    for token in ["", "x", lines, "caf\u{e9}", "a b", "\0"] {
        let mut ask = route(Kind::Session).ask();
        ask.send("application/json", json!({"token": token}).to_string());
        expect(&rig, Kind::Session, &ask, 401);
    }
    rig.unharmed();
}

#[test]
fn a_page_of_others_opens_no_stream_with_a_login() {
    let rig = Rig::start(&[]);
    let cookie = cookie(&rig);
    for kind in [Kind::Socket, Kind::Events] {
        for (fields, status) in [
            ("Origin: http://127.0.0.1", route(kind).well),
            ("Origin: http://evil.example", 403),
            ("Origin: http://127.0.0.1:3000", 403),
            ("Origin: null", 403),
            (
                "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: websocket",
                403,
            ),
        ] {
            let mut ask = as_browser(kind, &cookie);
            ask.add(fields);
            expect(&rig, kind, &ask, status);
        }
    }
}

fn ticket(rig: &Rig) -> String {
    let issue = route(Kind::Ticket);
    let text = rig.tell(issue, &issue.ask(), 201).text();
    let ticket = text
        .split("\"ticket\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    ticket.expect("there is one").to_owned()
}

fn shown(kind: Kind, ticket: &str) -> Ask {
    let mut ask = route(kind).ask();
    ask.token.clear();
    ask.target.extend(format!("?ticket={ticket}").bytes());
    ask
}

#[test]
fn a_ticket_is_good_once_and_for_streams() {
    let rig = Rig::start(&[]);
    for (first, second) in [(Kind::Events, Kind::Socket), (Kind::Socket, Kind::Events)] {
        let ticket = ticket(&rig);
        for other in [
            Kind::List,
            Kind::Told,
            Kind::Raw,
            Kind::Logs,
            Kind::Envelope,
            Kind::Ticket,
        ] {
            expect(&rig, other, &shown(other, &ticket), 401);
        }
        expect(&rig, first, &shown(first, &ticket), route(first).well);
        expect(&rig, first, &shown(first, &ticket), 401);
        expect(&rig, second, &shown(second, &ticket), 401);
    }
    let ticket = ticket(&rig);
    let upper = ticket.to_uppercase();
    for wrong in ["", &upper, &ticket[1..], &format!("{ticket}=")] {
        expect(&rig, Kind::Events, &shown(Kind::Events, wrong), 401);
    }
    let mut field = route(Kind::Events).ask();
    field.token = format!("Authorization: Bearer {ticket}\r\n");
    expect(&rig, Kind::Events, &field, 401);
    assert!(!rig.agent.log().contains(&ticket));
}

#[test]
fn strangers_are_given_no_tickets_and_take_those_of_nobody() {
    let rig = Rig::start(&[]);
    let ticket = ticket(&rig);
    // As many as there are.
    for number in 0..32 {
        let mut ask = route(Kind::Ticket).ask();
        ask.token = format!("Authorization: Bearer stranger-{number}\r\n");
        expect(&rig, Kind::Ticket, &ask, 401);
    }
    expect(&rig, Kind::Events, &shown(Kind::Events, &ticket), 200);
}

#[test]
fn nobody_unknown_changes_anything_and_the_audit_does_not_call_it_allowed() {
    let rig = Rig::start(&[]);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let mut ask = route(Kind::Raw).ask();
        ask.method = method;
        ask.target = b"/api/k8s/raw/api/v1/namespaces/shop/pods/smuggled".to_vec();
        ask.token = format!("Authorization: Bearer stranger-{method}\r\n");
        expect(&rig, Kind::Raw, &ask, 401);
    }
    rig.unharmed();
    // Noted when the answer is on its way.
    let noted: Vec<_> = eventually("four notes of the audit", || {
        let log = rig.agent.log();
        let noted = log.lines().filter(|line| line.contains("audit: "));
        let noted: Vec<_> = noted.map(str::to_owned).collect();
        (noted.len() >= 4).then_some(noted)
    });
    assert_eq!(noted.len(), 4, "{noted:?}");
    let refused = |line: &String| {
        line.contains("\"decision\":\"refused\"") && line.contains("\"what\":\"authenticate\"")
    };
    assert!(noted.iter().all(refused), "{noted:?}");
}
