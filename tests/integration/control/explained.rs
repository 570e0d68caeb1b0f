//! What does not work, and how it is explained: by stage and by words.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use pipeops_agent::control::diagnose::{Stage, skew};
use pipeops_agent::control::{Error, Mistake, Options, TokenSource, Verdict};
use pipeops_agent::secret::Secret;
use serde_json::{Value, json};

use super::{TOKEN, assert_explained, client, options, plane, registration, tls_plane, trusting};

/// The error of a call that meets the fault.
fn met(fault: &Value) -> Error {
    let plane = plane();
    plane.fault(fault).unwrap();
    client(&options(plane.url()))
        .register(&registration())
        .unwrap_err()
}

fn retry(seconds: Option<u64>) -> Verdict {
    Verdict::Retry {
        after: seconds.map(Duration::from_secs),
    }
}

/// A port where nothing listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn down() {
    let port = closed_port();
    let error = client(&options(&format!("http://127.0.0.1:{port}")))
        .ping()
        .unwrap_err();
    assert_explained(
        &error,
        Stage::Tcp,
        &["nothing listens", "refused", &port.to_string()],
    );
    assert_eq!(error.verdict(), retry(None));
}

#[test]
fn refused_tokens() {
    let error = met(&json!({"status": 401, "body": r#"{"error":"expired"}"#}));
    assert_explained(
        &error,
        Stage::Authentication,
        &["the configured token", "401", "expired"],
    );
    assert_eq!(error.verdict(), Verdict::SlowLane);
    let error = met(&json!({"status": 403}));
    assert_explained(&error, Stage::Authentication, &["forbids", "403"]);
    assert_eq!(error.verdict(), Verdict::SlowLane);

    let plane = plane();
    let error = client(&Options {
        token: TokenSource::File("/nowhere/token".into()),
        ..options(plane.url())
    })
    .ping()
    .unwrap_err();
    assert_explained(
        &error,
        Stage::Authentication,
        &["/nowhere/token", "cannot be read"],
    );
    assert!(plane.transcript().is_empty());
}

#[test]
fn throttled() {
    let error = met(&json!({"status": 429, "headers": {"Retry-After": "7"}}));
    assert_explained(&error, Stage::Server, &["later", "429"]);
    assert_eq!(error.verdict(), retry(Some(7)));

    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    let error = met(&json!({"status": 503, "headers": {"Retry-After": past}}));
    assert_eq!(error.verdict(), retry(Some(0)));
    let future = "Fri, 31 Dec 2999 23:59:59 GMT";
    let error = met(&json!({"status": 429, "headers": {"Retry-After": future}}));
    assert_eq!(error.verdict(), retry(Some(3600)));
    let error = met(&json!({"status": 429, "headers": {"Retry-After": "soon"}}));
    assert_eq!(error.verdict(), retry(None));
}

#[test]
fn broken_servers() {
    let error = met(&json!({"status": 500, "body": "<html>oops</html>"}));
    assert_explained(
        &error,
        Stage::Server,
        &["500", "an HTML page", "has a problem"],
    );
    assert_eq!(error.verdict(), retry(None));
    let error = met(&json!({"status": 422, "body": "no"}));
    assert_explained(&error, Stage::Server, &["422", "refuses the request"]);
    assert_eq!(error.verdict(), Verdict::GiveUp);
    let error = met(&json!({"drop": true}));
    assert_explained(
        &error,
        Stage::Tcp,
        &["closed the connection without an answer"],
    );
    let error = met(&json!({"reset": true}));
    assert_explained(&error, Stage::Tcp, &["cut the connection"]);
    assert_eq!(error.verdict(), retry(None));
}

#[test]
fn no_control_plane() {
    let error = met(&json!({"garbage": true}));
    assert_explained(&error, Stage::Protocol, &["does not answer with HTTP"]);
    let portal = json!({"body": "<html>", "headers": {"Content-Type": "text/html"}});
    assert_explained(
        &met(&portal),
        Stage::Protocol,
        &["text/html", "captive portal"],
    );
    for body in [
        "[]",
        "null",
        "7",
        r#"{"agent_id": 7}"#,
        r#"{"agent_id":"#,
        "{\"agent_id\":\"a\\nb\"}",
    ] {
        assert_explained(&met(&json!({"body": body})), Stage::Protocol, &["JSON"]);
    }
    let error = met(&json!({"size": 70_000}));
    assert_explained(&error, Stage::Protocol, &["more than 65536 bytes"]);
    // A refusal is one, however large its page is.
    let error = met(&json!({"status": 502, "size": 70_000}));
    assert_explained(&error, Stage::Server, &["502"]);
    let error = met(&json!({"redirect": "https://else.example/api?secret=1"}));
    assert_explained(
        &error,
        Stage::Protocol,
        &["https://else.example/api", "not followed", "307"],
    );
    assert!(!format!("{error:?}{error}").contains("secret"));
    assert_eq!(error.verdict(), retry(None));
}

#[test]
fn slow() {
    let plane = plane();
    plane.fault(&json!({"delay_ms": 60_000})).unwrap();
    let short = Options {
        timeout: Duration::from_millis(400),
        ..options(plane.url())
    };
    let error = client(&short).ping().unwrap_err();
    assert_explained(
        &error,
        Stage::Server,
        &["no complete answer", "400ms", "too slow"],
    );
    assert_eq!(error.verdict(), retry(None));
}

#[test]
fn wrong_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let plane = tls_plane(folder.path());
    let met = |which: &str| {
        plane
            .fault(&json!({"certificate": which, "count": 1}))
            .unwrap();
        client(&trusting(&plane)).ping().unwrap_err()
    };
    let of = plane.address().to_string();
    let error = met("wrong-name");
    assert_explained(
        &error,
        Stage::Tls,
        &[&of, "for other.example,", "not for 127.0.0.1"],
    );
    let error = met("expired");
    assert_explained(
        &error,
        Stage::Tls,
        &[&of, "expired at 2021-01-01", "clock says 20"],
    );
    let error = met("not-yet-valid");
    assert_explained(
        &error,
        Stage::Clock,
        &["not valid before 2999-01-01", "clock says 20"],
    );
    let error = met("unknown-ca");
    assert_explained(
        &error,
        Stage::Tls,
        &["not trusted", "ca.pem", "PIPEOPS_CA_FILE"],
    );
    assert_eq!(error.verdict(), retry(None));

    // Another CA of the same name.
    let renewed = tls_plane(tempfile::tempdir().unwrap().path());
    let stale = Options {
        ca_file: plane.ca_pem().map(Path::to_owned),
        ..options(renewed.url())
    };
    let error = client(&stale).ping().unwrap_err();
    assert_explained(
        &error,
        Stage::Tls,
        &["another key", "ca.pem", "PIPEOPS_CA_FILE"],
    );

    let public = client(&options(plane.url())).ping().unwrap_err();
    assert_explained(&public, Stage::Tls, &["not trusted", "public roots"]);
    // All is well with the right certificate.
    client(&trusting(&plane)).ping().unwrap();
}

#[test]
fn an_expired_certificate_under_a_wrong_clock_blames_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let plane = tls_plane(folder.path());
    let client = client(&trusting(&plane));
    plane.settings(&json!({"clock_offset": -7200})).unwrap();
    client.ping().unwrap();
    plane.fault(&json!({"certificate": "expired"})).unwrap();
    // The connection of the first call may still be open: it is not asked for a certificate.
    let error = (0..2).find_map(|_| {
        plane.fault(&json!({"drop": true, "count": 1})).unwrap();
        client
            .ping()
            .err()
            .filter(|error| error.explanation().stage != Stage::Tcp)
    });
    assert_explained(
        &error.unwrap(),
        Stage::Clock,
        &["expired", "2h", "ahead of", "NTP"],
    );
}

#[test]
fn tls_where_there_is_none_and_the_reverse() {
    let plain = plane();
    let url = plain.url().replace("http://", "https://");
    let error = client(&options(&url)).ping().unwrap_err();
    assert_explained(&error, Stage::Tls, &["does not speak TLS", "plain http"]);

    let folder = tempfile::tempdir().unwrap();
    let tls = tls_plane(folder.path());
    let url = tls.url().replace("https://", "http://");
    assert!(client(&options(&url)).ping().is_err());
}

#[test]
fn unknown_names() {
    let error = client(&options("https://control.invalid"))
        .ping()
        .unwrap_err();
    assert_explained(
        &error,
        Stage::Dns,
        &["control.invalid", "looked up", "resolv.conf"],
    );
    assert_eq!(error.verdict(), retry(None));
}

#[test]
fn wrong_clocks() {
    let plane = plane();
    let client = client(&options(plane.url()));
    for (offset, words) in [(-7200, "ahead of"), (7200, "behind")] {
        plane.settings(&json!({"clock_offset": offset})).unwrap();
        client.ping().unwrap();
        let ahead = client.clock_skew().unwrap();
        assert!((ahead + offset).abs() < 60, "{ahead}");
        let explanation = skew(ahead).unwrap();
        assert_eq!(explanation.stage, Stage::Clock);
        assert!(explanation.text.contains(words), "{explanation:?}");
    }
    plane.fault(&json!({"status": 401})).unwrap();
    let error = client.ping().unwrap_err();
    assert_explained(&error, Stage::Authentication, &["clock is", "behind"]);
    assert_eq!(skew(30), None);
}

#[test]
fn proxies() {
    let behind = |proxy: &str| Options {
        proxy: Some(proxy.to_owned()),
        ..options("https://control.example")
    };
    let port = closed_port();
    let error = client(&behind(&format!("http://joe:hunter2@127.0.0.1:{port}")))
        .ping()
        .unwrap_err();
    assert_explained(
        &error,
        Stage::Proxy,
        &["proxy", &port.to_string(), "refused", "HTTPS_PROXY"],
    );
    assert!(!format!("{error:?} {:?}", error.explanation()).contains("hunter2"));
    let error = client(&behind("http://proxy.invalid:3128"))
        .ping()
        .unwrap_err();
    assert_explained(&error, Stage::Proxy, &["proxy.invalid", "looked up"]);

    let (error, asked) = through_a_proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    assert_explained(
        &error,
        Stage::Proxy,
        &["407", "control.example:443", "NO_PROXY"],
    );
    assert!(asked.starts_with("CONNECT control.example:443"), "{asked}");
    assert!(!asked.contains(TOKEN), "{asked}");
}

/// The error of a call through a proxy that answers CONNECT so, and what it was asked.
fn through_a_proxy(answer: &str) -> (Error, String) {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options {
        proxy: Some(format!(
            "http://joe:hunter2@{}",
            proxy.local_addr().unwrap()
        )),
        ..options("https://control.example")
    };
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let (mut stream, _) = proxy.accept().unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
                head.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(head).unwrap()
        });
        let error = client(&options).ping().unwrap_err();
        (error, asked.join().unwrap())
    })
}

