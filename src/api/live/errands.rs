//! Commands through a WebSocket: whoever speaks has them done as themselves, and is told what
//! they print as it comes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::guest::House;
use super::socket::say;
use super::viewer::View;
use crate::api::refusal;
use crate::commands::Command;
use crate::json::map;
use crate::security::{Caller, Means, Scope};
use crate::work::commands::{Ended, Reach, Visit, Visitor};

/// Commands of one connection at once.
pub(super) const MOST: usize = 4;
/// So much may wait for a client; what is printed then waits for it, too.
const ROOM: usize = 64 * 1024;

/// Those of one connection; what runs ends with it.
#[derive(Default)]
pub(super) struct Errands(Vec<Visit>);

impl Errands {
    /// Begins one: `{"id": "1", "type": "kubectl", "args": ["get", "pods"]}`.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn begin(
        &mut self,
        house: &House,
        caller: &Caller,
        peer: IpAddr,
        mut fields: serde_json::Map<String, Value>,
    ) -> Result<(), String> {
        let id = fields.remove("id");
        let kind = fields.remove("type");
        let text =
            |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
        let id = text(&id).ok_or("a command has an id, which is a text")?;
        let kind = text(&kind).ok_or("a command has a type: kubectl, apply, logs")?;
        if self.0.iter().any(|visit| visit.id() == id) {
            return Err("a command of that id runs".to_owned());
        }
        if self.0.len() >= MOST {
            return Err(format!("{MOST} commands of this connection run already"));
        }
        let command = || Command::of_visitor(&id, &kind, &Value::Object(fields));
        let visitor = visitor(house, caller, peer).inspect_err(|_| {
            let what = format!("command {kind:.32}");
            house.gate.note(&caller.name, peer, &what, false);
        });
        let (visitor, command) = (visitor?, command()?);
        let logs = house.followed.clone();
        let visit = house
            .reception
            .begin(command, visitor, move || logs.wake())?;
        self.0.push(visit);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// # Errors
    /// There is none of that id.
    pub(super) fn cancel(&self, id: &str) -> Result<(), String> {
        let mut running = self.0.iter();
        let found = running.find(|visit| visit.id() == id);
        let found = found.ok_or("no command of that id runs")?;
        found.cancel();
        Ok(())
    }

    /// Tells what they printed, as far as there is room, and how they ended.
    pub(super) fn tell(&mut self, view: &mut View, now: Instant) {
        self.0.retain(|visit| {
            visit.keep_time(now);
            // First whether it ended: then what it printed is all.
            let ended = visit.ended();
            while view.out.len() < ROOM {
                let Some(batch) = visit.batch() else {
                    let Some(ended) = ended else { return true };
                    say(view, "result", &result(visit.id(), &ended));
                    return false;
                };
                for chunk in batch.body["chunks"].as_array().into_iter().flatten() {
                    let mut chunk = chunk.clone();
                    chunk["id"] = visit.id().into();
                    say(view, "output", &chunk);
                }
                visit.shown(&batch);
            }
            true
        });
    }

    /// Until something is to be done.
    pub(super) fn rest(&self, waiting: usize, now: Instant) -> Option<Duration> {
        let rests = self.0.iter().map(|visit| {
            let more = visit.waits() || visit.ended().is_some();
            let deadline = visit.keep_time(now);
            match (more && waiting < ROOM, deadline) {
                (true, _) => Duration::ZERO,
                (false, Some(deadline)) => deadline.saturating_duration_since(now),
                (false, None) => Duration::MAX,
            }
        });
        rests.min()
    }
}

fn result(id: &str, ended: &Ended) -> Value {
    let end = ended.end;
    let mut result = map! {
        "id": id,
        "success": end.success(),
        "outcome": end.outcome.as_str(),
        "duration_ms": end.duration_ms,
    };
    if let Some(code) = end.exit_code {
        result["exit_code"] = code.into();
    }
    if let Some(reason) = &ended.reason {
        result["reason"] = reason.as_str().into();
    }
    result
}

fn visitor(house: &House, caller: &Caller, peer: IpAddr) -> Result<Visitor, String> {
    let (authorization, reach) = allowed(caller)?;
    let (gate, mut somebody) = (Arc::clone(&house.gate), caller.clone());
    Ok(Visitor {
        who: Box::new(move || {
            let known = gate.identify(&mut somebody, peer, Instant::now());
            let told = |refused| refusal::told(&refused).2.into_owned();
            known.map(|()| somebody.name).map_err(told)
        }),
        peer: peer.to_string(),
        authorization,
        reach,
    })
}

type As = (Option<crate::secret::Secret>, Reach);

/// As whom somebody may have commands done, and how far.
fn allowed(caller: &Caller) -> Result<As, String> {
    if caller.from_cookie {
        return Err("a browser's login only reads; send the token itself".to_owned());
    }
    match &caller.means {
        // The API server judges it.
        Means::Token(authorization) => Ok((Some(authorization.clone()), Reach::Policy)),
        Means::Key(Scope::Admin) => Ok((None, Reach::All)),
        Means::Key(Scope::Operate) => Ok((None, Reach::NoSecrets)),
        Means::Key(Scope::Read) => {
            Err("an API token of the scope read is not good for commands".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn who_may_have_commands_done() {
        let reach = |means, from_cookie| {
            let name = "me".to_owned();
            let caller = Caller {
                name,
                means,
                from_cookie,
            };
            let allowed = allowed(&caller).ok();
            allowed.map(|(authorization, reach)| (authorization.is_some(), reach))
        };
        let token = || Means::Token(Secret::new("Bearer t"));
        for (means, expected) in [
            (token(), Some((true, Reach::Policy))),
            (Means::Key(Scope::Admin), Some((false, Reach::All))),
            (Means::Key(Scope::Operate), Some((false, Reach::NoSecrets))),
            (Means::Key(Scope::Read), None),
        ] {
            assert_eq!(reach(means.clone(), false), expected);
            assert_eq!(reach(means, true), None, "a browser shows it by itself");
        }
    }
}
