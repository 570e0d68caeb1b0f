//! The command line: a command and flags. Pure.
//!
//! No flag takes a secret, and what might be one is not quoted: neither the value
//! of an unknown flag nor a word that stands alone.

use std::ffi::OsString;

use lexopt::{Arg, Parser};

use super::kind::Kind;
use super::layers::{Given, Layer, Source};
use super::mistake::{Mistake, nearest, quoted};
use super::table::{SETTINGS, Setting};
use super::{Command, Probe};

const COMMANDS: [(&str, Command); 7] = [
    ("run", Command::Run),
    ("check", Command::Check),
    ("probe live", Command::Probe(Probe::Live)),
    ("probe ready", Command::Probe(Probe::Ready)),
    ("probe started", Command::Probe(Probe::Started)),
    ("help", Command::Help),
    ("version", Command::Version),
];

/// What the command line asks for. A flag that stands twice counts as the last.
pub(super) struct Arguments {
    pub(super) command: Command,
    pub(super) layer: Layer,
}

/// Reads the arguments, without the name of the program.
pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Arguments {
    let mut reader = Reader::default();
    let mut parser = Parser::from_args(arguments);
    loop {
        match parser.next() {
            Ok(None) => break,
            Ok(Some(Arg::Long("help") | Arg::Short('h'))) => reader.asked = Some(Command::Help),
            Ok(Some(Arg::Long("version") | Arg::Short('V'))) => {
                reader.asked = reader.asked.or(Some(Command::Version));
            }
            Ok(Some(Arg::Long(name))) => {
                let name = name.to_owned();
                reader.flag(&name, &mut parser);
            }
            Ok(Some(Arg::Short(letter))) => {
                reader.unknown(&format!("-{letter}"));
                drop(parser.optional_value());
            }
            Ok(Some(Arg::Value(word))) => reader.word(&word.to_string_lossy()),
            Err(_) => reader
                .layer
                .mistake("command line", "a flag has a value too many", SEE_HELP),
        }
    }
    if reader.probe && reader.words == 1 {
        let problem = "does not say what to ask";
        reader.layer.mistake(PROBE, problem, PROBES);
    }
    Arguments {
        command: reader.asked.or(reader.command).unwrap_or(Command::Run),
        layer: reader.layer,
    }
}

const SEE_HELP: &str = "see --help";
/// The command of two words.
const PROBE: &str = "probe";
const PROBES: &str = "write probe live, probe ready or probe started";

#[derive(Default)]
struct Reader {
    /// The word that names a command.
    command: Option<Command>,
    /// By `--help` or `--version`, which win.
    asked: Option<Command>,
    words: usize,
    /// The first word was `probe`.
    probe: bool,
    layer: Layer,
}

impl Reader {
    fn flag(&mut self, name: &str, parser: &mut Parser) {
        let setting = SETTINGS.iter().find(|setting| setting.flag == Some(name));
        let Some((setting, flag)) = setting.and_then(|setting| Some((setting, setting.flag?)))
        else {
            skip_value(parser);
            match SETTINGS
                .iter()
                .find(|setting| setting.name.replace('_', "-") == name)
            {
                Some(secret) => self.secret(name, secret),
                None => self.unknown(&format!("--{name}")),
            }
            return;
        };
        let source = Source::Flag(flag);
        let value = if setting.kind == Kind::Switch {
            Ok(parser
                .optional_value()
                .unwrap_or_else(|| OsString::from("true")))
        } else {
            parser.value()
        };
        let problem = match value.map(OsString::into_string) {
            Ok(Ok(value)) if !value.is_empty() => {
                self.layer
                    .values
                    .insert(setting.key, Given::new(value, source));
                return;
            }
            Ok(Err(_)) => "the value is not UTF-8",
            _ => "has no value",
        };
        let remedy = format!("write --{flag} {}", setting.kind.placeholder());
        self.layer.mistake(source, problem, remedy);
    }

    /// A secret on the command line would be seen by all users of the machine.
    fn secret(&mut self, name: &str, setting: &Setting) {
        let problem = "no flag takes a secret: every user of the machine can see it (ps)";
        let remedy = format!(
            "use --{name}-file FILE (- is standard input) or {}",
            setting.env
        );
        self.layer.mistake(format!("--{name}"), problem, remedy);
    }

    fn unknown(&mut self, flag: &str) {
        let known = SETTINGS.iter().filter_map(|setting| setting.flag);
        let known = known.chain(["help", "version"]);
        let remedy = match nearest(flag.trim_start_matches('-'), known) {
            Some(near) => format!("did you mean --{near}?"),
            None => SEE_HELP.to_owned(),
        };
        let problem = "there is no such flag";
        let source = quoted(flag).trim_matches('"').to_owned();
        self.layer
            .mistakes
            .push(Mistake::new(source, problem, remedy));
    }

    fn word(&mut self, word: &str) {
        self.words += 1;
        if self.words == 1 && word == PROBE {
            self.probe = true;
            return;
        }
        let second = self.probe && self.words == 2;
        let name = if second {
            &format!("{PROBE} {word}")
        } else {
            word
        };
        let command = COMMANDS.iter().find(|(known, _)| *known == name);
        if let Some((_, command)) = command.filter(|_| second || self.words == 1) {
            self.command = Some(*command);
            return;
        }
        let source = format!("word {} of the command line", self.words);
        if second {
            return self.layer.mistake(source, "is no probe", PROBES);
        }
        let names = COMMANDS.iter().map(|(name, _)| *name).chain([PROBE]);
        let near = nearest(word, names);
        let remedy = match near.filter(|_| self.words == 1) {
            Some(near) => format!("did you mean {near}?"),
            None => SEE_HELP.to_owned(),
        };
        let problem = if self.words == 1 {
            "is no command"
        } else {
            "belongs to no flag"
        };
        self.layer.mistake(source, problem, remedy);
    }
}

