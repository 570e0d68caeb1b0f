//! Logs of many pods as one stream: `GET /api/realtime/logs`, and through `/ws`.
//!
//! Each container is fetched once, by a [`source`] that all who watch it share
//! (`docs/adr/0019-live-logs.md`); what each has been told is the business of its [`watching`].

mod ask;
mod desk;
mod pod;
mod ring;
mod source;
mod watching;

use crate::api::rights::Asking;
use crate::cluster::{Pod, Snapshot};
use crate::k8s::Speaker;
use crate::report::Visible;
use crate::security::Refusal;

pub(in crate::api) use ask::Asked;
pub(super) use desk::{Logs, PLACES};
pub(super) use watching::Watching;

/// What somebody asked for, as far as they may have it.
pub(super) struct Admitted {
    asked: Asked,
    seen: Visible,
    speaker: Speaker,
}

impl Admitted {
    /// Asks the API server, so it takes a while.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn of(
        asked: Asked,
        mut asking: Asking<'_>,
        snapshot: &Snapshot,
    ) -> Result<Self, Refusal> {
        let (seen, speaker) =
            asking.logs(asked.namespace.as_deref(), asked.pod.as_deref(), snapshot)?;
        Ok(Self {
            asked,
            seen,
            speaker,
        })
    }

    fn fits(&self, pod: &Pod) -> bool {
        let may = match &self.seen {
            Visible::All => true,
            Visible::Namespaces(seen) => seen.contains(&*pod.namespace),
        };
        may && self.asked.fits(pod)
    }
}
