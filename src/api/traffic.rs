//! What is counted about the requests of each class of route.

use std::time::Duration;

use super::route::Action;
use crate::metrics::{Counter, Histogram};

/// The classes of status that routes answer with.
pub(super) const CODES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

const ROUTES: [&str; 5] = ["probe", "metrics", "status", "k8s", "unknown"];

/// One [`Seen`] for each class of route.
#[derive(Default)]
pub(super) struct Traffic([Seen; ROUTES.len()]);

#[derive(Default)]
pub(super) struct Seen {
    /// In the order of [`CODES`].
    pub(super) by_class: [Counter; CODES.len()],
    pub(super) time: Histogram,
}

impl Traffic {
    /// A request was answered; no action: there is no such route.
    pub(super) fn answered(&self, action: Option<Action>, status: u16, time: Duration) {
        let seen = &self.0[class(action)];
        seen.time.observe(time);
        let class = usize::from(status / 100).wrapping_sub(2);
        if let Some(counter) = seen.by_class.get(class) {
            counter.increment();
        }
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = (&'static str, &Seen)> {
        ROUTES.into_iter().zip(&self.0)
    }
}

/// The place in [`ROUTES`].
fn class(action: Option<Action>) -> usize {
    match action {
        Some(Action::Index | Action::Health | Action::Ready | Action::Version) => 0,
        Some(Action::Metrics) => 1,
        Some(Action::List(_) | Action::Logs | Action::Proxy | Action::Raw) => 3,
        Some(_) => 2,
        None => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_counts_in_its_class() {
        let traffic = Traffic::default();
        traffic.answered(Some(Action::Ready), 503, Duration::from_millis(2));
        traffic.answered(Some(Action::Cluster), 200, Duration::ZERO);
        traffic.answered(None, 404, Duration::ZERO);
        traffic.answered(None, 101, Duration::ZERO);
        let told: Vec<_> = traffic
            .routes()
            .map(|(route, seen)| {
                let counts = seen.by_class.each_ref().map(Counter::get);
                (route, counts, seen.time.count())
            })
            .collect();
        let expected = [
            ("probe", [0, 0, 0, 1], 1),
            ("metrics", [0; 4], 0),
            ("status", [1, 0, 0, 0], 1),
            ("k8s", [0; 4], 0),
            ("unknown", [0, 0, 1, 0], 2),
        ];
        assert_eq!(told, expected);
    }
}
