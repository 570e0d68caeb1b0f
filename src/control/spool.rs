//! What waits on the disk for the control plane: changes, and up to which one it has them.
//!
//! Changes lie in small files, named by the number of the first, so that what is dropped
//! or done with is a file removed, and reading needs the memory of one. There are files
//! only while changes cannot be sent: flash wears. Whoever reads sees by the numbers what
//! is missing, whatever took it. A change is text here.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::frames::{self, File};

const FIRST_LINE: &[u8] = b"pipeops-agent changes 1\n";
/// A file that has so many bytes is followed by a new one.
const SEGMENT: usize = 64 * 1024;
const EXTENSION: &str = "changes";

/// What is remembered beside the changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The number of the last change that the control plane has.
    pub number: u64,
    /// Its position there.
    pub position: u64,
    /// Days since 1970, and what was sent on that one, in bytes.
    pub day: u64,
    pub sent: u64,
}

/// A folder of changes that no other agent uses.
#[derive(Debug, Default)]
pub struct Spool {
    /// None: nothing is kept.
    folder: Option<PathBuf>,
    limit: u64,
    /// Held open and locked for as long as the agent lives.
    marked: Option<fs::File>,
    mark: Mark,
    segments: VecDeque<Segment>,
    /// The last segment.
    file: Option<File>,
    last: u64,
    dropped: u64,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    /// The number of its first change.
    first: u64,
    bytes: u64,
}

