//! TOML to checked configuration: `mfad.toml` and the files of `gateways.d` beside it.
//!
//! ```text
//! files --raw--> values with places --site, sets, gateways--> Config + warnings
//!                      \________________ Problems, all of them __________________/
//! ```
//!
//! [`keys`] is the one table of what can be stated. A key that it does not hold is refused, with
//! the nearest one; one that a later version will know is refused by name. Every problem is told in
//! one run, with file, line and caret, and never with the value of a secret. A [`Config`] is the
//! proof that everything was checked; there is no other way to one.
//!
//! [`load()`] reads the disk; [`parse`] reads nothing, for tests and fuzzing. Neither looks at the
//! environment, resolves names of users, or changes anything.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

mod checked;
mod diff;
mod gateway_secret;
mod gateways;
mod get;
mod hiding;
pub mod keys;
mod keywords;
mod load;
mod mail;
mod messages;
mod near;
mod network;
mod problems;
mod raw;
mod secrets;
mod server_secret;
mod sets;
mod settings;
mod site;
mod sms;
mod source;
pub mod span;
mod suppressed;
mod template;
mod token_types;
mod value;
mod web;

pub use self::checked::{
    Config, FileRead, Gateway, KEY_CREDENTIAL, KeySource, Limits, Members, MetricsListen, Roles,
};
pub use self::diff::{Change, ChangeKind, Diff};
pub use self::gateways::GATEWAYS_MAX;
pub use self::load::{FILE_OCTETS_MAX, FILES_MAX, GATEWAYS_FOLDER, Surroundings, load, load_with};
pub use self::mail::{Login, Mail, Security};
pub use self::near::{distance, nearest};
pub use self::network::{Network, NetworkError};
pub use self::problems::{Collector, Found, PROBLEMS_MAX, Problem, Problems, Severity, Spot};
pub use self::secrets::{
    SECRET_CHARS_ADVISED, SECRET_CHARS_MIN, SECRET_OCTETS_MAX, SecretFault, SecretSource, Secrets,
};
pub use self::sms::{Body, Sms, Url};
pub use self::source::{Place, Source};
pub use self::template::{Piece, Slot, Template};

use self::settings::Settings;
use crate::domain::policy::Policy;

/// A configuration that can be put into force, and what somebody should know about it.
pub struct Loaded {
    /// The checked values.
    pub config: Config,
    /// Warnings only.
    pub warnings: Problems,
}

/// Checks `sources`, the first of which is mfad.toml; `hostname` is the name where none is stated.
///
/// # Errors
/// Everything that is wrong, warnings included.
pub fn parse(
    sources: &[Source],
    hostname: &str,
    secrets: &dyn Secrets,
) -> Result<Loaded, Problems> {
    let mut problems = Collector::new(sources);
    let config = check(sources, hostname, secrets, &mut problems);
    if problems.failed() {
        return Err(problems.finish());
    }
    Ok(Loaded {
        config,
        warnings: problems.finish(),
    })
}

fn check(
    sources: &[Source],
    hostname: &str,
    secrets: &dyn Secrets,
    problems: &mut Collector<'_>,
) -> Config {
    let folder = sources
        .first()
        .and_then(|source| source.path.parent())
        .unwrap_or_else(|| Path::new(""));
    let raw = raw::read(sources, problems);
    let settings = Settings::of_site(&raw);
    let sets = sets::sets(&raw, &settings, problems);
    let issuer = settings.text("enroll.issuer").unwrap_or(hostname);
    let mail = mail::mail(&settings, folder, secrets, problems);
    let sms = sms::sms(&settings, folder, secrets, problems);
    let pages = web::pages(&settings, problems);
    let policy = Policy {
        texts: messages::texts(&settings, problems),
        notices: mail::notices(&settings, (mail.is_some(), sms.is_some()), problems),
        email_content: web::email_content(&settings, pages.as_deref(), problems),
        pages,
        ..site::policy(&settings, issuer, sets, problems)
    };
    let mut config = Config {
        policy: Arc::new(policy),
        mail,
        sms,
        gateways: gateways::gateways(&raw, folder, secrets, problems),
        roles: site::roles(&settings, problems),
        listen: site::listen(&settings, problems),
        control_socket: site::absolute(&settings, "control.socket", problems),
        state_dir: site::absolute(&settings, "store.folder", problems),
        key: site::key(&settings, folder, problems),
        metrics: site::metrics(&settings, problems),
        node: site::node(&settings, hostname, problems),
        language: settings.text("language").unwrap_or_default().to_owned(),
        limits: site::limits(&settings, problems),
        alert_locks_per_minute: settings.count_u32("alert.locks_per_minute"),
        alert_failures_per_minute: settings.count_u32("alert.failures_per_minute"),
        files: sources.iter().map(file_read).collect(),
        values: std::collections::BTreeMap::new(),
        stated: raw.entries.keys().cloned().collect(),
    };
    sets::asked_at(&config.policy.sets, &config.gateways, &settings, problems);
    suppressed::opened(&config.policy, &config.gateways, &settings, problems);
    config.fill_values(&raw);
    config
}

fn file_read(source: &Source) -> FileRead {
    FileRead {
        path: source.path.clone(),
        sha256: Sha256::digest(source.text.as_bytes()).into(),
    }
}
