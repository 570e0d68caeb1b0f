//! Reads a command line by tables of flags, as kubectl does. Pure.
//!
//! Long and short flags, short ones in one word, values behind `=`, behind the letter
//! or in the next word, switches with `=false`, words between flags, and `--`.

use super::duration;

/// A flag that a verb takes.
#[derive(Debug)]
pub struct Flag {
    pub name: &'static str,
    /// The letter, or empty.
    pub short: &'static str,
    pub kind: Kind,
    /// What it is when it is not given.
    pub default: &'static str,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Alone, or `=true` or `=false`.
    Switch,
    /// The last one counts.
    Text,
    /// Several, also in one value with commas between.
    List,
    /// Several, one in each value.
    Each,
    /// A whole number.
    Number,
    /// `1h2m3.5s`
    Duration,
    /// Text, or alone for that text.
    OptionalText(&'static str),
}

/// A group of flags that belong together; verbs share them.
pub type Group = &'static [Flag];

/// What was given.
#[derive(Debug, Default)]
pub struct Flags {
    given: Vec<(&'static Flag, String)>,
    known: Vec<&'static Flag>,
}

/// Flags and the words between them.
#[derive(Debug, Default)]
pub struct Line {
    pub flags: Flags,
    pub words: Vec<String>,
    /// How many words stand before `--`, if it is there.
    pub dash: Option<usize>,
    pub help: bool,
}

/// A switch of that name.
pub const fn switch(name: &'static str, short: &'static str) -> Flag {
    flag(name, short, Kind::Switch, "false")
}

/// A flag with one text.
pub const fn text(name: &'static str, short: &'static str) -> Flag {
    flag(name, short, Kind::Text, "")
}

/// Any flag.
pub const fn flag(
    name: &'static str,
    short: &'static str,
    kind: Kind,
    default: &'static str,
) -> Flag {
    Flag {
        name,
        short,
        kind,
        default,
    }
}

impl Flags {
    /// Whether a switch is on.
    pub fn on(&self, name: &str) -> bool {
        truth(self.text(name)).unwrap_or_default()
    }

    /// The text, or the default.
    pub fn text(&self, name: &str) -> &str {
        let last = self.given.iter().rev().find(|(flag, _)| flag.name == name);
        match last {
            Some((_, value)) => value,
            None => self.flag(name).map_or("", |flag| flag.default),
        }
    }

    /// Whether it was given at all.
    pub fn given(&self, name: &str) -> bool {
        self.given.iter().any(|(flag, _)| flag.name == name)
    }

    /// Each value, or the default if that is not empty.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let mut all = Vec::new();
        for (flag, value) in self.given.iter().filter(|(flag, _)| flag.name == name) {
            match flag.kind {
                Kind::List => all.extend(value.split(',')),
                _ => all.push(value.as_str()),
            }
        }
        if all.is_empty() && !self.text(name).is_empty() {
            all.push(self.text(name));
        }
        all
    }

    pub fn number(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or_default()
    }

    /// Zero for none; below zero where the flag allows it.
    pub fn seconds(&self, name: &str) -> f64 {
        duration::seconds(self.text(name)).unwrap_or_default()
    }

    fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.known.iter().find(|flag| flag.name == name).copied()
    }
}

/// Reads all of a line.
///
/// # Errors
/// What is wrong, in the words of kubectl.
pub fn read(arguments: &[String], groups: &[Group]) -> Result<Line, String> {
    let known: Vec<_> = groups.iter().copied().flatten().collect();
    let mut line = Line::default();
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        if argument == "--" {
            line.dash = Some(line.words.len());
            line.words.extend(rest.by_ref().map(str::to_owned));
        } else if let Some(long) = argument.strip_prefix("--") {
            line.long(long, &known, &mut rest)?;
        } else if argument.len() > 1 && argument.starts_with('-') {
            line.short(&argument[1..], &known, &mut rest)?;
        } else {
            line.words.push(argument.to_owned());
        }
        if line.help {
            break;
        }
    }
    line.flags.known = known;
    Ok(line)
}

