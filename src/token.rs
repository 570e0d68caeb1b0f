//! The bearer token: given, or read from a file that may change under us.
//!
//! Rotation through the control plane's `/token` call will live here too.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::hmac;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// How long a token read from a file is used before the file is looked at again.
const FRESH: Duration = Duration::from_secs(60);
/// Longest token; a header beyond this is refused by most servers anyway.
const LIMIT: u64 = 8 * 1024;

/// Where the token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    Fixed(Secret),
    /// Read again each minute, and when the control plane refuses the token.
    File(PathBuf),
}

/// A source with what was read last.
#[derive(Debug)]
pub struct Token {
    source: TokenSource,
    read: Mutex<Option<(Secret, Instant)>>,
}

/// The token cannot be had.
#[derive(Debug)]
pub struct Unreadable {
    /// None for a token that was given directly.
    path: Option<PathBuf>,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Io(io::Error),
    Empty,
    TooLong,
    Unprintable,
}

impl Token {
    pub fn new(source: TokenSource) -> Self {
        Self {
            source,
            read: Mutex::new(None),
        }
    }

    /// The token to use now. A file that cannot be read any more leaves the old one.
    pub fn current(&self, now: Instant) -> Result<Secret, Unreadable> {
        let path = match &self.source {
            TokenSource::Fixed(secret) => return checked(secret.clone(), None),
            TokenSource::File(path) => path,
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((secret, at)) = &*read
            && now.saturating_duration_since(*at) < FRESH
        {
            return Ok(secret.clone());
        }
        let secret = match (read_file(path), &*read) {
            (Ok(secret), _) => secret,
            (Err(_), Some((old, _))) => old.clone(),
            (Err(error), None) => return Err(error),
        };
        *read = Some((secret.clone(), now));
        Ok(secret)
    }

    /// A key made of the token, another for each purpose; none when there is no token now.
    pub fn key(&self, purpose: &str, now: Instant) -> Option<[u8; 32]> {
        let token = self.current(now).ok()?;
        // Tokens are random: nothing has to be done against guessing.
        let token = hmac::Key::new(hmac::HMAC_SHA256, token.expose().as_bytes());
        let key = hmac::sign(&token, purpose.as_bytes());
        key.as_ref().try_into().ok()
    }

    /// Another token than the refused one, if the file has one by now.
    pub fn other_than(&self, refused: &Secret, now: Instant) -> Option<Secret> {
        let TokenSource::File(path) = &self.source else {
            return None;
        };
        let secret = read_file(path)
            .ok()
            .filter(|secret| secret.expose() != refused.expose())?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        *read = Some((secret.clone(), now));
        Some(secret)
    }

    /// Reads the file again; true when it has another token than before.
    pub fn changed(&self, now: Instant) -> bool {
        let TokenSource::File(path) = &self.source else {
            return false;
        };
        let Ok(secret) = read_file(path) else {
            return false;
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let before = read.replace((secret.clone(), now));
        before.is_none_or(|(before, _)| before.expose() != secret.expose())
    }

    /// For people: where to change it.
    pub fn describe(&self) -> String {
        match &self.source {
            TokenSource::Fixed(_) => "the configured token".to_owned(),
            TokenSource::File(path) => format!("the token in {}", path.display()),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "the token file {} ", path.display())?,
            None => f.write_str("the token ")?,
        }
        f.write_str(match &self.problem {
            Problem::Io(_) => "cannot be read",
            Problem::Empty => "is empty",
            Problem::TooLong => "is longer than 8 KiB",
            Problem::Unprintable => {
                "has characters that no token has (blanks, line ends, non-ASCII)"
            }
        })
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Io(error) => Some(error),
            _ => None,
        }
    }
}

fn read_file(path: &Path) -> Result<Secret, Unreadable> {
    let unreadable = |problem| Unreadable {
        path: Some(path.to_owned()),
        problem,
    };
    let mut text = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| file.take(LIMIT + 2).read_to_string(&mut text))
        .map_err(|error| unreadable(Problem::Io(error)))?;
    checked(Secret::new(text.trim()), Some(path))
}

/// A token goes into a header: RFC 9110 allows visible ASCII there.
fn checked(secret: Secret, path: Option<&Path>) -> Result<Secret, Unreadable> {
    let text = secret.expose();
    let problem = if text.is_empty() {
        Problem::Empty
    } else if text.len() as u64 > LIMIT {
        Problem::TooLong
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Problem::Unprintable
    } else {
        return Ok(secret);
    };
    Err(Unreadable {
        path: path.map(Path::to_owned),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_again_after_a_minute_or_when_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token = Token::new(TokenSource::File(path.clone()));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let error = token.current(start).unwrap_err();
        assert!(error.to_string().contains("cannot be read"));

        fs::write(&path, "one\n").unwrap();
        assert_eq!(token.current(start).unwrap().expose(), "one");
        fs::write(&path, "two\n").unwrap();
        assert_eq!(token.current(at(59)).unwrap().expose(), "one");
        assert_eq!(token.current(at(60)).unwrap().expose(), "two");
        let two = Secret::new("two");
        assert!(token.other_than(&two, at(60)).is_none());
        fs::write(&path, "three").unwrap();
        assert_eq!(token.other_than(&two, at(60)).unwrap().expose(), "three");
        assert_eq!(token.current(at(61)).unwrap().expose(), "three");
        fs::remove_file(&path).unwrap();
        assert_eq!(token.current(at(900)).unwrap().expose(), "three");
    }

    #[test]
    fn a_change_is_seen_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token = Token::new(TokenSource::File(path.clone()));
        let now = Instant::now();
        assert!(!token.changed(now));
        fs::write(&path, "one").unwrap();
        assert!(token.changed(now));
        assert!(!token.changed(now));
        fs::write(&path, "two").unwrap();
        assert!(token.changed(now));
        assert_eq!(token.current(now).unwrap().expose(), "two");
        fs::write(&path, "").unwrap();
        assert!(!token.changed(now));
        let fixed = Token::new(TokenSource::Fixed(Secret::new("one")));
        assert!(!fixed.changed(now));
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_without_being_shown() {
        let long = "x".repeat(8193);
        for (text, words) in [
            ("", "is empty"),
            ("a b", "blanks"),
            ("a\nb", "line ends"),
            ("pässword", "non-ASCII"),
            (long.as_str(), "longer"),
        ] {
            let token = Token::new(TokenSource::Fixed(Secret::new(text)));
            let error = token.current(Instant::now()).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }
}
