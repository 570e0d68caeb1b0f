//! The policy as a file that may change: looked at before each command. A file that is
//! wrong or gone leaves the last good policy, and is told once.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::Policy;

/// A policy with its source.
#[derive(Debug)]
pub struct PolicyFile {
    path: Option<PathBuf>,
    own_namespace: Option<String>,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    policy: Arc<Policy>,
    stamp: Stamp,
}

/// What changes with a file: inode, length, seconds and nanoseconds of its last change.
type Stamp = Option<(u64, u64, i64, i64)>;

impl PolicyFile {
    /// Reads the file, where there is one to read.
    ///
    /// # Errors
    /// It cannot be read, or is wrong.
    pub fn open(path: Option<PathBuf>, own_namespace: Option<String>) -> Result<Self, String> {
        let usual = Policy::usual(own_namespace.clone());
        let opened = Self {
            path,
            own_namespace,
            last: Mutex::new(Last {
                policy: Arc::new(usual),
                stamp: None,
            }),
        };
        if opened.path.is_some() {
            let policy = Arc::new(opened.read()?);
            let stamp = opened.stamp();
            *opened.last() = Last { policy, stamp };
        }
        Ok(opened)
    }

    /// What holds now.
    pub fn current(&self) -> Arc<Policy> {
        let stamp = self.stamp();
        let mut last = self.last();
        if self.path.is_some() && last.stamp != stamp {
            // Whether it is good or not, it is read once.
            last.stamp = stamp;
            match self.read() {
                Ok(policy) => {
                    log::info!("there is another policy: {}", self.describe());
                    last.policy = Arc::new(policy);
                }
                Err(problem) => log::error!("{problem}; the policy stays as it was"),
            }
        }
        Arc::clone(&last.policy)
    }

    /// Reads the file again, changed or not.
    pub fn reload(&self) {
        self.last().stamp = None;
        self.current();
    }

    fn read(&self) -> Result<Policy, String> {
        let path = self.path.as_deref().unwrap_or_else(|| "".as_ref());
        let text = fs::read_to_string(path)
            .map_err(|error| format!("the policy {} cannot be read: {error}", self.describe()))?;
        Policy::parse(&text, self.own_namespace.clone())
            .map_err(|problem| format!("the policy {} is wrong: {problem}", self.describe()))
    }

    fn describe(&self) -> String {
        let path = self.path.as_ref();
        path.map(|path| path.display().to_string())
            .unwrap_or_default()
    }

    fn stamp(&self) -> Stamp {
        let data = fs::metadata(self.path.as_ref()?).ok()?;
        Some((data.ino(), data.len(), data.mtime(), data.mtime_nsec()))
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_and_a_mistake_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.yaml");
        let missing = PolicyFile::open(Some(path.clone()), None).unwrap_err();
        assert!(missing.contains("cannot be read"), "{missing}");
        fs::write(&path, "rules: 7").unwrap();
        let wrong = PolicyFile::open(Some(path.clone()), None).unwrap_err();
        assert!(wrong.contains("is wrong: rules is no list"), "{wrong}");
        fs::write(&path, "read_only: false").unwrap();
        let file = PolicyFile::open(Some(path.clone()), None).unwrap();
        assert!(!file.current().read_only);
        fs::write(&path, "read_only: true\n").unwrap();
        assert!(file.current().read_only);
        fs::write(&path, "read_only: falsch\n").unwrap();
        assert!(file.current().read_only);
        fs::remove_file(&path).unwrap();
        assert!(file.current().read_only);
        fs::write(&path, "read_only: false\n").unwrap();
        file.reload();
        assert!(!file.current().read_only);
        let none = PolicyFile::open(None, None).unwrap();
        assert_eq!(*none.current(), Policy::usual(None));
    }
}
