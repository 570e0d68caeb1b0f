//! What must hold for any bytes: each function takes some and panics where it does not.
//!
//! `make fuzz` runs each under libFuzzer for a short time; `tests` holds them for the seeds,
//! and for what was once found.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pipeops_agent::commands::{Command, Printed, Stream};
use pipeops_agent::http::{Method, Request};
use pipeops_agent::kubectl::flags::{self, Flag, Kind, flag, switch};
use pipeops_agent::kubectl::jsonpath::JsonPath;
use pipeops_agent::kubectl::resources;
use pipeops_agent::report::Query;
use pipeops_agent::websocket::{Decoder, Frame, LIMIT, TEXT};
use pipeops_agent::{api, cluster, frames, json, k8s, pem, security, yaml};
use serde_json::Value;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// All there are, by name.
pub const TARGETS: [(&str, Target); 16] = [
    ("arguments", arguments),
    ("chunks", chunks),
    ("command", command),
    ("cookies", cookies),
    ("envelope", envelope),
    ("frames", journal),
    ("json", value),
    ("jsonpath", jsonpath),
    ("names", names),
    ("pem", certificates),
    ("query", query),
    ("selector", selector),
    ("tokens", tokens),
    ("watch", line),
    ("websocket", websocket),
    ("yaml", documents),
];

/// Lines of a command: no word is made up, and what is read can be asked for.
pub fn arguments(bytes: &[u8]) {
    const FLAGS: &[Flag] = &[
        switch("all", "A"),
        flag("output", "o", Kind::Text, ""),
        flag("number", "n", Kind::Number, "1"),
        flag("timeout", "", Kind::Duration, "1s"),
        flag("cascade", "", Kind::OptionalText("background"), ""),
    ];
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let words: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let (_, rest) = flags::verb(&words, FLAGS, &|name| name == "get");
    assert!(rest.len() <= words.len());
    if let Ok(line) = flags::read(&words, &[FLAGS]) {
        assert!(line.words.iter().all(|word| words.contains(word)));
        assert!(line.dash.is_none_or(|dash| dash <= line.words.len()));
        let _ = (line.flags.number("number"), line.flags.seconds("timeout"));
    }
}

/// What a command prints arrives whole, in order and once, however its pieces come and
/// however often a call is lost. Each piece: its stream and whether it is sent, its length,
/// its bytes.
pub fn chunks(mut bytes: &[u8]) {
    let mut printed = Printed::new();
    let mut pushed = [Vec::new(), Vec::new()];
    let mut arrived = [Vec::new(), Vec::new()];
    while let [way, length, rest @ ..] = bytes {
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        bytes = rest;
        let stream = [Stream::Stdout, Stream::Stderr][usize::from(way & 1)];
        printed.push(stream, piece);
        pushed[usize::from(way & 1)].extend_from_slice(piece);
        if way & 2 != 0 {
            send(&mut printed, &mut arrived, way & 4 != 0);
        }
    }
    while printed.waiting() > 0 {
        send(&mut printed, &mut arrived, true);
    }
    assert_eq!(arrived, pushed);
}

fn send(printed: &mut Printed, arrived: &mut [Vec<u8>; 2], arrives: bool) {
    let Some(batch) = printed.batch().filter(|_| arrives) else {
        return;
    };
    for chunk in batch.body["chunks"].as_array().into_iter().flatten() {
        assert!(chunk["skipped"].is_null());
        let data = chunk["data"].as_str().unwrap_or_default();
        let data = match chunk["encoding"].as_str() {
            Some("base64") => STANDARD.decode(data).unwrap_or_default(),
            _ => data.as_bytes().to_vec(),
        };
        let is_error = chunk["stream"] == "stderr";
        arrived[usize::from(is_error)].extend(data);
    }
    printed.shown(&batch);
}

/// A command of the control plane is read or refused.
pub fn command(bytes: &[u8]) {
    if let Ok(wire) = serde_json::from_slice::<Value>(bytes)
        && let Err(invalid) = Command::parse(&wire)
    {
        assert!(invalid.id.is_none_or(|id| !id.is_empty()));
    }
}

/// What stands for somebody is one value of the field.
pub fn cookies(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes)
        && let Some(secret) = security::cookie_in(text)
    {
        assert!(text.contains(secret) && !secret.contains(';'));
    }
}

/// What is in an envelope is one request: nothing in it ends its head, or is about the
/// connection.
pub fn envelope(bytes: &[u8]) {
    let letter = Request::new(Method::Post, "/api/k8s/proxy").with_body(bytes);
    let Ok(inner) = api::open_envelope(&letter) else {
        return;
    };
    let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    assert!(inner.path.starts_with('/') && inner.method != Method::Options);
    assert!(inner.path.bytes().chain(inner.query.bytes()).all(visible));
    assert!(!inner.headers.hides(|_| true));
    for (name, value) in inner.headers.iter() {
        assert!(
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b':')
        );
        assert!(!value.contains(['\r', '\n', '\0']));
        let name = name.to_ascii_lowercase();
        let own = [
            "authorization",
            "connection",
            "content-length",
            "cookie",
            "host",
            "transfer-encoding",
            "upgrade",
        ];
        assert!(
            !own.contains(&&*name) && !name.starts_with("x-remote-"),
            "{name}"
        );
    }
}

/// A record behind any damage is found, and is the last.
pub fn journal(bytes: &[u8]) {
    let mut seen = Vec::new();
    let scan = frames::scan(bytes, &mut |body| {
        seen.push(body.to_vec());
        true
    });
    assert!(scan.good <= bytes.len() && scan.lost <= scan.good);
    // What looks like the beginning of a longer record takes the next one with it.
    let whole = bytes.get(..scan.good).unwrap_or_default();
    let mut longer = whole.to_vec();
    frames::push(b"record", &mut longer);
    let mut last = Vec::new();
    let scan = frames::scan(&longer, &mut |body| {
        last = body.to_vec();
        true
    });
    assert_eq!((scan.good, &*last), (longer.len(), &b"record"[..]));
}

