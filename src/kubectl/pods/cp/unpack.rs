//! Takes an archive as it comes and lays its files out below one place, and nowhere else.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use super::head::{
    BLOCK, Entry, FILE, FOLDER, LINK, LONG_LINK, LONG_NAME, RECORDS, SAME, padding, text,
};

/// Longest name or set of records.
const LONGEST: u64 = 1 << 20;

pub(super) struct Unpack<'a> {
    /// What names in the archive begin with.
    prefix: String,
    /// What that becomes here.
    place: PathBuf,
    /// For what is left out.
    warn: &'a mut dyn FnMut(&Warning) -> io::Result<()>,
    block: Vec<u8>,
    body: Body,
    /// Bytes of the body that still come, and of the rest of its last block.
    left: u64,
    pad: u64,
    /// What long names and records say of the next entry.
    long_name: Option<String>,
    long_link: Option<String>,
    records: Vec<u8>,
    /// Blocks of zeros.
    zeros: usize,
    pub(super) failed: Option<io::Error>,
}

/// What is left out, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Warning {
    Outside(PathBuf),
    Link(PathBuf, String),
}

enum Body {
    /// None: the next block is a head.
    Head,
    File(File),
    /// Kept for the next entry.
    Kept(u8, Vec<u8>),
    Skipped,
}

impl<'a> Unpack<'a> {
    pub(super) fn new(
        prefix: String,
        place: PathBuf,
        warn: &'a mut dyn FnMut(&Warning) -> io::Result<()>,
    ) -> Unpack<'a> {
        Unpack {
            prefix,
            place,
            warn,
            block: Vec::new(),
            body: Body::Head,
            left: 0,
            pad: 0,
            long_name: None,
            long_link: None,
            records: Vec::new(),
            zeros: 0,
            failed: None,
        }
    }

    /// Whether the archive came to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.zeros > 0
    }

    fn take<'b>(&mut self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        if let Body::Head = self.body {
            let (part, rest) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(part);
            if let Ok(block) = <&[u8; BLOCK]>::try_from(self.block.as_slice()) {
                let entry = Entry::read(block).map_err(io::Error::other)?;
                self.block.clear();
                match entry {
                    Some(entry) => self.enter(entry)?,
                    None => self.zeros += 1,
                }
            }
            return Ok(rest);
        }
        let count = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let (part, rest) = bytes.split_at(count);
        self.left -= count as u64;
        match &mut self.body {
            Body::File(file) => file.write_all(part)?,
            Body::Kept(_, kept) => kept.extend_from_slice(part),
            Body::Head | Body::Skipped => {}
        }
        let count = usize::try_from(self.pad)
            .unwrap_or(usize::MAX)
            .min(rest.len());
        let rest = if self.left == 0 {
            self.pad -= count as u64;
            rest.get(count..).unwrap_or_default()
        } else {
            rest
        };
        self.settle();
        Ok(rest)
    }

    /// Ends a body that came whole.
    fn settle(&mut self) {
        if self.left > 0 || self.pad > 0 {
            return;
        }
        match std::mem::replace(&mut self.body, Body::Head) {
            Body::Kept(LONG_NAME, kept) => self.long_name = Some(text(&kept)),
            Body::Kept(LONG_LINK, kept) => self.long_link = Some(text(&kept)),
            Body::Kept(_, kept) => self.records = kept,
            Body::Head | Body::File(_) | Body::Skipped => {}
        }
    }

    fn enter(&mut self, mut entry: Entry) -> io::Result<()> {
        let is_about_next = matches!(entry.kind, LONG_NAME | LONG_LINK | RECORDS);
        if !is_about_next {
            entry.apply(&std::mem::take(&mut self.records));
            entry.name = self.long_name.take().unwrap_or(entry.name);
            entry.link = self.long_link.take().unwrap_or(entry.link);
        }
        (self.left, self.pad) = (entry.size, padding(entry.size));
        self.body = if is_about_next && entry.size <= LONGEST {
            Body::Kept(entry.kind, Vec::new())
        } else if is_about_next {
            return Err(io::Error::other("archive/tar: header field too long"));
        } else {
            match self.lay_out(&entry)? {
                Some(file) => Body::File(file),
                None => Body::Skipped,
            }
        };
        self.settle();
        Ok(())
    }

    /// Makes the entry, and gives back the file that its bytes belong to.
    fn lay_out(&mut self, entry: &Entry) -> io::Result<Option<File>> {
        if !matches!(entry.kind, FILE | SAME | LINK | FOLDER) {
            return Ok(None);
        }
        let path = match self.path(&entry.name)? {
            Ok(path) => path,
            Err(outside) => {
                (self.warn)(&Warning::Outside(outside))?;
                return Ok(None);
            }
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| at("mkdir", folder, &error))?;
        }
        match entry.kind {
            FOLDER => fs::create_dir_all(&path).map_err(|error| at("mkdir", &path, &error))?,
            LINK => (self.warn)(&Warning::Link(path, entry.link.clone()))?,
            SAME => match self.path(&entry.link)? {
                Ok(first) => {
                    // An older file may have that name.
                    let _ = fs::remove_file(&path);
                    fs::hard_link(&first, &path).map_err(|error| at("link", &path, &error))?;
                }
                Err(outside) => (self.warn)(&Warning::Outside(outside))?,
            },
            _ => {
                let file = File::create(&path);
                return file.map(Some).map_err(|error| at("open", &path, &error));
            }
        }
        Ok(None)
    }

    /// Where a name of the archive belongs; the inner error is a place outside.
    fn path(&self, name: &str) -> io::Result<Result<PathBuf, PathBuf>> {
        let name = super::clean(name.trim_start_matches('/'));
        let rest = match name.strip_prefix(&self.prefix) {
            Some(rest) => rest.trim_start_matches('/'),
            None if name == "." => "",
            None => return Err(io::Error::other("tar contents corrupted")),
        };
        if rest.is_empty() || rest == "." {
            return Ok(Ok(self.place.clone()));
        }
        let path = self.place.join(rest);
        let inside = Path::new(rest)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        Ok(if inside { Ok(path) } else { Err(path) })
    }
}

