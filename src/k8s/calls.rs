//! Single questions to the API server.

use super::client::Client;
use super::error::Error;
use crate::json::{given, map, object};

object! {
    /// What the server says about itself.
    #[derive(Debug)]
    pub struct Version {
        /// `v1.34.1+k3s1`
        pub git_version: String = "gitVersion",
    }
    check |version| given(&version.git_version, "gitVersion is missing")
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
    object! {
        struct Namespace {
            metadata: Metadata = "metadata",
        }
        check |namespace| given(&namespace.metadata.uid, "metadata.uid is missing")
    }
    object! {
        struct Metadata {
            uid: String = "uid",
        }
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
    object! {
        struct Review {
            status: Status = "status",
        }
        check |review| review.status.allowed.map(drop).ok_or("status.allowed is missing")
    }
    object! {
        struct Status {
            allowed: Option<bool> = "allowed",
        }
    }
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let question = map! {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": map! {"resourceAttributes": map! {
            "verb": verb, "group": group, "resource": resource, "subresource": subresource,
            "name": name,
        }},
    };
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let review: Review = client.post(path, question.to_string().as_bytes())?;
    Ok(review.status.allowed == Some(true))
}
