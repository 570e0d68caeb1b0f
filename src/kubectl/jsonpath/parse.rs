//! Reads a jsonpath template into nodes, with kubectl's words for what is wrong.

use super::Node;
use super::slice::Slice;

/// Text and expressions of a template.
pub(super) fn parse(template: &str) -> Result<Vec<Node>, String> {
    let mut nodes = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        if start > 0 {
            nodes.push(Node::Text(rest[..start].to_owned()));
        }
        let mut parser = Parser {
            rest: &rest[start + 1..],
            nodes: Vec::new(),
        };
        parser.action()?;
        rest = parser.rest;
        nodes.push(Node::List(parser.nodes));
    }
    if !rest.is_empty() {
        nodes.push(Node::Text(rest.to_owned()));
    }
    Ok(nodes)
}

/// One expression by itself.
fn action(text: &str) -> Result<Vec<Node>, String> {
    match parse(&format!("{{{text}}}"))?.into_iter().next() {
        Some(Node::List(nodes)) => Ok(nodes),
        _ => Ok(Vec::new()),
    }
}

struct Parser<'a> {
    /// What follows; at first all behind the brace.
    rest: &'a str,
    nodes: Vec<Node>,
}

impl<'a> Parser<'a> {
    /// Up to the closing brace.
    fn action(&mut self) -> Result<(), String> {
        loop {
            if let Some(rest) = self.rest.strip_prefix('}') {
                self.rest = rest;
                return Ok(());
            }
            let Some(c) = self.rest.chars().next() else {
                return Err("unclosed action".to_owned());
            };
            match c {
                '\r' | '\n' => return Err("unclosed action".to_owned()),
                _ if self.rest.starts_with("[?(") => self.filter()?,
                _ if self.rest.starts_with("..") => self.recursive()?,
                ' ' | '@' | '$' => self.rest = &self.rest[1..],
                '[' => self.array()?,
                '"' | '\'' => self.quoted(c)?,
                '.' => {
                    self.rest = &self.rest[1..];
                    self.field();
                }
                '+' | '-' => self.number()?,
                _ if c.is_numeric() => self.number()?,
                _ if c == '_' || c.is_alphabetic() => self.word(),
                _ => {
                    let code = u32::from(c);
                    return Err(format!(
                        "unrecognized character in action: U+{code:04X} '{c}'"
                    ));
                }
            }
        }
    }

    fn recursive(&mut self) -> Result<(), String> {
        if matches!(self.nodes.last(), Some(Node::Recursive)) {
            return Err("invalid multiple recursive descent".to_owned());
        }
        self.rest = &self.rest[2..];
        self.nodes.push(Node::Recursive);
        let next = self.rest.chars().next();
        if next.is_some_and(|c| c == '_' || c.is_alphanumeric()) {
            self.field();
        }
        Ok(())
    }

