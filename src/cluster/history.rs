//! What nodes used over the last day: one mean for each interval, in bounded memory.
//!
//! Time is what the samples say. Each node has one point for each interval in which it was
//! measured; what was not measured has none.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Name, NodeUsage, Usage};

/// Of one node, or of all that were measured together.
///
/// A day of 32 nodes is 80 kB, and twice that while a sample is added, since readers keep what
/// they have. More nodes only count in the sum: those that were measured first, by name, have
/// points of their own. A node that is gone keeps its points until they are a day old, or
/// another needs the place.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The interval of the last point, counted from 1970.
    last: u32,
    total: Track,
    /// Sorted by name; all are as long as the total.
    tracks: Vec<Track>,
    /// Nodes of the last sample without points of their own.
    left_out: usize,
}

/// The points of one node, one for each interval, the last one still growing.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    pub name: Name,
    points: Vec<Option<Point>>,
    /// What the last point is the mean of.
    sum: Sum,
}

/// Saturating: 4 million cores and 256 TiB. Eight bytes, also where there may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    /// One more than it was.
    cpu_millis: NonZeroU32,
    /// In units of 64 KiB.
    memory: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    cpu_millis: u64,
    memory_bytes: u64,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Thousandths of a core.
    Cpu,
    /// Bytes.
    Memory,
}

const UNIT: u64 = 64 * 1024;

impl History {
    pub const INTERVAL: Duration = Duration::from_secs(INTERVAL as u64);
    /// Intervals of a day.
    pub const LENGTH: usize = 288;
    /// Nodes with points of their own.
    pub const NODES: usize = 32;

    /// With a sample more. A clock that goes back by less than an interval is waited for; what
    /// is later than a clock that goes back further is not true, and dropped.
    pub(super) fn after(earlier: Option<&Self>, usage: &Usage) -> Self {
        let slot = usage.at / INTERVAL;
        let fresh = || Self {
            last: slot,
            total: Track::new(Name::from(""), 1),
            tracks: Vec::new(),
            left_out: 0,
        };
        let mut next = earlier.map_or_else(fresh, |earlier| earlier.moved(slot));
        next.take(&usage.nodes);
        next
    }

    /// Of each node that has some, sorted by name.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Of all nodes that were measured, together.
    pub fn total(&self) -> &Track {
        &self.total
    }

    /// How many nodes of the last sample only count in the sum.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The beginning of each interval that has a point, in seconds since 1970, and the mean.
    pub fn points(&self, track: &Track, resource: Resource) -> impl Iterator<Item = (u64, u64)> {
        let first = u64::from(self.last) + 1 - track.points.len() as u64;
        let points = (first..).zip(&track.points);
        points.filter_map(move |(slot, point)| {
            let point = point.as_ref()?;
            let value = match resource {
                Resource::Cpu => u64::from(point.cpu_millis.get()) - 1,
                Resource::Memory => u64::from(point.memory) * UNIT,
            };
            Some((slot * u64::from(INTERVAL), value))
        })
    }

    /// The same, up to an interval.
    fn moved(&self, slot: u32) -> Self {
        let is_short = slot + 1 == self.last;
        let slot = if is_short { self.last } else { slot };
        let ahead = slot.saturating_sub(self.last);
        // What began before it is over.
        let late = match self.last.saturating_sub(slot) {
            0 => 0,
            back => back as usize + 1,
        };
        let added = match late {
            0 => ahead as usize,
            _ => 1,
        };
        let shifted = |track: &Track| track.shifted(late, added);
        let tracks = self.tracks.iter().map(shifted);
        Self {
            last: slot,
            total: shifted(&self.total),
            tracks: tracks
                .filter(|track| track.points.iter().any(Option::is_some))
                .collect(),
            left_out: 0,
        }
    }

