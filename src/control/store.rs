//! What survives a restart: one small JSON file that is replaced atomically.
//!
//! A file that cannot be used is set aside, never deleted, and the agent goes on
//! without it: its identity is the cluster's, so registering again finds it.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::json::{self, object};

const NAME: &str = "agent.json";
const VERSION: u32 = 1;
/// Far more than the file ever holds; a bigger one is not ours.
const LIMIT: u64 = 64 * 1024;
/// Files set aside; the last place is taken again and again.
const SET_ASIDE: u32 = 9;

/// What is remembered. No token is ever here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Given by the control plane.
    pub agent_id: Option<String>,
    /// Of this folder, and so of the records in it.
    pub instance: Option<String>,
}

/// A folder with the file in it.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// The file was there and could not be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    pub path: PathBuf,
    /// Where it is now.
    pub kept: PathBuf,
    pub reason: String,
}

/// The folder cannot be used; what to do is part of the text.
#[derive(Debug)]
pub struct Error {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Store {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Reads the state; no file is the empty state.
    ///
    /// # Errors
    /// The folder cannot be read, or a file that is of no use cannot be set aside.
    pub fn load(&self) -> Result<(State, Option<Warning>), Error> {
        let path = self.folder.join(NAME);
        let unusable = match read(&path) {
            Ok(None) => return Ok((State::default(), None)),
            Ok(Some(bytes)) => match parse(&bytes) {
                Ok(state) => return Ok((state, None)),
                Err(unusable) => unusable,
            },
            // The folder is no folder, or closed to us: nothing to set aside.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(failed("read", &path, error));
            }
            Err(error) => Unusable {
                mark: "unreadable",
                reason: format!("cannot be read: {error}"),
            },
        };
        let kept = self.free_name(unusable.mark);
        fs::rename(&path, &kept).map_err(|error| failed("set aside", &path, error))?;
        let warning = Warning {
            path,
            kept,
            reason: unusable.reason,
        };
        Ok((State::default(), Some(warning)))
    }

    /// Replaces the file: after a crash either the old or the new state is there.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn save(&self, state: &State) -> Result<(), Error> {
        let path = self.folder.join(NAME);
        self.replace(&path, state)
            .map_err(|error| failed("write", &path, error))
    }

    /// Whether [`Store::save`] would work, without touching the state.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn check(&self) -> Result<(), Error> {
        let path = self.folder.join(".agent.json.check");
        self.make_folder()
            .and_then(|()| create(&path).map(drop))
            .and_then(|()| fs::remove_file(&path))
            .map_err(|error| failed("write", &path, error))
    }

    fn replace(&self, path: &Path, state: &State) -> io::Result<()> {
        let stored = Stored {
            version: VERSION,
            agent_id: state.agent_id.clone(),
            instance: state.instance.clone(),
        };
        let mut bytes = serde_json::to_vec(&stored)?;
        bytes.push(b'\n');
        // Flash wears, and most starts change nothing.
        if matches!(read(path), Ok(Some(old)) if old == bytes) {
            return Ok(());
        }
        self.make_folder()?;
        let staged = self.folder.join(".agent.json.new");
        let mut file = create(&staged)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&staged, path)?;
        File::open(&self.folder)?.sync_all()
    }

    fn make_folder(&self) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
    }

    fn free_name(&self, mark: &str) -> PathBuf {
        let name = |number| self.folder.join(format!("{NAME}.{mark}-{number}"));
        (1..SET_ASIDE)
            .map(name)
            .find(|path| path.symlink_metadata().is_err())
            .unwrap_or_else(|| name(SET_ASIDE))
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "state file {} {}; it is kept as {} and the agent registers again",
            self.path.display(),
            self.reason,
            self.kept.display()
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} state file {}: make its folder writable for the agent, or name another \
             with PIPEOPS_STATE_DIR",
            self.doing,
            self.path.display()
        )
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

object! {
    #[derive(Serialize)]
    struct Stored {
        version: u32 = "version",
        #[serde(skip_serializing_if = "Option::is_none")]
        agent_id: Option<String> = "agent_id",
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<String> = "instance",
    }
}

object! {
    struct Versioned {
        version: Option<u32> = "version",
    }
    check |stored| stored.version.map(drop).ok_or("version is missing")
}

struct Unusable {
    mark: &'static str,
    reason: String,
}

fn parse(bytes: &[u8]) -> Result<State, Unusable> {
    let corrupt = |reason: String| Unusable {
        mark: "corrupt",
        reason,
    };
    if bytes.trim_ascii().is_empty() {
        return Err(corrupt("is empty".to_owned()));
    }
    if bytes.len() as u64 > LIMIT {
        return Err(corrupt(format!("is larger than {LIMIT} bytes")));
    }
    // The version decides first: the rest of a newer file may look like anything.
    let version = json::read::<Versioned>(bytes)
        .map_err(|error| corrupt(format!("is corrupt: {error}")))?
        .version
        .unwrap_or_default();
    if version > VERSION {
        return Err(Unusable {
            mark: "newer",
            reason: format!(
                "is of version {version}, written by a newer agent (this one knows {VERSION})"
            ),
        });
    }
    let stored: Stored =
        json::read(bytes).map_err(|error| corrupt(format!("is corrupt: {error}")))?;
    Ok(State {
        agent_id: stored.agent_id.filter(|id| !id.is_empty()),
        instance: stored.instance,
    })
}

/// The file's bytes, one more than allowed at most; none when there is no file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> Error {
    Error {
        doing,
        path: path.to_owned(),
        source,
    }
}
