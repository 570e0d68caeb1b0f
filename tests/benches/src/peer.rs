//! `tiny_http`, which the local API was to be made of first.

use std::io;

/// Answers every request with that JSON, for ever, on so many threads; says where it listens.
///
/// # Errors
/// There is no port.
#[allow(clippy::print_stderr, reason = "who measures waits for that line")]
pub fn serve_tiny_http(
    body: &[u8],
    threads: usize,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let server = tiny_http::Server::http("127.0.0.1:0")?;
    eprintln!("listening on {}", server.server_addr());
    let json = tiny_http::Header::from_bytes("Content-Type", "application/json");
    let json = json.map_err(|()| io::Error::other("no header"))?;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for request in server.incoming_requests() {
                    let response = tiny_http::Response::from_data(body);
                    let _ = request.respond(response.with_header(json.clone()));
                }
            });
        }
    });
    Ok(())
}
