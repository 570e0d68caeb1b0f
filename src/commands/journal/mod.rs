//! The file that remembers commands across a crash: append-only, compacted by rename.
//!
//! A record is on the disk before the command begins and before its end is told. What a
//! command was asked to do and what it printed are not in the file, so that a stolen
//! disk tells no secret: a command that was accepted but did not begin is handed out
//! again by the control plane, which has it. See `docs/adr/0012-commands.md`.

mod codec;
mod ledger;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use codec::ID_LIMIT;
use codec::{Fact, Record};
pub use ledger::{Ledger, State};

use super::End;
use crate::frames::File;
use crate::metrics::Gauge;

/// Rewriting a file shorter than this gains nothing.
const COMPACT_FROM: u64 = 64 * 1024;

/// Records in a folder. Whatever goes wrong with the file leaves it usable: each call
/// says what is wrong, and the next one tries again.
#[derive(Debug)]
pub struct Journal {
    /// None: there is no folder for state.
    path: Option<PathBuf>,
    limit: u64,
    file: Option<File>,
    /// Its length when it was compacted last.
    compacted: u64,
    /// Whether what an earlier agent left is taken over: before that nothing is added.
    recovered: bool,
    /// Whether another agent uses it, which is about to end.
    in_use: bool,
    size: Arc<Gauge>,
}

/// What an earlier agent left.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Results that are still to be sent.
    pub open: Vec<(String, End)>,
    /// What is worth a line in the log.
    pub warnings: Vec<String>,
}

/// Why nothing can be recorded; the text says what to do.
#[derive(Debug)]
pub enum Error {
    NoFolder,
    /// Everything in it is still needed.
    Full(PathBuf, u64),
    File(PathBuf, io::Error),
}

impl Journal {
    /// Touches no file yet.
    pub fn new(folder: Option<PathBuf>, limit: u64) -> Self {
        Self {
            path: folder.map(|folder| folder.join("commands.journal")),
            limit,
            file: None,
            compacted: 0,
            recovered: false,
            in_use: false,
            size: Arc::default(),
        }
    }

    /// Bytes in the file, whenever somebody looks.
    pub fn size(&self) -> Arc<Gauge> {
        Arc::clone(&self.size)
    }

    pub fn is_recovered(&self) -> bool {
        self.recovered
    }

    /// Whether another agent had it when [`Journal::recover`] looked.
    pub fn is_in_use(&self) -> bool {
        self.in_use
    }

    /// Reads what is there, once; makes no file. Without one there is nothing to recover.
    /// It can be tried again: an earlier agent may be about to end.
    ///
    /// # Errors
    /// The file is there and cannot be used, or another agent uses it.
    pub fn recover(&mut self, ledger: &mut Ledger, now: u32) -> Result<Recovered, Error> {
        let there = self.path.as_ref().is_some_and(|path| path.exists());
        let recovered = match there && !self.recovered {
            true => self.open(ledger, now),
            false => Ok(Recovered::default()),
        };
        self.recovered |= recovered.is_ok();
        self.in_use = matches!(&recovered, Err(Error::File(_, error)) if error.kind() == io::ErrorKind::WouldBlock);
        recovered
    }

    /// The command is about to begin: on the disk when this returns.
    ///
    /// # Errors
    /// It is not recorded and must not begin.
    pub fn started(&mut self, id: &str, now: u32) -> Result<(), Error> {
        self.append(id, now, Fact::Started)?;
        self.sync()
    }

    /// The command has ended: on the disk when this returns.
    ///
    /// # Errors
    /// It is not recorded; after a crash nobody would know.
    pub fn done(&mut self, id: &str, now: u32, end: End) -> Result<(), Error> {
        self.append(id, now, Fact::Done(end))?;
        self.sync()
    }

    /// The control plane has the result. Not waited for: at worst it gets it again.
    ///
    /// # Errors
    /// It is not recorded.
    pub fn settled(&mut self, id: &str, now: u32, end: End) -> Result<(), Error> {
        self.append(id, now, Fact::Settled(end))
    }

