//! What commands printed, on the disk until the control plane has their results.
//!
//! Only of commands that are recorded: what may run again is run again. It is sealed
//! (AES-256-GCM) by a key that is made of the agent's token, which is not in this folder:
//! a stolen disk tells nothing, and with another token nobody can read it any more.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// Of 32 bytes.
type Key = [u8; 32];

/// A folder with a file for each.
#[derive(Debug)]
pub struct Sealed {
    /// None: nothing is kept.
    folder: Option<PathBuf>,
    /// Bytes of all files together.
    limit: u64,
}

impl Sealed {
    /// Touches no file yet.
    pub fn new(folder: Option<PathBuf>, limit: u64) -> Self {
        Self {
            folder: folder.map(|folder| folder.join("outbox")),
            limit,
        }
    }

    /// Seals what belongs to the command with that id: on the disk when this returns.
    ///
    /// # Errors
    /// It is not kept.
    pub fn keep(&self, key: &Key, id: &str, plain: Vec<u8>) -> io::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let full = || io::Error::other("too much is kept already: see PIPEOPS_STATE_SIZE");
        if self.size() + plain.len() as u64 > self.limit {
            return Err(full());
        }
        let sealed = seal(key, id, plain).ok_or_else(|| io::Error::other("it cannot be sealed"))?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let path = path(folder, id);
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(&sealed).and_then(|()| file.sync_all()));
        if written.is_err() {
            let _ = fs::remove_file(&path);
        }
        written
    }

    /// What was kept of a command: none when nothing was, an error when it cannot be read
    /// with this key.
    pub fn read(&self, key: &Key, id: &str) -> Option<Result<Vec<u8>, ()>> {
        let bytes = fs::read(path(self.folder.as_ref()?, id)).ok()?;
        Some(open(key, id, bytes).ok_or(()))
    }

    pub fn remove(&self, id: &str) {
        if let Some(folder) = &self.folder {
            let _ = fs::remove_file(path(folder, id));
        }
    }

    /// Removes all but those of these commands.
    pub fn keep_only(&self, ids: &[&str]) {
        let Some(folder) = &self.folder else { return };
        let kept: Vec<PathBuf> = ids.iter().map(|id| path(folder, id)).collect();
        for file in files(folder) {
            if !kept.contains(&file) {
                let _ = fs::remove_file(file);
            }
        }
    }

    fn size(&self) -> u64 {
        let files = self.folder.as_deref().map(files).unwrap_or_default();
        let sizes = files.iter().filter_map(|file| file.metadata().ok());
        sizes.map(|file| file.len()).sum()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Ids may be no file names: a part of their hash is.
fn path(folder: &Path, id: &str) -> PathBuf {
    let hash = digest(&SHA256, id.as_bytes());
    let number = hash.as_ref().iter().take(16);
    let number = number.fold(0u128, |number, byte| number << 8 | u128::from(*byte));
    folder.join(format!("{number:032x}.sealed"))
}

/// A random nonce, then what is sealed for that id.
fn seal(key: &Key, id: &str, mut plain: Vec<u8>) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).ok()?;
    let unique = Nonce::assume_unique_for_key(nonce);
    let about = Aad::from(id.as_bytes());
    key.seal_in_place_append_tag(unique, about, &mut plain)
        .ok()?;
    plain.splice(..0, nonce);
    Some(plain)
}

fn open(key: &Key, id: &str, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE_LEN>()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain = key.open_in_place(nonce, Aad::from(id.as_bytes()), rest);
    plain.ok().map(|plain| plain.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [7; 32];

    #[test]
    fn what_is_kept_is_read_by_the_same_key_and_id_alone() {
        let folder = tempfile::tempdir().unwrap();
        let sealed = Sealed::new(Some(folder.path().to_owned()), 1_000);
        assert_eq!(sealed.read(&KEY, "a"), None);
        sealed.keep(&KEY, "a", b"secret words".to_vec()).unwrap();
        sealed.keep(&KEY, "../b", b"others".to_vec()).unwrap();
        assert_eq!(sealed.read(&KEY, "a"), Some(Ok(b"secret words".to_vec())));
        assert_eq!(sealed.read(&KEY, "../b"), Some(Ok(b"others".to_vec())));
        assert_eq!(sealed.read(&[8; 32], "a"), Some(Err(())));
        let place = |id| path(&folder.path().join("outbox"), id);
        let bytes = fs::read(place("a")).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"secret"));
        fs::copy(place("a"), place("c")).unwrap();
        assert_eq!(sealed.read(&KEY, "c"), Some(Err(())), "of another command");
        fs::write(place("a"), &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(sealed.read(&KEY, "a"), Some(Err(())), "torn");
        fs::write(place("a"), b"").unwrap();
        assert_eq!(sealed.read(&KEY, "a"), Some(Err(())));
        sealed.keep_only(&["../b"]);
        assert_eq!(
            (sealed.read(&KEY, "a"), sealed.read(&KEY, "c")),
            (None, None)
        );
        sealed.remove("../b");
        assert_eq!(sealed.read(&KEY, "../b"), None);
    }

    #[test]
    fn equal_words_look_different_each_time_and_size_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let sealed = Sealed::new(Some(folder.path().to_owned()), 250);
        for id in ["a", "b"] {
            sealed.keep(&KEY, id, vec![b'x'; 70]).unwrap();
        }
        let seen: Vec<_> = files(&folder.path().join("outbox"))
            .iter()
            .map(|it| fs::read(it).unwrap())
            .collect();
        assert_ne!(seen[0][12..], seen[1][12..]);
        let error = sealed.keep(&KEY, "c", vec![b'x'; 70]).unwrap_err();
        assert!(error.to_string().contains("PIPEOPS_STATE_SIZE"), "{error}");
        Sealed::new(None, 250).keep(&KEY, "a", vec![1]).unwrap();
    }
}
