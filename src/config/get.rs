//! Values of the running configuration by key, for `config get`. No secret is among them: the
//! table of keys has none, a gateway's secret is read from elsewhere.

use std::collections::BTreeMap;

use super::checked::{Config, KeySource};
use super::keys::{self, Fallback, Kind, NAME};
use super::near::nearest;
use super::raw::Raw;
use super::value;

/// Shown for what may be left out and is.
const UNSET: &str = "unset";

impl Config {
    /// The value of `key`, the default if it is not stated; none: there is no such key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Whether a file states `key`; else its value is the default.
    #[must_use]
    pub fn stated(&self, key: &str) -> bool {
        self.stated.contains(key)
    }

    /// All keys that are `prefix` or stand below it, with their values; all for an empty prefix.
    pub fn below(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .filter(move |(key, _)| is_below(key, prefix))
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The known key nearest to a misspelt one.
    #[must_use]
    pub fn nearest_key(&self, key: &str) -> Option<&str> {
        nearest(key, self.values.keys().map(String::as_str))
    }

    /// Puts every key of the table with its value into the map.
    pub(super) fn fill_values(&mut self, raw: &Raw) {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        for (path, entry) in &raw.entries {
            if let Some(stated) = &entry.value {
                values.insert(path.clone(), value::show(stated));
            }
        }
        let names: Vec<String> = self
            .gateways
            .iter()
            .map(|gateway| gateway.policy.name.to_string())
            .collect();
        for key in keys::all().filter(|key| key.kind != Kind::Elsewhere) {
            let shown = match key.fallback {
                Fallback::Value(_) => value::fallback(key.path).map(value::show),
                _ => Some(UNSET.to_owned()),
            };
            let paths = match key.path.split_once(NAME) {
                None => vec![key.path.to_owned()],
                Some(("gateway.", rest)) => names
                    .iter()
                    .map(|name| format!("gateway.{name}{rest}"))
                    .collect(),
                Some(_) if raw.sets.is_empty() => vec!["sets.default".to_owned()],
                Some(_) => Vec::new(),
            };
            for path in paths {
                let shown = shown.clone().unwrap_or_default();
                values.entry(path).or_insert(shown);
            }
        }
        self.values = values;
        self.fill_computed();
    }

    /// Values that are worked out when they are not stated.
    fn fill_computed(&mut self) {
        let mut computed = vec![
            ("node".to_owned(), self.node.to_string()),
            ("enroll.issuer".to_owned(), self.policy.issuer.clone()),
        ];
        if let KeySource::Credential(name) = &self.key {
            computed.push(("key.credential".to_owned(), name.clone()));
        }
        for gateway in &self.gateways {
            let policy = &gateway.policy;
            let path = |name: &str| format!("gateway.{}.{name}", policy.name);
            computed.push((
                path("allow_passthrough"),
                policy.allow_passthrough.to_string(),
            ));
            if policy.allowed_kinds.is_none() {
                computed.push((path("allowed_types"), "all".to_owned()));
            }
        }
        self.values.extend(computed);
    }
}

fn is_below(key: &str, prefix: &str) -> bool {
    prefix.is_empty()
        || key
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
