//! Whether the agent does its work: Kubernetes and the control plane are really
//! reached.

use std::time::Instant;

use serde::Serialize;

use super::{Sources, json};
use crate::cluster::{Availability, Kind, Snapshot};
use crate::control::View;
use crate::http::Response;

/// One failed beat may be a hiccup; two in a row are an outage.
const MISSED_BEATS: u32 = 2;

/// `GET /ready`: 200, or 503 with the check that fails.
pub(super) fn answer(sources: &Sources) -> Response {
    let readiness = judge(
        &sources.published.current(),
        sources.control.as_ref().map(|control| control.link.view()),
    );
    json(if readiness.ready { 200 } else { 503 }, &readiness)
}

#[derive(Debug, Serialize)]
pub(super) struct Readiness {
    pub(super) status: &'static str,
    pub(super) checks: Checks,
    #[serde(skip)]
    ready: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Checks {
    pub(super) kubernetes: Check,
    pub(super) control_plane: Check,
}

/// `detail` says why it fails, or what is true while it does not.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Check {
    pub(super) ok: bool,
    pub(super) detail: String,
}

/// Pure; `link` is none when no control plane is configured.
pub(super) fn judge(snapshot: &Snapshot, link: Option<View>) -> Readiness {
    let checks = Checks {
        kubernetes: kubernetes(snapshot),
        control_plane: control_plane(link),
    };
    let ready = checks.kubernetes.ok && checks.control_plane.ok;
    Readiness {
        status: if ready { "ready" } else { "not ready" },
        checks,
        ready,
    }
}

/// In order when every kind has been listed, as far as it may be, and at least one
/// is followed live.
fn kubernetes(snapshot: &Snapshot) -> Check {
    let named = |wanted: fn(&Availability) -> bool| -> Vec<&str> {
        let kinds = Kind::ALL.into_iter();
        kinds
            .filter(|kind| wanted(snapshot.availability(*kind)))
            .map(Kind::plural)
            .collect()
    };
    let current = named(|availability| matches!(availability, Availability::Current { .. }));
    let pending = named(|availability| matches!(availability, Availability::Pending));
    let stale = named(|availability| matches!(availability, Availability::Stale { .. }));
    let forbidden = named(|availability| matches!(availability, Availability::Forbidden { .. }));
    let reason = Kind::ALL
        .into_iter()
        .find_map(|kind| snapshot.availability(kind).reason())
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    if !pending.is_empty() {
        return fails(format!("not listed yet: {}{reason}", pending.join(", ")));
    }
    if current.is_empty() && stale.is_empty() {
        return fails(format!("every kind is forbidden{reason}"));
    }
    if !stale.is_empty() {
        return fails(format!("not followed: {}{reason}", stale.join(", ")));
    }
    let mut detail = format!("watching {}", current.join(", "));
    if !forbidden.is_empty() {
        detail.push_str("; forbidden: ");
        detail.push_str(&forbidden.join(", "));
    }
    Check { ok: true, detail }
}

fn control_plane(link: Option<View>) -> Check {
    let Some(view) = link else {
        return Check {
            ok: true,
            detail: "none configured: standalone".to_owned(),
        };
    };
    let why = view
        .explanation
        .map(|explanation| format!(": {}", explanation.text))
        .unwrap_or_default();
    match view.last_acknowledged_at {
        None => fails(format!("never connected{why}")),
        Some(_) if view.missed >= MISSED_BEATS => {
            fails(format!("{} beats missed{why}", view.missed))
        }
        Some(at) => Check {
            ok: true,
            detail: format!(
                "beat {} acknowledged {} s ago",
                view.acknowledged,
                Instant::now().saturating_duration_since(at).as_secs()
            ),
        },
    }
}

fn fails(detail: String) -> Check {
    Check { ok: false, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Rows, State, Update};
    use crate::control::diagnose::{Explanation, Stage};

    fn state(all: &Availability, but: Option<(Kind, Availability)>) -> std::sync::Arc<Snapshot> {
        let mut state = State::new(1);
        for kind in Kind::ALL {
            state.apply(Update::Listed(Rows::new(kind)), 1);
            state.apply(Update::Available(kind, all.clone()), 1);
        }
        if let Some((kind, availability)) = but {
            state.apply(Update::Available(kind, availability), 2);
        }
        state.snapshot()
    }

    const CURRENT: Availability = Availability::Current { since: 1 };

    #[test]
    fn a_start_is_not_ready_and_says_what_is_missing() {
        let readiness = judge(&State::new(1).snapshot(), None);
        assert_eq!(readiness.status, "not ready");
        assert!(
            readiness
                .checks
                .kubernetes
                .detail
                .starts_with("not listed yet: nodes")
        );
        assert!(readiness.checks.control_plane.ok);
    }

    #[test]
    fn forbidden_kinds_are_told_and_do_not_count() {
        let message = "no".to_owned();
        let forbidden = Availability::Forbidden { since: 2, message };
        let some = judge(
            &state(&CURRENT, Some((Kind::Event, forbidden.clone()))),
            None,
        );
        assert!(some.checks.kubernetes.ok);
        assert!(
            some.checks
                .kubernetes
                .detail
                .ends_with("; forbidden: events")
        );
        let all = judge(&state(&forbidden, None), None);
        assert_eq!(
            all.checks.kubernetes,
            fails("every kind is forbidden: no".to_owned())
        );
    }

    #[test]
    fn a_lost_watch_is_named_with_its_reason() {
        let reason = "connection refused".to_owned();
        let stale = Availability::Stale { since: 2, reason };
        let readiness = judge(&state(&CURRENT, Some((Kind::Pod, stale))), None);
        assert_eq!(
            readiness.checks.kubernetes,
            fails("not followed: pods: connection refused".to_owned())
        );
    }

    #[test]
    fn the_control_plane_counts_when_it_acknowledged() {
        let explanation = Some(Explanation {
            stage: Stage::Tcp,
            text: "refused".to_owned(),
            hint: String::new(),
        });
        let snapshot = state(&CURRENT, None);
        let view = |at, missed| View {
            last_acknowledged_at: at,
            acknowledged: 3,
            missed,
            explanation: explanation.clone(),
            ..View::default()
        };
        let never = judge(&snapshot, Some(view(None, 1)));
        assert_eq!(
            never.checks.control_plane,
            fails("never connected: refused".to_owned())
        );
        let hiccup = judge(&snapshot, Some(view(Some(Instant::now()), 1)));
        assert!(hiccup.ready);
        assert_eq!(
            hiccup.checks.control_plane.detail,
            "beat 3 acknowledged 0 s ago"
        );
        let outage = judge(&snapshot, Some(view(Some(Instant::now()), 2)));
        assert_eq!(
            outage.checks.control_plane,
            fails("2 beats missed: refused".to_owned())
        );
    }
}