impl Write for Unpack<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        // What follows the end of an archive is filling.
        while !rest.is_empty() && self.zeros < 2 && self.failed.is_none() {
            match self.take(rest) {
                Ok(after) => rest = after,
                Err(error) => self.failed = Some(error),
            }
        }
        match self.failed {
            Some(_) => Err(io::ErrorKind::Other.into()),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// In the words of Go.
fn at(doing: &str, path: &Path, error: &io::Error) -> io::Error {
    let problem = error.to_string().to_lowercase();
    let problem = problem.split(" (os error").next().unwrap_or_default();
    io::Error::other(format!("{doing} {}: {problem}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::super::pack::Pack;
    use super::*;

    /// Unpacks `archive` in pieces of that size; returns warnings and failure.
    fn unpack(
        archive: &[u8],
        size: usize,
        prefix: &str,
        place: &Path,
    ) -> (Vec<Warning>, Option<String>) {
        let mut warnings = Vec::new();
        let mut warn = |warning: &Warning| {
            warnings.push(match warning {
                Warning::Outside(path) => Warning::Outside(path.clone()),
                Warning::Link(path, target) => Warning::Link(path.clone(), target.clone()),
            });
            Ok(())
        };
        let mut unpack = Unpack::new(prefix.to_owned(), place.to_owned(), &mut warn);
        for piece in archive.chunks(size) {
            if unpack.write_all(piece).is_err() {
                break;
            }
        }
        let failed = match (unpack.failed.take(), unpack.is_whole()) {
            (Some(error), _) => Some(error.to_string()),
            (None, false) => Some("half".to_owned()),
            (None, true) => None,
        };
        (warnings, failed)
    }

    fn archive(entries: &[(u8, &str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, name, text) in entries {
            let is_file = *kind == FILE;
            let entry = Entry {
                kind: *kind,
                name: (*name).to_owned(),
                link: if is_file {
                    String::new()
                } else {
                    (*text).to_owned()
                },
                size: if is_file { text.len() as u64 } else { 0 },
                ..Entry::default()
            };
            entry.write(&mut out);
            if is_file {
                out.extend_from_slice(text.as_bytes());
                out.resize(out.len().next_multiple_of(BLOCK), 0);
            }
        }
        out.resize(out.len() + 2 * BLOCK, 0);
        out
    }

    #[test]
    fn a_folder_comes_out_as_it_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let long = "l".repeat(120);
        fs::create_dir_all(from.join("sub").join(&long)).unwrap();
        fs::create_dir(from.join("empty")).unwrap();
        let contents = [
            ("a".to_owned(), vec![1; 512]),
            ("none".to_owned(), Vec::new()),
            (format!("sub/{long}/b"), vec![2; 70_001]),
        ];
        for (name, bytes) in &contents {
            fs::write(from.join(name), bytes).unwrap();
        }
        symlink("a", from.join("link")).unwrap();
        let mut bytes = Vec::new();
        let mut pack = Pack::new(&from, "x/y");
        pack.read_to_end(&mut bytes).unwrap();
        assert!(pack.failed.is_none());
        assert_eq!(bytes.len() % BLOCK, 0);
        for size in [1, 511, 4096] {
            let _ = fs::remove_dir_all(&to);
            let (warnings, failed) = unpack(&bytes, size, "x/y", &to);
            assert_eq!(failed, None);
            assert_eq!(warnings, [Warning::Link(to.join("link"), "a".to_owned())]);
            for (name, bytes) in &contents {
                assert_eq!(&fs::read(to.join(name)).unwrap(), bytes, "{name}");
            }
            assert!(to.join("empty").is_dir());
            assert!(!to.join("link").exists());
        }
        let (_, failed) = unpack(&bytes[..bytes.len() - 3 * BLOCK], 512, "x/y", &to);
        assert_eq!(failed.as_deref(), Some("half"));
    }

    #[test]
    fn nothing_is_laid_out_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("to");
        let bytes = archive(&[
            (FILE, "x/../../out", "1"),
            (FILE, "x/a", "2"),
            (SAME, "x/b", "x/a"),
            (SAME, "x/c", "../out"),
        ]);
        let (_, failed) = unpack(&bytes, 100, "x", &to);
        assert_eq!(failed.as_deref(), Some("tar contents corrupted"));
        assert!(!folder.path().join("out").exists());
        let bytes = archive(&[
            (FILE, "../out", "1"),
            (FILE, "a/../../out", "1"),
            (FILE, "b", "2"),
        ]);
        let (warnings, failed) = unpack(&bytes, 100, "", &to);
        assert_eq!(failed, None);
        assert_eq!(warnings.len(), 2);
        assert!(!folder.path().join("out").exists());
        assert_eq!(fs::read(to.join("b")).unwrap(), b"2");
    }

    #[test]
    fn one_file_takes_the_name_that_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = archive(&[(FILE, "etc/host", "h")]);
        let to = folder.path().join("new/name");
        assert_eq!(unpack(&bytes, 512, "etc/host", &to).1, None);
        assert_eq!(fs::read(&to).unwrap(), b"h");
        let told = unpack(&bytes, 512, "etc/host", folder.path()).1.unwrap();
        assert!(told.ends_with(": is a directory"), "{told}");
    }

    #[test]
    fn a_second_name_gets_the_same_contents() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = archive(&[(FILE, "x/a", "same"), (SAME, "x/b", "x/a")]);
        assert_eq!(unpack(&bytes, 512, "x", folder.path()), (Vec::new(), None));
        assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"same");
    }
}