    fn append(&mut self, id: &str, at: u32, fact: Fact) -> Result<(), Error> {
        if !self.recovered {
            return Err(self.unread());
        }
        if self.file.is_none() {
            // There was none when `recover` looked.
            self.open(&mut Ledger::default(), at)?;
        }
        let mut bytes = Vec::new();
        let id = id.to_owned();
        codec::encode(&Record { id, at, fact }, &mut bytes);
        // What begins must leave room for its end.
        let limit = match fact {
            Fact::Started => self.limit / 4 * 3,
            _ => self.limit,
        };
        self.make_room(bytes.len() as u64, limit, at)?;
        self.on_file(|file| file.append(&bytes))
    }

    fn unread(&self) -> Error {
        let problem = "what an earlier agent left is not read yet";
        let path = self.path.clone();
        path.map_or(Error::NoFolder, |path| {
            Error::File(path, io::Error::other(problem))
        })
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.on_file(|file| file.sync())
    }

    /// Compacts a file that has grown to twice its size, or to its limit.
    fn make_room(&mut self, more: u64, limit: u64, now: u32) -> Result<(), Error> {
        let length = self.file.as_ref().map_or(0, File::length);
        let due = length > COMPACT_FROM.max(2 * self.compacted);
        if !due && length + more <= limit {
            return Ok(());
        }
        let room = self.limit / 2;
        self.on_file(|file| {
            let mut records = Vec::new();
            file.read(&mut |body| take(&mut records, body))?;
            file.replace(&encoded(&ledger::compact(records, now, room)))
        })?;
        self.compacted = self.file.as_ref().map_or(0, File::length);
        if self.compacted + more > limit {
            return Err(Error::Full(
                self.path.clone().unwrap_or_default(),
                self.limit,
            ));
        }
        Ok(())
    }

    fn open(&mut self, ledger: &mut Ledger, now: u32) -> Result<Recovered, Error> {
        let path = self.path.clone().ok_or(Error::NoFolder)?;
        let failed = |error| Error::File(path.clone(), error);
        let mut file = File::open(&path, codec::FIRST_LINE).map_err(failed)?;
        let mut records = Vec::new();
        let contents = file.read(&mut |body| take(&mut records, body));
        let contents = contents.map_err(failed)?;
        let mut warnings = Vec::new();
        if let Some(reason) = contents.damage {
            let aside = file.set_aside().map_err(failed)?;
            warnings.push(format!(
                "the journal {} {reason}; it is kept as {}, and commands from before now that are \
                 in no record are not run again",
                path.display(),
                aside.display()
            ));
            let id = String::new();
            records.push(Record {
                id,
                at: now,
                fact: Fact::Damaged,
            });
            let kept = ledger::compact(records.clone(), now, self.limit / 2);
            file.replace(&encoded(&kept)).map_err(failed)?;
        }
        if contents.torn {
            warnings.push(format!(
                "the journal {} ended within a record: cut",
                path.display()
            ));
        }
        self.size.set(file.length());
        self.file = Some(file);
        let open = ledger.recover(records);
        Ok(Recovered { open, warnings })
    }

