//! One run of one verb: its flags and words, and the way to the cluster.

use std::cell::OnceCell;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::api::{self, Api};
use super::failure::Failure;
use super::flags::{self, Flags};
use super::verbs::{self, GLOBAL, Verb};
use super::{Cluster, Context, Io, diff, duration};
use crate::chain::Chain;
use crate::k8s::{self, Client};

/// What a verb works with.
pub struct Session<'a> {
    pub verb: &'static Verb,
    pub flags: Flags,
    /// What is neither flag nor verb.
    pub words: Vec<String>,
    /// How many words stand before `--`, if it is there.
    pub dash: Option<usize>,
    pub io: Io<'a>,
    pub context: &'a Context,
    api: OnceCell<Rc<Api>>,
}

/// Reads the arguments, runs the verb and tells what went wrong.
pub(super) fn run<'a>(arguments: &[String], mut io: Io<'a>, context: &'a Context) -> i32 {
    let (name, rest) = flags::verb(arguments, GLOBAL, &|name| verbs::find(name).is_some());
    let Some(verb) = verbs::find(&name) else {
        return without_verb(&name, &mut io);
    };
    let groups: Vec<_> = verb.flags.iter().copied().chain([GLOBAL]).collect();
    let line = match flags::read(&rest, &groups) {
        Ok(line) if line.help => {
            let _ = io.stdout.write_all(verbs::help_of(verb).as_bytes());
            return 0;
        }
        Ok(line) => line,
        Err(problem) => {
            let mut failure =
                Failure::new(format!("{problem}\nSee 'kubectl {name} --help' for usage."));
            if verb.name == diff::VERB.name {
                failure = Failure::usage(&name, &problem);
                failure.code = diff::FAILED;
            }
            return tell(&failure, &mut io);
        }
    };
    let mut session = Session {
        verb,
        flags: line.flags,
        words: line.words,
        dash: line.dash,
        io,
        context,
        api: OnceCell::new(),
    };
    let outcome = session.allowed().and_then(|()| (verb.run)(&mut session));
    session.warn();
    let flushed = session.io.stdout.flush();
    match outcome.and(flushed.map_err(Failure::from)) {
        Ok(()) => 0,
        Err(failure) => tell(&failure, &mut session.io),
    }
}

fn tell(failure: &Failure, io: &mut Io<'_>) -> i32 {
    // Nothing is left to tell it to when that fails.
    let _ = io.stderr.write_all(failure.text().as_bytes());
    failure.code
}

fn without_verb(name: &str, io: &mut Io<'_>) -> i32 {
    if matches!(name, "" | "help") {
        let _ = io.stdout.write_all(verbs::help().as_bytes());
        return 0;
    }
    let supported = verbs::supported().join(", ");
    let text = format!("unknown command {name:?} for \"kubectl\"\n\nSupported: {supported}");
    tell(&Failure::new(text), io)
}

impl Session<'_> {
    /// The API server; looked for when it is first needed.
    ///
    /// # Errors
    /// There is none, or its credentials are unusable.
    pub fn api(&self) -> Result<Rc<Api>, Failure> {
        if let Some(api) = self.api.get() {
            return Ok(Rc::clone(api));
        }
        let (client, namespace) = self.connect()?;
        let namespace = match self.flags.text("namespace") {
            "" => namespace,
            given => given.to_owned(),
        };
        let most = if self.is_local() {
            api::MOST_BYTES
        } else {
            api::MOST_BYTES_IN_AGENT
        };
        Ok(Rc::clone(self.api.get_or_init(|| {
            Rc::new(Api::new(client, namespace, most))
        })))
    }

    /// For what was asked for.
    pub fn out(&mut self) -> &mut dyn Write {
        self.io.stdout
    }

    /// Whether this is the command line of this machine.
    pub fn is_local(&self) -> bool {
        matches!(self.context.cluster, Cluster::Found(_))
    }

    /// Tells what the server warned of since the last time.
    pub fn warn(&mut self) {
        let warnings = self
            .api
            .get()
            .map(|api| api.take_warnings())
            .unwrap_or_default();
        for warning in warnings {
            let _ = writeln!(self.io.stderr, "Warning: {warning}");
        }
    }

    /// The limit of `--request-timeout`, if there is one.
    pub fn limit(&self) -> Result<Option<Duration>, Failure> {
        let text = self.flags.text("request-timeout");
        let seconds = text.parse().or_else(|_| duration::seconds(text));
        match seconds {
            Ok(seconds) if seconds > 0.0 => Ok(Some(Duration::from_secs_f64(seconds))),
            Ok(_) => Ok(None),
            Err(_) => Err(Failure::new(
                "Invalid timeout value. Timeout must be a single integer in seconds, \
                 or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)",
            )),
        }
    }

    fn allowed(&self) -> Result<(), Failure> {
        if self.is_local() {
            return Ok(());
        }
        if self.verb.local {
            return Err(Failure::local(self.verb.name));
        }
        match ["context", "kubeconfig"]
            .iter()
            .find(|name| self.flags.given(name))
        {
            Some(name) => Err(Failure::local(&format!("--{name}"))),
            None => Ok(()),
        }
    }

    fn connect(&self) -> Result<(Client, String), Failure> {
        let options = match &self.context.cluster {
            Cluster::Given { client, namespace } => {
                return Ok((client.clone(), namespace.clone()));
            }
            Cluster::Found(options) => options,
        };
        let mut options = options.clone();
        let given = |name| Some(self.flags.text(name)).filter(|text| !text.is_empty());
        if let Some(file) = given("kubeconfig") {
            if !Path::new(file).exists() {
                let problem = format!("stat {file}: no such file or directory");
                return Err(Failure::new(problem));
            }
            options.kubeconfig = vec![file.into()];
        }
        options.context = given("context").map(str::to_owned).or(options.context);
        let failed = |error: &dyn std::error::Error| Failure::new(Chain(error).to_string());
        let target = k8s::target(&options).map_err(|error| match given("context") {
            Some(name) if error.lacks_context(name) => Failure::whole(format!(
                "Error in configuration: context was not found for specified context: {name}"
            )),
            _ => failed(&error),
        })?;
        let namespace = target.namespace().to_owned();
        let client = Client::for_commands(Arc::new(target), self.limit()?)
            .map_err(|error| failed(&error))?;
        Ok((client, namespace))
    }
}
