//! One TOML value to one value of the type that the table of keys wants.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, Fallback, Key, Kind};
use super::near::nearest;
use super::problems::Found;
use super::raw::{Item, Value};
use super::source::Place;
use super::span;

/// Longest name of a gateway or set, in characters.
const NAME_CHARS_MAX: usize = 32;

/// What [`is_name`] allows, in words.
pub(super) const NAME_FORM: &str = "up to 32 letters, digits, - and _";

/// Longest text, in octets.
const TEXT_OCTETS_MAX: usize = 4096;

/// Most members of a list.
const LIST_ITEMS_MAX: usize = 1024;

/// Whether `text` may be the name of a gateway or set.
pub(super) fn is_name(text: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_')
}

/// Reads the value of `key`, which stands at `path`.
pub(super) fn convert(
    key: &Key,
    path: &str,
    file: usize,
    found: &Spanned<DeValue<'_>>,
) -> Result<Value, Found> {
    let place = Place::new(file, found.span());
    if key.later.contains(&plain(found.get_ref()).as_str()) {
        let text = format!("`{path} = {}` is not in this version", written(found));
        let problem = Found::error(place, text)
            .number("E103")
            .label(keys::type_text(key))
            .note("mfad ignores no setting: mfactl explain E103");
        return Err(problem);
    }
    let reader = Reader { key, path, place };
    reader.value(found)
}

/// The value that the key in the row `pattern` has when it is not stated.
pub(super) fn fallback(pattern: &str) -> Option<&'static Value> {
    static VALUES: LazyLock<BTreeMap<&'static str, Value>> = LazyLock::new(|| {
        let stated = keys::all().filter_map(|key| match key.fallback {
            Fallback::Value(text) => Some((key, text)),
            _ => None,
        });
        stated
            .filter_map(|(key, text)| {
                let line = format!("value = {text}");
                let table = DeTable::parse(&line).ok()?;
                let found = table.get_ref().get("value")?;
                Some((key.path, convert(key, key.path, 0, found).ok()?))
            })
            .collect()
    });
    VALUES.get(pattern)
}

/// A secret stands in the configuration; `file` is where it could stand.
pub(super) fn written_secret(place: Place, word: &str, file: &str) -> Found {
    Found::error(
        place,
        format!("a {word} does not stand in the configuration"),
    )
    .number("E102")
    .label(format!("put it into a file: {word}_file = \"{file}\""))
    .note(format!(
        "or into a systemd credential: {word}_credential = \"NAME\""
    ))
}

struct Reader<'a> {
    key: &'a Key,
    path: &'a str,
    place: Place,
}

