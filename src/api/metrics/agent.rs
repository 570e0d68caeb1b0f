//! What the agent itself counts and uses, and what each watch does.

use std::time::{Duration, Instant, SystemTime};

use super::Scrape;
use super::table::{Own, Watched};
use super::text::Samples;
use crate::api::traffic::CODES;
use crate::cluster::Availability;
use crate::commands::Outcome;
use crate::control::Call;
use crate::{process, version};

/// The samples of one metric of the agent.
pub(super) fn write(what: Own, scrape: &Scrape, out: &mut Samples<'_>) {
    match what {
        Own::Build => {
            let labels = [
                ("version", version::VERSION),
                ("commit", version::COMMIT),
                ("rustc", version::RUSTC),
            ];
            out.put(&labels, 1);
        }
        Own::Requests => {
            for (route, seen) in scrape.traffic.routes() {
                for (code, count) in CODES.into_iter().zip(&seen.by_class) {
                    out.put(&[("route", route), ("code", code)], count.get());
                }
            }
        }
        Own::RequestTime => {
            for (route, seen) in scrape.traffic.routes() {
                out.histogram(&seen.time, Some(("route", route)));
            }
        }
        Own::Calls | Own::CallsFailed | Own::CallTime | Own::Commands => spoken(what, scrape, out),
        _ => {
            if let Some((value, places)) = figure(what, scrape) {
                out.decimal("", &[], value, places);
            }
        }
    }
}

/// What there is several of, with a control plane.
fn spoken(what: Own, scrape: &Scrape, out: &mut Samples<'_>) {
    let Some(control) = &scrape.sources.control else {
        return;
    };
    let client = &control.client;
    match what {
        Own::Calls => {
            for call in Call::ALL {
                out.put(&[("call", call.as_str())], client.tried(call));
            }
        }
        Own::CallsFailed => {
            for call in Call::ALL {
                out.put(&[("call", call.as_str())], client.failures(call));
            }
        }
        Own::Commands => {
            for outcome in Outcome::ALL {
                let count = control.commands.ended(outcome);
                out.put(&[("outcome", outcome.as_str())], count);
            }
        }
        _ => out.histogram(client.latency(), None),
    }
}

/// Of which there is one: the value and its decimals.
fn figure(what: Own, scrape: &Scrape) -> Option<(u64, u32)> {
    let sources = &scrape.sources;
    let http = &sources.http;
    let whole = match what {
        Own::Uptime => return Some(millis(scrape.now - sources.started)),
        Own::Started => {
            let uptime = scrape.now - sources.started;
            return since_1970(SystemTime::now().checked_sub(uptime)?);
        }
        Own::Cpu => return scrape.usage.cpu.map(millis),
        Own::Memory => scrape.usage.resident?,
        Own::MemoryPeak => scrape.usage.resident_peak?,
        Own::Threads => scrape.usage.threads?,
        Own::Files => scrape.usage.open_files?,
        Own::FilesLimit => process::most_open_files()?,
        Own::Waiting => http.waiting.get(),
        Own::Open => http.open.get(),
        Own::Accepted => http.accepted.get(),
        Own::Evicted => http.evicted.get(),
        Own::Refused => http.refused.get(),
        Own::Overloaded => http.overloaded.get(),
        Own::AcceptErrors => http.accept_errors.get(),
        Own::TlsOpen => http.tls_open.get(),
        Own::TlsHandshakes => http.tls_handshakes.get(),
        Own::TlsFailures => http.tls_failures.get(),
        Own::Panics => http.panics.get(),
        Own::Updates => sources.updates.len() as u64,
        _ => return linked(what, scrape),
    };
    Some((whole, 0))
}

/// The same, with a control plane.
fn linked(what: Own, scrape: &Scrape) -> Option<(u64, u32)> {
    let control = scrape.sources.control.as_ref()?;
    let view = control.link.view();
    let whole = match what {
        Own::Connected => (view.ever_connected && view.missed == 0).into(),
        Own::Acknowledged => view.acknowledged,
        Own::LastBeat => return since_1970(view.last_acknowledged?),
        Own::Missed => view.missed.into(),
        Own::Alerting => view.alerting.into(),
        Own::CommandsWaiting => control.commands.waiting.get(),
        Own::CommandsRunning => control.commands.running.get(),
        Own::Untold => control.commands.untold.get(),
        _ => control.journal.get(),
    };
    Some((whole, 0))
}

/// The sample of one kind.
pub(super) fn watch(what: Watched, scrape: &Scrape, row: usize, out: &mut Samples<'_>) {
    let Some((kind, stats)) = scrape.sources.kubernetes.watches.get(row) else {
        return;
    };
    let availability = scrape.snapshot.availability(*kind);
    let value = match what {
        Watched::Current => matches!(availability, Availability::Current { .. }).into(),
        Watched::Objects => match scrape.snapshot.count(*kind) {
            Some(count) => count as u64,
            None => return,
        },
        Watched::Silence => {
            if let Some(silence) = stats.silent_for(Instant::now()) {
                let (value, places) = millis(silence);
                out.decimal("", &[("kind", kind.plural())], value, places);
            }
            return;
        }
        Watched::Reconnects => stats.reconnects.get(),
        Watched::Relists => stats.relists.get(),
        Watched::Events => stats.events.get(),
        Watched::DecodeErrors => stats.decode_errors.get(),
        Watched::Dropped => stats.lines_dropped.get(),
    };
    out.put(&[("kind", kind.plural())], value);
}

fn millis(time: Duration) -> (u64, u32) {
    (u64::try_from(time.as_millis()).unwrap_or(u64::MAX), 3)
}

fn since_1970(time: SystemTime) -> Option<(u64, u32)> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok().map(millis)
}
