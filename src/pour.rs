//! Sends bytes to whoever takes them, without waiting.

use std::io::{self, ErrorKind, Write};

/// Sends as much as is taken at once, and leaves the rest; how much that was.
///
/// # Errors
/// Nothing is taken any more, or the connection broke.
pub fn pour(mut to: impl Write, out: &mut Vec<u8>) -> io::Result<usize> {
    let mut sent = 0;
    while sent < out.len() {
        match to.write(out.get(sent..).unwrap_or_default()) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.drain(..sent);
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, three at once.
    struct Room(usize, Vec<u8>);

    impl Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(3).min(self.0 - self.1.len());
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.1.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_not_taken_stays() {
        let mut out = b"0123456789".to_vec();
        let mut room = Room(7, Vec::new());
        assert_eq!(pour(&mut room, &mut out).unwrap(), 7);
        assert_eq!((&*room.1, &*out), (&b"0123456"[..], &b"789"[..]));
        assert_eq!(pour(&mut room, &mut out).unwrap(), 0);
        assert!(
            pour(&mut [0; 0][..], &mut out).is_err(),
            "it takes nothing, for ever"
        );
    }
}
