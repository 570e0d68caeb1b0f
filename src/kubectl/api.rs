//! The API server, in the terms of verbs: values in, values out, kubectl's failures.

use std::cell::{OnceCell, RefCell};
use std::fmt::Write;
use std::io::Read;

use serde_json::Value;

use super::discovery::Discovery;
use super::failure::Failure;
use crate::k8s::{Answer, Call, Client, JSON};

/// Longest answer that is kept as a whole on the command line; lists come in pages.
pub(super) const MOST_BYTES: u64 = 64 << 20;
/// The same inside the agent, whose own memory it takes: more than the store behind the
/// API takes in for one object.
pub(super) const MOST_BYTES_IN_AGENT: u64 = 4 << 20;

/// The server and where requests go that name no namespace.
#[derive(Debug)]
pub struct Api {
    pub client: Client,
    pub namespace: String,
    most_bytes: u64,
    discovery: OnceCell<Discovery>,
    warnings: RefCell<Warnings>,
}

#[derive(Debug, Default)]
struct Warnings {
    seen: Vec<String>,
    told: usize,
}

impl Api {
    pub(super) fn new(client: Client, namespace: String, most_bytes: u64) -> Self {
        Self {
            client,
            namespace,
            most_bytes,
            discovery: OnceCell::new(),
            warnings: RefCell::default(),
        }
    }

    /// What kinds there are.
    ///
    /// # Errors
    /// The server does not say.
    pub fn discovery(&self) -> Result<&Discovery, Failure> {
        if let Some(known) = self.discovery.get() {
            return Ok(known);
        }
        let found = Discovery::ask(self)?;
        Ok(self.discovery.get_or_init(|| found))
    }

    /// Sends a request whose answer is read by the caller.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn open(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let answer = self.client.request(call).map_err(|error| {
            if error.is_refused() {
                let server = self.client.server();
                let host = server.split_once("://").map_or(server, |(_, host)| host);
                return Failure::whole(format!(
                    "The connection to the server {host} was refused - \
                     did you specify the right host or port?"
                ));
            }
            Failure::from(error)
        })?;
        let mut warnings = self.warnings.borrow_mut();
        for warning in answer.warnings() {
            if !warnings.seen.contains(warning) {
                warnings.seen.push(warning.clone());
            }
        }
        Ok(answer)
    }

    /// The whole body of an answer.
    ///
    /// # Errors
    /// No answer, a refusal, or one that is too long.
    pub fn bytes(&self, call: &Call<'_>) -> Result<Vec<u8>, Failure> {
        let mut answer = self.open(call)?;
        let mut body = Vec::new();
        let read = answer.by_ref().take(self.most_bytes).read_to_end(&mut body);
        match read {
            Ok(count) if count as u64 == self.most_bytes => Err(Failure::new(
                "the answer of the server is too long: ask for less, or use --chunk-size",
            )),
            Ok(_) => Ok(body),
            Err(error) => Err(answer.broken(error).into()),
        }
    }

    /// An object, or a list of them.
    ///
    /// # Errors
    /// As [`Self::bytes`], or what comes is no JSON.
    pub fn call(&self, call: &Call<'_>) -> Result<Value, Failure> {
        let body = self.bytes(call)?;
        serde_json::from_slice(&body)
            .map_err(|error| Failure::new(format!("the answer of the server is no JSON: {error}")))
    }

    /// What is there.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(&Call::get(path, JSON))
    }

    /// Sends an object, and gives back what became of it.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn send(
        &self,
        method: &'static str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<Value, Failure> {
        self.call(&Call {
            method,
            path,
            accept: JSON,
            body: Some((content_type, body)),
        })
    }

    /// What the server warned of since the last time, each once.
    pub(super) fn take_warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.borrow_mut();
        let fresh = warnings.seen[warnings.told..].to_vec();
        warnings.told = warnings.seen.len();
        fresh
    }
}

/// Adds a query to a path; empty values are left out.
pub fn query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut whole = path.to_owned();
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        whole.push(if whole.contains('?') { '&' } else { '?' });
        let _ = write!(whole, "{name}={}", escape(value));
    }
    whole
}

/// Fit for a part of a path, or a value in a query (RFC 3986, section 2.3).
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn a_query_is_escaped_and_has_no_empty_values() {
        let path = query(
            "/api/v1/pods",
            &[("labelSelector", "a=b,c"), ("continue", "")],
        );
        assert_eq!(path, "/api/v1/pods?labelSelector=a%3Db%2Cc");
        assert_eq!(query(&path, &[("limit", "5")]), format!("{path}&limit=5"));
    }
}
