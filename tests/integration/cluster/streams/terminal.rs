//! A shell with a terminal: its size, its keys, its end.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::super::rig::cluster;
use super::Pods;
use crate::support::eventually;

/// Both ends of a terminal, and what was written to it.
struct Terminal {
    person: File,
    program: File,
    seen: Arc<Mutex<String>>,
}

impl Terminal {
    fn open() -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there is a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let path = ptsname(&master, Vec::new()).expect("it has a name");
        let path = PathBuf::from(path.to_str().expect("it is text"));
        let program = OpenOptions::new().read(true).write(true).open(path);
        let person = File::from(master);
        let seen = Arc::new(Mutex::new(String::new()));
        let (mut from, to) = (person.try_clone().unwrap(), Arc::clone(&seen));
        let reader = thread::Builder::new().spawn(move || {
            let mut chunk = [0; 4096];
            // It fails once nobody has the other end.
            while let Ok(count) = from.read(&mut chunk) {
                let text = String::from_utf8_lossy(&chunk[..count]);
                to.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&text);
            }
        });
        reader.expect("a thread can be started");
        Terminal {
            person,
            program: program.expect("it can be opened"),
            seen,
        }
    }

    fn size(&self, ws_row: u16, ws_col: u16) {
        let size = Winsize {
            ws_row,
            ws_col,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.person, size).expect("it has a size");
    }

    fn types(&mut self, text: &str) {
        self.person
            .write_all(text.as_bytes())
            .expect("it takes keys");
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        eventually(text, || {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.contains(text).then_some(())
        });
    }

    /// Whether keys are echoed and ^C is a signal.
    fn is_usual(&self) -> bool {
        let modes = tcgetattr(&self.program).expect("it has modes").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ISIG)
    }
}

#[test]
fn a_shell_has_the_terminal_and_gives_it_back() {
    let Some(cluster) = cluster() else { return };
    let pods = Pods::shell(&cluster);
    let mut terminal = Terminal::open();
    terminal.size(33, 99);
    let end = || terminal.program.try_clone().expect("it can be shared");
    let mut child = pods
        .ours(&["exec", "-it", "shell", "--", "sh"])
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .expect("it can be run");
    terminal.shows("/ # ");
    assert!(!terminal.is_usual());
    terminal.types("stty size; tty\n");
    terminal.shows("33 99\r\n/dev/pts/");
    terminal.size(44, 111);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("it has a number"), Signal::WINCH).expect("it runs");
    eventually("the new size", || {
        terminal.types("stty size\n");
        let seen = terminal.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.contains("44 111\r\n").then_some(())
    });
    // ^C goes to the command there, not to the one here.
    terminal.types("echo be''gun; sleep 100000\n");
    terminal.shows("begun\r\n");
    terminal.types("\x03");
    terminal.shows("^C");
    terminal.types("exit 5\n");
    let status = eventually("its end", || child.try_wait().expect("it is ours"));
    assert_eq!(status.code(), Some(5));
    terminal.shows("command terminated with exit code 5\r\n");
    assert!(terminal.is_usual());
}