#[test]
fn mistakes_in_the_options() {
    let made = |options: &Options| pipeops_agent::control::Client::new(options).unwrap_err();
    let error = made(&options("http://control.example"));
    assert!(matches!(error, Error::Options(Mistake::Url(_))));
    assert_explained(
        &error,
        Stage::Protocol,
        &["plain http", "https://control.example"],
    );
    let error = made(&Options {
        ca_file: Some("/nowhere/ca.pem".into()),
        ..options("https://control.example")
    });
    assert_explained(&error, Stage::Tls, &["/nowhere/ca.pem", "cannot be read"]);
    let error = made(&Options {
        proxy: Some("socks5://joe:hunter2@proxy".to_owned()),
        ..options("https://control.example")
    });
    assert_explained(&error, Stage::Proxy, &["unknown scheme"]);
    assert_eq!(error.verdict(), Verdict::GiveUp);
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn a_secret_is_in_no_error() {
    let token = "s3cret-t0ken";
    let plane = plane();
    let options = Options {
        token: TokenSource::Fixed(Secret::new(token)),
        ..options(plane.url())
    };
    let client = client(&options);
    let mut all = format!("{client:?}");
    for fault in [
        json!({"status": 401}),
        json!({"garbage": true}),
        json!({"drop": true}),
    ] {
        plane.clear_faults();
        plane.fault(&fault).unwrap();
        let error = client.ping().unwrap_err();
        write!(all, "{error:?} {error} {:?}", error.explanation()).unwrap();
    }
    all.push_str(
        &plane
            .transcript()
            .iter()
            .map(Value::to_string)
            .collect::<String>(),
    );
    assert!(!all.contains(token), "{all}");
}
