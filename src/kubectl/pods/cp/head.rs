//! Heads of tar archives: written as GNU tar does, read as any tar writes them. Pure.

/// Archives are made of these.
pub(super) const BLOCK: usize = 512;
/// Kinds of entries.
pub(super) const FILE: u8 = b'0';
pub(super) const SAME: u8 = b'1';
pub(super) const LINK: u8 = b'2';
pub(super) const FOLDER: u8 = b'5';
/// A long name, or a long target, of the next entry.
pub(super) const LONG_NAME: u8 = b'L';
pub(super) const LONG_LINK: u8 = b'K';
/// Records for the next entry (POSIX).
pub(super) const RECORDS: u8 = b'x';

/// One entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: u8,
    pub(super) name: String,
    pub(super) link: String,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) mtime: u64,
}

/// Bytes that fill up the last block of that many.
pub(super) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

impl Entry {
    /// Appends the head, behind those that carry what is too long for it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for (text, kind) in [(&self.link, LONG_LINK), (&self.name, LONG_NAME)] {
            if text.len() > 100 {
                let long = Entry {
                    kind,
                    name: "././@LongLink".to_owned(),
                    size: text.len() as u64 + 1,
                    ..Entry::default()
                };
                long.write_one(out);
                out.extend_from_slice(text.as_bytes());
                let zeros = 1 + padding(long.size);
                out.extend((0..zeros).map(|_| 0));
            }
        }
        self.write_one(out);
    }

    fn write_one(&self, out: &mut Vec<u8>) {
        let text = |text: &str, width: usize| {
            let mut field: Vec<u8> = text.bytes().take(width).collect();
            field.resize(width, 0);
            field
        };
        let start = out.len();
        out.extend(text(&self.name, 100));
        out.extend(number(self.mode.into(), 8));
        out.extend(number(self.uid.into(), 8));
        out.extend(number(self.gid.into(), 8));
        out.extend(number(self.size, 12));
        out.extend(number(self.mtime, 12));
        let sum = out.len();
        out.extend_from_slice(b"        ");
        out.push(self.kind);
        out.extend(text(&self.link, 100));
        out.extend_from_slice(b"ustar  \0");
        out.resize(start + BLOCK, 0);
        let total: u64 = out.iter().skip(start).map(|byte| u64::from(*byte)).sum();
        let digits = format!("{total:06o}\0 ");
        let digits = digits.bytes();
        out.iter_mut()
            .skip(sum)
            .zip(digits)
            .for_each(|(field, digit)| *field = digit);
    }

    /// None for a block of zeros, which ends an archive.
    pub(super) fn read(block: &[u8; BLOCK]) -> Result<Option<Entry>, &'static str> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        const WRONG: &str = "archive/tar: invalid tar header";
        let field =
            |start: usize, width: usize| block.get(start..start + width).unwrap_or_default();
        let value = |start, width| value(field(start, width)).ok_or(WRONG);
        let small = |start| u32::try_from(value(start, 8)?).map_err(|_| WRONG);
        let blank = |place| (148..156).contains(&place);
        let bytes = block.iter().enumerate();
        let sum: u64 = bytes
            .map(|(place, byte)| if blank(place) { 32 } else { u64::from(*byte) })
            .sum();
        if value(148, 8)? != sum {
            return Err(WRONG);
        }
        let mut name = text(field(0, 100));
        let prefix = text(field(345, 155));
        // GNU tar has other things there.
        if field(257, 6) == b"ustar\0" && !prefix.is_empty() {
            name = format!("{prefix}/{name}");
        }
        Ok(Some(Entry {
            kind: match block[156] {
                0 | b'7' if name.ends_with('/') => FOLDER,
                0 | b'7' => FILE,
                kind => kind,
            },
            name,
            link: text(field(157, 100)),
            mode: small(100)?,
            // Owners are not taken over, and may be too large for anything.
            uid: 0,
            gid: 0,
            size: value(124, 12)?,
            mtime: value(136, 12).unwrap_or_default(),
        }))
    }

    /// Takes over what POSIX records say: `LENGTH KEY=VALUE\n`, one after the other.
    pub(super) fn apply(&mut self, records: &[u8]) {
        let mut rest = records;
        while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
            let length = str::from_utf8(&rest[..blank])
                .ok()
                .and_then(|text| text.parse().ok());
            let Some(record) = length.and_then(|length: usize| rest.get(blank + 1..length)) else {
                return;
            };
            rest = &rest[blank + 1 + record.len()..];
            let record = String::from_utf8_lossy(record);
            match record.trim_end_matches('\n').split_once('=') {
                Some(("path", path)) => path.clone_into(&mut self.name),
                Some(("linkpath", path)) => path.clone_into(&mut self.link),
                Some(("size", size)) => self.size = size.parse().unwrap_or(self.size),
                _ => {}
            }
        }
    }
}

