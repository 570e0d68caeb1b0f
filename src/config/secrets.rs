//! Tokens: given in the environment or the file, or in files of their own.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::layers::{Layer, Source};
use super::mistake::{Fault, quoted};
use super::table::Key;
use super::value;
use crate::security;
use crate::token::TokenSource;

/// The two settings of one token.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    pub(super) text: Key,
    pub(super) file: Key,
}

/// The token that these settings give. The higher source wins; both in one source
/// contradict each other.
pub(super) fn read(
    layer: &mut Layer,
    keys: Keys,
    environment: &Environment,
) -> Option<TokenSource> {
    let text = layer.given(keys.text).map(|(_, source)| source);
    let file = layer
        .given(keys.file)
        .map(|(path, source)| (path.to_owned(), source));
    match (text, file) {
        (Some(text), Some((_, file))) if text.rank() == file.rank() => {
            let problem = format!("stands beside {file}");
            layer.mistake(text, problem, "give one of the two");
            None
        }
        (text, Some((path, file)))
            if text.as_ref().is_none_or(|text| text.rank() > file.rank()) =>
        {
            from_file(layer, &path, &file, environment)
        }
        _ => layer.take(keys.text, value::secret).map(TokenSource::Fixed),
    }
}

/// Lines of `SCOPE NAME TOKEN`.
pub(super) fn tokens_file(text: &str) -> Result<PathBuf, Fault> {
    let path = value::path(text)?;
    match security::check_tokens(&path) {
        Ok(()) => Ok(path),
        Err(problem) => Err(Fault::new(
            format!("cannot be used: {problem}"),
            "write lines of SCOPE NAME TOKEN; scopes are read, operate and admin",
        )),
    }
}

fn from_file(
    layer: &mut Layer,
    path: &str,
    source: &Source,
    environment: &Environment,
) -> Option<TokenSource> {
    let is_stdin = path == "-";
    let text = if is_stdin {
        (environment.stdin)()
    } else {
        contents(Path::new(path))
    };
    let name = if is_stdin {
        "standard input".to_owned()
    } else {
        quoted(path)
    };
    let problem = match text.map(|text| value::secret(&text)) {
        Ok(Ok(secret)) if is_stdin => return Some(TokenSource::Fixed(secret)),
        Ok(Ok(_)) => return Some(TokenSource::File(PathBuf::from(path))),
        Ok(Err(fault)) => format!("{name} {}", fault.problem),
        Err(error) => format!("cannot read {name}: {error}"),
    };
    layer.mistake(
        source,
        problem,
        "put the token alone into a file that the agent can read",
    );
    None
}

/// The text of a file that holds a token; a longer one holds something else.
fn contents(path: &Path) -> io::Result<String> {
    const MOST: u64 = 64 * 1024;
    let mut text = String::new();
    let read = File::open(path)?.take(MOST + 1).read_to_string(&mut text)?;
    if read as u64 > MOST {
        return Err(io::Error::other("larger than 64 KiB"));
    }
    Ok(text)
}
