//! Runs a command in a container, or attaches to what runs there, with its streams.
//!
//! Spoken is version 5 of the channel protocol, where the end of the input can be told,
//! or version 4 with older servers, where it cannot.

use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Client;
use super::error::{Cause, Error};
use super::socket::{Closer, Socket, State};
use super::watch::escape;
use crate::json::map;

const V5: &str = "v5.channel.k8s.io";
const V4: &str = "v4.channel.k8s.io";

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const SIZE: u8 = 4;
/// Says that the channel named in the message ended; since version 5.
const END: u8 = 255;

/// Bytes read from the input at once.
const CHUNK: usize = 16 * 1024;
/// Largest outcome; it is one small object.
const LARGEST: usize = 64 * 1024;
/// Time to say goodbye once the outcome is known.
const GOODBYE: Duration = Duration::from_secs(5);

/// What to run, and where.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    pub namespace: &'a str,
    pub pod: &'a str,
    pub container: &'a str,
    /// With its arguments; none attaches to what runs.
    pub command: &'a [String],
    pub stdin: bool,
    /// Not with `tty`, which has one output.
    pub stderr: bool,
    pub tty: bool,
}

/// What is copied from and to here.
pub struct Streams<'a> {
    pub input: Option<Input<'a>>,
    pub terminal: Option<Terminal<'a>>,
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
}

pub struct Input<'a> {
    pub from: &'a mut dyn Read,
    /// What tells that reading does not block; none if it never does.
    pub wait: Option<BorrowedFd<'a>>,
}

/// A terminal whose size the command has to know.
pub struct Terminal<'a> {
    /// Readable when the size changed.
    pub changed: BorrowedFd<'a>,
    /// Columns and rows; makes `changed` quiet again.
    pub size: &'a mut dyn FnMut() -> Option<(u16, u16)>,
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Exit(u8),
    /// It did not run, or its end is unknown: in the words of the server.
    Failed(String),
}

/// A command that was started.
pub struct Session {
    socket: Socket,
    path: String,
    status: Vec<u8>,
}

impl Session {
    /// # Errors
    /// No answer, or a refusal.
    pub fn start(client: &Client, command: &Command<'_>) -> Result<Session, Error> {
        let path = path(command);
        let socket = Socket::open(client, &path, &[V5, V4])?;
        Ok(Session {
            socket,
            path,
            status: Vec::new(),
        })
    }

    /// Whether the command can be told where its input ends.
    pub fn ends_input(&self) -> bool {
        self.socket.protocol() == V5
    }

    /// To end it from another thread.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn closer(&self) -> Result<Closer, Error> {
        self.socket.closer()
    }

    /// Copies until the command ends.
    ///
    /// # Errors
    /// The connection ended first, or the output takes no more.
    pub fn run(mut self, mut streams: Streams<'_>) -> Result<Outcome, Error> {
        let mut chunk = vec![0; CHUNK];
        self.resize(streams.terminal.as_mut())?;
        let mut end: Option<Instant> = None;
        while self.socket.state() == State::Open {
            let now = Instant::now();
            if !self.status.is_empty() {
                end.get_or_insert(now + GOODBYE);
            }
            let limit = end.map_or(Duration::MAX, |end| end.saturating_duration_since(now));
            if limit.is_zero() {
                break;
            }
            let ready = self.turn(&mut streams, limit)?;
            if ready.input && !self.copy(&mut streams.input, &mut chunk)? {
                streams.input = None;
            }
            if ready.terminal {
                self.resize(streams.terminal.as_mut())?;
            }
        }
        self.outcome()
    }

    fn turn(&mut self, streams: &mut Streams<'_>, limit: Duration) -> Result<Ready, Error> {
        let mut sources = Vec::new();
        let terminal = streams.terminal.as_ref().map(|terminal| terminal.changed);
        sources.extend(terminal);
        let input = streams.input.as_ref().filter(|_| self.socket.has_room());
        let wait = input.map(|input| input.wait);
        sources.extend(wait.flatten());
        let at_once = matches!(wait, Some(None));
        let limit = if at_once { Duration::ZERO } else { limit };
        let (out, err, status) = (&mut *streams.out, &mut *streams.err, &mut self.status);
        let mut each = |channel, bytes: &[u8]| match channel {
            STDOUT => out.write_all(bytes).and_then(|()| out.flush()),
            STDERR => err.write_all(bytes).and_then(|()| err.flush()),
            STATUS if status.len() + bytes.len() <= LARGEST => {
                status.extend_from_slice(bytes);
                Ok(())
            }
            _ => Ok(()),
        };
        let bits = self.socket.turn(&sources, limit, &mut each)?;
        let place = u32::from(terminal.is_some());
        Ok(Ready {
            terminal: terminal.is_some() && bits & 1 != 0,
            input: at_once || bits >> place & 1 != 0,
        })
    }

    /// Passes on some input; false if there will be no more.
    fn copy(&mut self, input: &mut Option<Input<'_>>, chunk: &mut [u8]) -> Result<bool, Error> {
        let Some(input) = input else {
            return Ok(false);
        };
        match input.from.read(chunk) {
            Ok(count) if count > 0 => {
                let bytes = chunk.get(..count).unwrap_or_default();
                self.socket.send(STDIN, bytes).map(|()| true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                ) =>
            {
                Ok(true)
            }
            // An input that cannot be read has ended for the command.
            Ok(_) | Err(_) if self.ends_input() => self.socket.send(END, &[STDIN]).map(|()| false),
            Ok(_) | Err(_) => Ok(false),
        }
    }

    fn resize(&mut self, terminal: Option<&mut Terminal<'_>>) -> Result<(), Error> {
        let Some((columns, rows)) = terminal.and_then(|terminal| (terminal.size)()) else {
            return Ok(());
        };
        let size = map! {"Width": columns, "Height": rows}.to_string();
        self.socket.send(SIZE, size.as_bytes())
    }

    fn outcome(self) -> Result<Outcome, Error> {
        if self.status.is_empty() {
            let problem = "the connection ended before the command did".to_owned();
            return Err(Error::new("GET", &self.path, Cause::Garbage(problem)));
        }
        Ok(outcome(&self.status))
    }
}

