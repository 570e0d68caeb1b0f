//! An answer of HTTP/1.1, put together from bytes as they come (RFC 9112). Pure.

use std::fmt;

/// Largest head, and largest line of a chunk.
const HEAD: usize = 64 * 1024;
const LINE: usize = 4 * 1024;
const FIELDS: usize = 128;

/// A whole answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Whole {
    pub status: u16,
    /// In their order; values that are no text are left out.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    Garbage(&'static str),
    TooLarge,
    /// It ended too early.
    Cut,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flaw::Garbage(what) => what,
            Flaw::TooLarge => "the answer is too large",
            Flaw::Cut => "the answer is cut off",
        })
    }
}

/// An answer that is on its way.
#[derive(Debug)]
pub(super) struct Reading {
    /// Nothing but a head is to come.
    bodiless: bool,
    /// Bytes of a body.
    most: usize,
    inbox: Vec<u8>,
    answer: Whole,
    left: Left,
}

/// What is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Head,
    Length(usize),
    /// The line before a chunk.
    Size,
    Chunk(usize),
    /// The end of its line.
    Line,
    /// All up to the end of the connection.
    End,
    Nothing,
}

impl Reading {
    /// Of a request by that method, with so many bytes of a body at most.
    pub(super) fn new(method: &str, most: usize) -> Self {
        Self {
            bodiless: method == "HEAD",
            most,
            inbox: Vec::new(),
            answer: Whole::default(),
            left: Left::Head,
        }
    }

