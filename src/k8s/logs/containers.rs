//! Which containers of a pod have a log.

use serde_json::Value;

use crate::k8s::client::Client;
use crate::k8s::error::Error;
use crate::k8s::watch::escape;

/// One that has begun, with its id, which is another one after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub name: String,
    pub instance: String,
}

/// Those of that pod: all of its own, and of the others those that run.
///
/// # Errors
/// There is no such pod, or no answer.
pub fn containers(client: &Client, namespace: &str, pod: &str) -> Result<Vec<Container>, Error> {
    let (namespace, pod) = (escape(namespace), escape(pod));
    let pod: Value = client.get(&format!("/api/v1/namespaces/{namespace}/pods/{pod}"))?;
    Ok(begun(&pod))
}

fn begun(pod: &Value) -> Vec<Container> {
    let lists = [
        ("containerStatuses", true),
        ("initContainerStatuses", false),
        ("ephemeralContainerStatuses", false),
    ];
    let mut found = Vec::new();
    for (list, own) in lists {
        for status in pod["status"][list].as_array().into_iter().flatten() {
            let text = |name: &str| status[name].as_str().unwrap_or_default().to_owned();
            let (name, instance) = (text("name"), text("containerID"));
            let runs = own || status["state"]["running"].is_object();
            if runs && !name.is_empty() && !instance.is_empty() {
                found.push(Container { name, instance });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_has_begun_has_a_log() {
        let status = |name: &str, id: &str, state: &str| json!({"name": name, "containerID": id, "state": {state: {}}});
        let pod = json!({"status": {
            "containerStatuses": [
                status("a", "1", "running"), status("b", "2", "terminated"),
                status("c", "", "waiting"),
            ],
            "initContainerStatuses": [status("d", "4", "terminated"), status("e", "5", "running")],
        }});
        let names: Vec<_> = begun(&pod).into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["a", "b", "e"]);
        assert_eq!(begun(&json!({})), []);
    }
}
