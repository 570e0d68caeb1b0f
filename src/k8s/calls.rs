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

/// What somebody may be asked to have a right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish<'a> {
    Object {
        verb: &'a str,
        /// The empty one is the core group.
        group: &'a str,
        /// With its subresource, if any.
        resource: &'a str,
        /// Empty: every namespace.
        namespace: &'a str,
        /// Empty: every object.
        name: &'a str,
    },
    /// To read a path that is none of an object.
    Path(&'a str),
}

/// Whether these credentials may do that. Stores nothing.
///
/// # Errors
/// No answer: every authenticated user may ask.
pub fn can_i(client: &Client, wish: Wish<'_>) -> Result<bool, Error> {
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
    let spec = match wish {
        Wish::Object {
            verb,
            group,
            resource,
            namespace,
            name,
        } => {
            let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            map! {"resourceAttributes": map! {
                "verb": verb, "group": group, "resource": resource, "subresource": subresource,
                "namespace": namespace, "name": name,
            }}
        }
        Wish::Path(path) => {
            map! {"nonResourceAttributes": map! {"verb": "get", "path": path}}
        }
    };
    let question = map! {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": spec,
    };
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let review: Review = client.post(path, question.to_string().as_bytes())?;
    Ok(review.status.allowed == Some(true))
}

/// The user name that the API server sees (Kubernetes 1.28 and later).
///
/// # Errors
/// No answer: every authenticated user may ask.
pub fn who_am_i(client: &Client) -> Result<String, Error> {
    object! {
        struct Review {
            status: Status = "status",
        }
        check |review| given(&review.status.user.name, "status.userInfo.username is missing")
    }
    object! {
        struct Status {
            user: User = "userInfo",
        }
    }
    object! {
        struct User {
            name: String = "username",
        }
    }
    let question = map! {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
    };
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review: Review = client.post(path, question.to_string().as_bytes())?;
    Ok(review.status.user.name)
}
