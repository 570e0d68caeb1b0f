//! A namespace.

use super::{Kind, Labels, Name, Record, Uid};

#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    pub name: Name,
    pub uid: Option<Uid>,
    pub labels: Labels,
    /// Seconds since 1970; 0 when unknown.
    pub created: u32,
    pub phase: NamespacePhase,
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespacePhase {
    Active,
    Terminating,
    Unknown,
}

impl NamespacePhase {
    pub fn as_str(self) -> &'static str {
        match self {
            NamespacePhase::Active => "Active",
            NamespacePhase::Terminating => "Terminating",
            NamespacePhase::Unknown => "Unknown",
        }
    }

    /// Anything unheard of is `Unknown`.
    pub fn parse(text: &str) -> Self {
        match text {
            "Active" => NamespacePhase::Active,
            "Terminating" => NamespacePhase::Terminating,
            _ => NamespacePhase::Unknown,
        }
    }
}

impl Record for Namespace {
    const KIND: Kind = Kind::Namespace;

    fn namespace(&self) -> Option<&Name> {
        None
    }

    fn name(&self) -> &Name {
        &self.name
    }

    fn uid(&self) -> Option<Uid> {
        self.uid
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn state(&self) -> String {
        self.phase.as_str().to_owned()
    }

    fn difference(&self, earlier: &Self) -> Option<String> {
        if self.recreated(earlier) {
            return Some(format!("recreated, {}", self.phase.as_str()));
        }
        let moved = || format!("{} -> {}", earlier.phase.as_str(), self.phase.as_str());
        (self.phase != earlier.phase).then(moved)
    }
}
