//! Arguments, logger, configuration, run, exit code.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use pipeops_agent::chain::Chain;
use pipeops_agent::config::{self, Environment, Invocation, Settings};
use pipeops_agent::signals::Signals;
use pipeops_agent::{agent, boundary, check, kubectl, logger, probe, stop, version};

/// Wrong usage or configuration: EX_USAGE of sysexits(3).
const CONFIGURATION: u8 = 64;
const FAILURE: u8 = 1;
/// The command, and the name under which the program is that command.
const KUBECTL: &str = "kubectl";

fn main() -> ExitCode {
    if let Some(arguments) = kubectl_arguments() {
        return run_kubectl(&arguments);
    }
    let arguments = std::env::args_os().skip(1);
    match config::load(arguments, &Environment::of_process()) {
        Ok(Invocation::Help) => print(&config::help()),
        Ok(Invocation::Version) => print(&version::text()),
        Ok(Invocation::Check(settings)) => {
            let (report, sound) = check::report(&settings);
            print(&report);
            ExitCode::from(if sound { 0 } else { FAILURE })
        }
        Ok(Invocation::Probe(probe, settings)) => match probe::ask(&settings, probe) {
            Ok(line) => print(&line),
            Err(line) => {
                complain(&line);
                ExitCode::from(FAILURE)
            }
        },
        Ok(Invocation::Run(settings)) => run(&settings),
        Err(mistakes) => {
            complain(&mistakes.to_string());
            ExitCode::from(CONFIGURATION)
        }
    }
}

/// What follows the word `kubectl`, or the name of the program if that is `kubectl`.
fn kubectl_arguments() -> Option<Vec<String>> {
    let mut arguments = std::env::args_os();
    let program = arguments.next()?;
    if Path::new(&program).file_name() != Some(OsStr::new(KUBECTL)) && arguments.next()? != KUBECTL
    {
        return None;
    }
    let text = |argument: OsString| argument.to_string_lossy().into_owned();
    Some(arguments.map(text).collect())
}

fn run_kubectl(arguments: &[String]) -> ExitCode {
    // SIGINT and SIGTERM end it at once: nothing is left behind.
    let (_running, stop) = stop::channel();
    let options = config::kubernetes(&Environment::of_process());
    let context = kubectl::Context {
        cluster: kubectl::Cluster::Found(options),
        stop,
    };
    let io = kubectl::Io {
        stdin: Box::new(std::io::stdin()),
        stdout: &mut std::io::BufWriter::new(std::io::stdout()),
        stderr: &mut std::io::stderr(),
    };
    let code = kubectl::run(arguments, io, &context);
    ExitCode::from(u8::try_from(code).unwrap_or(FAILURE))
}

fn run(settings: &Settings) -> ExitCode {
    // Before anything slow: as process 1 a signal without a handler is lost.
    let signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => {
            complain(&format!("cannot handle signals: {error}"));
            return ExitCode::from(FAILURE);
        }
    };
    if let Err(error) = logger::start(settings.log_format, settings.log_level) {
        complain(&format!("cannot log: {error}"));
        return ExitCode::from(FAILURE);
    }
    log_panics();
    boundary::hold_without_unwinding();
    for warning in &settings.warnings {
        log::warn!("{warning}");
    }
    match agent::run(settings, signals) {
        Ok(()) => {
            log::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            log::error!("{}", Chain(&error));
            let configuration = matches!(error, agent::Error::Configuration(_));
            ExitCode::from(if configuration {
                CONFIGURATION
            } else {
                FAILURE
            })
        }
    }
}

/// A panic is a bug and is told as one log line, with its place.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map(|location| format!(" at {location}"))
            .unwrap_or_default();
        log::error!("panic{place}: {}", boundary::message(info.payload()));
    }));
}

/// What was asked for goes to standard output; a closed pipe is the reader's wish.
fn print(text: &str) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    ExitCode::SUCCESS
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "pipeops-agent: {}", text.trim_end());
}
