//! A file of frames: appended at a known length, replaced by rename, locked.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::scan;

/// An open file that no other agent has open.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    /// Names the format; frames follow.
    first_line: &'static [u8],
    file: fs::File,
    /// Up to where it is whole; what may stand behind is overwritten.
    length: u64,
}

/// What the file says.
#[derive(Debug, Default)]
pub struct Contents {
    /// What is wrong with it beyond an interrupted write.
    pub damage: Option<String>,
    /// Whether a write was interrupted.
    pub torn: bool,
}

impl File {
    /// Makes it, and its folder, where there is none.
    ///
    /// # Errors
    /// It cannot be used; [`io::ErrorKind::WouldBlock`]: another agent uses it.
    pub fn open(path: &Path, first_line: &'static [u8]) -> io::Result<Self> {
        let file = locked(path, false)?;
        let length = file.metadata()?.len();
        let mut opened = Self {
            path: path.to_owned(),
            first_line,
            file,
            length,
        };
        if length == 0 {
            opened.append(first_line)?;
            opened.sync()?;
            sync_folder(path)?;
        }
        Ok(opened)
    }

    /// Bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Shows everything, see [`scan`]; from then on the file goes on behind the last whole
    /// record.
    ///
    /// # Errors
    /// It cannot be read, or cut behind what is whole.
    pub fn read(&mut self, take: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<Contents> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut bytes)?;
        let Some(frames) = bytes.strip_prefix(self.first_line) else {
            let is_torn = self.first_line.starts_with(&bytes);
            self.length = 0;
            if is_torn {
                self.append(self.first_line)?;
            }
            return Ok(Contents {
                damage: (!is_torn).then(|| "has another format".to_owned()),
                torn: is_torn,
            });
        };
        let scan = scan(frames, take);
        let whole = self.first_line.len() + scan.good;
        self.length = whole as u64;
        if whole < bytes.len() {
            self.file.set_len(self.length)?;
        }
        Ok(Contents {
            damage: (scan.lost > 0).then(|| format!("is damaged ({} bytes)", scan.lost)),
            torn: whole < bytes.len(),
        })
    }

    /// Writes behind what is whole; what fails leaves the length as it was.
    ///
    /// # Errors
    /// They are not written.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(bytes, self.length);
        if written.is_err() {
            // What could not be cut is overwritten, or cut by the next reader.
            let _ = self.file.set_len(self.length);
        } else {
            self.length += bytes.len() as u64;
        }
        written
    }

    /// # Errors
    /// It is not on the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Puts these frames in the place of all: a crash leaves the old file or the new.
    ///
    /// # Errors
    /// The old ones are still there.
    pub fn replace(&mut self, frames: &[u8]) -> io::Result<()> {
        let staged = self.path.with_extension("journal.new");
        let bytes = [self.first_line, frames].concat();
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
    ///
    /// # Errors
    /// It has no other name.
    pub fn set_aside(&self) -> io::Result<PathBuf> {
        // One is enough, and the folder stays as small as it is said to be.
        let aside = self.path.with_extension("journal.corrupt-1");
        // A second name: the first one is about to be another file's.
        let _ = fs::remove_file(&aside);
        fs::hard_link(&self.path, &aside)?;
        Ok(aside)
    }
}

/// A file that no other agent has open, made with its folder where there is none.
///
/// # Errors
/// As those of [`File::open`].
pub fn locked(path: &Path, truncate: bool) -> io::Result<fs::File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
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
