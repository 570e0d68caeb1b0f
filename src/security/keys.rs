//! API tokens: one for reading, and a file of several, each with what it is good for.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::hmac;
use zeroize::Zeroizing;

use crate::token::{Token, TokenSource};

/// A file is looked at again after so long: what is taken out of it is of no use then.
const FRESH: Duration = Duration::from_secs(10);
/// Largest file.
const LIMIT: u64 = 64 * 1024;
/// A shorter token could be guessed.
const SHORTEST: usize = 16;

/// What an API token is good for; each is good for what the ones before it are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// To read, but no Secrets.
    Read,
    /// To do what the site's policy lets the control plane do, but no Secrets.
    Operate,
    /// Whatever the agent itself has a right to.
    Admin,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [Self::Read, Self::Operate, Self::Admin];
        all.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub name: String,
    pub scope: Scope,
}

/// Tokens are compared by hashes under a key drawn at the start: the time that takes tells an
/// attacker nothing, and of the file nothing else is kept.
pub(super) struct Keys {
    key: hmac::Key,
    single: Option<Token>,
    file: Option<(PathBuf, Mutex<Listed>)>,
}

#[derive(Default)]
struct Listed {
    tokens: Vec<(hmac::Tag, Holder)>,
    /// Of the text that they were read from.
    digest: Option<hmac::Tag>,
    looked: Option<Instant>,
}

impl Keys {
    pub(super) fn new(key: hmac::Key, single: Option<TokenSource>, file: Option<PathBuf>) -> Self {
        Self {
            key,
            single: single.map(Token::new),
            file: file.map(|path| (path, Mutex::default())),
        }
    }

    /// Whether there are any that could be the right one.
    pub(super) fn are_there(&self, now: Instant) -> bool {
        let single = self.single.as_ref();
        let listed = |(path, listed): &(PathBuf, Mutex<Listed>)| {
            !self.look(path, listed, now).tokens.is_empty()
        };
        single.is_some_and(|token| token.current(now).is_ok())
            || self.file.as_ref().is_some_and(listed)
    }

    pub(super) fn holder(&self, token: &str, now: Instant) -> Option<Holder> {
        let is_it =
            |tag: &hmac::Tag| hmac::verify(&self.key, token.as_bytes(), tag.as_ref()).is_ok();
        let single = self.single.as_ref().and_then(|own| own.current(now).ok());
        if single.is_some_and(|own| is_it(&hmac::sign(&self.key, own.expose().as_bytes()))) {
            return Some(Holder {
                name: "api-token".to_owned(),
                scope: Scope::Read,
            });
        }
        let (path, listed) = self.file.as_ref()?;
        let listed = self.look(path, listed, now);
        let found = listed.tokens.iter().find(|(tag, _)| is_it(tag));
        found.map(|(_, holder)| holder.clone())
    }

    /// What the file says; while it says nothing of use, what it said before.
    fn look<'l>(
        &self,
        path: &Path,
        listed: &'l Mutex<Listed>,
        now: Instant,
    ) -> std::sync::MutexGuard<'l, Listed> {
        let mut listed = listed.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |looked| now.saturating_duration_since(looked) < FRESH;
        if listed.looked.is_some_and(fresh) {
            return listed;
        }
        listed.looked = Some(now);
        match text_of(path).map_err(|error| error.to_string()) {
            Ok(text) => {
                let digest = hmac::sign(&self.key, text.as_bytes());
                let known = listed.digest.as_ref();
                if known.is_none_or(|known| known.as_ref() != digest.as_ref()) {
                    listed.digest = Some(digest);
                    match self.parse(&text) {
                        Ok(tokens) => listed.tokens = tokens,
                        Err(problem) => complain(path, &problem),
                    }
                }
            }
            Err(problem) => {
                if listed.digest.take().is_some() || listed.tokens.is_empty() {
                    complain(path, &problem);
                }
            }
        }
        listed
    }

    fn parse(&self, text: &str) -> Result<Vec<(hmac::Tag, Holder)>, String> {
        let tokens = parse(text)?.into_iter().map(|(holder, token)| {
            let tag = hmac::sign(&self.key, token.as_bytes());
            (tag, holder)
        });
        Ok(tokens.collect())
    }
}

