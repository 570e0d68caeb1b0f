//! Why the agent did not run to its end, and who can help.

use std::fmt;

use crate::http;

/// Why the agent did not run to its end.
#[derive(Debug)]
pub enum Error {
    /// To be corrected by the operator.
    Configuration(Box<dyn std::error::Error + Send + Sync>),
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(error) | Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Configuration(error) | Self::Failed(error) => error.source(),
        }
    }
}

pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Failed(Box::new(error))
}

pub(super) fn mistaken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Configuration(Box::new(error))
}

pub(super) fn wrong(problem: String) -> Error {
    Error::Configuration(problem.into())
}

/// Files that are of no use are for the operator to correct.
pub(super) fn unbound(error: http::Error) -> Error {
    match error {
        http::Error::Certificate(_) => mistaken(error),
        _ => failed(error),
    }
}