/// Up to the first zero.
pub(super) fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&field[..end.unwrap_or(field.len())]).into_owned()
}

/// Octal digits with a zero at the end, or binary with the first bit set if it is larger.
fn number(value: u64, width: usize) -> Vec<u8> {
    let digits = format!("{value:0width$o}\0", width = width - 1);
    if digits.len() == width {
        return digits.into_bytes();
    }
    let mut field = vec![0; width - 8];
    field.extend_from_slice(&value.to_be_bytes());
    field[0] |= 0x80;
    field
}

fn value(field: &[u8]) -> Option<u64> {
    if let [first @ 0x80..=0xfe, rest @ ..] = field {
        let first = u64::from(first & 0x7f);
        return rest.iter().try_fold(first, |value, byte| {
            Some(value.checked_mul(256)? | u64::from(*byte))
        });
    }
    let digits = str::from_utf8(field).ok()?;
    let digits = digits.trim_matches([' ', '\0']);
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(bytes: &[u8]) -> Vec<[u8; BLOCK]> {
        bytes
            .chunks(BLOCK)
            .map(|block| block.try_into().unwrap())
            .collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for size in [0, 5, 0o7_777_777_777, 0o77_777_777_777 + 1, 1 << 40] {
            let entry = Entry {
                kind: FILE,
                name: "a/b".to_owned(),
                mode: 0o644,
                size,
                mtime: 1_795_674_596,
                ..Entry::default()
            };
            let mut out = Vec::new();
            entry.write(&mut out);
            assert_eq!(Entry::read(&blocks(&out)[0]), Ok(Some(entry)));
        }
        assert_eq!(Entry::read(&[0; BLOCK]), Ok(None));
    }

    #[test]
    fn a_long_name_stands_before_its_entry() {
        let name = "n".repeat(600);
        let entry = Entry {
            kind: FILE,
            name: name.clone(),
            ..Entry::default()
        };
        let mut out = Vec::new();
        entry.write(&mut out);
        let blocks = blocks(&out);
        assert_eq!(blocks.len(), 4);
        let first = Entry::read(&blocks[0]).unwrap().unwrap();
        assert_eq!((first.kind, first.size), (LONG_NAME, 601));
        assert_eq!(text(&out[BLOCK..3 * BLOCK]), name);
    }

    #[test]
    fn other_tars_write_a_prefix_or_records() {
        let mut entry = Entry::default();
        entry.apply(b"18 path=long/name\n20 linkpath=the/one\n16 size=9999999\nbad");
        assert_eq!((&*entry.name, &*entry.link), ("long/name", "the/one"));
        let mut before = entry.clone();
        entry.apply(b"99 path=x\n");
        entry.apply(b"-1 path=x\n");
        before.size = entry.size;
        assert_eq!(entry, before);
    }

    #[test]
    fn a_broken_head_is_refused() {
        let mut out = Vec::new();
        Entry::default().write(&mut out);
        let good = blocks(&out)[0];
        for place in [0, 100, 124, 148, 300] {
            let mut bad = good;
            bad[place] ^= 0x11;
            assert!(Entry::read(&bad).is_err(), "{place}");
        }
    }
}
