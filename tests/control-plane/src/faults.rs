//! Faults on request: what is to go wrong with which calls, and how often.

use std::time::Duration;

use serde_json::Value;

use crate::certificates::Which;
use crate::wire::Response;

#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Vec<Fault>,
}

/// What happens instead of the answer; a delay alone is followed by the right one.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Delay,
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Closed without an answer.
    Drop,
    /// Done as asked, then closed without an answer.
    Lose,
    /// Cut with RST.
    Reset,
    /// Bytes that are no HTTP.
    Garbage,
}

#[derive(Debug)]
struct Fault {
    call: Option<String>,
    path: String,
    /// None: until cleared.
    left: Option<u64>,
    delay: Duration,
    effect: Effect,
    asked: Value,
}

#[derive(Debug)]
enum Effect {
    Exchange(Kind),
    /// Of connections, before any request.
    Certificate(Which),
}

impl Faults {
    /// Adds a fault; the shape is in the program's help.
    pub(crate) fn add(&mut self, asked: &Value) -> Result<(), String> {
        let fields = asked.as_object().ok_or("a fault is a JSON object")?;
        let known = [
            "call",
            "path",
            "count",
            "status",
            "headers",
            "body",
            "size",
            "delay_ms",
            "drop",
            "lose",
            "reset",
            "garbage",
            "redirect",
            "certificate",
        ];
        if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("{name} is no field of a fault"));
        }
        self.active.push(Fault {
            call: asked["call"].as_str().map(str::to_owned),
            path: asked["path"].as_str().unwrap_or("/api/").to_owned(),
            left: asked["count"].as_u64(),
            delay: Duration::from_millis(asked["delay_ms"].as_u64().unwrap_or(0)),
            effect: effect(asked)?,
            asked: asked.clone(),
        });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.active.clear();
    }

    /// Those in force, as they were asked for.
    pub(crate) fn list(&self) -> Vec<Value> {
        self.active
            .iter()
            .map(|fault| fault.asked.clone())
            .collect()
    }

    /// What is to happen to this call of the protocol.
    pub(crate) fn take(&mut self, call: &str, path: &str) -> Option<(Duration, Kind)> {
        let found = self.active.iter_mut().find_map(|fault| {
            let meant = fault.call.as_deref().is_none_or(|wanted| wanted == call)
                && path.starts_with(&fault.path);
            match &fault.effect {
                Effect::Exchange(kind) if meant && spend(&mut fault.left) => {
                    Some((fault.delay, kind.clone()))
                }
                _ => None,
            }
        });
        self.drop_spent();
        found
    }

    /// The certificate for the next connection.
    pub(crate) fn take_certificate(&mut self) -> Which {
        let found = self.active.iter_mut().find_map(|fault| match fault.effect {
            Effect::Certificate(which) if spend(&mut fault.left) => Some(which),
            _ => None,
        });
        self.drop_spent();
        found.unwrap_or(Which::Good)
    }

    fn drop_spent(&mut self) {
        self.active.retain(|fault| fault.left != Some(0));
    }
}

/// Uses a fault once; false when it is used up.
fn spend(left: &mut Option<u64>) -> bool {
    match left {
        None => true,
        Some(0) => false,
        Some(count) => {
            *count -= 1;
            true
        }
    }
}

fn effect(asked: &Value) -> Result<Effect, String> {
    if let Some(name) = asked["certificate"].as_str() {
        return Which::named(name)
            .map(Effect::Certificate)
            .ok_or(format!("{name} is no certificate"));
    }
    if let Some(location) = asked["redirect"].as_str() {
        return Ok(Effect::Exchange(Kind::Answer {
            status: 307,
            headers: vec![("Location".to_owned(), location.to_owned())],
            body: Vec::new(),
        }));
    }
    let is = |name: &str| asked[name] == Value::Bool(true);
    let kind = if is("drop") {
        Kind::Drop
    } else if is("lose") {
        Kind::Lose
    } else if is("reset") {
        Kind::Reset
    } else if is("garbage") {
        Kind::Garbage
    } else if ["status", "body", "size"]
        .iter()
        .any(|name| !asked[name].is_null())
    {
        answer(asked)?
    } else if asked["delay_ms"].is_u64() {
        Kind::Delay
    } else {
        return Err("the fault says nothing that is to go wrong".to_owned());
    };
    Ok(Effect::Exchange(kind))
}

fn answer(asked: &Value) -> Result<Kind, String> {
    let status = match &asked["status"] {
        Value::Null => 200,
        status => status
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| (200..=599).contains(status))
            .ok_or("status is a number from 200 to 599")?,
    };
    let mut headers = Vec::new();
    for (name, value) in asked["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().ok_or("headers are texts")?;
        headers.push((name.clone(), value.to_owned()));
    }
    let body = match (&asked["body"], asked["size"].as_u64()) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, Some(size)) => vec![b' '; usize::try_from(size).unwrap_or(0)],
        _ if status >= 400 => Response::problem(status, "a fault on request").body,
        _ => Vec::new(),
    };
    Ok(Kind::Answer {
        status,
        headers,
        body,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_hits_what_it_names_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults
            .add(&json!({"call": "heartbeat", "count": 2, "status": 500}))
            .unwrap();
        faults
            .add(&json!({"path": "/api/v1/agents/a", "drop": true}))
            .unwrap();
        let path = "/api/v1/agents/b/heartbeat";
        assert!(faults.take("status", path).is_none());
        assert!(matches!(
            faults.take("heartbeat", path),
            Some((_, Kind::Answer { status: 500, .. }))
        ));
        assert!(faults.take("heartbeat", path).is_some());
        assert!(faults.take("heartbeat", path).is_none());
        assert_eq!(faults.list().len(), 1);
        assert!(matches!(
            faults.take("status", "/api/v1/agents/a/status"),
            Some((_, Kind::Drop))
        ));
        faults.clear();
        assert!(faults.take("status", "/api/v1/agents/a/status").is_none());
    }

    #[test]
    fn a_certificate_is_for_connections() {
        let mut faults = Faults::default();
        faults
            .add(&json!({"certificate": "expired", "count": 1}))
            .unwrap();
        assert!(faults.take("health", "/api/v1/health").is_none());
        assert_eq!(faults.take_certificate(), Which::Expired);
        assert_eq!(faults.take_certificate(), Which::Good);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for asked in [
            json!([]),
            json!({}),
            json!({"call": "heartbeat"}),
            json!({"status": 99}),
            json!({"status": "many"}),
            json!({"dorp": true}),
            json!({"certificate": "golden"}),
            json!({"status": 500, "headers": {"Retry-After": 7}}),
        ] {
            assert!(Faults::default().add(&asked).is_err(), "{asked}");
        }
    }
}
