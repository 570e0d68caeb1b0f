//! What nodes used over the last day, as JSON, a node at a time.

use std::fmt::Write;
use std::sync::Arc;

use crate::cluster::{History, Resource, Snapshot, Track};

/// `{"interval_seconds":300,"nodes":[{"name":"n","cpu_millicores":[[1700000100,250],...],
/// "memory_bytes":[...]}],"total":{...},"nodes_left_out":0}`: points are the beginning of an
/// interval in seconds since 1970 and the mean of what was measured in it. `total` is absent
/// before the first sample.
pub struct HistoryText {
    history: Option<Arc<History>>,
    /// The next node.
    at: usize,
}

impl HistoryText {
    pub fn new(snapshot: &Snapshot) -> Self {
        Self {
            history: snapshot.history.clone(),
            at: 0,
        }
    }

    /// Adds what comes next; false when it was the last.
    pub fn write(&mut self, text: &mut String) -> bool {
        if self.at == 0 {
            let interval = History::INTERVAL.as_secs();
            // Text cannot fail, here and below.
            let _ = write!(text, "{{\"interval_seconds\":{interval},\"nodes\":[");
        }
        let Some(history) = &self.history else {
            text.push_str("]}");
            return false;
        };
        let Some(track) = history.tracks().get(self.at) else {
            text.push_str("],\"total\":{");
            put(text, history, history.total());
            let _ = write!(text, "}},\"nodes_left_out\":{}}}", history.left_out());
            return false;
        };
        if self.at > 0 {
            text.push(',');
        }
        self.at += 1;
        let name = serde_json::to_string(&*track.name).unwrap_or_default();
        let _ = write!(text, "{{\"name\":{name},");
        put(text, history, track);
        text.push('}');
        true
    }
}

fn put(text: &mut String, history: &History, track: &Track) {
    let resources = [
        ("\"cpu_millicores\":[", Resource::Cpu),
        ("],\"memory_bytes\":[", Resource::Memory),
    ];
    for (name, resource) in resources {
        text.push_str(name);
        for (index, (at, value)) in history.points(track, resource).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let _ = write!(text, "{comma}[{at},{value}]");
        }
    }
    text.push(']');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::report::fixture;

    fn told(snapshot: &Snapshot) -> Value {
        let mut text = String::new();
        let mut history = HistoryText::new(snapshot);
        while history.write(&mut text) {}
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn it_tells_each_node_and_all() {
        let at = fixture::THEN / 300 * 300;
        let (cpu, memory) = (json!([[at, 1000]]), json!([[at, 2_147_483_648_u64]]));
        let expected = json!({
            "interval_seconds": 300,
            "nodes": [{"name": "node-1", "cpu_millicores": cpu, "memory_bytes": memory}],
            "total": {"cpu_millicores": cpu, "memory_bytes": memory},
            "nodes_left_out": 0,
        });
        assert_eq!(told(&fixture::cluster().snapshot()), expected);
    }

    #[test]
    fn before_the_first_sample_there_is_nothing() {
        let expected = json!({"interval_seconds": 300, "nodes": []});
        assert_eq!(told(&fixture::empty().snapshot()), expected);
    }
}