impl Spool {
    /// Takes over what an earlier agent left; `limit` is in bytes.
    ///
    /// # Errors
    /// The folder cannot be used; [`io::ErrorKind::WouldBlock`]: another agent uses it.
    pub fn open(folder: PathBuf, limit: u64) -> io::Result<Self> {
        let mut spool = Self {
            marked: Some(frames::locked(&folder.join("position"), false)?),
            limit,
            ..Self::default()
        };
        spool.read_mark()?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            let stem = path.file_stem().and_then(|name| name.to_str());
            let first = stem.and_then(|name| name.parse().ok());
            if let (Some(first), true) = (first, path.extension().is_some_and(|it| it == EXTENSION))
            {
                let bytes = entry.metadata()?.len();
                spool.segments.push_back(Segment { first, bytes });
            }
        }
        spool.segments.make_contiguous().sort_by_key(|it| it.first);
        spool.folder = Some(folder);
        spool.last = spool.mark.number;
        if let Some(segment) = spool.segments.back().copied() {
            let (file, found) = spool.scan(segment, u64::MAX, &mut Vec::new())?;
            // It may have been begun and no more: then those before it count.
            spool.last = spool.last.max(found).max(segment.first.saturating_sub(1));
            if let Some(segment) = spool.segments.back_mut() {
                segment.bytes = file.length();
            }
            // What is no file of changes is not gone on with.
            spool.file = Some(file).filter(|file| file.length() > 0);
        }
        spool.forget();
        Ok(spool)
    }

    /// What is remembered; zeros when that is nothing.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// The number of the last change that is here, or that the control plane has.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// How many changes had to make room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Remembers, and removes what the control plane has. Not waited for: a mark that is
    /// too old costs a gap that is told, no change.
    ///
    /// # Errors
    /// It is not written.
    pub fn set_mark(&mut self, mark: Mark) -> io::Result<()> {
        let is_new = self.mark != mark;
        self.mark = mark;
        self.last = self.last.max(mark.number);
        self.forget();
        let Some(file) = self.marked.as_ref().filter(|_| is_new) else {
            return Ok(());
        };
        let mut body = Vec::new();
        for number in [mark.number, mark.position, mark.day, mark.sent] {
            body.extend(number.to_le_bytes());
        }
        let mut bytes = Vec::new();
        frames::push(&body, &mut bytes);
        file.write_all_at(&bytes, 0)
    }

    /// Keeps changes with numbers that grow; the oldest make room when there are too many.
    ///
    /// # Errors
    /// Those after [`Spool::last`] are not kept.
    pub fn append(&mut self, changes: &[(u64, String)]) -> io::Result<()> {
        let mut changes = changes;
        while !changes.is_empty() {
            let length = self.file.as_ref().map_or(u64::MAX, File::length);
            if length >= SEGMENT as u64 && !self.begin(changes[0].0)? {
                return Ok(());
            }
            let Some(file) = &mut self.file else { break };
            let mut bytes = Vec::new();
            let mut count = 0;
            for (number, text) in changes {
                if bytes.len() >= SEGMENT {
                    break;
                }
                let body = [&number.to_le_bytes(), text.as_bytes()].concat();
                frames::push(&body, &mut bytes);
                count += 1;
            }
            file.append(&bytes)?;
            if let Some(segment) = self.segments.back_mut() {
                segment.bytes = file.length();
            }
            let (done, rest) = changes.split_at(count);
            self.last = done.last().map_or(self.last, |(number, _)| *number);
            changes = rest;
        }
        self.make_room();
        Ok(())
    }

    /// Changes after that number, as many as a file has; what is missing between is lost.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn after(&mut self, number: u64) -> io::Result<Vec<(u64, String)>> {
        let mut found = Vec::new();
        let from = self.segments.iter().rposition(|it| it.first <= number + 1);
        for place in from.unwrap_or(0)..self.segments.len() {
            // The last one is open already, and locked.
            if place + 1 == self.segments.len() {
                self.file = None;
            }
            let (file, _) = self.scan(self.segments[place], number, &mut found)?;
            if place + 1 == self.segments.len() {
                self.file = Some(file);
            }
            if !found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    /// The number of the last change of a segment; those after `number` are added.
    fn scan(
        &self,
        segment: Segment,
        number: u64,
        found: &mut Vec<(u64, String)>,
    ) -> io::Result<(File, u64)> {
        let path = self.path(segment);
        let mut last = 0;
        let mut file = File::open(&path, FIRST_LINE)?;
        let contents = file.read(&mut |body| {
            let parts = body.split_first_chunk::<8>();
            let text = parts.and_then(|(_, text)| std::str::from_utf8(text).ok());
            let (Some((own, _)), Some(text)) = (parts, text) else {
                return false;
            };
            last = u64::from_le_bytes(*own);
            if last > number {
                found.push((last, text.to_owned()));
            }
            true
        })?;
        if let Some(damage) = contents.damage {
            let path = path.display();
            log::error!("{path} {damage}: changes that cannot be read are told as lost");
        }
        Ok((file, last))
    }

    /// A new segment; false where nothing is kept.
    fn begin(&mut self, first: u64) -> io::Result<bool> {
        if self.folder.is_none() {
            return Ok(false);
        }
        let segment = Segment { first, bytes: 0 };
        self.file = Some(File::open(&self.path(segment), FIRST_LINE)?);
        self.segments.push_back(segment);
        Ok(true)
    }

    /// Removes segments of which the control plane has everything.
    fn forget(&mut self) {
        while let Some(segment) = self.segments.front() {
            let next = self.segments.get(1).map_or(self.last + 1, |it| it.first);
            if next > self.mark.number + 1 {
                return;
            }
            self.remove(*segment);
        }
    }

    fn make_room(&mut self) {
        while self.segments.iter().map(|it| it.bytes).sum::<u64>() > self.limit {
            let (Some(oldest), Some(next)) = (self.segments.front(), self.segments.get(1)) else {
                return;
            };
            if self.dropped == 0 {
                log::warn!("changes wait for too long: the oldest are dropped and told as lost");
            }
            self.dropped += next
                .first
                .saturating_sub(oldest.first.max(self.mark.number + 1));
            self.remove(*oldest);
        }
    }

    /// The first one.
    fn remove(&mut self, segment: Segment) {
        let _ = fs::remove_file(self.path(segment));
        self.segments.pop_front();
        if self.segments.is_empty() {
            self.file = None;
        }
    }

    fn read_mark(&mut self) -> io::Result<()> {
        let mut bytes = [0; 64];
        let length = match &self.marked {
            Some(file) => file.read_at(&mut bytes, 0)?,
            None => 0,
        };
        let mark = &mut self.mark;
        frames::scan(&bytes[..length], &mut |body| {
            let (numbers, _) = body.as_chunks::<8>();
            let mut numbers = numbers.iter().map(|it| u64::from_le_bytes(*it));
            let mut next = || numbers.next().unwrap_or(0);
            *mark = Mark {
                number: next(),
                position: next(),
                day: next(),
                sent: next(),
            };
            true
        });
        Ok(())
    }

    fn path(&self, segment: Segment) -> PathBuf {
        let folder = self.folder.as_deref().unwrap_or(Path::new(""));
        folder.join(format!("{:020}.{EXTENSION}", segment.first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(numbers: std::ops::Range<u64>) -> Vec<(u64, String)> {
        numbers
            .map(|number| (number, format!("{{\"at\":{number:0>80}}}")))
            .collect()
    }

    fn open(folder: &Path) -> Spool {
        Spool::open(folder.to_owned(), 256 * 1024).unwrap()
    }

    /// Everything after a number, a file at a time.
    fn all(spool: &mut Spool, after: u64) -> Vec<(u64, String)> {
        let mut all: Vec<(u64, String)> = Vec::new();
        loop {
            let last = all.last().map_or(after, |(number, _)| *number);
            let more = spool.after(last).unwrap();
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }

    #[test]
    fn what_is_kept_is_read_in_order_also_by_the_next_agent() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path());
        assert_eq!((spool.last(), spool.mark()), (0, Mark::default()));
        spool.append(&changes(1..1_000)).unwrap();
        spool.append(&changes(1_010..1_500)).unwrap();
        let wanted = [changes(1..1_000), changes(1_010..1_500)].concat();
        assert_eq!(all(&mut spool, 0), wanted);
        let mark = Mark {
            number: 800,
            position: 870,
            day: 20_000,
            sent: 7,
        };
        spool.set_mark(mark).unwrap();
        drop(spool);
        let mut spool = open(folder.path());
        assert_eq!((spool.last(), spool.mark()), (1_499, mark));
        assert_eq!(all(&mut spool, 800), wanted[800..]);
        spool.append(&changes(1_501..1_502)).unwrap();
        assert_eq!(
            all(&mut spool, 1_498),
            [changes(1_499..1_500), changes(1_501..1_502)].concat()
        );
    }

    #[test]
    fn what_the_control_plane_has_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path());
        spool.append(&changes(1..2_000)).unwrap();
        let files = || fs::read_dir(folder.path()).unwrap().count();
        let before = files();
        let mark = |number| Mark {
            number,
            ..Mark::default()
        };
        spool.set_mark(mark(1_000)).unwrap();
        assert!(files() < before);
        assert_eq!(all(&mut spool, 1_000), changes(1_001..2_000));
        spool.set_mark(mark(1_999)).unwrap();
        assert_eq!(files(), 1, "the mark alone");
        spool.append(&changes(2_000..2_002)).unwrap();
        assert_eq!(all(&mut spool, 1_999), changes(2_000..2_002));
    }

    #[test]
    fn the_oldest_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path());
        for start in (1..10_001).step_by(100) {
            spool.append(&changes(start..start + 100)).unwrap();
            let entries = fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
            let size: u64 = entries.map(|it| it.metadata().unwrap().len()).sum();
            assert!(size <= 256 * 1024 + 64, "{size}");
        }
        let left = all(&mut spool, 0);
        let first = left[0].0;
        assert_eq!((spool.dropped(), left), (first - 1, changes(first..10_001)));
        assert!(first < 9_000, "{first}");
    }

    #[test]
    fn damage_costs_what_it_hits_and_a_torn_write_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path());
        spool.append(&changes(1..101)).unwrap();
        let path = spool.path(spool.segments[0]);
        spool.begin(101).unwrap();
        drop(spool);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes.truncate(bytes.len() - 1);
        fs::write(&path, bytes).unwrap();
        fs::write(folder.path().join("position"), "no mark").unwrap();
        let mut spool = open(folder.path());
        assert_eq!((spool.last(), spool.mark()), (100, Mark::default()));
        assert_eq!(all(&mut spool, 0).len(), 98);
    }

    #[test]
    fn another_agent_keeps_its_hands_off() {
        let folder = tempfile::tempdir().unwrap();
        let spool = open(folder.path());
        let error = Spool::open(folder.path().to_owned(), 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(spool);
        open(folder.path());
    }
}
