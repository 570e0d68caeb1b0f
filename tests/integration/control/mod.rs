//! The client of the control plane against the reference control plane, over real sockets.

#![cfg(test)]

mod curves;
mod explained;
mod flow;
mod hops;
mod program;
mod schema;
mod transcripts;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use control_plane::Handle;
use pipeops_agent::control::diagnose::Stage;
use pipeops_agent::control::{Client, Error, Options, TokenSource, proto};
use pipeops_agent::secret::Secret;
use serde_json::Value;

const TOKEN: &str = "right-token";

/// A control plane that speaks plain HTTP.
fn plane() -> Handle {
    control_plane::start(&control_plane::Options::new(TOKEN)).unwrap()
}

/// One that speaks TLS, with its certificates in the folder.
fn tls_plane(folder: &Path) -> Handle {
    let options = control_plane::Options {
        tls: Some(folder.to_owned()),
        ..control_plane::Options::new(TOKEN)
    };
    control_plane::start(&options).unwrap()
}

/// With a timeout that no call of a healthy control plane needs.
fn options(url: &str) -> Options {
    Options {
        timeout: Duration::from_secs(20),
        ..Options::new(url, TokenSource::Fixed(Secret::new(TOKEN)))
    }
}

fn trusting(plane: &Handle) -> Options {
    Options {
        ca_file: plane.ca_pem().map(Path::to_owned),
        ..options(plane.url())
    }
}

fn client(options: &Options) -> Client {
    Client::new(options).unwrap()
}

fn transcripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane/transcripts")
}

fn transcript(name: &str) -> Value {
    let text = fs::read_to_string(transcripts().join(name).with_extension("json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn registration() -> proto::Registration {
    serde_json::from_value(transcript("register")["request"]["body"].clone()).unwrap()
}

/// A beat of the agent with that id.
fn beat(id: &str) -> proto::Heartbeat {
    let body = transcript("heartbeat")["request"]["body"].clone();
    proto::Heartbeat {
        agent_id: id.to_owned(),
        ..serde_json::from_value(body).unwrap()
    }
}

/// The error is of that stage, and its explanation has all the words.
#[track_caller]
fn assert_explained(error: &Error, stage: Stage, words: &[&str]) {
    let explanation = error.explanation();
    let all = format!("{explanation:?}");
    assert_eq!(explanation.stage, stage, "{all}");
    for word in words {
        assert!(all.contains(word), "{word} is missing: {all}");
    }
    assert!(!all.contains(TOKEN), "{all}");
    assert!(!explanation.hint.is_empty(), "{all}");
}
