//! The table as text: the commented `conf/mfad.toml`, and types in words.

use super::{Fallback, Key, Kind, all, of_gateway};
use crate::config::span;

/// Columns of the file.
const WIDTH_COLUMNS: usize = 78;

const HEAD: &str = "\
# mfad.toml: configuration of mfad. Every key is here with its default, behind a #.
# mfad --check judges this file and tells all problems at once; mfactl config reload
# puts it into force. Times are like 90s, 15m, 8h, 7d, 2w or 1d12h.
# Gateways may also stand in files of their own in gateways.d beside this file.
";

const GATEWAY_HEAD: &str = "
# One table for each VPN gateway, here or in gateways.d/ANYTHING.toml. NAME is chosen
# freely: up to 32 letters, digits, - and _. addresses, first_factor, passcode and a
# secret must be stated.
#[gateway.NAME]
";

/// What a value must be, in words.
#[must_use]
pub fn type_text(key: &Key) -> String {
    match key.kind {
        Kind::Flag if key.later.is_empty() => "true or false".to_owned(),
        Kind::Flag => "false only".to_owned(),
        Kind::Count { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Span { min, max } => {
            format!(
                "a time span from {} to {}",
                span::show(min),
                span::show(max)
            )
        }
        Kind::Word([word]) => format!("\"{word}\" only"),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
        Kind::Text => "a text".to_owned(),
        Kind::List => "a list of texts".to_owned(),
        Kind::Groups => "a list of lists of types".to_owned(),
        Kind::Pairs => "a table of names with a text or a list of texts".to_owned(),
        Kind::Label => "a text, or a table of languages with a text".to_owned(),
        Kind::Elsewhere => "not in this file".to_owned(),
    }
}

/// The whole of `conf/mfad.toml`.
#[must_use]
pub fn sample_file() -> String {
    let mut file = HEAD.to_owned();
    let mut table = "";
    for key in all().filter(|key| !key.path.starts_with("gateway.") && key.kind != Kind::Elsewhere)
    {
        let (parent, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        // The example of a set is named as the set that there is without any.
        let name = if name == super::NAME { "default" } else { name };
        if parent != table {
            file.push_str(&format!("\n[{parent}]\n"));
            table = parent;
        }
        push_key(&mut file, key, name);
    }
    file.push_str(GATEWAY_HEAD);
    for key in of_gateway() {
        let name = key.path.rsplit('.').next().unwrap_or_default();
        if key.kind != Kind::Elsewhere {
            push_key(&mut file, key, name);
        }
    }
    file
}

fn push_key(file: &mut String, key: &Key, name: &str) {
    let mut text = format!("{} ({}", key.doc, type_text(key));
    if let Fallback::Computed(how) = key.fallback {
        text.push_str(&format!("; default: {how}"));
    }
    if key.restart {
        text.push_str("; read at start only");
    }
    text.push(')');
    file.push('\n');
    for line in wrapped(&text, WIDTH_COLUMNS) {
        file.push_str(&format!("# {line}\n"));
    }
    let line = match key.fallback {
        Fallback::Value(value) => format!("#{name} = {value}\n"),
        Fallback::Computed(_) | Fallback::Unset => format!("# {name} is not set\n"),
        Fallback::Required => format!("# {name} must be stated\n"),
    };
    file.push_str(&line);
}

/// `text` in lines of at most `columns` characters, broken at blanks.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