impl Line {
    fn long<'a>(
        &mut self,
        argument: &'a str,
        known: &[&'static Flag],
        rest: &mut dyn Iterator<Item = &'a str>,
    ) -> Result<(), String> {
        if argument.starts_with(['-', '=']) {
            return Err(format!("bad flag syntax: --{argument}"));
        }
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument, None),
        };
        let Some(flag) = known.iter().find(|flag| flag.name == name) else {
            self.help = name == "help";
            return self
                .help
                .then_some(())
                .ok_or_else(|| format!("unknown flag: --{name}"));
        };
        let value = value
            .or(flag.alone())
            .or_else(|| rest.next())
            .ok_or_else(|| format!("flag needs an argument: --{name}"))?;
        self.take(flag, value)
    }

    fn short<'a>(
        &mut self,
        letters: &'a str,
        known: &[&'static Flag],
        rest: &mut dyn Iterator<Item = &'a str>,
    ) -> Result<(), String> {
        let mut left = letters;
        while let Some(letter) = left.chars().next() {
            let (own, behind) = left.split_at(letter.len_utf8());
            let Some(flag) = known.iter().find(|flag| flag.short == own) else {
                self.help = letter == 'h';
                return self
                    .help
                    .then_some(())
                    .ok_or_else(|| format!("unknown shorthand flag: '{letter}' in -{left}"));
            };
            left = "";
            let value = match (behind.strip_prefix('='), flag.alone()) {
                (Some(value), _) if !value.is_empty() => value,
                (_, Some(value)) => {
                    left = behind;
                    value
                }
                _ if !behind.is_empty() => behind,
                _ => rest
                    .next()
                    .ok_or_else(|| format!("flag needs an argument: '{letter}' in -{own}"))?,
            };
            self.take(flag, value)?;
        }
        Ok(())
    }

    fn take(&mut self, flag: &'static Flag, value: &str) -> Result<(), String> {
        let problem = match flag.kind {
            Kind::Switch if truth(value).is_none() => {
                format!("strconv.ParseBool: parsing {value:?}: invalid syntax")
            }
            Kind::Number if value.parse::<i64>().is_err() => {
                format!("strconv.ParseInt: parsing {value:?}: invalid syntax")
            }
            Kind::Duration => match duration::seconds(value) {
                Err(problem) => problem,
                Ok(_) => String::new(),
            },
            _ => String::new(),
        };
        if problem.is_empty() {
            self.flags.given.push((flag, value.to_owned()));
            return Ok(());
        }
        let comma = if flag.short.is_empty() { "" } else { ", " };
        let dash = if flag.short.is_empty() { "" } else { "-" };
        let (short, name) = (flag.short, flag.name);
        Err(format!(
            "invalid argument {value:?} for \"{dash}{short}{comma}--{name}\" flag: {problem}"
        ))
    }
}

impl Flag {
    /// The value of a flag that stands alone.
    fn alone(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Switch => Some("true"),
            Kind::OptionalText(value) => Some(value),
            _ => None,
        }
    }
}

/// Takes the words that name a verb out of the arguments: as many, up to three, as
/// `is_verb` accepts together. Flags may stand before them, with their values.
pub fn verb(
    arguments: &[String],
    global: Group,
    is_verb: &dyn Fn(&str) -> bool,
) -> (String, Vec<String>) {
    let places = words(arguments, global);
    for count in (1..=places.len().min(3)).rev() {
        let names: Vec<&str> = places[..count]
            .iter()
            .map(|at| arguments[*at].as_str())
            .collect();
        let name = names.join(" ");
        if is_verb(&name) || count == 1 {
            let rest = (0..arguments.len()).filter(|at| !places[..count].contains(at));
            return (name, rest.map(|at| arguments[at].clone()).collect());
        }
    }
    (String::new(), arguments.to_vec())
}

/// Where words stand that are neither flags nor values of one.
fn words(arguments: &[String], global: Group) -> Vec<usize> {
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        at += 1;
        if argument == "--" {
            break;
        }
        if !argument.starts_with('-') {
            places.push(at - 1);
            continue;
        }
        let name = argument.trim_start_matches('-');
        let long = argument.starts_with("--");
        let flag = global.iter().find(|flag| {
            if long {
                flag.name == name
            } else {
                flag.short == name
            }
        });
        // What follows an unknown flag is its value, as long as no verb was named.
        let takes = match flag {
            Some(flag) => flag.alone().is_none(),
            None => places.is_empty(),
        };
        let is_alone = argument.contains('=') || (!long && name.len() != 1);
        if takes && !is_alone {
            at += 1;
        }
    }
    places
}

