//! What identifies an object: its kind, its namespace and name, its uid.

use std::fmt;

use super::Name;

/// The kinds that are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Node,
    Pod,
    Namespace,
    Deployment,
    Service,
    Event,
}

impl Kind {
    /// Every kind, in the order of [`Kind::index`].
    pub const ALL: [Kind; 6] = [
        Kind::Node,
        Kind::Pod,
        Kind::Namespace,
        Kind::Deployment,
        Kind::Service,
        Kind::Event,
    ];

    /// The resource name of the Kubernetes API: `pods`.
    pub fn plural(self) -> &'static str {
        match self {
            Kind::Node => "nodes",
            Kind::Pod => "pods",
            Kind::Namespace => "namespaces",
            Kind::Deployment => "deployments",
            Kind::Service => "services",
            Kind::Event => "events",
        }
    }

    /// `pod`.
    pub fn singular(self) -> &'static str {
        self.plural().trim_end_matches('s')
    }

    /// The place in an array with one element per kind.
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Identifies an object among those of its kind, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// None for kinds that live outside namespaces.
    pub namespace: Option<Name>,
    pub name: Name,
}

impl Key {
    /// Key of an object outside namespaces.
    pub fn global(name: impl Into<Name>) -> Self {
        Self {
            namespace: None,
            name: name.into(),
        }
    }

    pub fn namespaced(namespace: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self {
            namespace: Some(namespace.into()),
            name: name.into(),
        }
    }

    /// What tables are sorted by.
    pub(super) fn rank(&self) -> (Option<&str>, &str) {
        (self.namespace.as_deref(), &self.name)
    }
}

/// The uid of an object, a UUID (RFC 9562): tells an object from a later one of
/// the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid([u8; 16]);

impl Uid {
    /// Reads `8-4-4-4-12` hexadecimal digits; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let hyphens = [8, 13, 18, 23];
        if text.len() != 36 || hyphens.iter().any(|at| text.get(*at) != Some(&b'-')) {
            return None;
        }
        let mut bytes = [0; 16];
        let digits = text
            .iter()
            .enumerate()
            .filter(|(at, _)| !hyphens.contains(at));
        for (place, (_, digit)) in digits.enumerate() {
            let value = char::from(*digit).to_digit(16)?;
            let byte = bytes.get_mut(place / 2)?;
            *byte = *byte << 4 | u8::try_from(value).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Key {
    /// `default/web`, or `node-1` outside namespaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_place_and_names() {
        for (at, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(kind.index(), at);
        }
        assert_eq!(Kind::Pod.plural(), "pods");
        assert_eq!(Kind::Namespace.singular(), "namespace");
    }

    #[test]
    fn uids_are_uuids_and_print_as_read() {
        let text = "7c0b8a5e-1f3d-4c6a-9b2e-0123456789ab";
        assert_eq!(Uid::parse(text).unwrap().to_string(), text);
        for wrong in [
            "",
            "7c0b8a5e1f3d4c6a9b2e0123456789ab",
            "7c0b8a5e-1f3d-4c6a-9b2e-0123456789a",
            "7c0b8a5e-1f3d-4c6a-9b2e-0123456789ag",
            "7c0b8a5e-1f3d-4c6a-9b2e-0123456789\u{e9}",
            "7c0b8a5e-1f3d-4c6a+9b2e-0123456789ab",
        ] {
            assert_eq!(Uid::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn keys_without_namespace_come_first() {
        let mut keys = [
            Key::namespaced("b", "a"),
            Key::namespaced("a", "z"),
            Key::global("z"),
        ];
        keys.sort();
        assert_eq!(keys[0], Key::global("z"));
        assert_eq!(keys[1].rank(), (Some("a"), "z"));
    }
}
