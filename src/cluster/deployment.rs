//! A deployment and how far it has come.

use super::{Kind, Labels, Name, Record, Uid};

/// Counts as in `kubectl get deployments`.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub namespace: Name,
    pub name: Name,
    pub uid: Option<Uid>,
    pub labels: Labels,
    /// Seconds since 1970; 0 when unknown.
    pub created: u32,
    /// `spec.replicas`.
    pub desired: u32,
    /// Pods of the current template.
    pub updated: u32,
    pub ready: u32,
    pub available: u32,
}

impl Deployment {
    /// `2/3`, as kubectl's column READY.
    pub fn readiness(&self) -> String {
        format!("{}/{}", self.ready, self.desired)
    }

    /// Whether fewer pods are available than wanted.
    pub fn short(&self) -> bool {
        self.available < self.desired
    }
}

impl Record for Deployment {
    const KIND: Kind = Kind::Deployment;

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

    fn state(&self) -> String {
        format!("{} ready", self.readiness())
    }

    fn difference(&self, earlier: &Self) -> Option<String> {
        let mut parts = Vec::new();
        if self.recreated(earlier) {
            parts.push("recreated".to_owned());
        }
        if self.desired != earlier.desired {
            parts.push(format!("scaled {} -> {}", earlier.desired, self.desired));
        }
        let counts = |row: &Deployment| (row.ready, row.updated, row.available);
        let moved = counts(self) != counts(earlier);
        if moved || !parts.is_empty() {
            parts.push(self.state());
        }
        if self.updated != earlier.updated {
            parts.push(format!("{} updated", self.updated));
        }
        if self.available != self.ready && moved {
            parts.push(format!("{} available", self.available));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_told_in_counts() {
        let before = Deployment {
            namespace: Name::from("a"),
            name: Name::from("web"),
            uid: None,
            labels: Labels::default(),
            created: 0,
            desired: 3,
            updated: 3,
            ready: 3,
            available: 3,
        };
        let mut after = before.clone();
        assert_eq!(after.difference(&before), None);
        after.ready = 2;
        after.available = 2;
        assert_eq!(after.difference(&before).as_deref(), Some("2/3 ready"));
        after.desired = 5;
        after.updated = 1;
        let told = after.difference(&before);
        assert_eq!(told.as_deref(), Some("scaled 3 -> 5, 2/5 ready, 1 updated"));
    }
}
