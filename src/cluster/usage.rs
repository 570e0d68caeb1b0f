//! What nodes use of their resources, as last measured.

use super::Name;

/// One measurement of the cluster. No measurement is no `Usage`, never zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    pub source: UsageSource,
    /// Seconds since 1970.
    pub at: u32,
    /// The nodes that were measured, sorted by name once in a snapshot.
    pub nodes: Vec<NodeUsage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageSource {
    MetricsApi,
    KubeletSummary,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NodeUsage {
    pub name: Name,
    pub cpu_millis: u64,
    pub memory_bytes: u64,
}

impl Usage {
    pub fn node(&self, name: &str) -> Option<&NodeUsage> {
        let at = self.nodes.binary_search_by(|node| (*node.name).cmp(name));
        self.nodes.get(at.ok()?)
    }

    /// Sorted, each node once.
    pub(super) fn sorted(mut self) -> Self {
        self.nodes.sort_by(|a, b| a.name.cmp(&b.name));
        self.nodes.dedup_by(|a, b| a.name == b.name);
        self
    }
}

impl UsageSource {
    pub fn as_str(self) -> &'static str {
        match self {
            UsageSource::MetricsApi => "metrics-api",
            UsageSource::KubeletSummary => "kubelet-summary",
        }
    }
}
