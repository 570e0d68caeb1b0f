//! The owner of cluster state: compact rows, the updates that change them, the
//! snapshot that everyone reads, and the ring of changes.
//!
//! One thread owns a [`State`], applies each [`Update`] and publishes the
//! [`Snapshot`] that results. Nothing here does I/O, reads a clock or knows
//! JSON: wire objects become rows in `work`, rows become text in `report`.

mod change;
mod deployment;
mod event;
mod history;
mod key;
mod labels;
mod name;
mod namespace;
mod node;
mod pod;
mod publish;
mod recent;
mod row;
mod service;
mod snapshot;
mod state;
mod table;
mod usage;

pub use change::{Change, Changes, Gap, What};
pub use deployment::Deployment;
pub use event::{Event, EventType, InvolvedObject};
pub use history::{History, Resource, Track};
pub use key::{Key, Kind, Uid};
pub use labels::Labels;
pub use name::{Name, Names, bounded};
pub use namespace::{Namespace, NamespacePhase};
pub use node::{Node, NodeSystem, Pressures, Readiness, Resources};
pub use pod::{Pod, PodPhase, Requests};
pub use publish::{Published, Publisher, publication};
pub use recent::Recent;
pub use row::{Record, Row, Rows};
pub use service::{Service, ServiceType};
pub use snapshot::{Availability, Page, ServerFacts, Snapshot};
pub use state::{State, Update};
pub use table::Table;
pub use usage::{NodeUsage, Usage, UsageSource};

#[cfg(test)]
mod budget;
#[cfg(test)]
mod properties;
