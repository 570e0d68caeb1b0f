//! Output of recorded commands on the disk, until it is told.

use super::desk::Desk;
use crate::commands::Letter;

/// What the key of sealed output is for; another format has another one.
const PURPOSE: &str = "pipeops-agent outbox 1";

impl Desk {
    /// Puts on the disk what the letter says and the journal does not.
    pub(super) fn seal(&self, letter: &Letter) -> std::io::Result<()> {
        let key = self.tools.session.client.key(PURPOSE);
        let key = key.ok_or_else(|| std::io::Error::other("there is no token"))?;
        let tools = &self.tools;
        tools.sealed.keep(&key, &letter.id, letter.contents())
    }

    /// The letter of an ended command with what an earlier agent sealed.
    pub(super) fn unsealed(&self, mut letter: Letter) -> Letter {
        if letter.end.exit_code.is_none() {
            return letter;
        }
        let key = self.tools.session.client.key(PURPOSE).unwrap_or_default();
        match self.tools.sealed.read(&key, &letter.id) {
            Some(Ok(contents)) if letter.fill(&contents) => {}
            Some(_) => letter.unreadable(),
            None => {}
        }
        letter
    }
}