    /// A name, up to what cannot be in one; a backslash takes the next character in.
    fn field(&mut self) {
        let mut name = String::new();
        let mut characters = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, c)) = characters.next() {
            if c == '\\' {
                name.extend(characters.next().map(|(_, c)| c));
            } else if ends_word(c) {
                end = at;
                break;
            } else {
                name.push(c);
            }
        }
        self.rest = &self.rest[end..];
        self.nodes.push(match name.as_str() {
            "*" => Node::Wildcard,
            _ => Node::Field(name),
        });
    }

    /// `range`, `end`, `true`, `false`.
    fn word(&mut self) {
        let end = self.rest.find(ends_word).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.nodes.push(match word {
            "true" => Node::Value(true.into()),
            "false" => Node::Value(false.into()),
            _ => Node::Word(word.to_owned()),
        });
    }

    fn number(&mut self) -> Result<(), String> {
        let sign = usize::from(self.rest.starts_with(['+', '-']));
        let is_part = |c: char| c == '.' || c.is_numeric();
        let length = self.rest[sign..].find(|c| !is_part(c));
        let end = length.map_or(self.rest.len(), |length| length + sign);
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let value = match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => whole.into(),
            (_, Ok(float)) => float.into(),
            _ => return Err(format!("cannot parse number {text}")),
        };
        self.nodes.push(Node::Value(value));
        Ok(())
    }

    fn quoted(&mut self, quote: char) -> Result<(), String> {
        let mut before = quote;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if c == quote && before != '\\' => {
                    let text = &self.rest[..=at];
                    self.rest = &self.rest[at + 1..];
                    self.nodes.push(Node::Text(unquoted(text)?));
                    return Ok(());
                }
                _ => before = c,
            }
        }
        Err("unterminated quoted string".to_owned())
    }

    fn array(&mut self) -> Result<(), String> {
        let end = self
            .rest
            .find([']', '\n'])
            .filter(|at| self.rest[*at..].starts_with(']'));
        let end = end.ok_or("unterminated array")?;
        let text = &self.rest[1..end];
        self.rest = &self.rest[end + 1..];
        if text.contains(',') {
            let parts = text
                .split(',')
                .map(|part| action(&format!("[{}]", part.trim_matches(' '))));
            self.nodes
                .push(Node::Union(parts.collect::<Result<_, _>>()?));
            return Ok(());
        }
        let key = text
            .strip_prefix('\'')
            .and_then(|text| text.strip_suffix('\''));
        if let Some(key) = key.filter(|key| !key.contains('\'')) {
            self.nodes.extend(action(&format!(".{key}"))?);
            return Ok(());
        }
        self.nodes.push(Node::Slice(Slice::parse(if text == "*" {
            ":"
        } else {
            text
        })?));
        Ok(())
    }

    fn filter(&mut self) -> Result<(), String> {
        let text = &self.rest[3..];
        let (mut open, mut closed, mut before) = (None, false, '(');
        for (at, c) in text.char_indices() {
            match c {
                '\n' => break,
                '"' | '\'' if open.is_none() => open = Some(c),
                '"' | '\'' if before != '\\' && open == Some(c) => closed = true,
                ')' if open.is_some() == closed => {
                    let rest = text[at + 1..].strip_prefix(']');
                    self.rest = rest.ok_or("unclosed array expect ]")?;
                    self.nodes.push(condition(&text[..at])?);
                    return Ok(());
                }
                _ => {}
            }
            before = c;
        }
        Err("unterminated filter".to_owned())
    }
}

/// `@.a == "b"`, or a path that has to exist.
fn condition(text: &str) -> Result<Node, String> {
    let is_sign = |c: char| matches!(c, '!' | '<' | '>' | '=');
    let start = text.find(is_sign).filter(|start| *start > 0);
    let parts = start.and_then(|start| {
        let signs = text[start..].find(|c| !is_sign(c))?;
        Some((
            &text[..start],
            &text[start..start + signs],
            &text[start + signs..],
        ))
    });
    let Some((left, operator, right)) = parts else {
        return Ok(Node::Filter(action(text)?, "exists".to_owned(), Vec::new()));
    };
    Ok(Node::Filter(
        action(left)?,
        operator.to_owned(),
        action(right)?,
    ))
}

fn ends_word(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}'
    )
}

/// Without the quotes, and with Go's escapes read.
fn unquoted(text: &str) -> Result<String, String> {
    let invalid = || format!("unquote string {text} error invalid syntax");
    let quote = text.chars().next().unwrap_or('"');
    let mut characters = text[1..text.len() - 1].chars();
    let mut out = String::new();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escape = characters.next().ok_or_else(invalid)?;
        out.push(match escape {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '\\' => '\\',
            'x' => code(&mut characters, 2).ok_or_else(invalid)?,
            'u' => code(&mut characters, 4).ok_or_else(invalid)?,
            'U' => code(&mut characters, 8).ok_or_else(invalid)?,
            _ if escape == quote => escape,
            _ => return Err(invalid()),
        });
    }
    Ok(out)
}

fn code(characters: &mut std::str::Chars<'_>, length: usize) -> Option<char> {
    let digits: String = characters.take(length).collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}