    fn take(&mut self, nodes: &[NodeUsage]) {
        let length = self.total.points.len();
        let mut total = Sum::default();
        for node in nodes {
            total.add(node.cpu_millis, node.memory_bytes);
            let place = self.tracks.binary_search_by(|own| own.name.cmp(&node.name));
            let at = match place {
                Ok(at) => Some(at),
                Err(_) => self.make_room(nodes).then(|| self.add(node, length)),
            };
            match at.and_then(|at| self.tracks.get_mut(at)) {
                Some(track) => track.take(node.cpu_millis, node.memory_bytes),
                None => self.left_out += 1,
            }
        }
        if total.count > 0 {
            self.total.take(total.cpu_millis, total.memory_bytes);
        }
    }

    /// The place of a new track.
    fn add(&mut self, node: &NodeUsage, length: usize) -> usize {
        let at = self.tracks.partition_point(|own| own.name < node.name);
        self.tracks
            .insert(at, Track::new(node.name.clone(), length));
        at
    }

    /// Whether there is a place more, if need be that of a node that is gone.
    fn make_room(&mut self, nodes: &[NodeUsage]) -> bool {
        if self.tracks.len() < Self::NODES {
            return true;
        }
        let is_gone = |track: &Track| !nodes.iter().any(|node| node.name == track.name);
        let tracks = self.tracks.iter().enumerate();
        let gone = tracks.filter(|(_, track)| is_gone(track));
        let longest = gone.min_by_key(|(_, track)| track.points.iter().rposition(Option::is_some));
        let at = longest.map(|(at, _)| at);
        if let Some(at) = at {
            self.tracks.remove(at);
        }
        at.is_some()
    }
}

impl Track {
    fn new(name: Name, length: usize) -> Self {
        Self {
            name,
            points: vec![None; length],
            sum: Sum::default(),
        }
    }

    /// Without so many points at the end, then with so many more that are not there yet; those
    /// that are a day old are dropped. Exactly as large as it must be.
    fn shifted(&self, late: usize, added: usize) -> Self {
        let kept = self.points.len().saturating_sub(late);
        let length = (kept + added).min(History::LENGTH);
        let mut points = Vec::with_capacity(length);
        let old = self.points.get(..kept).unwrap_or_default();
        points.extend_from_slice(
            old.get((kept + added).saturating_sub(length)..)
                .unwrap_or_default(),
        );
        points.resize(length, None);
        Self {
            name: self.name.clone(),
            points,
            sum: if added > 0 { Sum::default() } else { self.sum },
        }
    }

    fn take(&mut self, cpu_millis: u64, memory_bytes: u64) {
        self.sum.add(cpu_millis, memory_bytes);
        if let Some(last) = self.points.last_mut() {
            *last = Some(self.sum.mean());
        }
    }
}

impl Sum {
    fn add(&mut self, cpu_millis: u64, memory_bytes: u64) {
        self.count += 1;
        self.cpu_millis = self.cpu_millis.saturating_add(cpu_millis);
        self.memory_bytes = self.memory_bytes.saturating_add(memory_bytes);
    }

    fn mean(&self) -> Point {
        let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let count = self.count.max(1);
        Point {
            cpu_millis: NonZeroU32::MIN.saturating_add(small(self.cpu_millis / count)),
            memory: small(self.memory_bytes / count / UNIT),
        }
    }
}

