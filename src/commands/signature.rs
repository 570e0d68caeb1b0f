//! Who may give commands: Ed25519 signatures over a canonical form. Pure, but for
//! [`Keys::read`].
//!
//! What is signed is one JSON text without blanks, keys of objects sorted by their code
//! points: `["pipeops-command-1", AGENT_ID, ID, TYPE, EXPIRES_AT, IDEMPOTENT, PAYLOAD]`.
//! So a command is good for one agent, until it expires, as it was made.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

/// A file of public keys, a key a line, base64; what follows `#` is a comment. Several
/// keys are for the time in which one replaces another.
#[derive(Clone, Debug)]
pub struct Keys {
    path: PathBuf,
}

impl Keys {
    /// # Errors
    /// The file cannot be read or has no key.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        let keys = Self { path };
        keys.read().map(|_| keys)
    }

    /// Whether a command as it came is signed for this agent by one of the keys.
    ///
    /// # Errors
    /// Why it must not be run.
    pub fn check(&self, wire: &Value, agent: &str) -> Result<(), String> {
        let keys = self.read()?;
        let signature = wire["signature"].as_str().ok_or("it is not signed")?;
        let signature = STANDARD
            .decode(signature)
            .map_err(|_| "its signature is no base64")?;
        let signed = canonical(wire, agent);
        let fits = |key: &Vec<u8>| {
            let key = UnparsedPublicKey::new(&ED25519, key);
            key.verify(signed.as_bytes(), &signature).is_ok()
        };
        match keys.iter().any(fits) {
            true => Ok(()),
            false => Err("its signature is of none of the keys".to_owned()),
        }
    }

    /// Each time, since commands are rare and keys may change.
    fn read(&self) -> Result<Vec<Vec<u8>>, String> {
        let of = |problem: &str| format!("the keys in {} {problem}", self.path.display());
        let text = fs::read_to_string(&self.path)
            .map_err(|error| of(&format!("cannot be read: {error}")))?;
        let lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim());
        let key = |line: &str| STANDARD.decode(line).ok().filter(|key| key.len() == 32);
        let keys: Option<Vec<_>> = lines.filter(|line| !line.is_empty()).map(key).collect();
        let keys = keys.ok_or_else(|| of("are not 32 bytes each, in base64"))?;
        match keys.is_empty() {
            true => Err(of("are none")),
            false => Ok(keys),
        }
    }
}

/// What is signed.
pub fn canonical(wire: &Value, agent: &str) -> String {
    let idempotent = wire["idempotent"] == true;
    let parts = json!([
        "pipeops-command-1",
        agent,
        wire["id"],
        wire["type"],
        wire["expires_at"],
        idempotent,
        wire["payload"],
    ]);
    // Objects are sorted maps; a test holds that.
    parts.to_string()
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    fn pair(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
    }

    fn public(pair: &Ed25519KeyPair) -> String {
        STANDARD.encode(pair.public_key())
    }

    fn signed(by: &Ed25519KeyPair) -> Value {
        let mut wire = json!({
            "id": "c-1", "position": 1, "type": "kubectl",
            "payload": {"stdin": "\u{e9}\n", "args": ["get"]},
            "created_at": "2026-11-24T10:00:00Z", "expires_at": "2026-11-24T11:00:00Z",
        });
        let signature = by.sign(canonical(&wire, "agent-1").as_bytes());
        wire["signature"] = json!(STANDARD.encode(signature));
        wire
    }

    #[test]
    fn the_canonical_form_is_one_text_with_sorted_keys() {
        let expected = "[\"pipeops-command-1\",\"agent-1\",\"c-1\",\"kubectl\",\
            \"2026-11-24T11:00:00Z\",false,{\"args\":[\"get\"],\"stdin\":\"\u{e9}\\n\"}]";
        assert_eq!(canonical(&signed(&pair(1)), "agent-1"), expected);
    }

    #[test]
    fn any_of_the_keys_will_do_and_any_change_will_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let (old, new, other) = (pair(1), pair(2), pair(3));
        let text = format!("# two\n{} # old\n\n{}\n", public(&old), public(&new));
        fs::write(&path, text).unwrap();
        let keys = Keys::open(path.clone()).unwrap();
        for by in [&old, &new] {
            assert_eq!(keys.check(&signed(by), "agent-1"), Ok(()));
        }
        assert!(
            keys.check(&signed(&other), "agent-1")
                .unwrap_err()
                .contains("none of the keys")
        );
        assert!(keys.check(&signed(&old), "agent-2").is_err());
        for (field, value) in [
            ("id", json!("c-2")),
            ("type", json!("apply")),
            ("payload", json!({"args": ["delete"]})),
            ("expires_at", json!("2036-11-24T11:00:00Z")),
            ("idempotent", json!(true)),
            ("signature", json!("?")),
            ("signature", Value::Null),
        ] {
            let mut wire = signed(&old);
            wire[field] = value;
            assert!(keys.check(&wire, "agent-1").is_err(), "{wire}");
        }
        // The old one is taken away.
        fs::write(&path, public(&new)).unwrap();
        assert!(keys.check(&signed(&old), "agent-1").is_err());
    }

    #[test]
    fn files_without_keys_are_mistakes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        assert!(
            Keys::open(path.clone())
                .unwrap_err()
                .contains("cannot be read")
        );
        for (text, words) in [
            ("# none\n", "are none"),
            ("abc\n", "not 32 bytes"),
            ("YWJj", "not 32"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Keys::open(path.clone()).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
