//! Files of records that survive a crash: each record in a frame with a checksum. Pure,
//! but for [`File`].
//!
//! A frame is a mark, the length of the body, its CRC-32, the body. The mark lets a reader
//! find the next frame behind damage. What a body says is its owner's business.

mod file;

pub use file::{File, locked};

const MARK: [u8; 4] = [0xf5, b'c', b'm', 0xfa];
/// Bytes before a body: mark, length (2), CRC-32 (4).
pub const HEAD: usize = 10;

/// What is in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Up to where it is whole, apart from `lost`.
    pub good: usize,
    /// Bytes in the middle that are no records: damage, not an interrupted write.
    pub lost: usize,
}

/// Appends the frame of a body, which has 64 KiB at most.
pub fn push(body: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend(MARK);
    bytes.extend(u16::try_from(body.len()).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend(crc32(body).to_le_bytes());
    bytes.extend(body);
}

/// Shows everything that is whole; `take` says whether a body is a record. Bytes at the end
/// that are none were being written when the agent died; such bytes before a whole record
/// are damage.
pub fn scan(bytes: &[u8], take: &mut dyn FnMut(&[u8]) -> bool) -> Scan {
    let mut scan = Scan::default();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(body) = body(rest).filter(|body| take(body)) {
            scan.lost += at - scan.good;
            at += HEAD + body.len();
            scan.good = at;
        } else {
            let next = rest.windows(MARK.len()).skip(1).position(|it| it == MARK);
            match next {
                Some(distance) => at += distance + 1,
                None => break,
            }
        }
    }
    scan
}

/// The body of the frame at the start of these bytes.
fn body(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (mark, head) = head.split_first_chunk::<4>()?;
    let (length, head) = head.split_first_chunk::<2>()?;
    let (crc, _) = head.split_first_chunk::<4>()?;
    let body = rest.get(..usize::from(u16::from_le_bytes(*length)))?;
    (*mark == MARK && u32::from_le_bytes(*crc) == crc32(body)).then_some(body)
}

/// CRC-32 as in Ethernet and zip, four bits at a time: records are short.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| {
        (0..4).fold(crc, |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1))
        })
    };
    let byte = |crc: u32, byte: &u8| step(step(crc ^ u32::from(*byte)));
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_that_of_zip() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    proptest! {
        #[test]
        fn garbage_is_no_record(garbage in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(scan(&garbage, &mut |_| panic!("a record")), Scan::default());
        }
    }
}
