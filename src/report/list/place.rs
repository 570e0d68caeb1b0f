//! Where a list is to be gone on with, as the text that `continue` takes.

use std::cmp::Reverse;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::rows::Listed;
use crate::cluster::{Kind, Snapshot};

/// Behind a row, whether that is still there or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    epoch: u64,
    /// That of the list when the row was told.
    version: u64,
    /// How recent it was; 0 but for events.
    at: u32,
    namespace: String,
    name: String,
}

impl Place {
    pub(super) fn behind(snapshot: &Snapshot, kind: Kind, at: u32, row: &dyn Listed) -> Self {
        let (namespace, name) = row.key();
        Self {
            epoch: snapshot.changes.epoch(),
            version: snapshot.version_of(kind),
            at,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Whether a row comes later in the order of lists.
    pub(super) fn is_before(&self, at: u32, row: &dyn Listed) -> bool {
        let own = (&*self.namespace, &*self.name);
        (Reverse(self.at), own) < (Reverse(at), row.key())
    }

    /// Whether the list is another one by now.
    pub(super) fn is_old(&self, snapshot: &Snapshot, kind: Kind) -> bool {
        let now = (snapshot.changes.epoch(), snapshot.version_of(kind));
        (self.epoch, self.version) != now
    }

    pub(super) fn text(&self, kind: Kind) -> String {
        let Self {
            epoch,
            version,
            at,
            namespace,
            name,
        } = self;
        let kind = kind.plural();
        URL_SAFE_NO_PAD.encode(format!("{kind} {epoch} {version} {at} {namespace} {name}"))
    }

    /// None if it is not of a list of that kind.
    pub(super) fn parse(text: &str, kind: Kind) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = text.split(' ');
        if parts.next()? != kind.plural() {
            return None;
        }
        let place = Self {
            epoch: parts.next()?.parse().ok()?,
            version: parts.next()?.parse().ok()?,
            at: parts.next()?.parse().ok()?,
            namespace: parts.next()?.to_owned(),
            name: parts.next()?.to_owned(),
        };
        parts.next().is_none().then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_place_is_read_as_it_was_written_and_only_for_its_kind() {
        let mut state = fixture::cluster();
        let snapshot = state.snapshot();
        let pod = fixture::pod("web-1", "Running");
        let place = Place::behind(&snapshot, Kind::Pod, 0, &pod);
        let text = place.text(Kind::Pod);
        assert_eq!(Place::parse(&text, Kind::Pod), Some(place.clone()));
        assert_eq!(Place::parse(&text, Kind::Service), None);
        for wrong in ["", "x", "cG9kcw", &format!("{text}IA"), "%20"] {
            assert_eq!(Place::parse(wrong, Kind::Pod), None, "{wrong}");
        }
        assert!(!place.is_before(0, &pod));
        assert!(place.is_before(0, &fixture::pod("web-2", "Running")));
        assert!(!place.is_before(0, &fixture::pod("web-0", "Running")));
        assert!(!place.is_old(&snapshot, Kind::Pod));
        state.apply(fixture::stale(Kind::Pod, 7), 7);
        assert!(place.is_old(&state.snapshot(), Kind::Pod));
    }
}