/// What `serde_json` reads, our reader reads alike; what it skips ends where it does.
pub fn value(bytes: &[u8]) {
    let Ok(theirs) = serde_json::from_slice::<Value>(bytes) else {
        let _ = json::read::<Value>(bytes);
        return;
    };
    assert_eq!(json::read::<Value>(bytes).ok(), Some(theirs));
    let mut walk = json::Walk::new(bytes);
    assert!(walk.skip().is_ok() && walk.end().is_ok());
}

/// A template, a line, an object.
pub fn jsonpath(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let (template, object) = text.split_once('\n').unwrap_or((text, "{}"));
    if let Ok(path) = JsonPath::parse(template)
        && let Ok(object) = serde_json::from_str(object)
    {
        let _ = (path.text(&object), path.find(&object).map(drop));
    }
}

/// Nobody else's name is ours, however ours it begins.
pub fn names(bytes: &[u8]) {
    let known = [
        "agent.example.com".to_owned(),
        "*.edge.example.com".to_owned(),
    ];
    let Ok(host) = str::from_utf8(bytes) else {
        return;
    };
    let _ = security::is_own_name(host, &known);
    for foreign in [
        "evil.example",
        "evil.example.",
        "evil.example:80",
        "1.2.3.4.5",
    ] {
        let foreign = format!("{host}.{foreign}");
        assert!(!security::is_own_name(&foreign, &known), "{foreign}");
    }
}

/// Certificates and keys are read or refused, and what is wrong is told without the text.
pub fn certificates(bytes: &[u8]) {
    if let Ok(found) = pem::certificates(bytes) {
        assert!(!found.is_empty() && found.iter().all(|one| one.len() <= bytes.len()));
    }
    let _ = pem::key(bytes);
}

/// A parameter and a value on each line: a query for any list is read or refused, and what
/// asks for nothing in particular is the whole list.
pub fn query(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let pairs = text
        .lines()
        .map(|line| line.split_once('=').unwrap_or((line, "")));
    for kind in cluster::Kind::ALL {
        match Query::read(kind, pairs.clone()) {
            Ok(query) => assert!(!text.is_empty() || query == Query::default()),
            Err(problem) => assert!(!problem.is_empty() && !text.is_empty()),
        }
    }
}

/// A selector, a line, an object. What it says of two requirements it says of each.
pub fn selector(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let (selector, object) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(object) = serde_json::from_str::<Value>(object) else {
        return;
    };
    let fits = resources::fits(selector, &object);
    if !selector.contains(['(', ')'])
        && let Some((one, other)) = selector.split_once(',')
    {
        let both = resources::fits(one, &object) && resources::fits(other, &object);
        assert_eq!(fits, both);
    }
}

/// Lines of API tokens are read or refused, and no token is told.
pub fn tokens(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Err(problem) = security::check_token_lines(text) {
        let mut words = text.split_whitespace().filter(|word| word.len() >= 16);
        assert!(!words.any(|word| problem.contains(word)), "{problem}");
    }
}

/// A line of a watch: what its object is, lies in the line.
pub fn line(bytes: &[u8]) {
    if let Ok((_, object)) = k8s::watch::event(bytes) {
        assert!(bytes.windows(object.len()).any(|part| part == object));
    }
}

/// Frames of a client are the same however their bytes come, lie in them, and none is too long.
pub fn websocket(bytes: &[u8]) {
    let (whole, problem) = said(bytes, bytes.len());
    let (piecewise, same) = said(bytes, 1);
    assert_eq!((&whole, problem), (&piecewise, same));
    assert!(whole.iter().map(Vec::len).sum::<usize>() <= bytes.len());
}

/// The payloads of frames, of bytes that come so many at once, and what was wrong at the end.
fn said(bytes: &[u8], at_once: usize) -> (Vec<Vec<u8>>, Option<&'static str>) {
    let (mut decoder, mut inbox, mut told) = (Decoder::of_client(TEXT), Vec::new(), Vec::new());
    for piece in bytes.chunks(at_once.max(1)) {
        inbox.extend_from_slice(piece);
        loop {
            match decoder.next(&mut inbox) {
                Ok(None) => break,
                Err(problem) => return (told, Some(problem.0)),
                Ok(Some((frame, size))) => {
                    assert!(size > 0 && size <= LIMIT + 14);
                    told.push(match frame {
                        Frame::Data { payload, .. } | Frame::Ping(payload) => payload.to_vec(),
                        Frame::Pong => Vec::new(),
                        Frame::Close { reason, .. } => reason.to_vec(),
                    });
                    inbox.drain(..size);
                }
            }
        }
    }
    (told, None)
}

/// What is written of what was read is read as the same.
pub fn documents(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    for document in yaml::parse(text).into_iter().flatten() {
        let written = yaml::to_string(&document);
        let again = yaml::parse(&written).map_err(|error| error.to_string());
        assert_eq!(again, Ok(vec![document]), "{written}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::TARGETS;

    #[test]
    fn all_seeds_hold() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        for (name, target) in TARGETS {
            let files: Vec<_> = fs::read_dir(seeds.join(name))
                .expect("each target has seeds")
                .collect();
            assert!(!files.is_empty(), "{name}");
            for file in files.into_iter().flatten() {
                target(&fs::read(file.path()).expect("a seed can be read"));
            }
        }
    }
}
