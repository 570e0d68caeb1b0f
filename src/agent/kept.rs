//! What is there before the agent starts: its identity of before, and the site's policy.

use super::error::{Error, wrong};
use crate::chain::Chain;
use crate::commands::policy::PolicyFile;
use crate::config::Settings;
use crate::control::store::Store;
use crate::k8s;

/// The store, if it can be written, and the agent's id as far as it is known.
pub(super) type Kept = (Option<Store>, Option<String>);

/// And the instance: of the folder, or a new one.
pub(super) fn recall(settings: &Settings) -> (Kept, String) {
    let configured = settings.agent_id.clone();
    let fresh = format!("{:016x}", fastrand::u64(..));
    let Some(folder) = &settings.state_dir else {
        return ((None, configured), fresh);
    };
    let store = Store::new(folder);
    let kept = store.load().and_then(|(kept, warning)| {
        if let Some(warning) = warning {
            log::error!(
                "{} is set aside as {}: it {}; the agent registers again",
                warning.path.display(),
                warning.kept.display(),
                warning.reason
            );
        }
        store.check().map(|()| kept)
    });
    match kept {
        Ok(kept) => {
            let known = (Some(store), configured.or(kept.agent_id));
            (known, kept.instance.unwrap_or(fresh))
        }
        Err(error) => {
            log::error!(
                "the state folder cannot be used, nothing outlives this process: {}",
                Chain(&error)
            );
            ((None, configured), fresh)
        }
    }
}

/// The policy of the site; in a pod the agent's own namespace is protected.
pub(super) fn policy(settings: &Settings, target: &k8s::Target) -> Result<PolicyFile, Error> {
    let is_pod = settings.kubernetes.in_cluster.is_some();
    let own = is_pod.then(|| target.namespace().to_owned());
    PolicyFile::open(settings.policy_file.clone(), own).map_err(wrong)
}
