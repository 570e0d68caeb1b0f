//! Who has logged in with a browser, and the code by which somebody at the machine does.
//!
//! Pure: time and randomness come in. What a browser holds is known by its hash only.

use std::time::{Duration, Instant};

use ring::hmac;

use super::Caller;

/// Of one login, however busy.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Without a request.
const IDLE: Duration = Duration::from_secs(8 * 3600);
/// At once; one more ends the one that is idle longest.
const MOST: usize = 32;
/// In which a code is good, once.
pub(super) const CODE_LIVES: Duration = Duration::from_secs(300);
/// Between asking for a ticket and showing it.
pub(super) const TICKET_LIVES: Duration = Duration::from_secs(30);
/// A code that was guessed at so often is of no use any more.
const TRIES: u8 = 5;

pub(super) struct Sessions {
    key: hmac::Key,
    open: Vec<Session>,
    tickets: Vec<(hmac::Tag, Caller, Instant)>,
    code: Option<Code>,
}

struct Session {
    tag: hmac::Tag,
    caller: Caller,
    began: Instant,
    seen: Instant,
}

struct Code {
    tag: hmac::Tag,
    until: Instant,
    tries: u8,
}

impl Sessions {
    pub(super) fn new(key: hmac::Key) -> Self {
        Self {
            key,
            open: Vec::new(),
            tickets: Vec::new(),
            code: None,
        }
    }

    /// Lets somebody in whose browser will show `secret`.
    pub(super) fn enter(&mut self, secret: &str, caller: Caller, now: Instant) {
        self.tidy(now);
        if self.open.len() >= MOST {
            let idle = (0..self.open.len()).min_by_key(|place| self.open[*place].seen);
            idle.map(|place| self.open.swap_remove(place));
        }
        self.open.push(Session {
            tag: self.tag(secret),
            caller,
            began: now,
            seen: now,
        });
    }

    /// Who that is, and how long this login is good at most.
    pub(super) fn find(&mut self, secret: &str, now: Instant) -> Option<(Caller, Duration)> {
        self.tidy(now);
        let place = self.place(secret)?;
        let session = self.open.get_mut(place)?;
        session.seen = now;
        let left = LONGEST.saturating_sub(now.saturating_duration_since(session.began));
        Some((session.caller.clone(), left))
    }

    pub(super) fn leave(&mut self, secret: &str) -> Option<Caller> {
        let place = self.place(secret)?;
        Some(self.open.swap_remove(place).caller)
    }

    /// Lets somebody in once, by what stands in a URL.
    pub(super) fn ticket(&mut self, secret: &str, caller: Caller, now: Instant) {
        self.tickets.retain(|(_, _, until)| *until > now);
        if self.tickets.len() >= MOST {
            self.tickets.remove(0);
        }
        self.tickets
            .push((self.tag(secret), caller, now + TICKET_LIVES));
    }

    /// Whose ticket it is, which is of no use afterwards.
    pub(super) fn punch(&mut self, secret: &str, now: Instant) -> Option<Caller> {
        let is_it =
            |tag: &hmac::Tag| hmac::verify(&self.key, secret.as_bytes(), tag.as_ref()).is_ok();
        let place = self.tickets.iter().position(|(tag, _, _)| is_it(tag))?;
        let (_, caller, until) = self.tickets.remove(place);
        (until > now).then_some(caller)
    }

    /// From now on only this code is good.
    pub(super) fn offer(&mut self, code: &str, now: Instant) {
        self.code = Some(Code {
            tag: self.tag(code),
            until: now + CODE_LIVES,
            tries: 0,
        });
    }

    /// Whether it is the code, which is of no use afterwards.
    pub(super) fn redeem(&mut self, code: &str, now: Instant) -> bool {
        let digits: String = code.chars().filter(char::is_ascii_digit).collect();
        let Some(offered) = &mut self.code else {
            return false;
        };
        offered.tries += 1;
        let is_good = offered.until > now && offered.tries <= TRIES;
        let is_it =
            is_good && hmac::verify(&self.key, digits.as_bytes(), offered.tag.as_ref()).is_ok();
        if is_it || !is_good {
            self.code = None;
        }
        is_it
    }

