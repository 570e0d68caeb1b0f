//! All open connections, found by a token that outlives none of them.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use super::connection::Connection;

/// A slot and which connection in its life; an event or an answer for an earlier
/// one finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    index: u32,
    generation: u32,
}

/// A connection with its socket and what epoll last said about it.
#[derive(Debug)]
pub(super) struct Open {
    /// Non-blocking; a worker has a share while it answers.
    pub(super) stream: Arc<TcpStream>,
    pub(super) connection: Connection,
    /// Reading may give something.
    pub(super) readable: bool,
    /// Writing may take something.
    pub(super) writable: bool,
    /// The peer has shut its side: reading gives an end after the last byte.
    pub(super) ended: bool,
    /// What it holds for its peer, as last counted.
    pub(super) held: usize,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    open: Option<Open>,
}

impl Token {
    pub(super) fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(super) fn from_u64(value: u64) -> Token {
        let [g1, g2, g3, g4, i1, i2, i3, i4] = value.to_be_bytes();
        Token {
            index: u32::from_be_bytes([i1, i2, i3, i4]),
            generation: u32::from_be_bytes([g1, g2, g3, g4]),
        }
    }
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// None when there are more connections than tokens.
    pub(super) fn insert(&mut self, open: Open) -> Option<Token> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot::default());
                index
            }
        };
        let slot = self.slots.get_mut(index as usize)?;
        slot.open = Some(open);
        Some(Token {
            index,
            generation: slot.generation,
        })
    }

    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut Open> {
        self.slot(token)?.open.as_mut()
    }

    pub(super) fn remove(&mut self, token: Token) -> Option<Open> {
        let slot = self.slot(token)?;
        let open = slot.open.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token.index);
        Some(open)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, &Open)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| {
            let generation = slot.generation;
            Some((Token { index, generation }, slot.open.as_ref()?))
        })
    }

    /// The connection to close when there is no room for another.
    pub(super) fn evictable(&self) -> Option<Token> {
        let ranked = self
            .iter()
            .filter_map(|(token, open)| Some((open.connection.rank()?, token)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, token)| token)
    }

    /// Connections whose deadline has passed.
    pub(super) fn overdue(&self, now: Instant) -> Vec<Token> {
        let is_overdue = |open: &Open| open.connection.deadline().is_some_and(|end| end <= now);
        self.iter()
            .filter(|(_, open)| is_overdue(open))
            .map(|(token, _)| token)
            .collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.iter()
            .filter_map(|(_, open)| open.connection.deadline())
            .min()
    }

    fn slot(&mut self, token: Token) -> Option<&mut Slot> {
        self.slots
            .get_mut(token.index as usize)
            .filter(|slot| slot.generation == token.generation)
    }
}
