//! Peers that take their answers slowly, or not at all.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const PART: usize = 8 * 1024;
const ALL: usize = 64 << 20;

/// A long answer, and how much of it was made.
fn long() -> (impl Handler + 'static, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let handler = move |_: &Request| {
        let made = Arc::clone(&counter);
        made.store(0, Ordering::SeqCst);
        // Each answer is so long, however many there are.
        let mut left = ALL;
        let parts = Parts::new(move |text: &mut String| {
            *text = "x".repeat(PART);
            made.fetch_add(PART, Ordering::SeqCst);
            left -= PART;
            left > 0
        });
        Response {
            body: Body::Parts(parts),
            ..Response::new(200)
        }
    };
    (handler, made)
}

/// Once nothing more is made.
fn settled(made: &AtomicUsize) -> usize {
    let mut last = usize::MAX;
    loop {
        let now = made.load(Ordering::SeqCst);
        if now == last {
            return now;
        }
        last = now;
        thread::park_timeout(Duration::from_millis(200));
    }
}

#[test]
fn no_more_is_held_than_the_sockets_take() {
    let keys = Keys::new();
    let (handler, made) = long();
    let front = Running::new(keys.options(patient()), handler);
    let mut peer = front.secure(&keys.config);
    peer.send(get("/"));
    eventually(|| made.load(Ordering::SeqCst) > 0);
    // TCP on loopback holds up to 10 MB, by the kernel's own limits.
    let held = settled(&made);
    assert!(held < 24 << 20, "{held} bytes");
    // Others are served meanwhile, and all of it comes once it is taken.
    assert_eq!(peer.reply_without_body().status, 200);
    let mut length = 0;
    loop {
        let mut line = String::new();
        peer.0.read_line(&mut line).unwrap();
        let chunk = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut bytes = vec![0; chunk + 2];
        peer.0.read_exact(&mut bytes).unwrap();
        length += chunk;
        if chunk == 0 {
            break;
        }
    }
    assert_eq!(length, ALL);
}

/// A peer with little room.
fn small(front: &Running, config: &Arc<ClientConfig>) -> Secure {
    let family = rustix::net::AddressFamily::INET;
    let socket = rustix::net::socket(family, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
    rustix::net::connect(&socket, &front.tls.unwrap()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Peer(BufReader::new(StreamOwned::new(client(config), stream)))
}

#[test]
fn whoever_takes_nothing_is_let_go() {
    let keys = Keys::new();
    let (handler, made) = long();
    let limits = Limits {
        write: Duration::from_millis(300),
        ..patient()
    };
    let front = Running::new(keys.options(limits), handler);
    let mut peer = small(&front, &keys.config);
    peer.send(get("/"));
    eventually(|| front.stats.tls_open.get() == 1 && made.load(Ordering::SeqCst) > 0);
    eventually(|| front.stats.open.get() == 0);
    eventually(|| front.stats.tls_open.get() == 0);
    // It is cut, and nobody vouches for that end.
    let mut rest = Vec::new();
    assert!(peer.0.read_to_end(&mut rest).is_err());
    assert!(rest.len() < ALL, "{} bytes", rest.len());
}

#[test]
fn of_those_who_still_have_to_take_something_there_are_not_too_many() {
    let keys = Keys::new();
    let (handler, _) = long();
    let limits = Limits {
        answer: Duration::from_secs(2),
        ..patient()
    };
    let front = Running::new(keys.options(limits), handler);
    let mut peers: Vec<Secure> = (0..80).map(|_| small(&front, &keys.config)).collect();
    for peer in &mut peers {
        peer.send(get("/"));
    }
    eventually(|| front.stats.tls_open.get() == 80);
    // The front gives each up after the time for an answer.
    eventually(|| front.stats.open.get() == 0);
    eventually(|| front.stats.tls_open.get() <= 64);
    assert!(front.stats.tls_open.get() > 0, "some have their time");
    eventually(|| front.stats.tls_open.get() == 0);
}
