//! Many connections at once that do an HTTP server harm, each in its own way: too slow, half
//! said, never taken, too much. Who is closed comes again at once.
//!
//! One thread drives all of them without waiting for any, and costs little beside what it
//! attacks. It looks at no answer.

mod habit;
mod member;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use habit::Habit;
use member::Member;

/// Each member has its turn once in so long.
const ROUND: Duration = Duration::from_millis(100);
/// A part of the members at a time, so that they do not come in one burst.
const PARTS: usize = 10;

/// A crowd at work; it goes away with this.
#[derive(Debug)]
pub struct Crowd {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    opened: AtomicU64,
}

impl Crowd {
    /// So many connections to that server, of every kind as many; `token` is what it wants for
    /// streams.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn start(server: SocketAddr, token: &str, count: usize) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let mut members: Vec<Member> = (0..count)
            .map(|at| Member::new(server, Habit::of(at, token)))
            .collect();
        let thread = thread::Builder::new().name("crowd".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || drive(&mut members, &shared)
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Connections that were opened until now: those closed by the server came again.
    pub fn opened(&self) -> u64 {
        self.shared.opened.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn drive(members: &mut [Member], shared: &Shared) {
    let part = members.len().div_ceil(PARTS).max(1);
    let mut chunk = vec![0; 16 * 1024];
    loop {
        for some in members.chunks_mut(part) {
            let began = Instant::now();
            for member in some {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                let opened = member.turn(&mut chunk);
                shared.opened.fetch_add(opened.into(), Ordering::Relaxed);
            }
            let pause = ROUND / u32::try_from(PARTS).unwrap_or(1);
            thread::park_timeout(pause.saturating_sub(began.elapsed()));
        }
    }
}
