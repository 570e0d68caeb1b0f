//! Text that must not be seen: tokens and keys.
//!
//! There is no `Display` and no serialisation, `Debug` prints a placeholder, and
//! memory is cleared on drop. Code that needs the text says so by [`Secret::expose`].

use std::fmt;

use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

/// A secret.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text as it is; callers trim what they read from files.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// By hashes: how long it takes tells nothing of the text.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let hash = |secret: &Self| digest(&SHA256, secret.expose().as_bytes());
        hash(self).as_ref() == hash(other).as_ref()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_tell() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn secrets_are_equal_by_their_text() {
        assert_eq!(Secret::new("a"), Secret::new("a"));
        assert_ne!(Secret::new("a"), Secret::new("b"));
    }
}
