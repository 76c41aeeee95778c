//! Values by name, the default where nothing is stated; for the checks of one table.

use std::path::PathBuf;
use std::time::Duration;

use super::keys::NAME;
use super::raw::{Entry, Item, Raw, Value};
use super::source::Place;
use super::value;

/// The keys below a table: of the site, or of one gateway.
#[derive(Clone)]
pub(super) struct Settings<'a> {
    raw: &'a Raw,
    /// `gateway.vpn1.`, or empty.
    given: String,
    /// `gateway.NAME.`, or empty.
    pattern: String,
    /// Where a problem is told that has no line of its own.
    header: Place,
}

impl<'a> Settings<'a> {
    pub(super) fn of_site(raw: &'a Raw) -> Self {
        Self {
            raw,
            given: String::new(),
            pattern: String::new(),
            header: Place::default(),
        }
    }

    pub(super) fn of_gateway(raw: &'a Raw, gateway: &Item) -> Self {
        Self {
            raw,
            given: format!("gateway.{}.", gateway.text),
            pattern: format!("gateway.{NAME}."),
            header: gateway.place,
        }
    }

    /// The key as it is stated, be its value right or wrong.
    pub(super) fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.raw.entries.get(&format!("{}{name}", self.given))
    }

    pub(super) fn stated(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// The whole line of the first of these keys that is stated, else the header.
    pub(super) fn line(&self, names: &[&str]) -> Place {
        names
            .iter()
            .find_map(|name| self.entry(name))
            .map_or(self.header, Entry::place)
    }

    /// The value of the first of these keys that is stated, else the header.
    pub(super) fn place(&self, names: &[&str]) -> Place {
        names
            .iter()
            .find_map(|name| self.entry(name))
            .map_or(self.header, |entry| entry.value_place)
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        match self.entry(name).and_then(|entry| entry.value.as_ref()) {
            Some(stated) => Some(stated),
            None => value::fallback(&format!("{}{name}", self.pattern)),
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Flag(true)))
    }

    pub(super) fn count(&self, name: &str) -> u64 {
        match self.value(name) {
            Some(Value::Count(count)) => *count,
            _ => 0,
        }
    }

    pub(super) fn count_u32(&self, name: &str) -> u32 {
        u32::try_from(self.count(name)).unwrap_or(u32::MAX)
    }

    pub(super) fn size(&self, name: &str) -> usize {
        usize::try_from(self.count(name)).unwrap_or(usize::MAX)
    }

    pub(super) fn span(&self, name: &str) -> Duration {
        match self.value(name) {
            Some(Value::Span(span)) => *span,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        match self.value(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.text(name).unwrap_or_default())
    }

    pub(super) fn items(&self, name: &str) -> &'a [Item] {
        match self.value(name) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    pub(super) fn pairs(&self, name: &str) -> &'a [(Item, Item)] {
        match self.value(name) {
            Some(Value::Pairs(pairs)) => pairs,
            _ => &[],
        }
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.items(name)
            .iter()
            .map(|item| item.text.clone())
            .collect()
    }
}