struct Ready {
    terminal: bool,
    input: bool,
}

fn path(command: &Command<'_>) -> String {
    let verb = if command.command.is_empty() {
        "attach"
    } else {
        "exec"
    };
    let mut path = format!(
        "/api/v1/namespaces/{}/pods/{}/{verb}?container={}&stdout=true",
        escape(command.namespace),
        escape(command.pod),
        escape(command.container),
    );
    let flags = [
        (command.stdin, "&stdin=true"),
        (command.stderr, "&stderr=true"),
        (command.tty, "&tty=true"),
    ];
    path.extend(flags.iter().filter(|(on, _)| *on).map(|(_, text)| *text));
    for word in command.command {
        path.push_str("&command=");
        path.push_str(&escape(word));
    }
    path
}

/// What a status object says (`meta/v1.Status`).
fn outcome(status: &[u8]) -> Outcome {
    let Ok(status) = serde_json::from_slice::<Value>(status) else {
        let text = String::from_utf8_lossy(status);
        return Outcome::Failed(format!("error stream protocol error: {text}"));
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if status["status"] == "Success" {
        return Outcome::Success;
    }
    if status["reason"] != "NonZeroExitCode" {
        return Outcome::Failed(text(&status["message"]));
    }
    let causes = status["details"]["causes"].as_array();
    let code = causes.and_then(|causes| {
        let code = causes.iter().find(|cause| cause["reason"] == "ExitCode")?;
        code["message"].as_str()?.parse().ok()
    });
    code.map_or_else(
        || Outcome::Failed("error stream protocol error: no ExitCode cause given".to_owned()),
        Outcome::Exit,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_says_it_all() {
        let words = ["sh", "-c", "echo a&b"].map(str::to_owned);
        let mut command = Command {
            namespace: "n",
            pod: "p",
            container: "c",
            command: &words,
            stdin: true,
            stderr: true,
            tty: false,
        };
        assert_eq!(
            path(&command),
            "/api/v1/namespaces/n/pods/p/exec?container=c&stdout=true&stdin=true&stderr=true\
             &command=sh&command=-c&command=echo%20a%26b"
        );
        (command.command, command.stderr, command.tty) = (&[], false, true);
        assert_eq!(
            path(&command),
            "/api/v1/namespaces/n/pods/p/attach?container=c&stdout=true&stdin=true&tty=true"
        );
    }

    #[test]
    fn a_status_tells_how_it_ended() {
        let exit = |code: &str| {
            format!(
                r#"{{"status":"Failure","reason":"NonZeroExitCode","message":"m",
                "details":{{"causes":[{{"reason":"X"}},{{"reason":"ExitCode","message":"{code}"}}]}}}}"#
            )
        };
        let failed = |text: &str| Outcome::Failed(text.to_owned());
        let protocol = "error stream protocol error: no ExitCode cause given";
        let table = [
            (r#"{"status":"Success"}"#.to_owned(), Outcome::Success),
            (exit("137"), Outcome::Exit(137)),
            (exit("256"), failed(protocol)),
            (
                r#"{"status":"Failure","message":"no shell"}"#.to_owned(),
                failed("no shell"),
            ),
            (
                "nope".to_owned(),
                failed("error stream protocol error: nope"),
            ),
        ];
        for (status, expected) in table {
            assert_eq!(outcome(status.as_bytes()), expected);
        }
    }
}
