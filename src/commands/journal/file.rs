//! The journal as a file: appended at a known length, replaced by rename, locked.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::codec::{self, FIRST_LINE, Record};

/// Files set aside; the last place is taken again and again.
const SET_ASIDE: u32 = 9;

/// An open journal that no other agent has open.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    file: fs::File,
    /// Up to where it is whole; what may stand behind is overwritten.
    length: u64,
}

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) records: Vec<Record>,
    /// What is wrong with it beyond an interrupted write.
    pub(super) damage: Option<String>,
    /// Whether a write was interrupted.
    pub(super) torn: bool,
}

impl File {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let file = locked(path, false)?;
        let length = file.metadata()?.len();
        let mut opened = Self {
            path: path.to_owned(),
            file,
            length,
        };
        if length == 0 {
            opened.append(FIRST_LINE)?;
            opened.sync()?;
            sync_folder(path)?;
        }
        Ok(opened)
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Reads everything; from then on the file goes on behind the last whole record.
    pub(super) fn read(&mut self) -> io::Result<Contents> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut bytes)?;
        let Some(frames) = bytes.strip_prefix(FIRST_LINE) else {
            let is_torn = FIRST_LINE.starts_with(&bytes);
            self.length = 0;
            if is_torn {
                self.append(FIRST_LINE)?;
            }
            return Ok(Contents {
                damage: (!is_torn).then(|| "has another format".to_owned()),
                torn: is_torn,
                ..Contents::default()
            });
        };
        let scan = codec::scan(frames);
        let whole = FIRST_LINE.len() + scan.good;
        self.length = whole as u64;
        if whole < bytes.len() {
            self.file.set_len(self.length)?;
        }
        Ok(Contents {
            damage: (scan.lost > 0).then(|| format!("is damaged ({} bytes)", scan.lost)),
            torn: whole < bytes.len(),
            records: scan.records,
        })
    }

    /// Writes behind what is whole; what fails leaves the length as it was.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(bytes, self.length);
        if written.is_err() {
            // What could not be cut is overwritten, or cut by the next reader.
            let _ = self.file.set_len(self.length);
        } else {
            self.length += bytes.len() as u64;
        }
        written
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Puts these records in the place of all: a crash leaves the old file or the new.
    pub(super) fn replace(&mut self, records: &[Record]) -> io::Result<()> {
        let staged = self.path.with_extension("journal.new");
        let mut bytes = FIRST_LINE.to_vec();
        records
            .iter()
            .for_each(|record| codec::encode(record, &mut bytes));
        let file = locked(&staged, true)?;
        let written = file
            .write_all_at(&bytes, 0)
            .and_then(|()| file.sync_data())
            .and_then(|()| fs::rename(&staged, &self.path));
        if let Err(error) = written {
            let _ = fs::remove_file(&staged);
            return Err(error);
        }
        self.file = file;
        self.length = bytes.len() as u64;
        sync_folder(&self.path)
    }

    /// Keeps a copy under another name; the name of it.
    pub(super) fn set_aside(&self) -> io::Result<PathBuf> {
        let name = |number| {
            self.path
                .with_extension(format!("journal.corrupt-{number}"))
        };
        let aside = (1..SET_ASIDE)
            .map(name)
            .find(|path| path.symlink_metadata().is_err())
            .unwrap_or_else(|| name(SET_ASIDE));
        // A second name: the first one is about to be another file's.
        let _ = fs::remove_file(&aside);
        fs::hard_link(&self.path, &aside)?;
        Ok(aside)
    }
}

fn locked(path: &Path, truncate: bool) -> io::Result<fs::File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(truncate)
        .mode(0o600)
        .open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| io::Error::new(io::ErrorKind::WouldBlock, "another agent uses it"))?;
    Ok(file)
}

/// Makes a new name last.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}
