//! TOML to raw values: each key looked up in the table, each value of the right type and in range,
//! each with its place in the file. Unknown keys are refused.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::hiding;
use super::keys::{self, Key, NAME};
use super::near::nearest;
use super::problems::{Collector, Found};
use super::source::{Place, Source};
use super::value;

/// A text with its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) text: String,
    pub(super) place: Place,
}

/// A value of the right type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Flag(bool),
    Count(u64),
    Span(Duration),
    Text(String),
    List(Vec<Item>),
    Groups(Vec<Vec<Item>>),
    Pairs(Vec<(Item, Item)>),
}

/// A key that is stated.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key itself.
    pub(super) key_place: Place,
    /// Its value.
    pub(super) value_place: Place,
    /// None: something is wrong with it, and that has been told.
    pub(super) value: Option<Value>,
}

impl Entry {
    /// From the key to the end of the value.
    pub(super) const fn place(&self) -> Place {
        self.key_place.to(self.value_place)
    }
}

/// What the files state.
#[derive(Default)]
pub(super) struct Raw {
    /// By full path.
    pub(super) entries: BTreeMap<String, Entry>,
    /// Gateways in the order of the files, with the place of their header.
    pub(super) gateways: Vec<Item>,
    /// Names of sets, in the order of the file.
    pub(super) sets: Vec<Item>,
}

/// Reads all files; the first is mfad.toml.
pub(super) fn read(sources: &[Source], problems: &mut Collector<'_>) -> Raw {
    let mut raw = Raw::default();
    for (file, source) in sources.iter().enumerate() {
        let (document, errors) = DeTable::parse_recoverable(&source.text);
        let mut told_line = None;
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            // What follows in the same line is mostly an echo.
            if told_line.replace(source.line(span.start).number)
                == Some(source.line(span.start).number)
            {
                continue;
            }
            problems.hide(hiding::behind_key(source, file, span.start));
            let text = format!("this is not TOML: {}", error.message());
            problems.add(Found::error(Place::new(file, span), text));
        }
        if errors.is_empty() {
            let mut walk = Walk {
                file,
                source,
                problems,
                raw: &mut raw,
            };
            walk.table(document.get_ref(), &mut Vec::new());
        }
    }
    raw
}

struct Walk<'a, 'b> {
    file: usize,
    source: &'a Source,
    problems: &'a mut Collector<'b>,
    raw: &'a mut Raw,
}

impl Walk<'_, '_> {
    fn table(&mut self, table: &DeTable<'_>, path: &mut Vec<String>) {
        let mut rows: Vec<_> = table.iter().collect();
        rows.sort_by_key(|(key, _)| key.span().start);
        for (key, found) in rows {
            path.push(key.get_ref().to_string());
            self.row(Place::new(self.file, key.span()), found, path);
            path.pop();
        }
    }

    fn row(&mut self, place: Place, found: &Spanned<DeValue<'_>>, path: &mut Vec<String>) {
        let in_main = self.file == 0 || path.first().is_some_and(|first| first == "gateway");
        if !in_main {
            self.hide_leaves(found);
            let text = format!("`{}` does not belong here", path.join("."));
            let found = Found::error(self.header(place), text);
            self.problems
                .add(found.label("files of gateways.d hold [gateway.NAME] tables only"));
        } else if let Some(key) = keys::find(path) {
            self.entry(key, place, found, path);
        } else if !keys::children(path).is_empty() {
            self.inner(place, found, path);
        } else if keys::later(path).is_some() {
            self.hide_leaves(found);
            let text = format!("`{}` is not in this version", path.join("."));
            let found = Found::error(self.header(place), text).number("E103");
            self.problems.add(
                found
                    .label("remove it")
                    .note("mfad ignores no setting: mfactl explain E103"),
            );
        } else {
            self.unknown(place, found, path);
        }
    }

