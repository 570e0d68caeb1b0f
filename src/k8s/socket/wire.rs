//! Bytes to and from the API server, with TLS or without, never waiting.
//!
//! Both directions belong to one thread, which waits in poll(2) for the connection and
//! for what it copies from: a TLS connection cannot be cut into a reader and a writer.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::tls::Records;

const CONNECT: Duration = Duration::from_secs(5);
/// Bytes taken from the connection at once.
const CHUNK: usize = 16 * 1024;

pub(in crate::k8s) struct Wire {
    tcp: Records<TcpStream>,
    tls: Option<Box<ClientConnection>>,
    /// What still has to be sent. Whoever fills it looks at its size first.
    out: Vec<u8>,
    chunk: Box<[u8]>,
}

impl Wire {
    /// Connects to the first address that answers; with TLS if there is a name to check.
    pub(super) fn connect(
        addresses: &[SocketAddr],
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    ) -> io::Result<Wire> {
        let mut outcome = Err(ErrorKind::AddrNotAvailable.into());
        for address in addresses {
            outcome = TcpStream::connect_timeout(address, CONNECT);
            if outcome.is_ok() {
                break;
            }
        }
        let tcp = outcome?;
        tcp.set_nodelay(true)?;
        tcp.set_nonblocking(true)?;
        let tls = match tls {
            Some((config, name)) => Some(ClientConnection::new(config, name).map_err(broken)?),
            None => None,
        };
        Ok(Wire {
            tcp: Records::new(tcp),
            tls: tls.map(Box::new),
            out: Vec::new(),
            chunk: vec![0; CHUNK].into(),
        })
    }

    /// What is to be sent, to append to.
    pub(in crate::k8s) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Whether the connection takes no more for now: wait until it can be written to.
    pub(in crate::k8s) fn is_full(&self) -> bool {
        match &self.tls {
            Some(tls) => tls.wants_write(),
            None => !self.out.is_empty(),
        }
    }

    /// Bytes that were not sent yet.
    pub(in crate::k8s) fn unsent(&self) -> usize {
        self.out.len()
    }

    /// Sends as much as the connection takes.
    pub(in crate::k8s) fn flush(&mut self) -> io::Result<()> {
        loop {
            let sent = match &mut self.tls {
                None if self.out.is_empty() => return Ok(()),
                None => self.tcp.socket.write(&self.out),
                Some(tls) => {
                    let taken = tls.writer().write(&self.out)?;
                    self.out.drain(..taken);
                    if !tls.wants_write() {
                        return Ok(());
                    }
                    tls.write_tls(&mut self.tcp.socket)
                }
            };
            match sent {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) if self.tls.is_none() => drop(self.out.drain(..count)),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Appends what came to `inbox`, one chunk or record at most; false at the end.
    pub(in crate::k8s) fn fill(&mut self, inbox: &mut Vec<u8>) -> io::Result<bool> {
        let open = match &mut self.tls {
            None => self.tcp.socket.read(&mut self.chunk).map(|count| {
                inbox.extend_from_slice(self.chunk.get(..count).unwrap_or_default());
                count > 0
            }),
            Some(tls) => receive(tls, &mut self.tcp, inbox),
        };
        match open {
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(true)
            }
            open => open,
        }
    }

    /// A second hold on the connection, to end it from another thread.
    pub(super) fn hold(&self) -> io::Result<TcpStream> {
        self.tcp.socket.try_clone()
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.socket.as_fd()
    }
}

/// Takes in a whole record; false at the end. In a handshake all that comes, since who speaks no
/// TLS has no records.
fn receive(
    tls: &mut ClientConnection,
    records: &mut Records<TcpStream>,
    inbox: &mut Vec<u8>,
) -> io::Result<bool> {
    records.whole = false;
    while !records.whole {
        if tls.read_tls(records)? == 0 {
            return Ok(false);
        }
        if tls.is_handshaking() {
            break;
        }
    }
    let state = match tls.process_new_packets() {
        Ok(state) => state,
        Err(error) => {
            // Tells the other side what is wrong, if it still listens.
            let _ = tls.write_tls(&mut records.socket);
            return Err(broken(error));
        }
    };
    let mut left = state.plaintext_bytes_to_read();
    inbox.reserve(left);
    let mut reader = tls.reader();
    while left > 0 {
        // Appended as it lies there. A place of zeros to read into took a quarter of the time that a
        // long answer costs: a binary made for size fills it byte by byte.
        let piece = reader.fill_buf()?;
        inbox.extend_from_slice(piece);
        let count = piece.len();
        reader.consume(count);
        left = left.saturating_sub(count);
    }
    Ok(!state.peer_has_closed())
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use rustls::RootCertStore;

    use super::*;
    use crate::ciphers;

    /// It holds the connection open: only what it said can end the wait.
    #[test]
    fn who_speaks_no_tls_is_noticed_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = ciphers::client().with_root_certificates(RootCertStore::empty());
        let config = Arc::new(config.with_no_client_auth());
        let name = ServerName::try_from("api.local").unwrap();
        let address = listener.local_addr().unwrap();
        let mut wire = Wire::connect(&[address], Some((config, name))).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
        wire.tcp.socket.set_nonblocking(false).unwrap();
        let error = wire.fill(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    }
}