/// Takes away what is likely the value of a flag that does not exist, lest it be
/// read as a command.
fn skip_value(parser: &mut Parser) {
    if parser.optional_value().is_none()
        && let Ok(mut rest) = parser.raw_args()
    {
        let _ = rest.next_if(|next| !next.to_string_lossy().starts_with('-'));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use proptest::prelude::*;

    use super::*;
    use crate::config::Key;

    fn value(arguments: &Arguments, key: Key) -> Option<&str> {
        arguments
            .layer
            .values
            .get(&key)
            .map(|given| given.text.as_str())
    }

    fn line(text: &str) -> Arguments {
        read(text.split_whitespace().map(OsString::from))
    }

    fn mistakes(text: &str) -> String {
        let list = line(text).layer.mistakes;
        list.iter()
            .map(Mistake::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn commands() {
        let table = [
            ("", Command::Run),
            ("run", Command::Run),
            ("check", Command::Check),
            ("check --port 1", Command::Check),
            ("--port 1 check", Command::Check),
            ("probe live", Command::Probe(Probe::Live)),
            ("probe --port 1 ready", Command::Probe(Probe::Ready)),
            ("probe started", Command::Probe(Probe::Started)),
            ("help", Command::Help),
            ("version", Command::Version),
            ("--help", Command::Help),
            ("-h", Command::Help),
            ("-V", Command::Version),
            ("check --version", Command::Version),
            ("--version --help --nonsense", Command::Help),
        ];
        for (text, command) in table {
            assert_eq!(line(text).command, command, "{text}");
        }
    }

    #[test]
    fn values_follow_or_are_attached_and_the_last_wins() {
        let arguments = line("--port=1 --listen 127.0.0.1 --port 2 --allow-plain-http");
        assert_eq!(value(&arguments, Key::Port), Some("2"));
        assert_eq!(value(&arguments, Key::Listen), Some("127.0.0.1"));
        assert_eq!(value(&arguments, Key::AllowPlainHttp), Some("true"));
        assert_eq!(
            value(&line("--allow-plain-http=no"), Key::AllowPlainHttp),
            Some("no")
        );
        assert!(arguments.layer.mistakes.is_empty());
    }

    #[test]
    fn mistakes_name_the_flag_and_the_way_out() {
        let table = [
            (
                "--prot 1",
                "--prot: there is no such flag; did you mean --port?",
            ),
            (
                "--api_url x",
                "--api_url: there is no such flag; did you mean --api-url?",
            ),
            ("--verbose", "--verbose: there is no such flag; see --help"),
            ("-x", "-x: there is no such flag; see --help"),
            ("--port", "--port: has no value; write --port PORT"),
            ("--port=", "--port: has no value; write --port PORT"),
            (
                "chekc",
                "word 1 of the command line: is no command; did you mean check?",
            ),
            (
                "probe",
                "probe: does not say what to ask; write probe live, probe ready or probe started",
            ),
            (
                "prob live",
                "word 1 of the command line: is no command; did you mean probe?\n\
                 word 2 of the command line: belongs to no flag; see --help",
            ),
            (
                "probe alive",
                "word 2 of the command line: is no probe; write probe live, probe ready or probe started",
            ),
            (
                "run now",
                "word 2 of the command line: belongs to no flag; see --help",
            ),
            (
                "--version=2",
                "command line: a flag has a value too many; see --help",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(mistakes(text), expected);
        }
        let broken = read([OsString::from("--context"), OsString::from_vec(vec![0xff])]);
        assert_eq!(broken.layer.mistakes[0].problem, "the value is not UTF-8");
    }

    #[test]
    fn secrets_on_the_command_line_are_refused_and_not_repeated() {
        for text in ["--token hunter2", "--token=hunter2", "--api-token hunter2"] {
            let told = mistakes(text);
            assert!(told.contains("no flag takes a secret"), "{told}");
            assert!(told.contains("token-file FILE"), "{told}");
            assert_eq!(line(text).layer.mistakes.len(), 1);
        }
        for text in [
            "--token hunter2",
            "--tokne hunter2",
            "--x=hunter2",
            "hunter2",
            "run hunter2",
            "probe hunter2",
            "-phunter2",
            "-p=hunter2",
        ] {
            assert!(!mistakes(text).contains("hunter2"), "{}", mistakes(text));
            assert_eq!(
                line(text).layer.mistakes.len(),
                1,
                "{text}: {}",
                mistakes(text)
            );
        }
    }

    proptest! {
        #[test]
        fn any_command_line_is_read(arguments in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..12).prop_map(OsString::from_vec), 0..6)) {
            let _ = read(arguments);
        }

        #[test]
        fn any_command_line_of_flags_is_read(text in "((-|--|=| )?(port|token|h|V|listen|check|allow-plain-http|\u{e9})(=| )?){0,8}") {
            let _ = line(&text);
        }
    }
}
