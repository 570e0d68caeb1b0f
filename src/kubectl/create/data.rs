//! The keys and values of a ConfigMap or Secret: `--from-literal`, `--from-file` and
//! `--from-env-file`.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::kubectl::failure::Failure;
use crate::kubectl::session::Session;

/// What goes into an object.
#[derive(Default)]
pub(super) struct Data {
    pub(super) is_secret: bool,
    pub(super) name: String,
    /// Text, or anything in a Secret.
    pub(super) data: Map<String, Value>,
    /// What is no text, in a ConfigMap.
    pub(super) binary: Map<String, Value>,
}

impl Data {
    /// Everything that the flags name.
    pub(super) fn read(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        let flags = &session.flags;
        let (files, literals) = (flags.all("from-file"), flags.all("from-literal"));
        let env_files = flags.all("from-env-file");
        let has_files = !files.is_empty() || !env_files.is_empty();
        if !env_files.is_empty() && files.len() + literals.len() > 0 {
            return Err(Failure::new(
                "from-env-file cannot be combined with from-file or from-literal",
            ));
        }
        if has_files && !session.is_local() {
            return Err(Failure::local("a file with values; use --from-literal"));
        }
        for source in files {
            self.source(source)?;
        }
        for literal in literals {
            match literal.split_once('=') {
                Some((key, value)) if !key.is_empty() => self.add(key, value.as_bytes())?,
                _ => {
                    return Err(Failure::new(format!(
                        "invalid literal source {literal}, expected key=value"
                    )));
                }
            }
        }
        for file in env_files {
            self.environment(file)?;
        }
        Ok(())
    }

    /// `KEY=FILE`, a file, or a folder of files.
    fn source(&mut self, source: &str) -> Result<(), Failure> {
        let (key, file) = match source.split_once('=') {
            None => (None, source),
            Some((_, file)) if file.contains('=') => {
                return Err(Failure::new("key names or file paths cannot contain '='"));
            }
            Some(("", file)) => {
                return Err(Failure::new(format!(
                    "key name for file path {file} missing"
                )));
            }
            Some((key, "")) => {
                return Err(Failure::new(format!(
                    "file path for key name {key} missing"
                )));
            }
            Some((key, file)) => (Some(key), file),
        };
        let path = Path::new(file);
        if !path.is_dir() {
            return self.file(key, path);
        }
        if key.is_some() {
            return Err(Failure::new("cannot give a key name for a directory path"));
        }
        let entries = fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        let is_plain = |file: &&std::path::PathBuf| {
            fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_file())
        };
        let mut files = files.iter().filter(is_plain);
        files.try_for_each(|file| self.file(None, file))
    }

    fn file(&mut self, key: Option<&str>, path: &Path) -> Result<(), Failure> {
        let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
        let own = path.file_name().unwrap_or_default().to_string_lossy();
        self.add(key.unwrap_or(&own), &bytes)
    }

    /// Lines of `KEY=VALUE`, with comments.
    fn environment(&mut self, file: &str) -> Result<(), Failure> {
        let path = Path::new(file);
        if path.is_dir() {
            let kind = if self.is_secret { "secret" } else { "config" };
            return Err(Failure::new(format!(
                "env {kind} file cannot be a directory"
            )));
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        let lines = text.trim_start_matches('\u{feff}').lines();
        for line in lines.map(str::trim_start) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                return Err(Failure::new(format!(
                    "{file}: {line:?} has no value; values of the environment are not supported"
                )));
            };
            if !is_key(key) || key.is_empty() || key.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(Failure::new(format!(
                    "{key:?} is not a valid key name: a valid environment variable name must \
                     consist of alphabetic characters, digits, '_', '-', or '.', and must not \
                     start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or \
                     'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
                )));
            }
            self.add(key, value.as_bytes())?;
        }
        Ok(())
    }

    fn add(&mut self, key: &str, bytes: &[u8]) -> Result<(), Failure> {
        if !is_key(key) || key.is_empty() {
            let what = match self.is_secret {
                true => "valid key name for a Secret",
                false => "a valid key name for a ConfigMap:",
            };
            return Err(Failure::new(format!(
                "{key:?} is not {what} a valid config key must consist of alphanumeric \
                 characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', \
                 regex used for validation is '[-._a-zA-Z0-9]+')"
            )));
        }
        if self.is_secret && self.data.contains_key(key) {
            return Err(Failure::new(format!(
                "cannot add key {key}, another key by that name already exists"
            )));
        }
        for (map, place) in [(&self.data, "Data"), (&self.binary, "BinaryData")] {
            if map.contains_key(key) {
                let name = &self.name;
                return Err(Failure::new(format!(
                    "cannot add key {key:?}, another key by that name already exists in {place} \
                     for ConfigMap {name:?}"
                )));
            }
        }
        let text = std::str::from_utf8(bytes).ok().filter(|_| !self.is_secret);
        let key = key.to_owned();
        match text {
            Some(text) => self.data.insert(key, text.into()),
            None if self.is_secret => self.data.insert(key, STANDARD.encode(bytes).into()),
            None => self.binary.insert(key, STANDARD.encode(bytes).into()),
        };
        Ok(())
    }
}

fn is_key(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().all(fits)
}

fn unreadable(path: &Path, error: &Error) -> Failure {
    let problem = match error.kind() {
        ErrorKind::NotFound => "no such file or directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    Failure::new(format!("error reading {}: {problem}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_files_and_lines_become_keys() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path.display().to_string()
        };
        file("a.txt", b"text\n");
        file("b.bin", b"\xff");
        fs::create_dir(folder.path().join("sub")).unwrap();
        let mut config = Data::default();
        config.source(&folder.path().display().to_string()).unwrap();
        assert_eq!(
            Value::from(config.data.clone()),
            serde_json::json!({"a.txt": "text\n"})
        );
        assert_eq!(
            Value::from(config.binary.clone()),
            serde_json::json!({"b.bin": "/w=="})
        );
        let again = config.add("a.txt", b"").unwrap_err().text();
        assert!(
            again.contains("already exists in Data for ConfigMap"),
            "{again}"
        );

        let lines = file("env", "\u{feff}# x\n\n  A=1\nB.c=2=3\n".as_bytes());
        let mut secret = Data {
            is_secret: true,
            ..Data::default()
        };
        secret.environment(&lines).unwrap();
        secret.source(&format!("key={lines}")).unwrap();
        let expected = ["A", "B.c", "key"];
        assert_eq!(secret.data.keys().collect::<Vec<_>>(), expected);
        assert_eq!(secret.data["B.c"], "Mj0z");
        for (line, words) in [("1a=b", "not a valid key name"), ("PATH", "has no value")] {
            let lines = file("bad", line.as_bytes());
            let failure = secret.environment(&lines).unwrap_err().text();
            assert!(failure.contains(words), "{failure}");
        }
    }
}
