//! What the API server says about whoever shows a token of Kubernetes.
//!
//! Each asks about itself, with its own token (SelfSubjectReview, SelfSubjectAccessReview):
//! the agent needs no right to judge others, and vouches for nobody.
//! <https://kubernetes.io/docs/reference/access-authn-authz/authorization/>

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::hmac;

use crate::k8s::calls::{self, Wish};
use crate::k8s::{Client, Error, Verdict};
use crate::seats::Seats;
use crate::secret::Secret;

const YES: Duration = Duration::from_secs(60);
const NO: Duration = Duration::from_secs(10);
/// Answers that are kept; one more takes the place of the one that ends first.
const KEPT: usize = 512;
/// Who asks the API server at once: each keeps a thread of the HTTP front waiting.
const ASKING: usize = 2;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The token is none, or no longer.
    Unknown,
    /// Others are asking.
    Busy,
    Failed(Error),
}

pub(super) struct Reviews {
    key: hmac::Key,
    client: Client,
    answers: Mutex<Answers>,
    asking: Seats,
}

/// An answer under the hash of token and question.
struct Answer<T> {
    tag: hmac::Tag,
    says: T,
    until: Instant,
}

#[derive(Default)]
struct Answers {
    rights: Vec<Answer<bool>>,
    /// None: the token is not known.
    names: Vec<Answer<Option<String>>>,
}

impl Reviews {
    pub(super) fn new(key: hmac::Key, client: Client) -> Self {
        Self {
            key,
            client,
            answers: Mutex::default(),
            asking: Seats::new(ASKING),
        }
    }

    /// Whose value of `Authorization` it is, as the API server calls them, and whether it was
    /// asked just now.
    pub(super) fn name(&self, token: &Secret, now: Instant) -> Result<(String, bool), Trouble> {
        let tag = self.tag(token.expose(), "");
        let known = find(&mut self.answers().names, &tag, now);
        if let Some(known) = known {
            return known.map(|name| (name, false)).ok_or(Trouble::Unknown);
        }
        let said = self.ask(Some(token), calls::who_am_i);
        let (says, lives) = match &said {
            Ok(name) => (Some(name.clone()), YES),
            Err(Trouble::Unknown) => (None, NO),
            Err(_) => return said.map(|name| (name, true)),
        };
        keep(&mut self.answers().names, tag, says, now + lives);
        said.map(|name| (name, true))
    }

    /// Whether the API server knew that token not long ago.
    pub(super) fn knows(&self, token: &Secret, now: Instant) -> bool {
        let tag = self.tag(token.expose(), "");
        matches!(find(&mut self.answers().names, &tag, now), Some(Some(_)))
    }

    /// Whether they may do that (none: the agent), and whether the API server was asked just now.
    pub(super) fn may(
        &self,
        token: Option<&Secret>,
        wish: Wish<'_>,
        now: Instant,
    ) -> Result<(bool, bool), Trouble> {
        // No value of `Authorization` is empty.
        let tag = self.tag(token.map_or("", Secret::expose), &question(wish));
        if let Some(known) = find(&mut self.answers().rights, &tag, now) {
            return Ok((known, false));
        }
        let may = self.ask(token, |client| calls::can_i(client, wish))?;
        let lives = if may { YES } else { NO };
        keep(&mut self.answers().rights, tag, may, now + lives);
        Ok((may, true))
    }

    fn ask<T>(
        &self,
        token: Option<&Secret>,
        question: impl FnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, Trouble> {
        let _seat = self.asking.take().ok_or(Trouble::Busy)?;
        let client = match token {
            Some(token) => self.client.as_other(token.clone()),
            None => Ok(self.client.clone()),
        };
        client
            .and_then(|client| question(&client))
            .map_err(|error| match error.verdict() {
                Verdict::Unauthorized => Trouble::Unknown,
                _ => Trouble::Failed(error),
            })
    }

    fn tag(&self, token: &str, question: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(token.as_bytes());
        context.update(&[0]);
        context.update(question.as_bytes());
        context.sign()
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wish as text that no other wish has. Not by `{:?}`, which tells no fields in the shipped
/// build (`docs/adr/0009-release-profile.md`): there all wishes would be one.
fn question(wish: Wish<'_>) -> String {
    match wish {
        Wish::Path(path) => ["path", path].join("\0"),
        Wish::Object {
            verb,
            group,
            resource,
            namespace,
            name,
        } => ["object", verb, group, resource, namespace, name].join("\0"),
    }
}

/// Tags are hashes under a secret key: how long it takes to compare them tells nothing.
fn find<T: Clone>(answers: &mut Vec<Answer<T>>, tag: &hmac::Tag, now: Instant) -> Option<T> {
    answers.retain(|answer| answer.until > now);
    let mut known = answers.iter();
    let found = known.find(|answer| answer.tag.as_ref() == tag.as_ref())?;
    Some(found.says.clone())
}

fn keep<T>(answers: &mut Vec<Answer<T>>, tag: hmac::Tag, says: T, until: Instant) {
    if answers.len() >= KEPT {
        let first = (0..answers.len()).min_by_key(|place| answers[*place].until);
        first.map(|place| answers.swap_remove(place));
    }
    answers.push(Answer { tag, says, until });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_ends() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let tag = |number: usize| hmac::sign(&key, &number.to_be_bytes());
        let start = Instant::now();
        let mut answers = Vec::new();
        for number in 0..=KEPT {
            let until = start + Duration::from_secs(10 + number as u64);
            keep(&mut answers, tag(number), number, until);
        }
        assert_eq!(answers.len(), KEPT);
        assert_eq!(find(&mut answers, &tag(0), start), None, "it ended first");
        assert_eq!(find(&mut answers, &tag(1), start), Some(1));
        let later = start + Duration::from_secs(11);
        assert_eq!(find(&mut answers, &tag(1), later), None);
        assert_eq!(answers.len(), KEPT - 1);
    }

    #[test]
    fn no_two_wishes_are_one_question() {
        let object = |verb, resource, namespace, name| Wish::Object {
            verb,
            group: "",
            resource,
            namespace,
            name,
        };
        let wishes = [
            Wish::Path("/metrics"),
            Wish::Path("/agent/audit"),
            object("list", "pods", "", ""),
            object("get", "pods", "", ""),
            object("list", "nodes", "", ""),
            object("list", "pods", "shop", ""),
            object("list", "pods", "", "shop"),
        ];
        let mut questions = wishes.map(question).to_vec();
        questions.sort();
        questions.dedup();
        assert_eq!(questions.len(), wishes.len());
    }
}