    /// Takes in what came; true when the answer is whole.
    ///
    /// # Errors
    /// It is not HTTP, or larger than it may be.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<bool, Flaw> {
        let mut inbox = std::mem::take(&mut self.inbox);
        inbox.extend_from_slice(bytes);
        let mut rest = inbox.as_slice();
        while self.left != Left::Nothing {
            match self.step(rest)? {
                0 => break,
                taken => rest = rest.get(taken..).unwrap_or_default(),
            }
        }
        let taken = inbox.len() - rest.len();
        inbox.drain(..taken);
        self.inbox = inbox;
        Ok(self.left == Left::Nothing)
    }

    /// The answer, when the connection ended or [`Reading::feed`] said that it is whole.
    pub(super) fn end(self) -> Result<Whole, Flaw> {
        match self.left {
            Left::Nothing | Left::End => Ok(self.answer),
            _ => Err(Flaw::Cut),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.answer.body.len()
    }

    /// How many bytes were taken; none when more are needed.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Flaw> {
        match self.left {
            Left::Head => self.head(bytes),
            Left::Length(left) => {
                let taken = self.put(bytes, left)?;
                self.left = match left - taken {
                    0 => Left::Nothing,
                    left => Left::Length(left),
                };
                Ok(taken)
            }
            Left::Size => self.size_line(bytes),
            Left::Chunk(left) => {
                let taken = self.put(bytes, left)?;
                self.left = match left - taken {
                    0 => Left::Line,
                    left => Left::Chunk(left),
                };
                Ok(taken)
            }
            Left::Line => match bytes {
                [b'\r', b'\n', ..] => {
                    self.left = Left::Size;
                    Ok(2)
                }
                [] | [b'\r'] => Ok(0),
                _ => Err(Flaw::Garbage("a chunk has no end")),
            },
            Left::End => self.put(bytes, usize::MAX),
            Left::Nothing => Ok(0),
        }
    }

    fn put(&mut self, bytes: &[u8], left: usize) -> Result<usize, Flaw> {
        let part = bytes.get(..left).unwrap_or(bytes);
        if part.len() > self.most - self.answer.body.len() {
            return Err(Flaw::TooLarge);
        }
        self.answer.body.extend_from_slice(part);
        Ok(part.len())
    }

    fn size_line(&mut self, bytes: &[u8]) -> Result<usize, Flaw> {
        match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete((start, size))) => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                if size > self.most - self.answer.body.len() {
                    return Err(Flaw::TooLarge);
                }
                // What may follow the last chunk is of no interest.
                self.left = match size {
                    0 => Left::Nothing,
                    size => Left::Chunk(size),
                };
                Ok(start)
            }
            Ok(httparse::Status::Partial) if bytes.len() < LINE => Ok(0),
            _ => Err(Flaw::Garbage("the size of a chunk is none")),
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Result<usize, Flaw> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let size = match head.parse(bytes) {
            Ok(httparse::Status::Complete(size)) => size,
            Ok(httparse::Status::Partial) if bytes.len() < HEAD => return Ok(0),
            _ => return Err(Flaw::Garbage("the answer is not HTTP")),
        };
        let status = head.code.unwrap_or_default();
        // Another one follows, unless the protocol was switched, for which nobody asked.
        if status == 101 {
            return Err(Flaw::Garbage("the answer speaks another protocol"));
        }
        if status < 200 {
            return Ok(size);
        }
        let texts = head.headers.iter().filter_map(|field| {
            let value = str::from_utf8(field.value).ok()?;
            Some((field.name.to_owned(), value.trim().to_owned()))
        });
        self.answer.fields = texts.collect();
        self.answer.status = status;
        self.left = self.framing()?;
        Ok(size)
    }

    /// What comes behind the head (RFC 9112, section 6.3).
    fn framing(&self) -> Result<Left, Flaw> {
        let field = |name: &str| {
            let mut fields = self.answer.fields.iter();
            fields.find(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        if self.bodiless || matches!(self.answer.status, 204 | 304) {
            return Ok(Left::Nothing);
        }
        if let Some((_, coding)) = field("transfer-encoding") {
            return match coding.eq_ignore_ascii_case("chunked") {
                true => Ok(Left::Size),
                false => Err(Flaw::Garbage(
                    "the answer is coded in a way that is not known",
                )),
            };
        }
        let Some((_, length)) = field("content-length") else {
            return Ok(Left::End);
        };
        let length: usize = length
            .parse()
            .map_err(|_| Flaw::Garbage("the length of the answer is no number"))?;
        match length {
            0 => Ok(Left::Nothing),
            length if length > self.most => Err(Flaw::TooLarge),
            length => Ok(Left::Length(length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(method: &str, text: &str, pieces: &[usize]) -> Result<Whole, Flaw> {
        let mut reading = Reading::new(method, 10);
        let mut rest = text.as_bytes();
        let mut sizes = pieces
            .iter()
            .copied()
            .chain(std::iter::repeat(text.len().max(1)));
        while !rest.is_empty() {
            let size = sizes.next().unwrap_or(1).clamp(1, rest.len());
            let (piece, behind) = rest.split_at(size);
            rest = behind;
            if reading.feed(piece)? {
                break;
            }
        }
        reading.end()
    }

    const ANSWERS: [(&str, &str); 6] = [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!",
            "hello",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            "hello",
        ),
        ("HTTP/1.0 200 OK\r\n\r\nhello", "hello"),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno",
            "no",
        ),
        ("HTTP/1.1 204 No\r\n\r\nhello", ""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
    ];

    #[test]
    fn fields_are_kept_in_their_order() {
        let text = "HTTP/1.1 201 Created\r\nA: 1\r\nB:  2 \r\na: 3\r\nContent-Length: 1\r\n\r\nx";
        let whole = read("GET", text, &[]).unwrap();
        assert_eq!(whole.status, 201);
        let fields: Vec<_> = whole
            .fields
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        assert_eq!(fields, ["A=1", "B=2", "a=3", "Content-Length=1"]);
        let head = read("HEAD", text, &[]).unwrap();
        assert_eq!((head.status, head.body.len()), (201, 0));
    }

    #[test]
    fn flaws_are_told() {
        let long = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n";
        for (text, flaw) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
                Flaw::Cut,
            ),
            ("HTTP/1.1 200 OK\r\n", Flaw::Cut),
            ("", Flaw::Cut),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                Flaw::Cut,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
                Flaw::TooLarge,
            ),
            ("HTTP/1.1 200 OK\r\n\r\nhello, world", Flaw::TooLarge),
            (long, Flaw::TooLarge),
        ] {
            assert_eq!(read("GET", text, &[]), Err(flaw), "{text}");
        }
        for text in [
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            let told = read("GET", text, &[]);
            assert!(matches!(told, Err(Flaw::Garbage(_))), "{text}: {told:?}");
        }
    }

    proptest! {
        #[test]
        fn an_answer_is_the_same_however_it_comes(at in 0..ANSWERS.len(), pieces in prop::collection::vec(1..9_usize, 0..40)) {
            let (text, body) = ANSWERS[at];
            let whole = read("GET", text, &pieces).unwrap();
            prop_assert_eq!(String::from_utf8(whole.body).unwrap(), body);
        }

        #[test]
        fn any_bytes_are_an_answer_or_a_flaw(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            for (text, _) in ANSWERS {
                let mut reading = Reading::new("GET", 10);
                let all = [text.as_bytes(), &bytes].concat();
                prop_assert!(reading.feed(&all).is_ok() || reading.size() <= 10);
            }
        }
    }
}