fn complain(path: &Path, problem: &str) {
    let path = path.display();
    log::error!("{path}: {problem}; the API tokens read before stay as they are");
}

fn text_of(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let file = fs::File::open(path)?;
    file.take(LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT {
        return Err(io::Error::other("longer than 64 KiB"));
    }
    Ok(text)
}

/// Checks a file before it is used.
///
/// # Errors
/// What is wrong with it, and in which line; never a token.
pub fn check(path: &Path) -> Result<(), String> {
    let text = text_of(path).map_err(|error| error.to_string())?;
    check_text(&text)
}

/// The same for its text.
///
/// # Errors
/// As [`check`].
pub fn check_text(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

/// Lines of `SCOPE NAME TOKEN`; `#` begins a comment.
fn parse(text: &str) -> Result<Vec<(Holder, &str)>, String> {
    let mut all: Vec<(Holder, &str)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |problem: &str| Err(format!("line {number} {problem}"));
        let words: Vec<&str> = line.split_whitespace().collect();
        let [scope, name, token] = words[..] else {
            return wrong("is not SCOPE NAME TOKEN");
        };
        let Some(scope) = Scope::parse(scope) else {
            return wrong("begins with no scope; write read, operate or admin");
        };
        if token.len() < SHORTEST {
            return wrong(
                "has a token of fewer than 16 characters; openssl rand -hex 32 makes one",
            );
        }
        if all
            .iter()
            .any(|(holder, known)| holder.name == name || *known == token)
        {
            return wrong("has a name or a token that an earlier line has");
        }
        let name = name.to_owned();
        all.push((Holder { name, scope }, token));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;
    use crate::secret::Secret;

    const FIRST: &str = "0123456789abcdef";
    const SECOND: &str = "fedcba9876543210";

    fn keys(single: Option<TokenSource>, file: Option<PathBuf>) -> Keys {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).unwrap();
        Keys::new(key, single, file)
    }

    #[test]
    fn the_single_token_reads() {
        let keys = keys(Some(TokenSource::Fixed(Secret::new("t0ken"))), None);
        let now = Instant::now();
        assert!(keys.are_there(now));
        assert_eq!(keys.holder("t0ken", now).unwrap().scope, Scope::Read);
        for wrong in ["t0ke", "t0kenn", "", "T0KEN"] {
            assert_eq!(keys.holder(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_has_several_and_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let write = |text: &str| fs::write(&path, text).unwrap();
        write(&format!(
            "# ours\nread prometheus {FIRST}\nadmin me {SECOND}\n"
        ));
        let keys = keys(None, Some(path.clone()));
        let start = Instant::now();
        let scope = |token, after| {
            let holder = keys.holder(token, start + Duration::from_secs(after));
            holder.map(|holder| holder.scope)
        };
        assert_eq!(scope(FIRST, 0), Some(Scope::Read));
        assert_eq!(scope(SECOND, 1), Some(Scope::Admin));
        write(&format!("operate me {SECOND}\n"));
        assert_eq!(scope(FIRST, 9), Some(Scope::Read), "not looked at yet");
        assert_eq!(scope(FIRST, 10), None);
        assert_eq!(scope(SECOND, 11), Some(Scope::Operate));
        write("nonsense\n");
        assert_eq!(
            scope(SECOND, 21),
            Some(Scope::Operate),
            "what was said before"
        );
        fs::remove_file(&path).unwrap();
        assert_eq!(scope(SECOND, 31), Some(Scope::Operate));
        write("");
        assert_eq!(scope(SECOND, 41), None);
        assert!(!keys.are_there(start + Duration::from_secs(42)));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_token() {
        for (text, problem) in [
            ("read me\n", "line 1 is not SCOPE NAME TOKEN"),
            (
                "\nroot me 0123456789abcdef\n",
                "line 2 begins with no scope",
            ),
            (
                "read me hunter2\n",
                "line 1 has a token of fewer than 16 characters",
            ),
            (
                "read me 0123456789abcdef\nadmin you 0123456789abcdef",
                "line 2 has a name or a token",
            ),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.starts_with(problem), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
