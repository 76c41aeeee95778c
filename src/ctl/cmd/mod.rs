//! The commands, one file a noun: what each takes, and how its answer looks.

mod audit;
mod auth;
mod auth_code;
mod config;
mod daemon;
mod device_auth;
mod dialogue;
mod emergency;
mod enroll;
mod gateway;
pub(crate) mod gateway_kinds;
mod home_files;
mod hw;
mod hw_import;
mod import;
mod lock;
mod notify;
mod passthrough;
pub(super) mod pictures;
mod pin;
mod set;
mod token;
mod token_add;
mod token_migrate;
mod token_show;
mod user;
mod user_find;
mod user_import;
mod user_show;
mod why;

use super::verb::Verb;

/// All commands, in the order of the manual.
pub(super) const NOUNS: &[&[Verb]] = &[
    why::VERBS,
    auth::VERBS,
    dialogue::VERBS,
    lock::VERBS,
    gateway::VERBS,
    user::VERBS,
    set::VERBS,
    token::VERBS,
    enroll::VERBS,
    auth_code::VERBS,
    device_auth::VERBS,
    hw::VERBS,
    pin::VERBS,
    emergency::VERBS,
    passthrough::VERBS,
    notify::VERBS,
    audit::VERBS,
    daemon::VERBS,
    config::VERBS,
];

/// What a noun alone does.
pub(super) const BARE: &[(&str, &str)] = &[
    ("auth", "log"),
    ("audit", "log"),
    ("dialogue", "list"),
    ("gateway", "list"),
    ("hw", "list"),
    ("passthrough", "list"),
    ("set", "list"),
];

/// All commands.
pub(super) fn verbs() -> impl Iterator<Item = &'static Verb> {
    NOUNS.iter().copied().flatten()
}

/// The command with this noun and verb.
pub(super) fn verb(noun: &str, verb: &str) -> Option<&'static Verb> {
    verbs().find(|one| one.words() == (noun, verb))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::method::Method;
    use crate::domain::action::Action;

    #[test]
    fn commands_and_methods_are_the_same_set() {
        for method in Method::all() {
            let found = verbs().filter(|verb| verb.method == method.name).count();
            let parts = ["org.mfad.Daemon.Complete", "org.mfad.Daemon.Upload"];
            let page = method.action == Action::EnrollPage;
            let hidden = page || parts.contains(&method.name);
            assert_eq!(found, usize::from(!hidden), "{}", method.name);
        }
    }

    #[test]
    fn every_command_is_named_as_the_table_of_roles_names_it() {
        for verb in verbs().filter(|verb| !verb.method.is_empty()) {
            let row = verb.row().unwrap();
            assert_eq!(row.action.spec().name, verb.name);
        }
    }

    #[test]
    fn every_parameter_exists() {
        for verb in verbs() {
            let Some(row) = verb.row() else { continue };
            for take in verb.takes.iter().filter(|take| !take.to.is_empty()) {
                let known = row.all_parameters().any(|one| one.name == take.to);
                assert!(known, "{} {}", verb.name, take.name);
            }
        }
    }
}
