//! Actors that live and end together.
//!
//! Each actor is a named thread with a way to interrupt it. The first to return
//! ends the group: all others are interrupted and awaited against one deadline,
//! and the first one's outcome is the group's. The idea is oklog/run's.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::boundary;

/// What an actor ends with.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// What an actor does.
enum Execute {
    Once(Box<dyn FnOnce() -> Outcome + Send>),
    /// On another thread again after a panic.
    Again(Arc<dyn Fn() -> Outcome + Send + Sync>),
}
type Interrupt = Box<dyn FnOnce() + Send>;

struct Actor {
    name: &'static str,
    stack: usize,
    execute: Execute,
    interrupt: Interrupt,
}

/// Actors to be started together by [`Group::run`].
#[derive(Default)]
pub struct Group {
    actors: Vec<Actor>,
}

/// How a group ended.
#[derive(Debug)]
pub struct Ending {
    /// The actor that returned first, and so ended the others.
    pub first: &'static str,
    pub outcome: Result<(), Failure>,
    /// Actors that had not returned by the deadline.
    pub stuck: Vec<&'static str>,
}

/// Why an actor ended badly.
#[derive(Debug)]
pub enum Failure {
    Failed(Box<dyn std::error::Error + Send + Sync>),
    Panicked(String),
    NotStarted(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{error}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::NotStarted(_) => f.write_str("the thread could not be started"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            Self::Panicked(_) => None,
            Self::NotStarted(error) => Some(error),
        }
    }
}

impl Group {
    /// Adds an actor. `interrupt` must make `execute` return soon, may run before
    /// `execute` was ever started, and must not block.
    pub fn add(
        &mut self,
        name: &'static str,
        stack: usize,
        execute: impl FnOnce() -> Outcome + Send + 'static,
        interrupt: impl FnOnce() + Send + 'static,
    ) {
        self.actors.push(Actor {
            name,
            stack,
            execute: Execute::Once(Box::new(execute)),
            interrupt: Box::new(interrupt),
        });
    }

    /// Adds an actor that holds nothing which a panic could leave half done: another thread
    /// takes its place then.
    pub fn add_again(
        &mut self,
        name: &'static str,
        stack: usize,
        execute: impl Fn() -> Outcome + Send + Sync + 'static,
    ) {
        self.actors.push(Actor {
            name,
            stack,
            execute: Execute::Again(Arc::new(execute)),
            interrupt: Box::new(|| {}),
        });
    }

    /// Runs all actors until the first returns, then ends the others and waits
    /// for them until `deadline` has passed.
    ///
    /// Panics nowhere; a group without actors ends at once.
    pub fn run(self, deadline: Duration) -> Ending {
        let (sender, ended) = bounded(self.actors.len());
        let mut names = Vec::with_capacity(self.actors.len());
        let mut interrupts = Vec::with_capacity(self.actors.len());
        for actor in self.actors {
            names.push(actor.name);
            interrupts.push(actor.interrupt);
            start(actor.name, actor.stack, actor.execute, sender.clone());
        }
        drop(sender);
        let Ok((first, outcome)) = ended.recv() else {
            return Ending {
                first: "nobody",
                outcome: Ok(()),
                stuck: names,
            };
        };
        for interrupt in interrupts {
            interrupt();
        }
        names.retain(|name| *name != first);
        let stuck = wait_for(names, &ended, deadline);
        Ending {
            first,
            outcome,
            stuck,
        }
    }
}

type Ended = (&'static str, Result<(), Failure>);

/// Starts one thread that always reports its end: the channel has room for all.
fn start(name: &'static str, stack: usize, execute: Execute, ended: Sender<Ended>) {
    let (report, fallen) = (ended.clone(), ended.clone());
    let again = match &execute {
        Execute::Once(_) => None,
        Execute::Again(body) => Some(Arc::clone(body)),
    };
    let told = move |why: &str| match again {
        Some(body) => start(name, stack, Execute::Again(body), fallen),
        None => {
            let _ = fallen.send((name, Err(Failure::Panicked(why.to_owned()))));
        }
    };
    let body = move || {
        let outcome = boundary::within(told, || match execute {
            Execute::Once(body) => body(),
            Execute::Again(body) => body(),
        });
        let _ = report.send((name, outcome.map_err(Failure::Failed)));
    };
    let spawned = Builder::new()
        .name(name.to_owned())
        .stack_size(stack)
        .spawn(body);
    if let Err(error) = spawned {
        let _ = ended.send((name, Err(Failure::NotStarted(error))));
    }
}

fn wait_for(
    mut names: Vec<&'static str>,
    ended: &Receiver<Ended>,
    deadline: Duration,
) -> Vec<&'static str> {
    let end = Instant::now() + deadline;
    while !names.is_empty() {
        let Ok((name, _)) = ended.recv_deadline(end) else {
            break;
        };
        names.retain(|other| *other != name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop;

    const STACK: usize = 64 * 1024;

    fn waiting(group: &mut Group, name: &'static str) {
        let (source, stop) = stop::channel();
        group.add(
            name,
            STACK,
            move || {
                stop.wait(Duration::from_secs(60));
                Ok(())
            },
            move || drop(source),
        );
    }

    #[test]
    fn the_first_to_return_ends_all() {
        let mut group = Group::default();
        waiting(&mut group, "a");
        waiting(&mut group, "b");
        group.add("c", STACK, || Err("no disk".into()), || {});
        let ending = group.run(Duration::from_secs(60));
        assert_eq!(ending.first, "c");
        assert_eq!(ending.outcome.unwrap_err().to_string(), "no disk");
        assert!(ending.stuck.is_empty());
    }

    #[test]
    fn a_panic_is_an_ending_with_its_message() {
        boundary::hold_in_tests();
        let mut group = Group::default();
        waiting(&mut group, "a");
        group.add("b", STACK, || panic!("index {} missing", 7), || {});
        let ending = group.run(Duration::from_secs(60));
        assert_eq!(
            ending.outcome.unwrap_err().to_string(),
            "panicked: index 7 missing"
        );
    }

    #[test]
    fn another_takes_the_place_of_who_can_begin_again() {
        boundary::hold_in_tests();
        let (to_do, work) = bounded(3);
        for panics in [true, true, false] {
            to_do.send(panics).unwrap();
        }
        let mut group = Group::default();
        group.add_again("again", STACK, move || {
            assert!(!work.recv()?, "as told");
            Err("told to fail".into())
        });
        let ending = group.run(Duration::from_secs(60));
        assert_eq!(ending.outcome.unwrap_err().to_string(), "told to fail");
    }

    #[test]
    fn who_does_not_return_is_named() {
        let (source, stop) = stop::channel();
        let mut group = Group::default();
        group.add(
            "deaf",
            STACK,
            move || {
                stop.wait(Duration::from_secs(60));
                Ok(())
            },
            || {},
        );
        group.add("quick", STACK, || Ok(()), || {});
        let ending = group.run(Duration::from_millis(20));
        assert_eq!(ending.stuck, ["deaf"]);
        drop(source);
    }
}
