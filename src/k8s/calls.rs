//! Single questions to the API server.

use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::error::Error;

/// What the server says about itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// `v1.34.1+k3s1`
    pub git_version: String,
}

/// Asks for the version, which needs no rights.
///
/// # Errors
/// No answer, or not one of an API server.
pub fn version(client: &Client) -> Result<Version, Error> {
    client.get("/version")
}

/// The namespace whose uid is the cluster's identity.
pub const IDENTITY: &str = "kube-system";

/// The uid of the namespace kube-system, which lives as long as the cluster and
/// is what identifies it.
///
/// # Errors
/// No answer, or the role may not read that namespace.
pub fn cluster_uid(client: &Client) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Namespace {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        uid: String,
    }
    let namespace: Namespace = client.get(&format!("/api/v1/namespaces/{IDENTITY}"))?;
    Ok(namespace.metadata.uid)
}

/// Whether these credentials may do that in every namespace, to every object if the
/// name is empty; the empty group is the core one. Stores nothing.
///
/// # Errors
/// No answer: every authenticated user may ask.
pub fn can_i(
    client: &Client,
    verb: &str,
    group: &str,
    resource: &str,
    name: &str,
) -> Result<bool, Error> {
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        allowed: bool,
    }
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "verb": verb, "group": group, "resource": resource, "subresource": subresource,
            "name": name,
        }},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let review: Review = client.post(path, question.to_string().as_bytes())?;
    Ok(review.status.allowed)
}
