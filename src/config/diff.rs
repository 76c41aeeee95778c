//! What a reload would change: for `config diff`, and for the line that the daemon logs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::checked::{Config, Gateway};
use super::keys;
use crate::secret::equal;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// A key, or `gateway.NAME` for a whole gateway.
    pub key: String,
    /// What becomes of it.
    #[serde(flatten)]
    pub kind: ChangeKind,
    /// A reload does not apply it.
    pub restart: bool,
}

/// What becomes of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "change")]
pub enum ChangeKind {
    /// A gateway or set appears.
    Added {
        /// What it is, in short.
        summary: String,
    },
    /// A gateway or set goes.
    Removed,
    /// A value becomes another one.
    Changed {
        /// The one in force.
        from: String,
        /// The one on disk.
        to: String,
    },
}

/// All differences, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diff(pub Vec<Change>);

impl Diff {
    /// Differences of `new` against `old`.
    #[must_use]
    pub fn between(old: &Config, new: &Config) -> Self {
        let mut changes = Vec::new();
        let names: BTreeSet<&String> = old.values.keys().chain(new.values.keys()).collect();
        let (before, after) = (by_name(old), by_name(new));
        for key in names {
            let gateway = gateway_of(key);
            let whole =
                gateway.is_some_and(|name| before.contains_key(name) != after.contains_key(name));
            let (from, to) = (old.values.get(key), new.values.get(key));
            if !whole && from != to {
                changes.push(change(key, from, to));
            }
        }
        for (name, gateway) in &after {
            let kind = match before.get(name) {
                None => ChangeKind::Added {
                    summary: summary(gateway),
                },
                Some(known) if same_secret(known, gateway) => continue,
                Some(_) => ChangeKind::Changed {
                    from: "(hidden)".to_owned(),
                    to: "(hidden)".to_owned(),
                },
            };
            let secret = if before.contains_key(name) {
                ".secret"
            } else {
                ""
            };
            changes.push(Change {
                key: format!("gateway.{name}{secret}"),
                kind,
                restart: false,
            });
        }
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        changes.extend(gone.map(|name| Change {
            key: format!("gateway.{name}"),
            kind: ChangeKind::Removed,
            restart: false,
        }));
        changes.sort_by(|a, b| a.key.cmp(&b.key));
        Self(changes)
    }

    /// The two are alike.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something changes that only a restart applies.
    #[must_use]
    pub fn needs_restart(&self) -> bool {
        self.0.iter().any(|change| change.restart)
    }

    /// `changes=2 +gateway.vpn3 lockout.user.max_failures:5->8`; a `!` marks what needs a restart.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!("changes={}", self.0.len());
        for change in &self.0 {
            let mark = if change.restart { "!" } else { "" };
            let text = match &change.kind {
                ChangeKind::Added { .. } => format!(" {mark}+{}", change.key),
                ChangeKind::Removed => format!(" {mark}-{}", change.key),
                ChangeKind::Changed { from, to } => {
                    format!(" {mark}{}:{from}->{to}", change.key)
                }
            };
            line.push_str(&text);
        }
        line
    }
}

/// The lines of `config diff`.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = |change: &Change| match &change.kind {
            ChangeKind::Changed { .. } => change.key.clone(),
            _ => change.key.replacen('.', " ", 1),
        };
        let width = self.0.iter().map(|change| label(change).len()).max();
        let width = width.unwrap_or(0);
        for change in &self.0 {
            let (sign, text) = match &change.kind {
                _ if change.restart => ('!', "needs a restart: not applied by reload".to_owned()),
                ChangeKind::Added { summary } => ('+', summary.clone()),
                ChangeKind::Removed => ('-', "no longer there".to_owned()),
                ChangeKind::Changed { from, to } => ('~', format!("{from} -> {to}")),
            };
            writeln!(f, "  {sign} {:width$}   {text}", label(change))?;
        }
        Ok(())
    }
}

fn change(key: &str, from: Option<&String>, to: Option<&String>) -> Change {
    let kind = match (from, to) {
        (Some(_), None) => ChangeKind::Removed,
        (None, to) => ChangeKind::Added {
            summary: to.cloned().unwrap_or_default(),
        },
        (Some(from), Some(to)) => ChangeKind::Changed {
            from: from.clone(),
            to: to.clone(),
        },
    };
    let path: Vec<String> = key.split('.').map(str::to_owned).collect();
    Change {
        key: key.to_owned(),
        kind,
        restart: keys::find(&path).is_some_and(|row| row.restart),
    }
}

fn by_name(config: &Config) -> BTreeMap<&str, &Gateway> {
    config
        .gateways
        .iter()
        .map(|gateway| (&*gateway.policy.name, gateway))
        .collect()
}

fn gateway_of(key: &str) -> Option<&str> {
    key.strip_prefix("gateway.")
        .and_then(|rest| rest.split('.').next())
}

fn summary(gateway: &Gateway) -> String {
    let addresses: Vec<String> = gateway.addresses.iter().map(ToString::to_string).collect();
    format!(
        "{}, first_factor {}",
        addresses.join(", "),
        gateway.policy.first_factor.name()
    )
}

fn same_secret(a: &Gateway, b: &Gateway) -> bool {
    equal(a.secret.expose(), b.secret.expose())
}