    fn place(&self, secret: &str) -> Option<usize> {
        let is_it = |session: &Session| {
            hmac::verify(&self.key, secret.as_bytes(), session.tag.as_ref()).is_ok()
        };
        self.open.iter().position(is_it)
    }

    fn tag(&self, text: &str) -> hmac::Tag {
        hmac::sign(&self.key, text.as_bytes())
    }

    fn tidy(&mut self, now: Instant) {
        self.open.retain(|session| {
            now.saturating_duration_since(session.began) < LONGEST
                && now.saturating_duration_since(session.seen) < IDLE
        });
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;
    use crate::security::{Means, Scope};

    const HOUR: Duration = Duration::from_secs(3600);

    fn sessions() -> Sessions {
        Sessions::new(hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).unwrap())
    }

    fn caller(name: &str) -> Caller {
        Caller {
            name: name.to_owned(),
            means: Means::Key(Scope::Read),
            from_cookie: true,
        }
    }

    #[test]
    fn a_login_is_good_until_it_is_idle_old_or_ended() {
        let mut sessions = sessions();
        let start = Instant::now();
        sessions.enter("one", caller("me"), start);
        sessions.enter("two", caller("you"), start);
        let name = |found: Option<(Caller, Duration)>| found.map(|(caller, _)| caller.name);
        assert_eq!(name(sessions.find("one", start)).unwrap(), "me");
        assert_eq!(name(sessions.find("three", start)), None);
        assert_eq!(sessions.leave("two").unwrap().name, "you");
        assert_eq!(name(sessions.find("two", start)), None);
        for hours in [7, 14, 21] {
            assert!(sessions.find("one", start + hours * HOUR).is_some());
        }
        assert!(sessions.find("one", start + 24 * HOUR).is_none(), "old");
        sessions.enter("one", caller("me"), start);
        assert!(sessions.find("one", start + 8 * HOUR).is_none(), "idle");
    }

    #[test]
    fn of_too_many_the_one_idle_longest_goes() {
        let mut sessions = sessions();
        let start = Instant::now();
        for number in 0..=MOST as u64 {
            let now = start + Duration::from_secs(number);
            sessions.enter(&number.to_string(), caller("me"), now);
        }
        let later = start + HOUR;
        assert!(sessions.find("0", later).is_none());
        assert!(sessions.find("1", later).is_some());
        assert_eq!(sessions.open.len(), MOST);
    }

    #[test]
    fn a_ticket_is_good_once_and_for_a_moment() {
        let mut sessions = sessions();
        let start = Instant::now();
        sessions.ticket("one", caller("me"), start);
        sessions.ticket("two", caller("me"), start);
        assert!(sessions.punch("three", start).is_none());
        assert_eq!(sessions.punch("one", start).unwrap().name, "me");
        assert!(sessions.punch("one", start).is_none(), "once");
        assert!(
            sessions.punch("two", start + TICKET_LIVES).is_none(),
            "late"
        );
        for number in 0..=MOST {
            sessions.ticket(&number.to_string(), caller("me"), start);
        }
        assert_eq!(sessions.tickets.len(), MOST);
    }

    #[test]
    fn a_code_is_good_once_and_for_a_while() {
        let mut sessions = sessions();
        let start = Instant::now();
        assert!(!sessions.redeem("12345678", start), "none was offered");
        sessions.offer("12345678", start);
        assert!(!sessions.redeem("12345679", start));
        assert!(sessions.redeem("1234-5678", start));
        assert!(!sessions.redeem("12345678", start), "only once");
        sessions.offer("12345678", start);
        assert!(!sessions.redeem("12345678", start + CODE_LIVES));
        sessions.offer("12345678", start);
        for _ in 0..TRIES {
            assert!(!sessions.redeem("0", start));
        }
        assert!(!sessions.redeem("12345678", start), "guessed at too often");
    }
}
