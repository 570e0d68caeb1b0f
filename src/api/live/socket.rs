//! The protocol of `/ws`: text messages `{"type": ..., "payload": ...}` both ways. Pure.
//!
//! A client subscribes, unsubscribes and pings; what breaks the rules of WebSocket (RFC 6455)
//! ends the connection, what only makes no sense here is answered with `error`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::feed::{Form, message};
use super::filter::Filter;
use super::logs::Asked;
use super::viewer::{Place, View};
use crate::json::map;
use crate::websocket::{CLOSE, Decoder, Frame, PING, PONG, TEXT, encode_plain};

/// Largest message of a client.
pub(super) const LARGEST: usize = 64 * 1024;
/// Messages at once, and each second from then on.
const BURST: f64 = 60.0;
pub(super) const PER_SECOND: f64 = 20.0;
/// Silence after which a client is asked whether it is there, and after which it is not.
const QUIET: Duration = Duration::from_secs(20);
const GONE: Duration = Duration::from_secs(40);
/// For a close to be answered.
const FAREWELL: Duration = Duration::from_secs(2);
const KNOWN: &str = "subscribe, unsubscribe, command, cancel and ping are known";

/// Codes of closing (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;
const AWAY: u16 = 1001;
const BROKEN: u16 = 1002;
const NO_TEXT: u16 = 1007;
const POLICY: u16 = 1008;
const TOO_LARGE: u16 = 1009;

/// One client's side of it.
#[derive(Debug)]
pub(super) struct Socket {
    decoder: Decoder,
    /// No whole frame yet.
    inbox: Vec<u8>,
    /// The parts of a message so far.
    message: Vec<u8>,
    /// What whoever connected may see.
    allowed: Filter,
    heard: Instant,
    asked: bool,
    left: f64,
    filled: Instant,
    /// What is asked for and takes a while.
    orders: Vec<Order>,
    /// A close was sent.
    closing: Option<Instant>,
    /// It was answered, or was the answer.
    closed: bool,
}

/// What is not done at once.
#[derive(Debug, PartialEq)]
pub(super) enum Order {
    /// To watch logs; as it was said.
    Logs(Asked, Value),
    /// Nothing is wanted any more.
    Quiet,
    Command(Map<String, Value>),
    Cancel(String),
}

/// Why a message is not done: what to say, of which type it was.
type Problem<'m> = (String, Option<&'m str>);

impl Socket {
    pub(super) fn new(allowed: Filter, now: Instant) -> Self {
        Self {
            decoder: Decoder::of_client(TEXT),
            inbox: Vec::new(),
            message: Vec::new(),
            allowed,
            heard: now,
            asked: false,
            left: BURST,
            filled: now,
            orders: Vec::new(),
            closing: None,
            closed: false,
        }
    }

    /// Whether nothing more is to be said.
    pub(super) fn has_ended(&self) -> bool {
        self.closed
    }

    pub(super) fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// Takes in what came; answers go to the view.
    pub(super) fn receive(&mut self, bytes: &[u8], view: &mut View, now: Instant) {
        self.heard = now;
        self.asked = false;
        let (mut inbox, mut read) = (std::mem::take(&mut self.inbox), 0);
        inbox.extend_from_slice(bytes);
        while !self.closed {
            let rest = inbox.get_mut(read..).unwrap_or_default();
            match self.decoder.next(rest) {
                Ok(None) => break,
                Ok(Some((frame, size))) => {
                    read += size;
                    match frame {
                        // Each costs an answer, as a message does.
                        Frame::Ping(_) if !self.spends(view, now) => {}
                        Frame::Ping(payload) => control(view, PONG, payload),
                        Frame::Pong => {}
                        Frame::Close { code, reason } => self.leave(code, reason, view),
                        // Whoever is let go is not listened to.
                        Frame::Data { .. } if self.closing.is_some() => {}
                        Frame::Data { last, payload, .. } => {
                            self.message.extend_from_slice(payload);
                            self.part(last, view, now);
                        }
                    }
                }
                Err(problem) => {
                    self.close(BROKEN, problem.0, view, now);
                    self.closed = true;
                }
            }
        }
        inbox.drain(..read.min(inbox.len()));
        if inbox.len() > LARGEST + 16 {
            self.close(TOO_LARGE, "a frame is too long", view, now);
            self.closed = true;
        }
        self.inbox = inbox;
    }