/// Seconds.
const INTERVAL: u32 = 300;

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use proptest::prelude::*;

    use super::*;
    use crate::cluster::UsageSource;

    const MIB: u64 = 1 << 20;
    /// The beginning of an interval.
    const THEN: u32 = 1_700_000_100;

    fn usage(at: u32, nodes: &[(&str, u64)]) -> Usage {
        let node = |(name, value): &(&str, u64)| NodeUsage {
            name: Name::from(*name),
            cpu_millis: *value,
            memory_bytes: value * MIB,
        };
        Usage {
            source: UsageSource::MetricsApi,
            at,
            nodes: nodes.iter().map(node).collect(),
        }
    }

    fn history(samples: &[(u32, &[(&str, u64)])]) -> History {
        let mut history = None;
        for (at, nodes) in samples {
            history = Some(History::after(history.as_ref(), &usage(*at, nodes)));
        }
        history.unwrap()
    }

    /// Points of a node as intervals since [`THEN`] and millicores.
    fn cpu(history: &History, name: &str) -> Vec<(i64, u64)> {
        let track = history.tracks().iter().find(|track| &*track.name == name);
        let track = track.unwrap_or_else(|| panic!("{name} has a track"));
        let points = history.points(track, Resource::Cpu);
        let since = |at: u64| (i64::try_from(at).unwrap() - i64::from(THEN)) / i64::from(INTERVAL);
        points.map(|(at, value)| (since(at), value)).collect()
    }

    #[test]
    fn a_point_is_the_mean_of_its_interval() {
        let told = history(&[
            (THEN, &[("a", 10), ("b", 100)]),
            (THEN + 30, &[("a", 20)]),
            (THEN + 299, &[("a", 30), ("b", 300)]),
            (THEN + 300, &[("a", 7), ("b", 9)]),
        ]);
        assert_eq!(cpu(&told, "a"), [(0, 20), (1, 7)]);
        assert_eq!(cpu(&told, "b"), [(0, 200), (1, 9)]);
        let memory: Vec<_> = told.points(&told.tracks()[0], Resource::Memory).collect();
        let at = u64::from(THEN);
        assert_eq!(memory, [(at, 20 * MIB), (at + 300, 7 * MIB)]);
        let total: Vec<_> = told.points(told.total(), Resource::Cpu).collect();
        assert_eq!(total, [(at, (110 + 20 + 330) / 3), (at + 300, 16)]);
    }

    #[test]
    fn what_was_not_measured_has_no_point() {
        let told = history(&[
            (THEN, &[("a", 1), ("b", 2)]),
            (THEN + 4 * 300, &[("a", 3)]),
            (THEN + 5 * 300, &[]),
            (THEN + 6 * 300, &[("b", 4), ("c", 5)]),
        ]);
        assert_eq!(cpu(&told, "a"), [(0, 1), (4, 3)]);
        assert_eq!(cpu(&told, "b"), [(0, 2), (6, 4)]);
        assert_eq!(cpu(&told, "c"), [(6, 5)]);
        let total: Vec<_> = told
            .points(told.total(), Resource::Cpu)
            .map(|point| point.1)
            .collect();
        assert_eq!(total, [3, 3, 9]);
    }

    #[test]
    fn a_day_is_kept_and_a_node_that_is_gone_as_long() {
        let day = u32::try_from(History::LENGTH).unwrap();
        let mut told = history(&[(THEN, &[("a", 1), ("gone", 2)])]);
        for slot in 1..day {
            told = History::after(Some(&told), &usage(THEN + slot * 300, &[("a", 1)]));
        }
        assert_eq!(cpu(&told, "a").len(), 288);
        assert_eq!(cpu(&told, "gone"), [(0, 2)]);
        told = History::after(Some(&told), &usage(THEN + day * 300, &[("a", 1)]));
        assert_eq!(cpu(&told, "a").first(), Some(&(1, 1)));
        assert_eq!((cpu(&told, "a").len(), told.tracks().len()), (288, 1));
        told = History::after(Some(&told), &usage(THEN + 9 * day * 300, &[("b", 1)]));
        assert_eq!(cpu(&told, "b").len(), 1);
        assert_eq!(told.tracks().len(), 1);
    }

    #[test]
    fn a_clock_that_goes_back_takes_what_is_later_with_it() {
        let before: &[(u32, &[(&str, u64)])] = &[
            (THEN, &[("a", 1)]),
            (THEN + 300, &[("a", 2)]),
            (THEN + 600, &[("a", 3)]),
        ];
        let then = |at| history(&[before, &[(at, &[("a", 5)])]].concat());
        let short = then(THEN + 599);
        assert_eq!(
            cpu(&short, "a"),
            [(0, 1), (1, 2), (2, 4)],
            "it is waited for"
        );
        assert_eq!(cpu(&then(THEN + 299), "a"), [(0, 5)]);
        assert_eq!(cpu(&then(THEN - 1), "a"), [(-1, 5)]);
        assert_eq!(cpu(&then(7), "a").len(), 1);
        let further = history(&[
            (u32::MAX, &[("a", 1)]),
            (THEN, &[("a", 2)]),
            (THEN + 300, &[("a", 3)]),
        ]);
        assert_eq!(cpu(&further, "a"), [(0, 2), (1, 3)]);
        assert_eq!(cpu(&history(&[(0, &[("a", 1)])]), "a").len(), 1);
    }

    fn names(count: usize) -> Vec<String> {
        (0..count)
            .map(|at| format!("node-{at:03}.example.internal"))
            .collect()
    }

    #[test]
    fn of_many_nodes_the_first_have_points_and_all_count() {
        let names = names(History::NODES + 3);
        let nodes: Vec<_> = names.iter().map(|name| (&**name, 2)).collect();
        let told = history(&[(THEN, &nodes)]);
        assert_eq!((told.tracks().len(), told.left_out()), (History::NODES, 3));
        assert_eq!(&*told.tracks()[0].name, names[0]);
        let total: Vec<_> = told.points(told.total(), Resource::Cpu).collect();
        assert_eq!(total, [(u64::from(THEN), 2 * nodes.len() as u64)]);
        // The places of those that are gone are for those that come.
        let later = usage(THEN + 300, &nodes[2..]);
        let told = History::after(Some(&told), &later);
        assert_eq!((told.tracks().len(), told.left_out()), (History::NODES, 1));
        assert!(told.tracks().iter().all(|track| *track.name != *names[0]));
    }

    /// Bytes on the heap, names apart, which are shared with nobody else.
    fn weight(history: &History) -> usize {
        let all = history.tracks.iter().chain([&history.total]);
        let tracks = all.map(|track| {
            size_of::<Track>()
                + track.points.capacity() * size_of::<Option<Point>>()
                + 16
                + track.name.len()
        });
        tracks.sum::<usize>() + history.tracks.capacity() * size_of::<Track>()
    }

    #[test]
    fn a_day_of_any_number_of_nodes_fits_in_200_kb_twice() {
        let names = names(500);
        let nodes: Vec<_> = names.iter().map(|name| (&**name, 4_000)).collect();
        let mut told = history(&[(THEN, &nodes)]);
        for at in (THEN..THEN + 2 * 86_400).step_by(300) {
            told = History::after(Some(&told), &usage(at, &nodes));
        }
        let weight = weight(&told);
        assert!(2 * weight <= 200_000, "{weight}");
        assert_eq!(told.total.points.len(), History::LENGTH);
    }

    proptest! {
        /// However time goes, points are in order, within a day of the last, and every node
        /// that was measured has one for now.
        #[test]
        fn points_are_in_order(steps in prop::collection::vec((-90_000..90_000_i64, 0..5_usize), 1..60)) {
            let names = names(5);
            let mut now = i64::from(THEN);
            let mut told: Option<History> = None;
            for (step, count) in steps {
                now = (now + step).clamp(0, u32::MAX.into());
                let nodes: Vec<_> = names.iter().take(count).map(|name| (&**name, 3)).collect();
                let at = u32::try_from(now).unwrap();
                let next = History::after(told.as_ref(), &usage(at, &nodes));
                for track in next.tracks() {
                    prop_assert_eq!(track.points.len(), next.total.points.len());
                    prop_assert!(track.points.len() <= History::LENGTH);
                    let points: Vec<_> = next.points(track, Resource::Cpu).collect();
                    prop_assert!(points.is_sorted_by(|one, other| one.0 < other.0));
                    prop_assert!(points.iter().all(|point| point.1 == 3));
                    let is_measured = nodes.iter().any(|node| *node.0 == *track.name);
                    let last = u64::from(next.last * INTERVAL);
                    prop_assert!(!is_measured || points.last().is_some_and(|point| point.0 == last));
                }
                prop_assert!(next.last == at / INTERVAL || next.last == at / INTERVAL + 1);
                told = Some(next);
            }
        }
    }
}
