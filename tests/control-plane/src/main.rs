//! The reference control plane as a program: arguments in, one line out, then it serves.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use control_plane::{Options, start};
use lexopt::prelude::{Long, Short};
use lexopt::{Parser, ValueExt};

const HELP: &str = "\
The reference control plane of pipeops-agent: in memory, for tests and demos.

usage: control-plane [--listen ADDRESS:PORT] [--token-file FILE]
                     [--tls FOLDER [--name NAME]...] [--file FILE]

  --listen ADDRESS:PORT  where to listen (127.0.0.1:8443; port 0 takes a free one)
  --token-file FILE      what agents must send as bearer token
                         (else the environment variable CONTROL_PLANE_TOKEN)
  --tls FOLDER           speak TLS; a CA and certificates are made in FOLDER if missing
  --name NAME            a name or address for the certificate, beside the loopback's
  --file FILE            remember agents here across restarts
  -h, --help             this text

  Agents speak to /api/v1 as docs/control-plane-api.yaml says. For people and tests:

  GET    /               agents and what they sent (JSON with Accept: application/json)
  GET    /agents/ID      everything about one;  DELETE forgets it
  POST   /agents/ID/commands
                         {\"type\": \"ping\", \"payload\": {}}: a command for it; \"id\", \"expires_at\"
                         and \"idempotent\" where wanted
  GET    /agents/ID/commands
                         all of them, with output and result
  GET    /transcript     the latest exchanges, a JSON object a line, tokens left out
  GET    /await?call=heartbeat&count=2&timeout=10
                         answers when 2 heartbeats were acknowledged (&outcome=any: arrived)
  POST   /settings       {\"heartbeat\": 1, \"status\": 1}: intervals that agents are told;
                         {\"clock_offset\": -7200}: seconds added to the Date header;
                         {\"token\": true}: announce a new token
  POST   /faults         {\"call\": \"heartbeat\" or \"path\": \"/api\", \"count\": 3 (or for ever)}
                         with one of {\"status\": 429, \"headers\": {\"Retry-After\": \"7\"}, \"body\": \"...\"}
                         {\"delay_ms\": 500} {\"drop\": true} {\"reset\": true} {\"garbage\": true}
                         {\"lose\": true} (done, but the answer is lost)
                         {\"redirect\": URL} {\"size\": BYTES}
                         {\"certificate\": \"wrong-name\", \"expired\", \"not-yet-valid\" or \"unknown-ca\"}
  DELETE /faults         all is well again
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done about a closed stderr.
            let _ = writeln!(io::stderr(), "control-plane: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let Some(options) = options()? else {
        io::stdout().write_all(HELP.as_bytes())?;
        return Ok(());
    };
    let handle = start(&options)?;
    let mut out = io::stdout();
    writeln!(out, "listening on {}", handle.url())?;
    if let Some(path) = handle.ca_pem() {
        writeln!(out, "certificates are signed by {}", path.display())?;
    }
    out.flush()?;
    // Serves until a signal ends the process: what is to be kept is kept at each change.
    loop {
        std::thread::park();
    }
}

/// None when help was asked for.
fn options() -> Result<Option<Options>, Box<dyn Error>> {
    let mut options = Options::new(String::new());
    options.listen.set_port(8443);
    let mut token_file = None;
    let mut parser = Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("listen") => options.listen = parser.value()?.parse()?,
            Long("token-file") => token_file = Some(parser.value()?),
            Long("tls") => options.tls = Some(parser.value()?.into()),
            Long("name") => options.names.push(parser.value()?.string()?),
            Long("file") => options.file = Some(parser.value()?.into()),
            Short('h') | Long("help") => return Ok(None),
            other => return Err(format!("{}; see --help", other.unexpected()).into()),
        }
    }
    options.token = token(token_file)?;
    Ok(Some(options))
}

fn token(file: Option<OsString>) -> Result<String, Box<dyn Error>> {
    let token = match &file {
        Some(path) => fs::read_to_string(path)
            .map_err(|error| format!("--token-file {}: {error}", path.display()))?,
        None => environment("CONTROL_PLANE_TOKEN").unwrap_or_default(),
    };
    if token.trim().is_empty() {
        return Err("no token: use --token-file FILE or set CONTROL_PLANE_TOKEN".into());
    }
    Ok(token.trim().to_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this program has no config module: its one variable is read here"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
