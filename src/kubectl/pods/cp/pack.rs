//! An archive of a file or folder of this machine, made while it is read.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::head::{BLOCK, Entry, FILE, FOLDER, LINK, padding};

/// Hands out the archive; ends early after a failure.
pub(super) struct Pack {
    /// What is still to come, the next one last, with the names in the archive.
    left: Vec<(PathBuf, String)>,
    /// Bytes that are ready.
    ready: Vec<u8>,
    /// How many of them were handed out.
    given: usize,
    /// What is being copied, how much of it is left, and what fills its last block.
    file: Option<(File, u64, u64)>,
    is_ended: bool,
    pub(super) failed: Option<io::Error>,
}

impl Pack {
    pub(super) fn new(path: &Path, name: &str) -> Pack {
        Pack {
            left: vec![(path.to_owned(), name.to_owned())],
            ready: Vec::new(),
            given: 0,
            file: None,
            is_ended: false,
            failed: None,
        }
    }

    /// Makes ready what comes next; nothing at the end.
    fn next(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.given = 0;
        while self.ready.is_empty() && !self.is_ended {
            match self.left.pop() {
                Some((path, name)) => self.enter(&path, name)?,
                None => {
                    self.ready = vec![0; 2 * BLOCK];
                    self.is_ended = true;
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, path: &Path, name: String) -> io::Result<()> {
        let about = fs::symlink_metadata(path)?;
        let mut entry = entry(&about, name);
        if about.is_dir() {
            let before = self.left.len();
            for inside in fs::read_dir(path)? {
                let inside = inside?;
                let name = inside.file_name();
                let name = format!("{}/{}", entry.name, name.to_string_lossy());
                self.left.push((inside.path(), name));
            }
            // Folders come into being with what is in them.
            if self.left.len() == before {
                entry.kind = FOLDER;
                entry.name.push('/');
                entry.write(&mut self.ready);
            }
        } else if about.is_symlink() {
            entry.kind = LINK;
            entry.link = fs::read_link(path)?.to_string_lossy().into_owned();
            entry.write(&mut self.ready);
        } else if about.is_file() {
            entry.kind = FILE;
            entry.size = about.len();
            entry.write(&mut self.ready);
            self.file = Some((File::open(path)?, about.len(), padding(about.len())));
        } else {
            let text = format!("{} is no file, folder or link", path.display());
            return Err(io::Error::other(text));
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.given < self.ready.len() {
                let rest = &self.ready[self.given..];
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                self.given += count;
                return Ok(count);
            }
            let Some((file, left, pad)) = &mut self.file else {
                self.next()?;
                if self.ready.is_empty() {
                    return Ok(0);
                }
                continue;
            };
            if *left == 0 {
                self.given = 0;
                self.ready = vec![0; usize::try_from(*pad).unwrap_or_default()];
                self.file = None;
                continue;
            }
            let most = usize::try_from(*left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let count = file.read(&mut buffer[..most])?;
            if count == 0 {
                return Err(io::Error::other(
                    "a file became shorter while it was copied",
                ));
            }
            *left -= count as u64;
            return Ok(count);
        }
    }
}

impl Read for Pack {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Ok(0);
        }
        self.fill(buffer).or_else(|error| {
            self.failed = Some(error);
            Ok(0)
        })
    }
}

fn entry(about: &Metadata, name: String) -> Entry {
    Entry {
        name,
        mode: about.mode() & 0o7777,
        uid: about.uid(),
        gid: about.gid(),
        mtime: u64::try_from(about.mtime()).unwrap_or_default(),
        ..Entry::default()
    }
}
