//! One connection: the bytes that wait, what is expected next, and until when.
//!
//! Pure: bytes and the time come in as arguments, what is to be done comes out as
//! a [`Step`]. The poll thread owns the socket and does it.

use std::io::{self, Write};
use std::time::Instant;

use super::answer::Answer;
use super::framing::Decoder;
use super::head::{self, Head};
use super::refusal::Refusal;
use super::request::Peer;
use super::scan::Scan;
use super::{Limits, Request};

/// What is still read from a peer after the last answer, so that closing does
/// not become a reset that destroys it.
const DRAIN: usize = 64 * 1024;
/// A larger empty buffer is given back.
const KEPT: usize = 1024;

/// What holds for all connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) body_limit: usize,
    /// Bytes of bodies and answers that may wait for slow peers, all together.
    pub(super) held: usize,
    pub(super) limits: Limits,
}

#[derive(Debug)]
pub(super) struct Connection {
    peer: Peer,
    phase: Phase,
    buffer: Vec<u8>,
    deadline: Instant,
}

#[derive(Debug)]
enum Phase {
    /// No byte came yet.
    New,
    /// Between two requests.
    Idle,
    Head(Scan),
    Body(Box<Partial>),
    /// The request is with a worker.
    Busy,
    Answer {
        answer: Box<Answer>,
        latest: Instant,
    },
    /// Reading what a peer still sends after its last answer.
    Drain {
        left: usize,
    },
}

/// A request whose body is on its way.
#[derive(Debug)]
struct Partial {
    head: Head,
    decoder: Decoder,
}

/// What is to be done now.
#[derive(Debug)]
pub(super) enum Step {
    Wait,
    /// Send 100 Continue, then read on.
    Continue,
    /// Have it answered; true: and close then.
    Request(Request, bool),
    Refuse(Refusal),
    /// Nothing more is sent: shut that side, then read on.
    Drain,
    Close,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Bytes,
    Room,
    Worker,
}

impl Connection {
    pub(super) fn new(peer: Peer, rules: &Rules, now: Instant) -> Connection {
        Connection {
            peer,
            phase: Phase::New,
            buffer: Vec::new(),
            deadline: now + rules.limits.first_byte,
        }
    }

    pub(super) fn want(&self) -> Want {
        match self.phase {
            Phase::Busy => Want::Worker,
            Phase::Answer { .. } => Want::Room,
            _ => Want::Bytes,
        }
    }

