//! A program under measurement, looked at through /proc.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Between two looks at a program that should come to rest.
const LOOK: Duration = Duration::from_millis(100);

/// A child; dropping it ends it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    errors: Option<BufReader<ChildStderr>>,
}

/// What it uses at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Resident memory in megabytes.
    pub resident: f64,
    pub resident_peak: f64,
    /// Of all threads, in milliseconds.
    pub cpu: f64,
    pub threads: usize,
}

/// The agent as kubectl.
#[must_use]
pub fn ours() -> Command {
    let agent = env::var_os("PIPEOPS_BIN").unwrap_or_else(|| "bin/pipeops-agent".into());
    let mut command = Command::new(agent);
    command.arg("kubectl");
    command
}

/// kubectl itself, which whoever starts a cluster names.
#[must_use]
pub fn kubectl() -> Command {
    Command::new(env::var_os("PIPEOPS_TEST_KUBECTL").unwrap_or_default())
}

/// What opens the routes below `/api` of [`agent`].
pub const TOKEN: &str = "0123456789abcdef";

/// Starts the agent on a free port, with that kubeconfig and these variables besides, and waits
/// until it listens; `state` is a folder of its own.
///
/// # Errors
/// It cannot be started, or does not listen.
pub fn agent(
    kubeconfig: &Path,
    state: &Path,
    set: &[(&str, &str)],
) -> io::Result<(Program, SocketAddr)> {
    let agent = env::var_os("PIPEOPS_BIN").unwrap_or_else(|| "bin/pipeops-agent".into());
    let mut command = Command::new(agent);
    command
        .env_clear()
        .env("KUBECONFIG", kubeconfig)
        .env("PIPEOPS_API_TOKEN", TOKEN)
        .env("PIPEOPS_LISTEN", "127.0.0.1:0")
        .env("PIPEOPS_STATE_DIR", state)
        .envs(set.iter().copied());
    listening(&mut command)
}

/// Starts a program that says where it listens, and waits until it does.
///
/// # Errors
/// It cannot be started, or does not listen.
pub fn listening(command: &mut Command) -> io::Result<(Program, SocketAddr)> {
    let mut program = Program::start(command)?;
    let line = program.wait_line("listening on ")?;
    let address = line.rsplit(' ').next().unwrap_or_default();
    let address = address.parse().map_err(io::Error::other)?;
    Ok((program, address))
}

/// Whether there is a cluster to measure on; says so if not.
#[allow(clippy::print_stderr, reason = "whoever asks wants to know")]
#[must_use]
pub fn has_cluster() -> bool {
    let named = env::var_os("PIPEOPS_TEST_KUBECTL").is_some();
    if !named {
        eprintln!("not measured, because it needs a cluster: tests/cluster/cluster node");
    }
    named
}

impl Program {
    /// Starts it. What it says on standard error is read by [`Self::wait_line`].
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::other(format!("{command:?}: {error}")))?;
        let errors = child.stderr.take().map(BufReader::new);
        Ok(Self { child, errors })
    }

    /// Reads up to a line with that text, and returns it.
    ///
    /// # Errors
    /// It ended before.
    pub fn wait_line(&mut self, text: &str) -> io::Result<String> {
        let mut said = String::new();
        let Some(errors) = &mut self.errors else {
            return Err(io::Error::other("it says nothing"));
        };
        loop {
            let mut line = String::new();
            if errors.read_line(&mut line)? == 0 {
                return Err(io::Error::other(format!("ended without {text:?}: {said}")));
            }
            if line.contains(text) {
                return Ok(line.trim_end().to_owned());
            }
            said.push_str(&line);
        }
    }

    /// Nobody reads what it says from now on, which must not stop it.
    pub fn ignore_output(&mut self) {
        if let Some(mut errors) = self.errors.take() {
            let drain = move || io::copy(&mut errors, &mut io::sink());
            let _ = thread::Builder::new().spawn(drain);
        }
    }

    /// What it uses once it has used no processor for a moment.
    ///
    /// # Errors
    /// It has ended.
    pub fn at_rest(&self) -> io::Result<Usage> {
        let mut before = self.usage()?;
        loop {
            thread::park_timeout(LOOK);
            let now = self.usage()?;
            if now.cpu - before.cpu < 0.5 {
                return Ok(now);
            }
            before = now;
        }
    }

    /// The highest it uses is counted from now on.
    ///
    /// # Errors
    /// It has ended.
    pub fn forget_peak(&self) -> io::Result<Usage> {
        // <https://docs.kernel.org/filesystems/proc.html>: 5 resets VmHWM.
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?;
        self.usage()
    }

    /// What it uses now.
    ///
    /// # Errors
    /// It has ended.
    pub fn usage(&self) -> io::Result<Usage> {
        let folder = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let stat = fs::read_to_string(format!("{folder}/stat"))?;
        let threads = fs::read_dir(format!("{folder}/task"))?.count();
        Ok(Usage {
            resident: megabytes(&status, "VmRSS:"),
            resident_peak: megabytes(&status, "VmHWM:"),
            cpu: spent(&stat),
            threads,
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// The largest resident memory that /proc/PID/status tells, in megabytes.
pub fn resident_peak(status: &str) -> f64 {
    megabytes(status, "VmHWM:")
}

/// A field of /proc/PID/status, which is in KiB, as decimal megabytes.
fn megabytes(status: &str, name: &str) -> f64 {
    let field = status.lines().find_map(|line| line.strip_prefix(name));
    field.map_or(0.0, |text| first_number(text) * 1024.0 / 1e6)
}

/// Milliseconds of all threads, those that ended included: in /proc/PID/stat, which is in
/// hundredths of a second, the twelfth and thirteenth field behind the name.
fn spent(stat: &str) -> f64 {
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.map(first_number).sum::<f64>() * 10.0
}

fn first_number(text: &str) -> f64 {
    let first = text.split_whitespace().next();
    first.and_then(|text| text.parse().ok()).unwrap_or_default()
}
