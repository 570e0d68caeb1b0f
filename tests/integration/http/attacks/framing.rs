//! Requests that are wrong on purpose, in one go and byte by byte.

use super::Target;
use super::requests::{Attack, SECOND, bodies, heads};
use crate::support::peer::{End, Heard};

/// Refused once, told why, and closed.
fn refused(heard: &Heard, attack: &Attack) -> Result<(), String> {
    let text = heard.text();
    let problem = text.contains("\r\nContent-Type: application/problem+json\r\n");
    let last = text.contains("\r\nConnection: close\r\n");
    if heard.statuses() == [attack.agent] && problem && last && heard.end == End::Orderly {
        return Ok(());
    }
    Err(format!(
        "{}: not {} but {heard:?}",
        attack.name, attack.agent
    ))
}

#[track_caller]
fn all_refused(attacks: &[Attack]) {
    let target = Target::start();
    let mut wrong = Vec::new();
    for attack in attacks {
        let heard = target.connect().tell(&attack.bytes);
        wrong.extend(refused(&heard, attack).err());
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(target.count("requests_refused"), attacks.len() as u64);
    target.unharmed();
}

#[test]
fn every_odd_head_is_refused_and_smuggles_nothing() {
    all_refused(&heads());
}

#[test]
fn every_odd_body_is_refused_and_smuggles_nothing() {
    all_refused(&bodies());
}

#[test]
fn the_same_bytes_one_by_one_are_refused_the_same() {
    let target = Target::start();
    let small = |attack: &Attack| attack.bytes.len() < 200;
    for attack in heads()
        .iter()
        .chain(&bodies())
        .filter(|attack| small(attack))
    {
        let mut peer = target.connect();
        // What comes after the refusal may find a closed connection.
        let _ = attack.bytes.chunks(1).all(|byte| peer.send(byte));
        peer.shut();
        refused(&peer.rest(), attack).unwrap();
    }
    target.unharmed();
}

/// That the table could see a second answer.
#[test]
fn what_is_well_framed_is_followed_by_the_second_request() {
    let target = Target::start();
    for (first, status) in [
        ("GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("\r\n\r\nGET /health HTTP/1.1\r\nhost:a\r\n\r\n", 200),
        (
            "GET /health?a=b HTTP/1.1\r\nHost: [::1]:80\r\nA:\t b \t\r\n\r\n",
            200,
        ),
        (
            "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            405,
        ),
        (
            "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\n\r\nhello",
            405,
        ),
        (
            "POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n\
          2;a=b\r\nhe\r\n03\r\nllo\r\n0\r\nA: b\r\n\r\n",
            405,
        ),
    ] {
        let heard = target.connect().tell(first.to_owned() + SECOND);
        assert_eq!(heard.statuses(), [status, 404], "{first}: {heard:?}");
    }
    assert_eq!(target.count("requests_refused"), 0);
    target.unharmed();
}

#[test]
fn a_length_of_two_to_the_63_is_refused_with_and_without_its_body() {
    let target = Target::start();
    let head = "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n";
    let body = "a".repeat(60 << 10);
    for rest in [
        "\r\n",
        &format!("\r\n{body}"),
        "Expect: 100-continue\r\n\r\n",
    ] {
        let heard = target.connect().tell(head.to_owned() + rest);
        assert_eq!(heard.statuses(), [413], "{heard:?}");
        assert_eq!(heard.end, End::Orderly);
    }
    target.unharmed();
}
