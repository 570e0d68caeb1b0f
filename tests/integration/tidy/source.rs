//! Reads Rust sources as far as the tidy tests need: what is code, what is a
//! test, which functions there are, which modules a file names.
//!
//! It is no parser. It blanks comments and literals and counts braces; macros
//! that hide code from that do not occur here.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file.
pub(super) struct Source {
    /// Relative to the root of the repository.
    pub(super) path: String,
    /// As written.
    pub(super) text: String,
    /// Without its unit tests; comments and literals blanked, lines kept.
    pub(super) code: String,
}

/// A function with a body, and how many lines it takes.
#[derive(Debug, PartialEq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) lines: usize,
}

impl Source {
    fn new(path: String, text: String) -> Source {
        let code = blank(without_tests(&text));
        Source { path, text, code }
    }

    /// Lines without unit tests, comments included.
    pub(super) fn lines(&self) -> usize {
        self.code.lines().count()
    }

    /// The top-level module of the crate this file of `src` belongs to.
    pub(super) fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside
            .split('/')
            .next()
            .unwrap_or(inside)
            .trim_end_matches(".rs")
    }

    /// Every top-level module that the file names, unit tests included.
    pub(super) fn imports(&self) -> Vec<String> {
        let code = blank(&self.text);
        let mut found = Vec::new();
        for root in self.roots() {
            for (at, _) in code.match_indices(root) {
                if !code[..at].ends_with(is_word) {
                    first_segments(&code[at + root.len()..], &mut found);
                }
            }
        }
        found
    }

    /// What the root of the crate is called in this file.
    fn roots(&self) -> &'static [&'static str] {
        let depth = self.path.matches('/').count() - usize::from(self.path.ends_with("/mod.rs"));
        if depth == 1 {
            &["crate::", "pipeops_agent::", "super::"]
        } else {
            &["crate::", "pipeops_agent::"]
        }
    }

    pub(super) fn functions(&self) -> Vec<Function> {
        self.code
            .match_indices("fn ")
            .filter(|(at, _)| !self.code[..*at].ends_with(is_word))
            .filter_map(|(at, _)| function(&self.code[at + 3..]))
            .collect()
    }
}

/// Every Rust file below the folder, sorted by path.
pub(super) fn sources(root: &Path, folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files);
    files.sort();
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source is readable UTF-8");
            let path = path.strip_prefix(root).expect("below the root");
            Source::new(path.display().to_string(), text)
        })
        .collect()
}

/// Every file below the folder; build output and hidden folders are left out.
pub(super) fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder is readable") {
        let path = entry.expect("a folder entry is readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !path.is_dir() {
            files.push(path);
        } else if !matches!(
            &*name,
            ".git" | "target" | "bin" | "coverage" | "node_modules"
        ) {
            collect(&path, files);
        }
    }
}

/// The text before the unit tests, which stand last in a file.
fn without_tests(text: &str) -> &str {
    let mark = "\n#[cfg(test)]\nmod ";
    text.find(mark).map_or(text, |at| &text[..at])
}

/// The first name of a path, or of each path in braces: `a::b`, `{a::b, c}`.
fn first_segments(text: &str, found: &mut Vec<String>) {
    let Some(group) = text.strip_prefix('{') else {
        found.extend(word(text));
        return;
    };
    let mut depth = 1;
    let mut expect_name = true;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expect_name = true,
            _ if depth == 1 && expect_name && is_word(character) => {
                found.extend(word(&group[at..]));
                expect_name = false;
            }
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// The function whose name starts the text; none for a declaration or a type.
fn function(text: &str) -> Option<Function> {
    let name = word(text)?;
    let mut nesting = 0_i32;
    let mut braces = 0_i32;
    for (at, character) in text.char_indices() {
        match character {
            '(' | '[' => nesting += 1,
            ')' | ']' => nesting -= 1,
            ';' if nesting == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => braces -= 1,
            _ => {}
        }
        if character == '}' && braces == 0 {
            let lines = text[..at].matches('\n').count() + 1;
            return Some(Function { name, lines });
        }
    }
    None
}

/// Comments, strings and characters turned to blanks; line ends stay.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let opaque = opaque(rest, out.ends_with(is_word));
        let length = if opaque > 0 {
            opaque
        } else {
            character.len_utf8()
        };
        for character in rest[..length].chars() {
            let keep = opaque == 0 || character == '\n';
            out.push(if keep { character } else { ' ' });
        }
        rest = &rest[length..];
    }
    out
}

/// How many bytes of comment or literal start the text; 0 when none does.
fn opaque(text: &str, after_word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |at| at + 2);
    }
    if after_word {
        return literal(text);
    }
    let prefix = text.len() - text.trim_start_matches(['b', 'c']).len();
    let raw = text[prefix..].strip_prefix('r').unwrap_or_default();
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if prefix <= 1 && raw[hashes..].starts_with('"') {
        let close = format!("\"{}", "#".repeat(hashes));
        let start = prefix + 1 + hashes + 1;
        return text[start..]
            .find(&close)
            .map_or(text.len(), |at| start + at + close.len());
    }
    literal(text)
}

/// As [`opaque`], for what may follow a letter: the string in `b"..."`.
fn literal(text: &str) -> usize {
    let quote = match text.chars().next() {
        Some('"') => '"',
        Some('\'') if is_character(text) => '\'',
        _ => return 0,
    };
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == quote && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

/// A character, not a lifetime.
fn is_character(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    characters.next() == Some('\\') || characters.next() == Some('\'')
}

fn word(text: &str) -> Option<String> {
    let end = text
        .find(|character| !is_word(character))
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(path.to_owned(), text.to_owned())
    }

    #[test]
    fn imports_are_found_in_paths_and_groups_and_not_in_comments() {
        let text =
            "use crate::{b::{x, y}, c};\n// crate::no\nlet s = \"crate::no\";\ncrate::d::e();";
        assert_eq!(source("src/a/deep.rs", text).imports(), ["b", "c", "d"]);
    }

    #[test]
    fn super_is_the_root_only_in_a_top_level_file() {
        assert_eq!(source("src/a/mod.rs", "use super::b;").imports(), ["b"]);
        assert_eq!(source("src/a.rs", "use super::b;").imports(), ["b"]);
        assert!(
            source("src/a/deep.rs", "use super::b;")
                .imports()
                .is_empty()
        );
    }

    #[test]
    fn functions_are_measured_past_literals_and_without_tests() {
        let text = "fn a<'a>(f: fn(u8), x: [u8; 2]) {\n    '{';\n    r#\"}\"\"#;\n    b\"{\";\n}\n\
                    trait T {\n    fn declared(&self);\n}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        let found = source("src/a.rs", text).functions();
        assert_eq!(
            found,
            [Function {
                name: "a".to_owned(),
                lines: 5
            }]
        );
    }
}
