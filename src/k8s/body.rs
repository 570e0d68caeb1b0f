//! What an answer of the API server carries: read whole, taken for what it says, or for why not.

use std::io::{ErrorKind, Read};

use ureq::Body;
use ureq::http::{Response, header};

use super::error::{Cause, Error, Status};
use crate::json::{self, Owned};

/// Refusals are short; the rest of a long one is of no use.
const REFUSAL: u64 = 64 * 1024;
/// Bytes taken from the connection at once.
const CHUNK: usize = 8 * 1024;

/// # Errors
/// When it is not what was asked for.
pub(super) fn decode<T: Owned>(method: &str, path: &str, answer: &[u8]) -> Result<T, Error> {
    json::read(answer).map_err(|error| Error::new(method, path, Cause::Decode(error)))
}

/// Reads a whole body of at most `limit` bytes into `answer`. `turn` is called
/// whenever some came: a slow line is slow, not stuck.
pub(super) fn read(
    path: &str,
    response: Response<Body>,
    limit: usize,
    answer: &mut Vec<u8>,
    turn: &dyn Fn(),
) -> Result<(), Error> {
    let failed = |cause| Error::new("GET", path, cause);
    let mut reader = response.into_body().into_reader();
    let mut chunk = [0; CHUNK];
    loop {
        let bytes = match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => chunk.get(..count).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(Cause::Transport(error.into()))),
        };
        turn();
        if answer.len() + bytes.len() > limit {
            return Err(failed(Cause::TooLarge { limit }));
        }
        answer.extend_from_slice(bytes);
    }
}

/// The answer of a request that succeeded; why another did not.
pub(super) fn judge(response: Response<Body>) -> Result<Response<Body>, Cause> {
    let code = response.status();
    if code.is_success() {
        return Ok(response);
    }
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let mut body = Vec::new();
    // As much of it as comes: the code alone says enough.
    let _ = response
        .into_body()
        .into_reader()
        .take(REFUSAL)
        .read_to_end(&mut body);
    Err(Cause::Status(Status::of(code.as_u16(), retry_after, &body)))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_body_is_read_in_turns_up_to_its_limit() {
        let read = |limit| {
            let body = Body::builder().data(vec![b'x'; 3 * CHUNK]);
            let (turns, mut answer) = (Cell::new(0), Vec::new());
            let turn = || turns.set(turns.get() + 1);
            let outcome = read("/x", Response::new(body), limit, &mut answer, &turn);
            (outcome.map_err(|error| error.too_large()), turns.get())
        };
        assert_eq!(read(3 * CHUNK), (Ok(()), 3));
        assert_eq!(read(3 * CHUNK - 1), (Err(true), 3));
    }
}
