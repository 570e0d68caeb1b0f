//! Objects in files: `-f`, with folders, several documents, and standard input.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::failure::Failure;
use super::session::Session;
use crate::yaml;

const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// An object, and where it was read.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file, or `STDIN`.
    pub source: String,
    pub object: Value,
}

/// What `-f` leads to.
#[derive(Debug, Default)]
pub struct Documents {
    pub all: Vec<Document>,
    /// One file was given, not a folder or standard input.
    pub is_one_file: bool,
}

/// Reads every object of `--filename`, lists taken apart.
///
/// # Errors
/// A file cannot be read, or is no YAML or JSON of objects.
pub fn read(session: &mut Session<'_>) -> Result<Documents, Failure> {
    let names = session.flags.all("filename").into_iter().map(str::to_owned);
    let names: Vec<String> = names.collect();
    let mut documents = Documents::default();
    let mut files = Vec::new();
    for name in &names {
        if name == "-" {
            let mut text = String::new();
            let most = yaml::MAX_TEXT as u64 + 1;
            session
                .io
                .stdin
                .by_ref()
                .take(most)
                .read_to_string(&mut text)?;
            documents.add("STDIN", &text)?;
        } else {
            files.extend(find(session, name)?);
        }
    }
    documents.is_one_file = names.len() == 1 && files.len() == 1;
    for file in files {
        let shown = file.display().to_string();
        let text = fs::read_to_string(&file)
            .map_err(|error| Failure::new(format!("error reading {shown:?}: {error}")))?;
        documents.add(&shown, &text)?;
    }
    Ok(documents)
}

/// The files of a name, if this is the machine that they are on.
fn find(session: &Session<'_>, name: &str) -> Result<Vec<PathBuf>, Failure> {
    if name.starts_with("http://") || name.starts_with("https://") {
        return Err(Failure::new(format!(
            "{name:?}: addresses are not supported; fetch it, and give the file"
        )));
    }
    if !session.is_local() {
        return Err(Failure::local(
            "a file; use standard input and -f -: -f FILE",
        ));
    }
    expand(Path::new(name), session.flags.on("recursive"))
}

impl Documents {
    fn add(&mut self, source: &str, text: &str) -> Result<(), Failure> {
        let read = yaml::parse(text)
            .map_err(|error| Failure::new(format!("error parsing {source}: {error}")))?;
        for object in read {
            self.take(source, object)?;
        }
        Ok(())
    }

    /// An object, or each of a list.
    fn take(&mut self, source: &str, mut object: Value) -> Result<(), Failure> {
        if object.is_null() {
            return Ok(());
        }
        let is_list = object["kind"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("List"));
        match object.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if is_list => items
                .into_iter()
                .try_for_each(|item| self.take(source, item)),
            items => {
                check(source, &object)?;
                if let (Some(items), Value::Object(map)) = (items, &mut object) {
                    map.insert("items".to_owned(), items);
                }
                let source = source.to_owned();
                self.all.push(Document { source, object });
                Ok(())
            }
        }
    }
}

fn check(source: &str, object: &Value) -> Result<(), Failure> {
    let has = |key: &str| object[key].as_str().is_some_and(|text| !text.is_empty());
    if !object.is_object() || !has("kind") {
        let shown = super::print::json::compact(object);
        return Err(Failure::new(format!(
            "unable to decode {source:?}: Object 'Kind' is missing in '{shown}'"
        )));
    }
    if !has("apiVersion") {
        let kind = object["kind"].as_str().unwrap_or_default();
        return Err(Failure::new(format!(
            "unable to decode {source:?}: Object 'apiVersion' is missing in the {kind}"
        )));
    }
    Ok(())
}

/// A file, or the manifests of a folder in the order of their names.
fn expand(path: &Path, recursive: bool) -> Result<Vec<PathBuf>, Failure> {
    let shown = path.display().to_string();
    let metadata = fs::metadata(path).map_err(|error| {
        Failure::new(match error.kind() {
            std::io::ErrorKind::NotFound => format!("the path {shown:?} does not exist"),
            _ => format!("the path {shown:?} cannot be accessed: {error}"),
        })
    })?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    walk(path, recursive, &mut files)?;
    if files.is_empty() {
        return Err(Failure::new(format!(
            "error reading [{shown}]: recognized file extensions are [.json .yaml .yml]"
        )));
    }
    Ok(files)
}

fn walk(folder: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(|error| Failure::new(format!("error reading {:?}: {error}", folder.display())))?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if recursive {
                walk(&path, recursive, files)?;
            }
            continue;
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Result<Vec<String>, String> {
        let mut documents = Documents::default();
        documents.add("x", text).map_err(|failure| failure.text())?;
        let kind = |document: Document| document.object["kind"].as_str().unwrap().to_owned();
        Ok(documents.all.into_iter().map(kind).collect())
    }

    #[test]
    fn documents_and_lists_are_taken_apart() {
        let text = "kind: A\napiVersion: v1\n---\n---\nkind: List\napiVersion: v1\nitems:\n\
                    - {kind: B, apiVersion: v1}\n- {kind: C, apiVersion: v1}\n";
        assert_eq!(kinds(text).unwrap(), ["A", "B", "C"]);
        assert_eq!(kinds("# nothing\n").unwrap(), [""; 0]);
        assert!(
            kinds("a: b")
                .unwrap_err()
                .contains("Object 'Kind' is missing")
        );
        assert!(
            kinds("kind: A")
                .unwrap_err()
                .contains("'apiVersion' is missing")
        );
    }

    #[test]
    fn a_folder_is_read_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yml", "c.json", "d.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("e")).unwrap();
        fs::write(folder.path().join("e/f.yaml"), "").unwrap();
        let names = |recursive| {
            let files = expand(folder.path(), recursive).unwrap();
            let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
            files.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(names(false), ["a.yml", "b.yaml", "c.json"]);
        assert_eq!(names(true), ["a.yml", "b.yaml", "c.json", "f.yaml"]);
        let missing = expand(Path::new("/nonexistent"), false).unwrap_err();
        assert_eq!(
            missing.text(),
            "error: the path \"/nonexistent\" does not exist\n"
        );
    }
}
