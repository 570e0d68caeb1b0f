//! TLS for the connections of the HTTP client, by a configuration that many share:
//! what one has been shown of the other side, a later one need not be shown again
//! (RFC 8446, section 2.2).
//!
//! It differs from the client's own in what a long answer costs. rustls moves what it
//! has of an unfinished record onto itself whenever it is asked for more, which musl does
//! byte by byte, and gives its buffer back whenever nothing is left in it. So it is not
//! asked before a record is whole, and of the next it has the header already.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use ureq::Error;
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    TcpConnector, Transport, TransportAdapter,
};

/// Of a record: its type, its version, its length (RFC 8446, section 5.1).
const HEADER: usize = 5;

/// Connects by TCP, through a proxy if there is one, and by TLS where the scheme is https.
pub fn connector(config: Arc<ClientConfig>) -> impl Connector {
    ConnectProxyConnector::default()
        .chain(TcpConnector::default())
        .chain(Tls(config))
}

struct Tls(Arc<ClientConfig>);

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Secured>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let name = name(details)?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(left(details));
        let mut secured = Secured {
            buffers: LazyBuffers::new(
                details.config.input_buffer_size(),
                details.config.output_buffer_size(),
            ),
            connection: ClientConnection::new(Arc::clone(&self.0), name)?,
            records: Records::new(socket),
        };
        secured.connection.complete_io(&mut secured.records)?;
        Ok(Some(Either::B(secured)))
    }
}

/// Of the time for connecting, what TCP left.
fn left(details: &ConnectionDetails<'_>) -> NextTimeout {
    let mut timeout = details.timeout;
    let moments = ((details.current_time)(), details.now);
    if let (Duration::Exact(after), (Instant::Exact(now), Instant::Exact(began))) =
        (timeout.after, moments)
    {
        timeout.after = Duration::Exact(after.saturating_sub(now - began));
    }
    timeout
}

/// The one that the certificate must have.
fn name(details: &ConnectionDetails<'_>) -> Result<ServerName<'static>, Error> {
    let host = details.uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned())
        .map_err(|_| Error::Tls("the host is no name for a certificate"))
}

struct Secured {
    buffers: LazyBuffers,
    connection: ClientConnection,
    records: Records<TransportAdapter>,
}

impl Secured {
    /// Takes in a whole record; false at the end.
    fn receive(&mut self) -> io::Result<bool> {
        self.records.whole = false;
        while !self.records.whole {
            if self.connection.read_tls(&mut self.records)? == 0 {
                return Ok(false);
            }
        }
        self.connection
            .process_new_packets()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(true)
    }

    fn send(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.records.socket)?;
        }
        Ok(())
    }
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.records.socket.set_timeout(timeout);
        let mut sent = 0;
        while sent < amount {
            let output = self.buffers.output().get(sent..amount).unwrap_or_default();
            sent += self.connection.writer().write(output)?;
            self.send()?;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.records.socket.set_timeout(timeout);
        let mut more = true;
        loop {
            // What came may ask for an answer, as new keys do.
            self.send()?;
            let input = self.buffers.input_append_buf();
            match self.connection.reader().read(input) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && more => {
                    more = self.receive()?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                outcome => {
                    let amount = outcome?;
                    self.buffers.input_appended(amount);
                    return Ok(amount > 0);
                }
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.records.socket.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Reads no further than the header behind the end of a record.
pub struct Records<S> {
    pub socket: S,
    header: [u8; HEADER],
    /// How much of the header has come.
    known: usize,
    /// Bytes to the end of the record.
    left: usize,
    /// Whether one has ended since the last look.
    pub whole: bool,
}

impl<S> Records<S> {
    pub fn new(socket: S) -> Self {
        Self {
            socket,
            header: [0; HEADER],
            known: 0,
            left: 0,
            whole: false,
        }
    }

    fn follow(&mut self, bytes: &[u8]) {
        let (body, header) = bytes.split_at(bytes.len().min(self.left));
        self.left -= body.len();
        self.whole |= self.left == 0 && !body.is_empty();
        for byte in header {
            self.header[self.known] = *byte;
            self.known += 1;
        }
        if self.known == HEADER {
            let [.., high, low] = self.header;
            self.left = usize::from(u16::from_be_bytes([high, low]));
            self.known = 0;
            self.whole |= self.left == 0;
        }
    }
}

impl<S: Read> Read for Records<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = (self.left + HEADER - self.known).min(buffer.len());
        let count = self.socket.read(&mut buffer[..most])?;
        self.follow(&buffer[..count]);
        Ok(count)
    }
}

impl<S: Write> Write for Records<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secured({:?})", self.records.socket.get_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads all of the text, at most `step` bytes at once; where records ended.
    fn ends(text: &[u8], step: usize) -> Vec<usize> {
        let mut records = Records::new(text);
        let (mut at, mut ends) = (0, Vec::new());
        let mut buffer = vec![0; step];
        loop {
            let count = records.read(&mut buffer).unwrap();
            if count == 0 {
                return ends;
            }
            at += count;
            if std::mem::take(&mut records.whole) {
                ends.push(at);
            }
        }
    }

    #[test]
    fn no_more_is_read_than_to_the_header_behind_a_record() {
        let mut text = Vec::new();
        for length in [3_u16, 0, 300, 1] {
            text.extend([23, 3, 3]);
            text.extend(length.to_be_bytes());
            text.extend(vec![7; length.into()]);
        }
        // The second has no more than its header.
        assert_eq!(ends(&text, 4096), [13, 323, 324]);
        for step in 1..20 {
            let ends = ends(&text, step);
            assert_eq!(ends.last(), Some(&text.len()), "{step}");
            assert!((3..=4).contains(&ends.len()), "{step}: {ends:?}");
        }
    }
}
