//! What it takes to have the dashboard open on many pods that change.
//!
//! What it asks for is read from the page itself: the stream, and all that any of its views
//! reads, again after each change and 300 ms, as it does.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{Rig, Usage, seen, shipped};
use crate::support::{API_TOKEN, Agent, Answer, SOON, request_with, within};

const MB: u64 = 1_000_000;
const PODS: usize = 5_000;
const LIMIT: u64 = 8 * MB;
/// Changes come for so long, so many at once.
const ROUNDS: u32 = 20;
const ROUND: Duration = Duration::from_millis(250);
const AT_ONCE: usize = 5;
/// From a change to reading again, as in the page.
const PAUSE: Duration = Duration::from_millis(300);
/// Nothing changes any more.
const QUIET: Duration = Duration::from_secs(2);
/// The page itself.
const PAGE: &str = include_str!("../../../src/api/page/page.html");

/// What the page asks for.
struct Asked {
    stream: String,
    paths: Vec<String>,
}

impl Asked {
    fn by_the_page() -> Self {
        let between = |begin: &str, end: &str| {
            let (_, rest) = PAGE.split_once(begin).expect(begin);
            rest.split_once(end).expect(end).0.to_owned()
        };
        let quoted = |text: &str| -> Vec<String> {
            text.split('"').skip(1).step_by(2).map(Into::into).collect()
        };
        let mut paths = quoted(&between("const PATHS = {", "}"));
        let names = between(
            "for (const name of [",
            "]) PATHS[name] = `/api/k8s/${name}`",
        );
        paths.extend(quoted(&names).iter().map(|name| format!("/api/k8s/{name}")));
        Self {
            stream: between("new EventSource(\"", "\")"),
            paths,
        }
    }
}

/// Somebody who has the dashboard open.
struct Viewer<'a> {
    agent: &'a Agent,
    asked: &'a Asked,
    /// Told for each thing that happens.
    news: Receiver<()>,
    /// What is known of each path, by its tag.
    tags: BTreeMap<&'a str, String>,
    /// Of the largest answer.
    bytes: usize,
    /// Reads of it that differed from what was known.
    reads: u32,
}

impl<'a> Viewer<'a> {
    fn enter(agent: &'a Agent, asked: &'a Asked) -> Self {
        let fields = format!("Host: a\r\nAuthorization: Bearer {API_TOKEN}\r\n");
        let mut stream = TcpStream::connect(agent.address()).unwrap();
        write!(stream, "GET {} HTTP/1.1\r\n{fields}\r\n", asked.stream).unwrap();
        let (tell, news) = channel();
        let hear = move || {
            let lines = BufReader::new(stream).lines().map_while(Result::ok);
            for _ in lines.filter(|line| line.starts_with("event:")) {
                if tell.send(()).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().spawn(hear).unwrap();
        // The first tells that it is open.
        news.recv_timeout(SOON).unwrap();
        let mut viewer = Self {
            agent,
            asked,
            news,
            tags: BTreeMap::new(),
            bytes: 0,
            reads: 0,
        };
        viewer.catch_up();
        viewer
    }

    /// Reads again after each change, until there are none for a while.
    fn look_on(&mut self) {
        while self.news.recv_timeout(QUIET).is_ok() {
            let again = Instant::now() + PAUSE;
            let left = || again.saturating_duration_since(Instant::now());
            while self.news.recv_timeout(left()).is_ok() {}
            self.catch_up();
        }
    }

    /// Reads all at once, as a browser does.
    fn catch_up(&mut self) {
        let (agent, tags) = (self.agent, &self.tags);
        let answers: Vec<(&str, Answer)> = thread::scope(|scope| {
            let read = |path: &'a str| move || (path, ask(agent, path, tags.get(path)));
            let paths = self.asked.paths.iter();
            let all: Vec<_> = paths.map(|path| scope.spawn(read(path))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        for (path, answer) in answers {
            assert!(matches!(answer.status, 200 | 304), "{path}: {answer:?}");
            if answer.status == 200 && answer.body.len() >= self.bytes {
                self.bytes = answer.body.len();
                self.reads += 1;
            }
            if let Some(tag) = answer.header("etag") {
                self.tags.insert(path, tag.to_owned());
            }
        }
    }
}

fn ask(agent: &Agent, path: &str, tag: Option<&String>) -> Answer {
    let known = tag.map(|tag| format!("If-None-Match: {tag}\r\n"));
    let fields = format!("Authorization: Bearer {API_TOKEN}\r\n");
    let fields = fields + &known.unwrap_or_default();
    request_with(agent.address(), "GET", path, &fields).unwrap()
}

#[test]
fn five_thousand_pods_with_the_dashboard_open_take_8_mb() {
    if shipped("the dashboard").is_none() {
        return;
    }
    let asked = Asked::by_the_page();
    assert!(asked.paths.len() >= 9, "{:?}", asked.paths);
    for count in [1, 5] {
        let rig = Rig::new(PODS);
        let agent = rig.agent();
        let mut viewers: Vec<Viewer<'_>> =
            (0..count).map(|_| Viewer::enter(&agent, &asked)).collect();
        thread::scope(|scope| {
            for viewer in &mut viewers {
                scope.spawn(|| viewer.look_on());
            }
            let began = Instant::now();
            for round in 0..ROUNDS {
                within(SOON, "the time of a round", || {
                    (began.elapsed() >= ROUND * round).then_some(())
                });
                rig.server.change(AT_ONCE);
            }
        });
        for viewer in &viewers {
            assert!(viewer.bytes > PODS * 100, "{} bytes of pods", viewer.bytes);
            assert!(viewer.reads > ROUNDS / 4, "read {} times", viewer.reads);
        }
        let usage = Usage::of(&agent);
        seen(
            "the dashboard, open so often",
            (count, viewers[0].reads, usage),
        );
        assert!(usage.resident_peak <= LIMIT, "{count}: {usage:?}");
    }
}