/// What Go takes for a truth value.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: Group = &[
        switch("all", "A"),
        switch("watch", "w"),
        text("namespace", "n"),
        flag("output", "o", Kind::Text, "wide"),
        flag("file", "f", Kind::List, ""),
        flag("item", "", Kind::Each, ""),
        flag("size", "", Kind::Number, "500"),
        flag("timeout", "", Kind::Duration, "0s"),
        flag("dry-run", "", Kind::OptionalText("unchanged"), "none"),
    ];

    fn line(text: &str) -> Result<Line, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        read(&words, &[TABLE])
    }

    #[test]
    fn every_way_to_write_a_flag_is_read() {
        let found = line(
            "pods -Aw=false -nkube -o=json --size 7 a --timeout=1m -f a,b -f c --item x,y --dry-run b",
        )
        .unwrap();
        let flags = &found.flags;
        assert!(flags.on("all") && !flags.on("watch") && flags.given("watch"));
        assert_eq!(
            (flags.text("namespace"), flags.text("output")),
            ("kube", "json")
        );
        assert_eq!((flags.number("size"), flags.seconds("timeout")), (7, 60.0));
        assert_eq!(flags.all("file"), ["a", "b", "c"]);
        assert_eq!(flags.all("item"), ["x,y"]);
        assert_eq!(flags.text("dry-run"), "unchanged");
        assert_eq!(found.words, ["pods", "a", "b"]);
        let empty = line("").unwrap().flags;
        assert_eq!((empty.text("output"), empty.number("size")), ("wide", 500));
        assert!(empty.all("file").is_empty());
    }

    #[test]
    fn behind_two_dashes_there_are_only_words() {
        let found = line("pod -A -- ls -l").unwrap();
        assert_eq!(
            (found.words.join(" "), found.dash),
            ("pod ls -l".to_owned(), Some(1))
        );
        assert!(line("pods -h --bad").unwrap().help);
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_kubectl() {
        for (text, expected) in [
            ("--nope", "unknown flag: --nope"),
            ("-Ax", "unknown shorthand flag: 'x' in -x"),
            ("--output", "flag needs an argument: --output"),
            ("-An", "flag needs an argument: 'n' in -n"),
            ("--=x", "bad flag syntax: --=x"),
            (
                "-w=maybe",
                "invalid argument \"maybe\" for \"-w, --watch\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            (
                "--size x",
                "invalid argument \"x\" for \"--size\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
        ] {
            assert_eq!(line(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn the_verb_is_found_between_flags() {
        let find = |text: &str| {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let is_verb = |name: &str| ["get", "rollout status"].contains(&name);
            let (verb, rest) = verb(&words, TABLE, &is_verb);
            (verb, rest.join(" "))
        };
        let found = |verb: &str, rest: &str| (verb.to_owned(), rest.to_owned());
        assert_eq!(find("-n kube get pods -A"), found("get", "-n kube pods -A"));
        assert_eq!(find("-A get pods"), found("get", "-A pods"));
        assert_eq!(find("--x y get pods"), found("get", "--x y pods"));
        assert_eq!(
            find("rollout -n a status x"),
            found("rollout status", "-n a x")
        );
        assert_eq!(find("nope x"), found("nope", "x"));
        assert_eq!(find("-A"), found("", "-A"));
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(words in prop::collection::vec("[-=Aonf.a-z ]{0,8}", 0..8)) {
            let _ = read(&words, &[TABLE]);
            let _ = verb(&words, TABLE, &|_| false);
        }

        #[test]
        fn words_keep_their_order(words in prop::collection::vec("[a-z]{1,5}", 0..6)) {
            let mut arguments = vec!["-A".to_owned()];
            for word in &words {
                arguments.extend([word.clone(), "--size=1".to_owned()]);
            }
            prop_assert_eq!(read(&arguments, &[TABLE]).unwrap().words, words);
        }
    }
}