    fn part(&mut self, last: bool, view: &mut View, now: Instant) {
        if self.message.len() > LARGEST {
            self.close(TOO_LARGE, "a message is too long", view, now);
        } else if last {
            let message = std::mem::take(&mut self.message);
            match String::from_utf8(message) {
                Ok(text) => self.handle(&text, view, now),
                Err(_) => self.close(NO_TEXT, "a message is no UTF-8", view, now),
            }
        }
    }

    fn handle(&mut self, text: &str, view: &mut View, now: Instant) {
        if !self.spends(view, now) {
            return;
        }
        let Ok(message) = serde_json::from_str(text) else {
            return error(view, "a message is a JSON object", None);
        };
        if let Err((problem, kind)) = self.obey(&message, view, now) {
            error(view, &problem, kind);
        }
    }

    /// Whether it may say one thing more just now; else it is let go.
    fn spends(&mut self, view: &mut View, now: Instant) -> bool {
        if self.closing.is_some() {
            return false;
        }
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.left = (self.left + passed * PER_SECOND).min(BURST);
        self.filled = now;
        if self.left < 1.0 {
            error(view, "too many messages", None);
            self.close(POLICY, "too many messages", view, now);
            return false;
        }
        self.left -= 1.0;
        true
    }

    fn obey<'m>(
        &mut self,
        message: &'m Value,
        view: &mut View,
        now: Instant,
    ) -> Result<(), Problem<'m>> {
        let kind = message.get("type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| (format!("a message has a type; {KNOWN}"), None))?;
        let payload = message.get("payload").unwrap_or(&Value::Null);
        let of_kind = |problem| (problem, Some(kind));
        match kind {
            "ping" => say(view, "pong", payload),
            "unsubscribe" => {
                view.quiet();
                self.orders.push(Order::Quiet);
                say(view, "unsubscribe", &Value::Null);
            }
            "command" | "cancel" => self.orders.push(errand(kind, payload).map_err(of_kind)?),
            "subscribe" if payload.get("logs").is_some() => {
                self.orders.push(logs(payload).map_err(of_kind)?);
            }
            "subscribe" => {
                let (filter, resume) = self.wanted(payload).map_err(of_kind)?;
                say(view, "subscribe", payload);
                view.begin(filter, resume, now);
            }
            _ => {
                let problem = format!("there is no type {kind:.32?}; {KNOWN}");
                return Err(of_kind(problem));
            }
        }
        Ok(())
    }

    /// `{"kinds": ["pod"], "namespace": "shop", "since": "EPOCH-ID"}`, each of them optional.
    fn wanted(&self, payload: &Value) -> Result<(Filter, Option<Place>), String> {
        const FORM: &str = "write {\"kinds\": [\"pod\"], \"namespace\": \"NAME\", \"labelSelector\": \"KEY=VALUE\", \
             \"since\": \"EPOCH-ID\"}";
        let none = serde_json::Map::new();
        let fields = match payload {
            Value::Null => &none,
            Value::Object(fields) => fields,
            _ => return Err(FORM.to_owned()),
        };
        let (mut kinds, mut namespace, mut labels, mut resume) = (None, None, None, None);
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("kinds", Value::Array(all)) => {
                    let names: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
                    kinds = Some(names.ok_or(FORM)?);
                }
                ("namespace", Value::String(name)) => namespace = Some(name.as_str()),
                ("labelSelector", Value::String(text)) => labels = Some(text.as_str()),
                ("since", Value::String(text)) => {
                    resume = Some(Place::parse(text).ok_or("since is the id of a message")?);
                }
                _ => return Err(FORM.to_owned()),
            }
        }
        let filter = self.allowed.narrowed(kinds.as_deref(), namespace, labels)?;
        Ok((filter, resume))
    }

    /// Does what time asks for; false when the client is gone.
    pub(super) fn due(&mut self, view: &mut View, now: Instant) -> bool {
        let silent = now.saturating_duration_since(self.heard);
        if silent >= QUIET && !self.asked {
            self.asked = true;
            control(view, PING, b"");
        }
        let late = |since: Instant| now.saturating_duration_since(since) >= FAREWELL;
        silent < GONE && !self.closing.is_some_and(late)
    }

    /// Until something is due.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        let next = match (self.closing, self.asked) {
            (Some(since), _) => since + FAREWELL,
            (None, true) => self.heard + GONE,
            (None, false) => self.heard + QUIET,
        };
        next.saturating_duration_since(now)
    }

    fn leave(&mut self, code: u16, reason: &[u8], view: &mut View) {
        if self.closing.is_none() {
            let code = match code {
                _ if std::str::from_utf8(reason).is_err() => NO_TEXT,
                1005 => NORMAL,
                code => code,
            };
            control(view, CLOSE, &code.to_be_bytes());
        }
        view.quiet();
        self.closed = true;
    }

    /// It has lasted long enough.
    pub(super) fn dismiss(&mut self, view: &mut View, now: Instant) {
        self.close(AWAY, "come again, to be judged anew", view, now);
    }

    fn close(&mut self, code: u16, reason: &str, view: &mut View, now: Instant) {
        if self.closing.is_none() {
            let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
            control(view, CLOSE, &payload);
            self.closing = Some(now);
            view.quiet();
        }
    }
}

