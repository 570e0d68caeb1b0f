//! A Kubernetes Event: something that was noticed about an object.

use super::{Kind, Labels, Name, Record, Uid};

/// An Event of either API; a repeated one is the same object with a higher
/// count.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub namespace: Name,
    pub name: Name,
    pub uid: Option<Uid>,
    pub labels: Labels,
    pub event_type: EventType,
    pub reason: Name,
    /// Bounded by whoever makes the row.
    pub message: Box<str>,
    pub object: InvolvedObject,
    /// At least 1.
    pub count: u32,
    /// Seconds since 1970; 0 when unknown.
    pub first: u32,
    /// Seconds since 1970; 0 when unknown.
    pub last: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    Normal,
    Warning,
    Unknown,
}

/// What the event is about.
#[derive(Clone, Debug, PartialEq)]
pub struct InvolvedObject {
    pub kind: Name,
    /// None for objects outside namespaces.
    pub namespace: Option<Name>,
    pub name: Name,
}

impl Event {
    /// Whether it happened again since `earlier`.
    pub fn repeated(&self, earlier: &Self) -> bool {
        self.count > earlier.count || self.last > earlier.last || self.recreated(earlier)
    }
}

impl EventType {
    pub fn as_str(self) -> &'static str {
        match self {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
            EventType::Unknown => "Unknown",
        }
    }

    /// Anything unheard of is `Unknown`.
    pub fn parse(text: &str) -> Self {
        match text {
            "Normal" => EventType::Normal,
            "Warning" => EventType::Warning,
            _ => EventType::Unknown,
        }
    }
}

impl Record for Event {
    const KIND: Kind = Kind::Event;

    fn namespace(&self) -> Option<&Name> {
        Some(&self.namespace)
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

    /// `Warning BackOff Pod/web-1 (x7): Back-off restarting failed container`
    fn state(&self) -> String {
        let Event {
            reason,
            object,
            message,
            ..
        } = self;
        let about = format!("{}/{}", object.kind, object.name);
        let times = match self.count {
            0 | 1 => String::new(),
            count => format!(" (x{count})"),
        };
        format!(
            "{} {reason} {about}{times}: {message}",
            self.event_type.as_str()
        )
    }

    fn difference(&self, earlier: &Self) -> Option<String> {
        self.repeated(earlier).then(|| self.state())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::cluster) fn event(name: &str, last: u32) -> Event {
        Event {
            namespace: Name::from("default"),
            name: Name::from(name),
            uid: None,
            labels: Labels::default(),
            event_type: EventType::Warning,
            reason: Name::from("BackOff"),
            message: Box::from("Back-off restarting failed container"),
            object: InvolvedObject {
                kind: Name::from("Pod"),
                namespace: Some(Name::from("default")),
                name: Name::from("web-1"),
            },
            count: 1,
            first: last,
            last,
        }
    }

    #[test]
    fn an_event_is_one_line() {
        let mut event = event("a", 7);
        let told = "Warning BackOff Pod/web-1: Back-off restarting failed container";
        assert_eq!(event.state(), told);
        event.count = 7;
        let told = "Warning BackOff Pod/web-1 (x7): Back-off restarting failed container";
        assert_eq!(event.state(), told);
    }

    #[test]
    fn only_a_repetition_is_news() {
        let first = event("a", 7);
        let mut second = first.clone();
        second.first = 1;
        assert_eq!(second.difference(&first), None);
        second.count = 2;
        assert!(second.difference(&first).is_some());
    }
}
