//! Keys that the domain names and this version does not build. They are refused by name.

use super::fits;

/// Paths and tables; a path below a listed table is listed with it.
const LATER: &[&str] = &[
    "pin.history",
    "token_types.password",
    "ldap",
    "upstream",
    "audit.archive",
    "store.kind",
    "store.url",
    "store.postgres",
    "postgres",
    "radius.tls",
    "radius.dtls",
    "radsec",
    "eap",
    "gateway.NAME.eap",
    "gateway.NAME.tls",
    "gateway.NAME.ldap",
    "gateway.NAME.upstream",
    "gateway.NAME.reply",
    "gateway.NAME.groups",
];

/// The listed path that `path` is, or lies below.
#[must_use]
pub fn later(path: &[String]) -> Option<&'static str> {
    LATER.iter().copied().find(|listed| {
        let mut given = path.iter();
        listed
            .split('.')
            .all(|known| given.next().is_some_and(|segment| fits(known, segment)))
    })
}