fn control(view: &mut View, opcode: u8, payload: &[u8]) {
    let mut frame = Vec::with_capacity(payload.len() + 2);
    encode_plain(opcode, &[payload], &mut frame);
    view.out.push(Arc::from(frame));
}

/// Sends a message that is for this client alone.
pub(super) fn say(view: &mut View, kind: &str, payload: &Value) {
    let data = payload.to_string();
    view.out
        .push(message(Form::Socket, kind, None, data.as_bytes()));
}

pub(super) fn error(view: &mut View, problem: &str, kind: Option<&str>) {
    let payload = match kind {
        Some(kind) => map! {"problem": problem, "type": kind},
        None => map! {"problem": problem},
    };
    say(view, "error", &payload);
}

/// The same about what has an id.
pub(super) fn error_of(view: &mut View, problem: &str, kind: &str, id: &Value) {
    let payload = map! {"problem": problem, "type": kind, "id": id.clone()};
    say(view, "error", &payload);
}

fn errand(kind: &str, payload: &Value) -> Result<Order, String> {
    match (kind, payload, &payload["id"]) {
        ("command", Value::Object(fields), _) => Ok(Order::Command(fields.clone())),
        ("command", ..) => Err("a command is an object".to_owned()),
        (_, _, Value::String(id)) => Ok(Order::Cancel(id.clone())),
        _ => Err("write {\"id\": \"ID\"}".to_owned()),
    }
}