impl Reader<'_> {
    fn elsewhere(&self) -> Found {
        match self.key.path {
            "smtp.password" => written_secret(self.place, "password", "smtp.password"),
            "sms.secret" => written_secret(self.place, "secret", "sms.secret"),
            _ => written_secret(self.place, "secret", "gateways.d/NAME.secret"),
        }
    }

    fn value(&self, found: &Spanned<DeValue<'_>>) -> Result<Value, Found> {
        match (self.key.kind, found.get_ref()) {
            (Kind::Flag, DeValue::Boolean(flag)) => Ok(Value::Flag(*flag)),
            (Kind::Count { min, max }, DeValue::Integer(number)) => {
                u64::from_str_radix(number.as_str(), number.radix())
                    .ok()
                    .filter(|count| (min..=max).contains(count))
                    .map(Value::Count)
                    .ok_or_else(|| self.outside(&number.to_string()))
            }
            (Kind::Span { .. }, DeValue::Integer(number)) if number.as_str() == "0" => {
                self.span("0")
            }
            (Kind::Span { .. }, DeValue::Integer(number)) => Err(self
                .wrong(format!("{number} is not a time span"))
                .label(format!("name the unit in quotes: \"{number}s\""))),
            (Kind::Span { .. }, DeValue::String(text)) => self.span(text),
            (Kind::Word(words), DeValue::String(text)) => self.word(words, text),
            (Kind::Text, DeValue::String(text)) => self.text(text, self.place).map(Value::Text),
            (Kind::List, DeValue::Array(list)) => self.items(list.iter()).map(Value::List),
            (Kind::Groups, DeValue::Array(list)) => self.groups(list.iter()).map(Value::Groups),
            (Kind::Pairs, DeValue::Table(table)) => self.pairs(table).map(Value::Pairs),
            (Kind::Label, DeValue::Table(table)) => self.pairs(table).map(Value::Pairs),
            (Kind::Label, DeValue::String(text)) => {
                let (place, tag) = (self.place, String::new());
                let text = self.text(text, place)?;
                Ok(Value::Pairs(vec![(
                    Item { text: tag, place },
                    Item { text, place },
                )]))
            }
            (Kind::Elsewhere, _) => Err(self.elsewhere()),
            (_, other) => Err(self.wrong_type(other.type_str())),
        }
    }

    fn span(&self, text: &str) -> Result<Value, Found> {
        let read = span::parse(text).map_err(|error| {
            self.wrong(error.to_string())
                .label(error.advice.to_string())
        })?;
        match self.key.kind {
            Kind::Span { min, max } if !(min..=max).contains(&read) => {
                Err(self.outside(&format!("\"{text}\"")))
            }
            _ => Ok(Value::Span(read)),
        }
    }

    fn word(&self, words: &'static [&'static str], text: &str) -> Result<Value, Found> {
        if words.contains(&text) {
            return Ok(Value::Text(text.to_owned()));
        }
        let label = nearest(text, words.iter().copied()).map_or_else(
            || keys::type_text(self.key),
            |meant| format!("did you mean \"{meant}\"?"),
        );
        Err(self
            .wrong(format!("\"{text}\" is no value of `{}`", self.path))
            .label(label))
    }

    fn text(&self, text: &str, place: Place) -> Result<String, Found> {
        if text.is_empty() || text.trim() != text {
            let text = format!("`{}` is empty or has blanks at its ends", self.path);
            return Err(Found::error(place, text));
        }
        if text.chars().any(char::is_control) || text.len() > TEXT_OCTETS_MAX {
            let text = format!("`{}` is too long or has control characters", self.path);
            return Err(Found::error(place, text));
        }
        Ok(text.to_owned())
    }

    fn items<'v, 'i: 'v>(
        &self,
        list: impl ExactSizeIterator<Item = &'v Spanned<DeValue<'i>>>,
    ) -> Result<Vec<Item>, Found> {
        if list.len() > LIST_ITEMS_MAX {
            let text = format!("`{}` has more than {LIST_ITEMS_MAX} members", self.path);
            return Err(self.wrong(text));
        }
        list.map(|member| self.item(member)).collect()
    }

    fn item(&self, member: &Spanned<DeValue<'_>>) -> Result<Item, Found> {
        let place = Place::new(self.place.file, member.span());
        let DeValue::String(text) = member.get_ref() else {
            let text = format!("a member of `{}` must be a text", self.path);
            return Err(Found::error(place, text).label("in quotes"));
        };
        let text = self.text(text, place)?;
        Ok(Item { text, place })
    }

    fn groups<'v, 'i: 'v>(
        &self,
        list: impl ExactSizeIterator<Item = &'v Spanned<DeValue<'i>>>,
    ) -> Result<Vec<Vec<Item>>, Found> {
        list.map(|group| match group.get_ref() {
            DeValue::Array(kinds) => self.items(kinds.iter()),
            _ => Err(Found::error(
                Place::new(self.place.file, group.span()),
                format!("`{}` must be a list of lists", self.path),
            )
            .label("like [[\"totp\", \"hotp\"]]")),
        })
        .collect()
    }

    fn pairs(&self, table: &DeTable<'_>) -> Result<Vec<(Item, Item)>, Found> {
        let mut rows: Vec<_> = table.iter().collect();
        rows.sort_by_key(|(name, _)| name.span().start);
        let mut pairs = Vec::new();
        for (name, found) in rows {
            let place = Place::new(self.place.file, name.span());
            let name = Item {
                text: self.text(name.get_ref(), place)?,
                place,
            };
            let values = match found.get_ref() {
                DeValue::Array(list) => self.items(list.iter())?,
                _ => vec![self.item(found)?],
            };
            pairs.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
        Ok(pairs)
    }

    fn wrong(&self, text: impl Into<String>) -> Found {
        Found::error(self.place, text)
    }

    fn outside(&self, given: &str) -> Found {
        self.wrong(format!("{given} is outside the range of `{}`", self.path))
            .label(keys::type_text(self.key))
    }

    fn wrong_type(&self, given: &str) -> Found {
        let article = if given.starts_with(['a', 'i']) {
            "an"
        } else {
            "a"
        };
        self.wrong(format!("`{}` cannot be {article} {given}", self.path))
            .label(keys::type_text(self.key))
    }
}

/// A value as it compares with the list of later ones.
fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        _ => String::new(),
    }
}

/// A value as it is quoted in a message; only for values of the table.
fn written(found: &Spanned<DeValue<'_>>) -> String {
    match found.get_ref() {
        DeValue::String(text) => format!("\"{text}\""),
        other => plain(other),
    }
}

/// The value in one word, for `config get` and `config diff`.
pub(super) fn show(value: &Value) -> String {
    let joined = |items: &[Item], sign: &str| {
        let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
        texts.join(sign)
    };
    let shown = match value {
        Value::Flag(flag) => flag.to_string(),
        Value::Count(count) => count.to_string(),
        Value::Span(read) => span::show(*read),
        Value::Text(text) => text.clone(),
        Value::List(items) => joined(items, ","),
        Value::Groups(groups) => {
            let groups: Vec<String> = groups.iter().map(|group| joined(group, "|")).collect();
            groups.join(",")
        }
        Value::Pairs(pairs) => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(name, value)| match name.text.as_str() {
                    "" => value.text.clone(),
                    name => format!("{name}={}", value.text),
                })
                .collect();
            pairs.join(",")
        }
    };
    if shown.is_empty() {
        "none".to_owned()
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_of_the_table_is_a_value() {
        for key in keys::all() {
            if let Fallback::Value(text) = key.fallback {
                assert!(fallback(key.path).is_some(), "{} = {text}", key.path);
            }
        }
    }
}