    fn on_file(&mut self, act: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Error> {
        let path = self.path.clone().ok_or(Error::NoFolder)?;
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let file = self.file.as_mut();
        let acted = file.map_or_else(|| Err(gone()), act);
        self.size.set(self.file.as_ref().map_or(0, File::length));
        acted.map_err(|error| Error::File(path, error))
    }
}

/// Adds what a body says; false when it says nothing.
fn take(records: &mut Vec<Record>, body: &[u8]) -> bool {
    let record = codec::record(body);
    let is_record = record.is_some();
    records.extend(record);
    is_record
}

fn encoded(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    records
        .iter()
        .for_each(|record| codec::encode(record, &mut bytes));
    bytes
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFolder => f.write_str(
                "there is no folder for state, so that it could run twice: set PIPEOPS_STATE_DIR",
            ),
            Self::Full(path, limit) => write!(
                f,
                "the journal {} has reached its {limit} bytes with results that the control plane \
                 has not taken",
                path.display()
            ),
            Self::File(path, error) => write!(
                f,
                "the journal {} cannot be written, so that it could run twice: {error}",
                path.display()
            ),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::codec::tests::END;
    use super::*;
    use crate::commands::Outcome;

    const LIMIT: u64 = 1 << 20;

    fn journal(folder: &Path) -> Journal {
        limited(folder, LIMIT)
    }

    /// With nothing to recover.
    fn limited(folder: &Path, limit: u64) -> Journal {
        let mut journal = Journal::new(Some(folder.to_owned()), limit);
        journal.recovered = true;
        journal
    }

    fn recover(folder: &Path) -> (Journal, Ledger, Recovered) {
        let mut journal = Journal::new(Some(folder.to_owned()), LIMIT);
        let mut ledger = Ledger::default();
        let recovered = journal.recover(&mut ledger, 100).unwrap();
        (journal, ledger, recovered)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name =
            |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_recorded_is_there_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("made/for/it");
        let mut first = journal(&state);
        first.recover(&mut Ledger::default(), 1).unwrap();
        assert!(
            !state.exists(),
            "nothing is made before there is something to write"
        );
        for id in ["begun", "done", "settled"] {
            first.started(id, 1).unwrap();
        }
        first.done("done", 2, END).unwrap();
        first.done("settled", 2, END).unwrap();
        first.settled("settled", 3, END).unwrap();
        drop(first);
        let (_, ledger, recovered) = recover(&state);
        let unknown = End::without_run(Outcome::Unknown);
        let open = [("begun".to_owned(), unknown), ("done".to_owned(), END)];
        assert_eq!(recovered.open, open);
        assert_eq!(recovered.warnings, [] as [&str; 0]);
        assert_eq!(ledger.state("settled"), Some(State::Settled(END)));
    }

    #[test]
    fn another_agent_keeps_its_hands_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = journal(folder.path());
        first.started("a", 1).unwrap();
        let mut second = Journal::new(Some(folder.path().to_owned()), LIMIT);
        let error = second.recover(&mut Ledger::default(), 1).unwrap_err();
        assert!(
            error.to_string().contains("another agent uses it"),
            "{error}"
        );
        let error = second.started("b", 1).unwrap_err();
        assert!(error.to_string().contains("is not read yet"), "{error}");
        assert!(second.is_in_use());
        drop(first);
        assert_eq!(
            second
                .recover(&mut Ledger::default(), 1)
                .unwrap()
                .open
                .len(),
            1
        );
    }

