//! Looks up the API server, whose address may differ from the name in its
//! certificate (`tls-server-name`): requests are sent to that name, connections go
//! to the address.

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::resolver;

/// The resolver of one API server.
#[derive(Debug)]
pub(super) struct Names {
    /// What is looked up whatever is asked for.
    place: Option<Uri>,
    names: resolver::Names,
}

impl Names {
    pub(super) fn new(place: Option<Uri>) -> Names {
        Names {
            place,
            names: resolver::Names::default(),
        }
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let place = self.place.as_ref().unwrap_or(uri);
        self.names.resolve(place, config, timeout)
    }
}
