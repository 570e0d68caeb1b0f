//! A forwarded port carries HTTP, also for many at once, and says when it cannot.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use super::super::rig::cluster;
use super::Pods;

/// A running command, and where it listens.
struct Forward {
    child: Child,
    address: SocketAddr,
}

impl Forward {
    fn start(pods: &Pods<'_>, target: &str, port: &str) -> Forward {
        let words = ["port-forward", target, port, "--address", "127.0.0.1"];
        let mut child = pods
            .ours(&words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be run");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("it is piped");
        BufReader::with_capacity(1, out)
            .read_line(&mut line)
            .expect("it says where it listens");
        let address = line
            .strip_prefix("Forwarding from ")
            .and_then(|rest| rest.split(' ').next());
        let address = address.and_then(|text| text.parse().ok());
        Forward {
            child,
            address: address.unwrap_or_else(|| panic!("{line:?}")),
        }
    }

    /// Asks for `/` and gives back all that comes.
    fn ask(&self, half_close: bool) -> String {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
            .write_all(b"GET / HTTP/1.0\r\n\r\n")
            .expect("it reads");
        if half_close {
            stream.shutdown(Shutdown::Write).expect("it is open");
        }
        let mut answer = String::new();
        // A connection that cannot be carried on is reset.
        let _ = stream.read_to_string(&mut answer);
        answer
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_forwarded_port_carries_http() {
    let Some(cluster) = cluster() else { return };
    let pods = Pods::several(&cluster);
    let forward = Forward::start(&pods, "svc/web", ":front");
    for half_close in [false, true] {
        let answer = forward.ask(half_close);
        assert!(
            answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\r\n\r\nweb-"),
            "{answer}"
        );
    }
    thread::scope(|scope| {
        let all: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| forward.ask(false)))
            .collect();
        for one in all {
            let answer = one.join().expect("it answers");
            assert!(answer.contains("\r\n\r\nweb-"), "{answer}");
        }
    });
}

#[test]
fn a_port_where_nobody_listens_is_told_and_a_lost_pod_ends_it() {
    let Some(cluster) = cluster() else { return };
    let pods = Pods::shell(&cluster);
    let mut forward = Forward::start(&pods, "shell", ":9999");
    assert_eq!(forward.ask(false), "");
    let mut errors = BufReader::new(forward.child.stderr.take().expect("it is piped")).lines();
    let mut next = || errors.next().expect("it says more").expect("it is text");
    let told = next();
    assert!(told.starts_with("an error occurred forwarding "), "{told}");
    assert!(told.contains("connection refused"), "{told}");
    let delete = ["delete", "pod", "shell", "--grace-period=0", "--force"];
    pods.namespace.kubectl(&delete);
    forward.ask(false);
    let told = next();
    assert!(told.contains("not found"), "{told}");
    assert_eq!(next(), "error: lost connection to pod");
    let status = forward.child.wait().expect("it can be waited for");
    assert_eq!(status.code(), Some(1));
}
