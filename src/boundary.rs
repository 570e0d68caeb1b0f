//! What a panic may take with it, without unwinding.
//!
//! The program is built without tables for unwinding: they were a fifth of it. A thread that
//! panics goes no further. Boundaries are drawn around work that is to fail alone: each is
//! told why, the innermost first, on the thread that panicked, which is then parked for good
//! with all that it holds. A panic outside of any boundary, or one too many, ends the process.

use std::any::Any;
use std::cell::RefCell;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::{mem, thread};

/// Threads that fall so, each of which keeps its stack and what lies on it.
const MOST: usize = 16;

type Told = Box<dyn FnOnce(&str) + Send>;
type Boundary = Arc<Mutex<Option<Told>>>;

thread_local! {
    /// Those around what this thread does, the outermost first.
    static AROUND: RefCell<Vec<Boundary>> = const { RefCell::new(Vec::new()) };
}

static FALLEN: AtomicUsize = AtomicUsize::new(0);

/// Does `work`; should it panic, `told` gets the message instead and must not panic itself.
///
/// Whatever `work` borrows is never given back then: `told` works with shares of its own.
pub fn within<T>(told: impl FnOnce(&str) + Send + 'static, work: impl FnOnce() -> T) -> T {
    let boundary: Boundary = Arc::new(Mutex::new(Some(Box::new(told))));
    AROUND.with_borrow_mut(|around| around.push(boundary));
    let done = work();
    AROUND.with_borrow_mut(Vec::pop);
    done
}

/// The boundaries around the caller, for a thread that does a part of its work.
pub struct Around(Vec<Boundary>);

impl Around {
    pub fn here() -> Self {
        Self(AROUND.with_borrow(Vec::clone))
    }

    /// Does `work` on a thread of its own; should it panic, whoever waits for it waits for ever.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        AROUND.set(self.0);
        let done = work();
        AROUND.take();
        done
    }
}

/// Makes boundaries hold. A panic is printed as it was before, then whoever drew a boundary
/// is told and the thread comes to `rest`; outside of any boundary, `outside` is called.
///
/// Where either returns, the thread goes on as it would have: it unwinds, or the process ends.
pub fn hold(rest: fn(), outside: fn()) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            before(info);
            match tell(&message(info.payload())) {
                true => rest(),
                false => outside(),
            }
        }));
    });
}

/// For the program: a thread that fell stays where it is, all else ends the process, so that
/// it is not half dead but started again.
pub fn hold_without_unwinding() {
    let rest = || loop {
        thread::park();
    };
    hold(rest, || std::process::abort());
}

/// False when there is nobody to be told, or one too many fell.
fn tell(why: &str) -> bool {
    let around = AROUND.try_with(RefCell::take).unwrap_or_default();
    if around.is_empty() || FALLEN.fetch_add(1, Ordering::Relaxed) >= MOST {
        return false;
    }
    for boundary in around.iter().rev() {
        // Not told with the lock held: that may take long.
        let told = mem::take(&mut *boundary.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(told) = told {
            told(why);
        }
    }
    true
}

/// The text of a panic.
pub fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// Threads unwind, since the harness sets the hook anew at its end, for which none may be in it.
#[cfg(test)]
pub(crate) fn hold_in_tests() {
    hold(|| {}, || {});
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, Sender, bounded};
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn telling(to: &Sender<String>, who: &'static str) -> impl FnOnce(&str) + Send + use<> {
        let to = to.clone();
        move |why| to.send(format!("{who}: {why}")).unwrap()
    }

    fn on_a_thread(work: impl FnOnce() + Send + 'static) {
        hold_in_tests();
        thread::Builder::new().spawn(work).unwrap();
    }

    fn heard(from: &Receiver<String>) -> String {
        from.recv_timeout(PATIENCE).unwrap()
    }

    #[test]
    fn the_innermost_is_told_first_and_who_panicked_goes_no_further() {
        let (to, from) = bounded(4);
        on_a_thread(move || {
            within(telling(&to, "outer"), || {
                within(telling(&to, "inner"), || panic!("no {}", 7));
                to.send("went on".to_owned()).unwrap();
            });
        });
        assert_eq!(heard(&from), "inner: no 7");
        assert_eq!(heard(&from), "outer: no 7");
        assert!(from.recv_timeout(PATIENCE).unwrap_err().is_disconnected());
    }

    #[test]
    fn what_went_well_is_not_told() {
        let (to, from) = bounded(4);
        assert_eq!(within(telling(&to, "first"), || 3), 3);
        on_a_thread(move || {
            within(telling(&to, "first"), || ());
            within(telling(&to, "second"), || panic!("so"));
        });
        assert_eq!(heard(&from), "second: so");
    }

    #[test]
    fn a_part_of_the_work_fails_for_the_whole() {
        let (to, from) = bounded(4);
        on_a_thread(move || {
            within(telling(&to, "whole"), || {
                let around = Around::here();
                thread::scope(|scope| {
                    scope.spawn(|| around.run(|| panic!("a part")));
                });
                to.send("went on".to_owned()).unwrap();
            });
        });
        assert_eq!(heard(&from), "whole: a part");
        assert!(from.recv_timeout(PATIENCE).unwrap_err().is_disconnected());
    }

    #[test]
    fn a_panic_outside_ends_as_ever() {
        hold_in_tests();
        let thread = thread::Builder::new().spawn(|| panic!("outside")).unwrap();
        assert_eq!(message(&*thread.join().unwrap_err()), "outside");
    }
}