    #[test]
    fn damage_is_told_and_set_aside_and_the_rest_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("commands.journal");
        let mut first = journal(folder.path());
        for id in ["a", "b", "c"] {
            first.started(id, 1).unwrap();
        }
        drop(first);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2 + 10;
        bytes[middle] ^= 0xff;
        fs::write(&path, &bytes).unwrap();
        let (journal, ledger, recovered) = recover(folder.path());
        assert_eq!(recovered.open.len(), 2);
        assert!(
            recovered.warnings[0].contains("is damaged"),
            "{recovered:?}"
        );
        assert!(ledger.doubts(99) && !ledger.doubts(100));
        assert_eq!(
            names(folder.path()),
            ["commands.journal", "commands.journal.corrupt-1"]
        );
        let aside = fs::read(folder.path().join("commands.journal.corrupt-1")).unwrap();
        assert_eq!(aside, bytes);
        drop(journal);
        // Told once, doubted for ever.
        let (_, ledger, recovered) = recover(folder.path());
        assert_eq!(recovered.warnings, [] as [&str; 0]);
        assert!(ledger.doubts(99));
    }

    #[test]
    fn what_is_no_journal_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("commands.journal");
        fs::write(&path, "something else").unwrap();
        let (mut journal, _, recovered) = recover(folder.path());
        assert!(
            recovered.warnings[0].contains("another format"),
            "{recovered:?}"
        );
        journal.started("a", 1).unwrap();
        drop(journal);
        assert_eq!(recover(folder.path()).2.open.len(), 1);
    }

    #[test]
    fn the_size_is_bounded_and_what_is_open_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("commands.journal");
        let mut journal = limited(folder.path(), 100_000);
        journal.started("open", 1).unwrap();
        let size = || fs::metadata(&path).unwrap().len();
        let mut largest = 0;
        for number in 0..5_000 {
            let id = format!("{number:040}");
            journal.append(&id, 100_000, Fact::Started).unwrap();
            // All but the last days are forgotten.
            let at = if number < 4_900 { 1 } else { 100_000 };
            journal.settled(&id, at, END).unwrap();
            largest = largest.max(size());
        }
        assert!(largest <= 100_000, "{largest}");
        drop(journal);
        let (_, ledger, recovered) = recover(folder.path());
        assert_eq!(recovered.open.len(), 1);
        assert_eq!(
            ledger.state(&format!("{:040}", 4_999)),
            Some(State::Settled(END))
        );
        assert_eq!(names(folder.path()), ["commands.journal"]);
    }

    #[test]
    fn a_journal_full_of_open_results_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = limited(folder.path(), 4_000);
        let mut taken = 0;
        let error = loop {
            match journal.append(&format!("{taken:040}"), 1, Fact::Started) {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
        };
        assert!(
            error.to_string().contains("reached its 4000 bytes"),
            "{error}"
        );
        // What has begun can still end.
        let first = format!("{:040}", 0);
        journal.done(&first, 1, END).unwrap();
        journal.settled(&first, 1, END).unwrap();
        drop(journal);
        assert_eq!(recover(folder.path()).2.open.len(), taken - 1);
    }

    #[test]
    fn without_a_folder_nothing_can_be_recorded() {
        let mut journal = Journal::new(None, LIMIT);
        journal.recover(&mut Ledger::default(), 1).unwrap();
        let error = journal.started("a", 1).unwrap_err();
        assert!(error.to_string().contains("PIPEOPS_STATE_DIR"), "{error}");
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Started,
        Done,
        Settled,
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Wherever a crash cuts the file, everything before is known, and every command is
        /// in the state of one of its records or of its last one before the cut.
        #[test]
        fn a_cut_anywhere_loses_only_what_was_being_written(
            steps in prop::collection::vec((0u8..4, prop::sample::select(vec![
                Step::Started, Step::Done, Step::Settled,
            ])), 1..12),
            cut in any::<prop::sample::Index>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("commands.journal");
            let mut first = journal(folder.path());
            let mut lengths = vec![];
            for (id, step) in &steps {
                let id = id.to_string();
                let fact = match step {
                    Step::Started => Fact::Started,
                    Step::Done => Fact::Done(END),
                    Step::Settled => Fact::Settled(END),
                };
                first.append(&id, 100, fact).unwrap();
                lengths.push(first.file.as_ref().unwrap().length());
            }
            drop(first);
            let bytes = fs::read(&path).unwrap();
            let cut = cut.index(bytes.len() + 1);
            fs::write(&path, &bytes[..cut]).unwrap();
            let whole = lengths.iter().filter(|length| **length <= cut as u64).count();
            let (mut journal, ledger, recovered) = recover(folder.path());
            prop_assert!(recovered.warnings.iter().all(|told| told.contains("cut")));
            for id in 0u8..4 {
                let last = steps[..whole].iter().rfind(|(one, _)| *one == id);
                let id = id.to_string();
                let open = recovered.open.iter().find(|(one, _)| *one == id).map(|(_, end)| *end);
                match last {
                    None => prop_assert_eq!(ledger.state(&id), None),
                    Some((_, Step::Settled)) => {
                        prop_assert_eq!(ledger.state(&id), Some(State::Settled(END)));
                    }
                    Some((_, Step::Done)) => prop_assert_eq!(open, Some(END)),
                    Some((_, Step::Started)) => {
                        prop_assert_eq!(open, Some(End::without_run(Outcome::Unknown)));
                    }
                }
            }
            // It goes on as if nothing had been there.
            journal.started("next", 101).unwrap();
            drop(journal);
            let again = recover(folder.path()).2;
            prop_assert_eq!(again.open.len(), recovered.open.len() + 1);
            prop_assert_eq!(again.warnings, Vec::<String>::new());
        }
    }
}
