//! Lists one kind, page by page.

use super::{Resource, Sink, page};
use crate::k8s::body;
use crate::k8s::client::Client;
use crate::k8s::error::{Cause, Error};

/// Objects of a page. More cost memory at once, fewer cost requests.
const PAGE: usize = 100;
/// Bytes of a page; beyond that smaller pages are asked for.
const LIMIT: usize = 8 << 20;

/// Hands every object to `sink` and returns the version of the list. `turn` is
/// called before each page and while it comes.
pub(super) fn list(
    client: &Client,
    resource: Resource,
    sink: &mut dyn Sink,
    turn: &dyn Fn(),
) -> Result<String, Error> {
    let mut size = PAGE;
    loop {
        match pages(client, resource, size, sink, turn) {
            // Large objects: fewer of them at a time.
            Err(error) if error.too_large() && size > 1 => size /= 10,
            done => return done,
        }
    }
}

fn pages(
    client: &Client,
    resource: Resource,
    size: usize,
    sink: &mut dyn Sink,
    turn: &dyn Fn(),
) -> Result<String, Error> {
    sink.restart();
    let mut next: Option<String> = None;
    let mut body = Vec::new();
    loop {
        turn();
        let path = path(resource, size, next.as_deref());
        body.clear();
        body::read(&path, client.open(&path)?, LIMIT, &mut body, turn)?;
        let metadata = page::read(&body, sink)
            .map_err(|error| Error::new("GET", &path, Cause::Decode(error)))?;
        next = metadata.next.filter(|next| !next.is_empty());
        if next.is_none() {
            return version(&path, metadata.resource_version);
        }
    }
}

fn version(path: &str, version: String) -> Result<String, Error> {
    if version.is_empty() {
        let cause = Cause::Garbage("the list has no resource version".to_owned());
        return Err(Error::new("GET", path, cause));
    }
    Ok(version)
}

fn path(resource: Resource, size: usize, next: Option<&str>) -> String {
    let mut path = format!("{}?limit={size}", resource.path);
    if let Some(next) = next {
        path.push_str("&continue=");
        path.push_str(&super::escape(next));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_the_next_page_is_escaped() {
        let resource = Resource {
            path: "/api/v1/pods",
            name: "pods",
        };
        assert_eq!(path(resource, 100, None), "/api/v1/pods?limit=100");
        assert_eq!(
            path(resource, 10, Some("a+b=/&")),
            "/api/v1/pods?limit=10&continue=a%2Bb%3D%2F%26"
        );
    }

    #[test]
    fn a_list_without_a_version_cannot_be_followed() {
        assert!(version("/x", String::new()).is_err());
        assert_eq!(version("/x", "7".to_owned()).unwrap(), "7");
    }
}