    fn inner(&mut self, place: Place, found: &Spanned<DeValue<'_>>, path: &mut Vec<String>) {
        let Some(table) = found.get_ref().as_table() else {
            self.hide_leaves(found);
            let text = format!("`{}` is a table, not a value", path.join("."));
            let label = match path.first() {
                Some(first) if first == "gateway" => "like [gateway.vpn1]".to_owned(),
                _ => format!("with {}", keys::children(path).join(", ")),
            };
            self.problems.add(Found::error(place, text).label(label));
            return;
        };
        if let [first, name] = path.as_slice()
            && first == "gateway"
        {
            let header = Item {
                text: name.clone(),
                place: self.header(place),
            };
            self.gateway(header);
        }
        self.table(table, path);
    }

    fn gateway(&mut self, header: Item) {
        if !value::is_name(&header.text) {
            let text = format!("\"{}\" is no name for a gateway", header.text);
            self.problems
                .add(Found::error(header.place, text).label(value::NAME_FORM));
        }
        let twice = self
            .raw
            .gateways
            .iter()
            .find(|known| known.text == header.text);
        if let Some(first) = twice {
            let text = format!("gateway {} stands twice", header.text);
            let note = format!("first in {}", self.problems.whereabouts(first.place));
            self.problems
                .add(Found::error(header.place, text).label(note));
        } else {
            self.raw.gateways.push(header);
        }
    }

    fn entry(
        &mut self,
        key: &'static Key,
        place: Place,
        found: &Spanned<DeValue<'_>>,
        path: &[String],
    ) {
        let full = path.join(".");
        if key.path == "sets.NAME" {
            self.raw.sets.push(Item {
                text: path.last().cloned().unwrap_or_default(),
                place,
            });
        }
        if key.kind == keys::Kind::Elsewhere {
            self.hide_leaves(found);
        }
        let value = match value::convert(key, &full, self.file, found) {
            Ok(value) => Some(value),
            Err(wrong) => {
                let at_key = key.kind == keys::Kind::Elsewhere;
                self.problems
                    .add(if at_key { wrong.moved(place) } else { wrong });
                None
            }
        };
        let entry = Entry {
            key_place: place,
            value_place: Place::new(self.file, found.span()),
            value,
        };
        self.raw.entries.entry(full).or_insert(entry);
    }

    fn unknown(&mut self, place: Place, found: &Spanned<DeValue<'_>>, path: &[String]) {
        self.hide_leaves(found);
        let (last, parents) = path
            .split_last()
            .map_or(("", path), |(last, parents)| (last.as_str(), parents));
        let siblings = keys::children(parents);
        let mut problem = Found::error(
            self.header(place),
            format!("unknown key `{}`", path.join(".")),
        );
        if let Some(meant) = nearest(last, siblings.iter().copied().filter(|word| *word != NAME)) {
            let meant = if meant == "secret" {
                "secret_file"
            } else {
                meant
            };
            problem = problem.label(format!("did you mean `{meant}`?"));
        } else if let Some(key) = keys::all().find(|key| ends_in(key, last)) {
            problem = problem.label(format!("did you mean `{}`?", key.path));
        }
        self.problems.add(problem);
    }

    /// The inside of `[a.b]` if that is where the key stands, else the key.
    fn header(&self, key: Place) -> Place {
        let line = self.source.line(key.start);
        let trimmed = line.text.trim_start();
        let start = line.start + (line.text.len() - trimmed.len()) + 1;
        let is_header = trimmed.starts_with('[') && start <= key.start;
        match trimmed.get(1..).and_then(|rest| rest.find(']')) {
            Some(length) if is_header && key.end <= start + length => {
                Place::new(key.file, start..start + length)
            }
            _ => key,
        }
    }

    fn hide_leaves(&mut self, found: &Spanned<DeValue<'_>>) {
        match found.get_ref() {
            DeValue::Table(table) => table.iter().for_each(|(_, inner)| self.hide_leaves(inner)),
            DeValue::Array(list) => list.iter().for_each(|inner| self.hide_leaves(inner)),
            DeValue::String(_) => self.problems.hide(Place::new(self.file, found.span())),
            _ => {}
        }
    }
}

fn ends_in(key: &Key, last: &str) -> bool {
    key.path.rsplit('.').next() == Some(last) && last != NAME
}