    /// None while a worker has the request.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!matches!(self.phase, Phase::Busy)).then_some(self.deadline)
    }

    /// Which to close first when there is no room: the lowest. None is never closed
    /// for that; whoever only began a body goes after those without a request.
    pub(super) fn rank(&self) -> Option<(bool, Instant)> {
        match self.phase {
            Phase::Busy | Phase::Answer { .. } => None,
            Phase::Body(_) => Some((true, self.deadline)),
            _ => Some((false, self.deadline)),
        }
    }

    /// Whether the end of the process waits for it.
    pub(super) fn is_finishing(&self) -> bool {
        matches!(
            self.phase,
            Phase::Busy | Phase::Answer { .. } | Phase::Drain { .. }
        )
    }

    /// Bytes of bodies and answers that wait for the peer.
    pub(super) fn held(&self) -> usize {
        match &self.phase {
            Phase::Body(partial) => partial.head.request.body.capacity(),
            Phase::Answer { answer, .. } => answer.left(),
            _ => 0,
        }
    }

    /// Bytes came.
    pub(super) fn receive(&mut self, bytes: &[u8], rules: &Rules, now: Instant) -> Step {
        if self.buffer.is_empty() {
            let (step, used) = self.advance(bytes, rules, now);
            let rest = bytes.get(used..).unwrap_or_default();
            self.buffer.extend_from_slice(rest);
            return step;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend_from_slice(bytes);
        let (step, used) = self.advance(&buffer, rules, now);
        buffer.drain(..used);
        if !buffer.is_empty() || buffer.capacity() <= KEPT {
            self.buffer = buffer;
        }
        step
    }

    /// The peer will send nothing more.
    pub(super) fn end(&self) -> Step {
        match self.phase {
            Phase::Head(_) | Phase::Body(_) => Step::Refuse(Refusal::CUT_SHORT),
            _ => Step::Close,
        }
    }

    /// The deadline has passed.
    pub(super) fn expire(&self) -> Step {
        match self.phase {
            Phase::Head(_) | Phase::Body(_) => Step::Refuse(Refusal::TOO_SLOW),
            _ => Step::Close,
        }
    }

    /// Too much is held for slow peers, and this one came last.
    pub(super) fn shed(&self) -> Step {
        match self.phase {
            Phase::Body(_) => Step::Refuse(Refusal::OVERLOADED),
            Phase::Answer { .. } => Step::Close,
            _ => Step::Wait,
        }
    }

    /// There is an answer to be sent.
    pub(super) fn answer(&mut self, answer: Answer, rules: &Rules, now: Instant) {
        let latest = now + rules.limits.answer;
        self.deadline = latest.min(now + rules.limits.write);
        self.phase = Phase::Answer {
            answer: Box::new(answer),
            latest,
        };
    }

    /// Sends what the peer takes; the answer is given back once it is sent.
    pub(super) fn send(
        &mut self,
        to: impl Write,
        rules: &Rules,
        now: Instant,
    ) -> io::Result<Option<Box<Answer>>> {
        let Phase::Answer { answer, latest } = &mut self.phase else {
            return Ok(None);
        };
        let before = answer.taken;
        let all = answer.send(to)?;
        if answer.taken > before {
            self.deadline = (now + rules.limits.write).min(*latest);
        }
        match std::mem::replace(&mut self.phase, Phase::Busy) {
            Phase::Answer { answer, .. } if all => Ok(Some(answer)),
            unfinished => {
                self.phase = unfinished;
                Ok(None)
            }
        }
    }

    /// The answer is sent; the next request may already be here.
    pub(super) fn answered(&mut self, close: bool, rules: &Rules, now: Instant) -> Step {
        if close {
            self.buffer = Vec::new();
            self.phase = Phase::Drain { left: DRAIN };
            self.deadline = now + rules.limits.drain;
            return Step::Drain;
        }
        self.phase = Phase::Idle;
        self.deadline = now + rules.limits.idle;
        self.receive(&[], rules, now)
    }

    /// What came behind its last request.
    pub(super) fn into_rest(self) -> Vec<u8> {
        self.buffer
    }

    /// Goes on with `input`, and says how much of it is done with.
    fn advance(&mut self, input: &[u8], rules: &Rules, now: Instant) -> (Step, usize) {
        let step = match &mut self.phase {
            Phase::Busy | Phase::Answer { .. } => return (Step::Wait, 0),
            Phase::New | Phase::Idle if input.is_empty() => Ok((Step::Wait, 0)),
            Phase::New | Phase::Idle => {
                self.deadline = now + rules.limits.head;
                self.read_head(Scan::default(), input, rules, now)
            }
            Phase::Head(scan) => {
                let scan = std::mem::take(scan);
                self.read_head(scan, input, rules, now)
            }
            Phase::Body(_) => self.read_body(input),
            Phase::Drain { left } => match left.checked_sub(input.len()) {
                None => return (Step::Close, input.len()),
                Some(less) => {
                    *left = less;
                    return (Step::Wait, input.len());
                }
            },
        };
        step.unwrap_or_else(|refusal| (Step::Refuse(refusal), input.len()))
    }

    fn read_head(
        &mut self,
        mut scan: Scan,
        input: &[u8],
        rules: &Rules,
        now: Instant,
    ) -> Result<(Step, usize), Refusal> {
        let found = scan.feed(input);
        self.phase = Phase::Head(scan);
        let Some(length) = found? else {
            return Ok((Step::Wait, 0));
        };
        let (text, rest) = input.split_at(length);
        let head = head::parse(text, self.peer)?;
        let decoder = Decoder::new(head.framing, rules.body_limit)?;
        if decoder.is_done() {
            self.phase = Phase::Busy;
            return Ok((Step::Request(head.request, head.close), length));
        }
        self.deadline = now + rules.limits.body;
        let asks = head.expects_continue && rest.is_empty();
        self.phase = Phase::Body(Box::new(Partial { head, decoder }));
        if asks {
            return Ok((Step::Continue, length));
        }
        let (step, used) = self.read_body(rest)?;
        Ok((step, length + used))
    }

    fn read_body(&mut self, input: &[u8]) -> Result<(Step, usize), Refusal> {
        let Phase::Body(partial) = &mut self.phase else {
            return Ok((Step::Wait, 0));
        };
        let body = &mut partial.head.request.body;
        let used = partial.decoder.feed(input, body)?;
        if !partial.decoder.is_done() {
            return Ok((Step::Wait, used));
        }
        match std::mem::replace(&mut self.phase, Phase::Busy) {
            Phase::Body(partial) => {
                let head = partial.head;
                Ok((Step::Request(head.request, head.close), used))
            }
            _ => Ok((Step::Wait, used)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::http::render::Frame;
    use crate::http::{Method, Response};

    const PEER: Peer = Peer {
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1),
        secure: false,
    };
    const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";

    fn rules() -> Rules {
        Rules {
            body_limit: 64,
            held: 1024,
            limits: Limits::default(),
        }
    }

    fn connection(now: Instant) -> Connection {
        Connection::new(PEER, &rules(), now)
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn answer(now: Instant) -> Answer {
        let response = Response::text(200, "hello");
        Answer::new(response, Frame::of(Method::Get, false), "now", now)
    }

    /// A peer that takes so many bytes and then none.
    struct Takes(usize);

    impl Write for Takes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match std::mem::take(&mut self.0) {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                room => Ok(room.min(bytes.len())),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_byte_moves_a_deadline_but_the_first() {
        let start = Instant::now();
        let mut connection = connection(start);
        assert_eq!(connection.deadline(), Some(start + seconds(5)));
        for (after, byte) in (2..).zip(b"GET") {
            connection.receive(&[*byte], &rules(), start + seconds(after));
            assert_eq!(connection.deadline(), Some(start + seconds(2 + 5)));
        }
        assert!(matches!(
            connection.expire(),
            Step::Refuse(Refusal::TOO_SLOW)
        ));
    }

    #[test]
    fn a_body_has_one_deadline_from_its_head() {
        let start = Instant::now();
        let mut connection = connection(start);
        for (after, bytes) in (1..).zip([POST, b"a", b"b"]) {
            let step = connection.receive(bytes, &rules(), start + seconds(after));
            assert!(matches!(step, Step::Wait));
            assert_eq!(connection.deadline(), Some(start + seconds(1 + 30)));
        }
        assert!(matches!(
            connection.expire(),
            Step::Refuse(Refusal::TOO_SLOW)
        ));
        assert!(matches!(connection.end(), Step::Refuse(Refusal::CUT_SHORT)));
        let step = connection.receive(b"c", &rules(), start + seconds(9));
        assert!(matches!(step, Step::Request(request, false) if request.body == b"abc"));
        assert_eq!(connection.deadline(), None);
        assert_eq!(connection.rank(), None);
    }

    #[test]
    fn a_connection_without_a_request_ends_without_a_word() {
        let start = Instant::now();
        let mut connection = connection(start);
        assert!(matches!(connection.expire(), Step::Close));
        assert!(matches!(connection.end(), Step::Close));
        connection.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &rules(), start);
        assert!(matches!(
            connection.answered(false, &rules(), start),
            Step::Wait
        ));
        assert_eq!(connection.deadline(), Some(start + seconds(30)));
        assert!(matches!(connection.expire(), Step::Close));
    }

    #[test]
    fn what_follows_a_request_waits_for_its_answer() {
        let start = Instant::now();
        let mut connection = connection(start);
        let two = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
        let step = connection.receive(two, &rules(), start);
        assert!(matches!(step, Step::Request(request, _) if request.path == "/1"));
        assert!(matches!(
            connection.receive(b"", &rules(), start),
            Step::Wait
        ));
        let step = connection.answered(false, &rules(), start);
        assert!(matches!(step, Step::Request(request, _) if request.path == "/2"));
    }

    #[test]
    fn a_slow_answer_has_two_deadlines() {
        let start = Instant::now();
        let mut connection = connection(start);
        connection.answer(answer(start), &rules(), start);
        assert_eq!(connection.deadline(), Some(start + seconds(5)));
        assert_eq!(connection.rank(), None);
        let late = start + seconds(58);
        let sent = connection.send(Takes(10), &rules(), late);
        assert!(sent.unwrap().is_none());
        assert_eq!(connection.deadline(), Some(start + seconds(60)));
        let sent = connection.send(Takes(0), &rules(), start + seconds(59));
        assert!(sent.unwrap().is_none());
        assert_eq!(connection.deadline(), Some(start + seconds(60)));
        assert!(matches!(connection.expire(), Step::Close));
        let mut all = Vec::new();
        let sent = connection.send(&mut all, &rules(), late).unwrap();
        assert!(sent.is_some() && all.ends_with(b"hello"));
    }

    #[test]
    fn after_the_last_answer_64_kib_are_drained() {
        let start = Instant::now();
        let mut connection = connection(start);
        assert!(matches!(
            connection.answered(true, &rules(), start),
            Step::Drain
        ));
        assert_eq!(connection.deadline(), Some(start + seconds(2)));
        let step = connection.receive(&[0; DRAIN], &rules(), start);
        assert!(matches!(step, Step::Wait));
        assert!(matches!(
            connection.receive(&[0], &rules(), start),
            Step::Close
        ));
    }

    #[test]
    fn who_only_began_a_body_is_closed_last() {
        let start = Instant::now();
        let mut body = connection(start);
        body.receive(POST, &rules(), start);
        let idle = connection(start + seconds(3600));
        assert!(idle.rank() < body.rank());
    }

    #[test]
    fn only_who_sends_no_body_yet_is_told_to_go_on() {
        let asks =
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
        let start = Instant::now();
        let step = connection(start).receive(asks, &rules(), start);
        assert!(matches!(step, Step::Continue));
        let with_body = [asks.as_slice(), b"x"].concat();
        let step = connection(start).receive(&with_body, &rules(), start);
        assert!(matches!(step, Step::Request(..)));
        let long = String::from_utf8_lossy(asks).replace("h: 1", "h: 65");
        let step = connection(start).receive(long.as_bytes(), &rules(), start);
        assert!(matches!(step, Step::Refuse(Refusal::TOO_LARGE)));
    }

    /// What the peer of a front that answers at once would see.
    fn seen<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
        let now = Instant::now();
        let mut connection = connection(now);
        let mut seen = Vec::new();
        for part in parts {
            let mut step = connection.receive(part, &rules(), now);
            loop {
                step = match step {
                    Step::Request(request, close) => {
                        let fields: Vec<_> = request.headers.iter().collect();
                        seen.push(format!("{request:?} {fields:?} {close}"));
                        connection.answered(close, &rules(), now)
                    }
                    Step::Refuse(refusal) => {
                        seen.push(format!("{refusal:?}"));
                        return seen;
                    }
                    Step::Drain | Step::Close => return seen,
                    Step::Continue | Step::Wait => break,
                };
            }
        }
        seen
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let pieces: Vec<&[u8]> = vec![
            b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /b?c HTTP/1.1\r\nHost: a\r\nX: y\r\nConnection: close\r\n\r\n",
            b"\r\n",
            POST,
            b"abc",
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok",
            b"2\r\nab\r\n1;e\r\nc\r\n0\r\n\r\n",
            b"40\r\n",
            b"0\r\nT: r\r\n\r\n",
            b"GET / HTTP/1.1\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\n",
            b"Host: a\r\n",
            b" folded\r\n",
        ];
        prop_oneof![
            8 => proptest::sample::select(pieces).prop_map(<[u8]>::to_vec),
            1 => vec(any::<u8>(), 0..8),
        ]
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_means_the_same(
            pieces in vec(piece(), 0..8),
            cuts in vec(1_usize..40, 1..40),
        ) {
            let bytes = pieces.concat();
            let whole = seen([bytes.as_slice()].into_iter());
            let single = seen(bytes.chunks(1));
            prop_assert_eq!(&single, &whole);
            let mut rest = bytes.as_slice();
            let parts = cuts.into_iter().cycle().map_while(|cut| {
                let (part, later) = rest.split_at_checked(cut).unwrap_or((rest, &[]));
                rest = later;
                (!part.is_empty()).then_some(part)
            });
            prop_assert_eq!(seen(parts), whole);
        }
    }
}