/// `{"logs": {"namespace": "shop", "labelSelector": "app=web"}}`
fn logs(payload: &Value) -> Result<Order, String> {
    match payload.as_object() {
        Some(fields) if fields.len() == 1 => {
            let asked = Asked::of_object(&payload["logs"])?;
            Ok(Order::Logs(asked, payload.clone()))
        }
        _ => Err("logs are subscribed to by a message of their own".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::{BINARY, encode};

    struct Client {
        socket: Socket,
        view: View,
        now: Instant,
    }

    fn client() -> Client {
        let now = Instant::now();
        let mut view = View::new(Form::Socket, b"", now);
        view.out = super::super::queue::Queue::default();
        Client {
            socket: Socket::new(Filter::all(), now),
            view,
            now,
        }
    }

    impl Client {
        fn send(&mut self, bytes: &[u8]) -> Vec<(u8, String)> {
            self.socket.receive(bytes, &mut self.view, self.now);
            self.told()
        }

        fn say(&mut self, text: &str) -> Vec<(u8, String)> {
            let mut frame = Vec::new();
            encode(TEXT, &[text.as_bytes()], [1, 2, 3, 4], &mut frame);
            self.send(&frame)
        }

        /// Opcode and payload of each frame that waits.
        fn told(&mut self) -> Vec<(u8, String)> {
            let mut bytes = Vec::new();
            self.view.out.send(&mut bytes).unwrap();
            let mut frames = Vec::new();
            while !bytes.is_empty() {
                let (head, length) = match bytes[1] {
                    126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
                    short => (2, usize::from(short)),
                };
                let payload = bytes[head..head + length].to_vec();
                frames.push((
                    bytes[0] & 0xf,
                    String::from_utf8_lossy(&payload).into_owned(),
                ));
                bytes.drain(..head + length);
            }
            frames
        }
    }

    fn text(text: &str) -> Vec<(u8, String)> {
        vec![(TEXT, text.to_owned())]
    }

    #[test]
    fn messages_are_answered() {
        let mut client = client();
        assert_eq!(
            client.say(r#"{"type":"ping","payload":7}"#),
            text(r#"{"type":"pong","payload":7}"#)
        );
        let subscribed = client.say(r#"{"type":"subscribe","payload":{"kinds":["pods"]}}"#);
        assert_eq!(
            subscribed,
            text(r#"{"type":"subscribe","payload":{"kinds":["pods"]}}"#)
        );
        assert!(client.view.filter.is_some());
        client.say(r#"{"type":"unsubscribe"}"#);
        assert!(client.view.filter.is_none());
        let mut ping = Vec::new();
        encode(PING, &[b"x"], [9; 4], &mut ping);
        assert_eq!(client.send(&ping), [(PONG, "x".to_owned())]);
    }

    #[test]
    fn what_makes_no_sense_is_told_and_the_connection_lives() {
        let mut client = client();
        for (said, problem) in [
            ("", "a message is a JSON object"),
            ("[]", "a message has a type"),
            (r#"{"type":1}"#, "a message has a type"),
            (r#"{"type":"dance"}"#, "there is no type"),
            (r#"{"type":"subscribe","payload":[]}"#, "write {"),
            (
                r#"{"type":"subscribe","payload":{"kinds":"pod"}}"#,
                "write {",
            ),
            (
                r#"{"type":"subscribe","payload":{"kinds":["secret"]}}"#,
                "there is no kind",
            ),
            (
                r#"{"type":"subscribe","payload":{"since":"x"}}"#,
                "since is the id",
            ),
        ] {
            let told = client.say(said);
            let message: Value = serde_json::from_str(&told[0].1).unwrap();
            assert_eq!(message["type"], "error", "{said}");
            let told = message["payload"]["problem"].as_str().unwrap();
            assert!(told.starts_with(problem), "{said}: {told}");
        }
        assert!(!client.socket.has_ended());
        assert!(client.socket.due(&mut client.view, client.now));
    }

    #[test]
    fn what_breaks_the_protocol_ends_the_connection() {
        let long = vec![b' '; LARGEST + 1];
        let masked = |opcode, payload: &[u8]| {
            let mut frame = Vec::new();
            encode(opcode, &[payload], [5; 4], &mut frame);
            frame
        };
        for (bytes, code) in [
            (b"\x81\x01x".to_vec(), BROKEN),
            (masked(BINARY, b"x"), BROKEN),
            (masked(TEXT, b"\xff"), NO_TEXT),
            (masked(TEXT, &long), TOO_LARGE),
            (b"\x81\xff\x00\x00\x00\x00\x00\x20\x00\x00".to_vec(), BROKEN),
        ] {
            let told = client().send(&bytes);
            let close = told.last().unwrap();
            assert_eq!(close.0, CLOSE, "{told:?}");
            let mut client = client();
            client.socket.receive(&bytes, &mut client.view, client.now);
            let mut sent = Vec::new();
            client.view.out.send(&mut sent).unwrap();
            assert_eq!(&sent[2..4], code.to_be_bytes(), "{told:?}");
            let later = client.now + FAREWELL;
            let gone = client.socket.has_ended() || !client.socket.due(&mut client.view, later);
            assert!(gone);
        }
    }

    #[test]
    fn whoever_is_let_go_fills_nothing_more() {
        let mut client = client();
        let mut part = Vec::new();
        encode(0, &[&[b' '; 40_000]], [5; 4], &mut part);
        part[0] = TEXT;
        client.send(&part);
        for _ in 0..10 {
            part[0] = 0;
            client.send(&part);
        }
        assert!(client.socket.closing.is_some());
        assert!(client.socket.message.len() <= 2 * 40_000);
    }

    #[test]
    fn a_client_may_leave_and_one_that_is_silent_is_asked() {
        let mut client = client();
        let quiet = client.now + QUIET;
        assert!(client.socket.due(&mut client.view, quiet));
        assert_eq!(client.told(), [(PING, String::new())]);
        assert!(client.socket.due(&mut client.view, quiet));
        assert_eq!(client.told(), [], "once");
        assert!(!client.socket.due(&mut client.view, client.now + GONE));
        let mut close = Vec::new();
        encode(CLOSE, &[&[0x03, 0xe8]], [3; 4], &mut close);
        let told = client.send(&close);
        assert_eq!(told[0].0, CLOSE);
        assert!(client.socket.has_ended());
    }

    #[test]
    fn who_has_looked_on_for_long_is_asked_to_come_again() {
        let mut client = client();
        client.socket.dismiss(&mut client.view, client.now);
        let told = client.told();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, CLOSE);
        assert!(
            told[0].1.ends_with("come again, to be judged anew"),
            "{told:?}"
        );
        assert!(
            client.socket.due(&mut client.view, client.now),
            "it may answer"
        );
        assert!(!client.socket.due(&mut client.view, client.now + FAREWELL));
    }

    #[test]
    fn pings_are_counted_as_what_is_said() {
        let mut client = client();
        let mut pings = Vec::new();
        (0..100).for_each(|_| encode(PING, &[], [3; 4], &mut pings));
        let told = client.send(&pings);
        assert_eq!(
            told.iter().filter(|(opcode, _)| *opcode == PONG).count(),
            60
        );
        assert_eq!(told.last().map(|(opcode, _)| *opcode), Some(CLOSE));
        assert_eq!(told.len(), 62, "and an error");
    }

    #[test]
    fn too_many_messages_end_it_and_parts_are_put_together() {
        let mut client = client();
        let mut parts = Vec::new();
        encode(TEXT, &[br#"{"type":"#], [1; 4], &mut parts);
        parts[0] &= 0x7f;
        let mut second = Vec::new();
        encode(0, &[br#""ping"}"#], [2; 4], &mut second);
        parts.extend(second);
        for byte in &parts[..parts.len() - 1] {
            assert_eq!(client.send(&[*byte]), []);
        }
        let told = client.send(&parts[parts.len() - 1..]);
        assert_eq!(told, text(r#"{"type":"pong","payload":null}"#));
        let ends = (1..1000).find(|_| {
            let told = client.say(r#"{"type":"ping"}"#);
            told.last().unwrap().0 == CLOSE
        });
        assert_eq!(ends, Some(60));
    }
}
