//! What waits to be sent to one of many: pieces that all of them share.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::sync::Arc;

/// Pieces given to the kernel at once.
const AT_ONCE: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Queue {
    pieces: VecDeque<Arc<[u8]>>,
    /// Bytes of the first that are sent.
    sent: usize,
    /// Bytes that are not.
    left: usize,
}

impl Queue {
    pub(super) fn push(&mut self, piece: Arc<[u8]>) {
        self.left += piece.len();
        self.pieces.push_back(piece);
    }

    pub(super) fn len(&self) -> usize {
        self.left
    }

    /// Sends as much as is taken at once; how much that was.
    ///
    /// # Errors
    /// Nothing is taken any more, or the connection broke.
    pub(super) fn send(&mut self, mut to: impl Write) -> io::Result<usize> {
        let before = self.left;
        while self.left > 0 {
            let mut slices = [IoSlice::new(&[]); AT_ONCE];
            for (place, (slice, piece)) in slices.iter_mut().zip(&self.pieces).enumerate() {
                let from = if place == 0 { self.sent } else { 0 };
                *slice = IoSlice::new(piece.get(from..).unwrap_or_default());
            }
            match to.write_vectored(&slices) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.forget(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(before - self.left)
    }

    fn forget(&mut self, count: usize) {
        self.left -= count;
        self.sent += count;
        while let Some(first) = self.pieces.front()
            && self.sent >= first.len()
        {
            self.sent -= first.len();
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes at once, as often as there is room.
    struct Room {
        each: usize,
        left: usize,
        taken: Vec<u8>,
    }

    impl Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.each).min(self.left);
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.left -= count;
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            self.write(&all)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn pieces_are_sent_in_order_wherever_they_are_cut() {
        let all: Vec<u8> = (0..200).collect();
        for each in 1..40 {
            let mut queue = Queue::default();
            all.chunks(7).for_each(|piece| queue.push(Arc::from(piece)));
            let mut room = Room {
                each,
                left: 0,
                taken: Vec::new(),
            };
            while queue.len() > 0 {
                room.left = 33;
                queue.send(&mut room).unwrap();
            }
            assert_eq!(room.taken, all);
            assert!(queue.pieces.is_empty());
        }
    }

    #[test]
    fn who_takes_nothing_for_ever_is_an_error() {
        let mut queue = Queue::default();
        queue.push(Arc::from(&b"x"[..]));
        assert!(queue.send(&mut [0; 0][..]).is_err());
    }
}
