//! `mfad --check`: would mfad start, and what should somebody know before it does?
//!
//! Judges the configuration as the daemon does, then everything around it: key, store, audit log,
//! clock, sockets, groups and the arithmetic of this machine. It changes nothing: the store is only
//! read, and not at all while a daemon holds it. Every line is printed, also after a bad one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

mod machine;

use self::machine::Sockets;
use super::instance::STORE_FILE;
use super::key::KeyError;
use super::places;
use super::report::{self, Failure, Sign, World, count, number, status};
use super::self_test::self_test;
use crate::audit::checkpoint::{Checkpoint, Signer};
use crate::audit::checkpoint_file;
use crate::audit::verify::{self, DamageKind, Plan, Start};
use crate::config::{Config, KeySource, Loaded, Problem, Problems, Severity};
use crate::store::seal::{KEY_VERSION, Keys};
use crate::store::sqlite::{self, Inspected};
use crate::store::{AuditFilter, Read, StoreError, StoredAudit};

/// Audit records at the end of the log that are verified.
const TAIL_RECORDS_MAX: u64 = 1_000;

/// Below this many free octets beside the store there is a warning.
const FREE_OCTETS_MIN: u64 = 256 << 20;

/// Column of the number of a warning, counted from the text.
const NUMBER_COLUMN: usize = 58;

/// The number of the warning about a short secret.
const WEAK_SECRET: &str = "W032";

/// What `mfad --check` is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The configuration.
    pub config: PathBuf,
    /// Everything is below this folder.
    pub root: PathBuf,
    /// A warning counts as a no.
    pub strict: bool,
}

/// The screen as it grows.
struct Screen<'w, 'a> {
    world: &'w mut World<'a>,
    warnings: usize,
    errors: usize,
}

impl Screen<'_, '_> {
    fn item(&mut self, sign: Sign, label: &str, text: impl std::fmt::Display) {
        match sign {
            Sign::Good => {}
            Sign::Warning => self.warnings += 1,
            Sign::Bad => self.errors += 1,
        }
        self.world.item(sign, label, text);
    }

    /// One line for each finding, the label on each.
    fn items(&mut self, label: &str, found: Vec<(Sign, String)>) {
        for (sign, text) in found {
            self.item(sign, label, text);
        }
    }
}

/// Prints the screen; the exit status says whether mfad would start.
///
/// # Errors
/// The owner of the store cannot be become, so that it is not looked at.
pub fn run(options: &Options, world: &mut World<'_>) -> Result<u8, Failure> {
    let loaded = match places::load(&options.root, &options.config, &world.around) {
        Ok(loaded) => loaded,
        Err(problems) => {
            world.say(&problems);
            return Ok(status::CONFIG);
        }
    };
    let Loaded { config, warnings } = loaded;
    let mut screen = Screen {
        world,
        warnings: 0,
        errors: 0,
    };
    told_before(&warnings, &mut screen);
    screen.item(Sign::Good, "config", summary(&config));
    let key = places::master_key(&config.key, &options.root, &screen.world.around);
    let sockets = Sockets::look(&config);
    if config.state_dir.is_dir() {
        places::become_owner(&config.state_dir)?;
    }
    let store = key_and_store(&config, key, &mut screen);
    screen.items("clock", vec![machine::clock()]);
    screen.items("sockets", sockets.judge(matches!(store, Store::Running)));
    secrets(&warnings, &config, &mut screen);
    screen.items("roles", machine::roles(&config));
    screen.items("mail", config.mail.iter().map(machine::mail).collect());
    screen.items("sms", config.sms.iter().map(machine::sms).collect());
    match self_test() {
        Ok(took) => {
            let ms = took.as_secs_f64() * 1000.0;
            let text = "HOTP, TOTP, RADIUS and Argon2 test vectors pass";
            screen.item(Sign::Good, "self", format!("{text} (PIN check {ms:.1} ms)"));
        }
        Err(wrong) => screen.item(Sign::Bad, "self", wrong),
    }
    Ok(verdict(options.strict, screen))
}

fn verdict(strict: bool, screen: Screen<'_, '_>) -> u8 {
    let Screen {
        world,
        warnings,
        errors,
    } = screen;
    let found = [(errors, "error"), (warnings, "warning")];
    let found = found.into_iter().filter(|(how_many, _)| *how_many > 0);
    let found: Vec<String> = found
        .map(|(how_many, noun)| counted(how_many, noun))
        .collect();
    let found = match found.is_empty() {
        true => String::new(),
        false => format!(" {}.", found.join(", ")),
    };
    if errors > 0 {
        world.say(format_args!("mfad would not start.{found}"));
        return status::CONFIG;
    }
    world.say(format_args!("mfad would start.{found}"));
    if strict && warnings > 0 {
        status::NO
    } else {
        status::OK
    }
}

/// Warnings of the configuration that have no line of their own.
fn told_before(warnings: &Problems, screen: &mut Screen<'_, '_>) {
    for problem in warnings
        .list()
        .iter()
        .filter(|problem| !is_weak_secret(problem))
    {
        screen.world.say(problem);
        screen.warnings += usize::from(problem.severity == Severity::Warning);
    }
}

fn is_weak_secret(problem: &Problem) -> bool {
    problem.number == Some(WEAK_SECRET)
}

/// A warning and the number that `mfactl explain` knows it by.
fn numbered(text: &str, number: &str) -> String {
    format!("{text:NUMBER_COLUMN$} {number}")
}

fn summary(config: &Config) -> String {
    let main = config
        .files
        .first()
        .map_or_else(String::new, |file| file.path.display().to_string());
    let others = match config.files.len().saturating_sub(1) {
        0 => String::new(),
        files => format!(" and {} in gateways.d", counted(files, "file")),
    };
    format!(
        "{main}{others}: {}",
        counted(config.gateways.len(), "gateway")
    )
}

fn counted(value: usize, noun: &str) -> String {
    count(u64::try_from(value).unwrap_or(u64::MAX), noun)
}

/// How the store was found.
enum Store {
    /// A daemon holds it.
    Running,
    /// It was looked at, or cannot be.
    Still,
}

fn key_and_store(
    config: &Config,
    key: Result<crate::secret::SecretKey, KeyError>,
    screen: &mut Screen<'_, '_>,
) -> Store {
    let path = config.state_dir.join(STORE_FILE);
    let named = match &config.key {
        KeySource::Credential(name) => format!("systemd credential {name}"),
        KeySource::File(path) => format!("file {}", path.display()),
    };
    let keys = match key.map(|key| Keys::derive(&key)) {
        Ok(Ok(keys)) => keys,
        bad => {
            let why = match bad {
                Err(KeyError::Missing(path)) => {
                    format!("no master key at {}: mfad --init", path.display())
                }
                Err(error) => error.to_string(),
                Ok(_) => "no keys can be derived from the master key".to_owned(),
            };
            screen.item(Sign::Bad, "key", why);
            let text = "not looked at: there is no key to open it with";
            screen.item(Sign::Warning, "store", text);
            return Store::Still;
        }
    };
    let named = format!("{named}, version {KEY_VERSION}");
    if !path.exists() {
        screen.item(Sign::Good, "key", named);
        screen.item(
            Sign::Bad,
            "store",
            format!("{} is not there: mfad --init", path.display()),
        );
        return Store::Still;
    }
    match sqlite::inspect(&path, &keys) {
        Ok(store) => {
            screen.item(Sign::Good, "key", format!("{named}, opens the store"));
            look(config, &path, &store, screen);
            audit(config, &keys, &store, screen);
        }
        Err(StoreError::InUse(_)) => {
            screen.item(
                Sign::Good,
                "key",
                format!("{named}, not tried: a running mfad has the store"),
            );
            let text = format!(
                "{} is in use by a running mfad: mfactl status",
                path.display()
            );
            screen.item(Sign::Good, "store", text);
            return Store::Running;
        }
        Err(StoreError::Sealed) => {
            let text = format!("{named}, does not open {}", path.display());
            screen.item(Sign::Bad, "key", text);
            let text = "sealed: put its key back with mfad --init --key-stdin, never a new one";
            screen.item(Sign::Bad, "store", text);
        }
        Err(error) => {
            screen.item(Sign::Good, "key", named);
            screen.item(Sign::Bad, "store", error);
        }
    }
    Store::Still
}

fn look(config: &Config, path: &Path, store: &Inspected, screen: &mut Screen<'_, '_>) {
    let (sign, integrity) = match store.reader.quick_check() {
        Ok(()) => (Sign::Good, "integrity ok".to_owned()),
        Err(error) => (Sign::Bad, error.to_string()),
    };
    let users = match store.reader.counts() {
        Ok(counts) => count(counts.users, "user"),
        Err(error) => return screen.item(Sign::Bad, "store", error),
    };
    let text = format!(
        "{}, schema {}, {users}, {integrity}",
        path.display(),
        store.schema
    );
    screen.item(sign, "store", text);
    if !store.clean {
        let text = "was not closed the last time; the next start looks closely at it";
        screen.item(Sign::Warning, "store", text);
    }
    if store.went_back {
        let text = "is older than its checkpoint: the next start voids what could be used twice";
        screen.item(Sign::Warning, "store", text);
    }
    if let Ok(free) = crate::sys::files::free_octets(&config.state_dir)
        && free < FREE_OCTETS_MIN
    {
        let text = format!("{} has {} MiB left", config.state_dir.display(), free >> 20);
        screen.item(Sign::Warning, "store", text);
    }
}

fn audit(config: &Config, keys: &Keys, store: &Inspected, screen: &mut Screen<'_, '_>) {
    let verified = tail(config, keys, store);
    let (report, checkpoints) = match verified {
        Ok(verified) => verified,
        Err(why) => return screen.item(Sign::Bad, "audit", why),
    };
    let last = report.last.map_or(0, |last| last.seq);
    let from = report.first.map_or(0, |first| first.seq);
    let whole = match from {
        0 | 1 => format!("chain whole to {}", number(last)),
        _ => format!("chain whole from {} to {}", number(from), number(last)),
    };
    let anchored = match checkpoints.iter().map(|checkpoint| checkpoint.time).max() {
        Some(at) => {
            let age = screen.world.now.wall.since(at);
            format!("checkpoint {} old", report::lasting(age))
        }
        None => "no checkpoint yet".to_owned(),
    };
    match report.damage {
        None => screen.item(Sign::Good, "audit", format!("{whole}, {anchored}")),
        Some(damage) if damage.kind == DamageKind::OtherNode => {
            let seq = number(damage.seq);
            let text = format!("record {seq} is of another node: renamed, or restored from there");
            screen.item(Sign::Warning, "audit", text);
        }
        Some(damage) => {
            let text = format!("damaged at record {}: {}", number(damage.seq), damage.kind);
            screen.item(Sign::Bad, "audit", text);
        }
    }
}

/// Verifies the end of the log, all of it if it is short.
fn tail(
    config: &Config,
    keys: &Keys,
    store: &Inspected,
) -> Result<(verify::Report, Vec<Checkpoint>), String> {
    let said = |error: StoreError| error.to_string();
    let path = config.state_dir.join(checkpoint_file::FILE_NAME);
    // Before the records: one that is signed meanwhile would look cut off.
    let checkpoints = checkpoint_file::load(&path)
        .map_err(|error| error.to_string())?
        .checkpoints;
    let signer = Signer::new(keys.audit_seed()).map_err(|error| error.to_string())?;
    let last = store.reader.last_seq().map_err(said)?;
    let archived = store.reader.archived().map_err(said)?;
    let before = last.saturating_sub(TAIL_RECORDS_MAX);
    let page = |after_seq, limit| {
        let filter = AuditFilter {
            after_seq,
            ..AuditFilter::default()
        };
        store.reader.audit(&filter, limit).map_err(said)
    };
    let start = match before {
        _ if before <= archived.seq => Start {
            seq: archived.seq,
            hash: archived.hash,
        },
        _ => {
            let record = page(before.saturating_sub(1), 1)?;
            let first: &StoredAudit = record.first().ok_or("the audit log has holes")?;
            Start {
                seq: first.seq,
                hash: first.hash,
            }
        }
    };
    let limit = usize::try_from(TAIL_RECORDS_MAX).unwrap_or(usize::MAX);
    let records = page(start.seq, limit)?;
    let node: Arc<str> = Arc::clone(&config.node);
    let believed = [signer.public_key()];
    let plan = Plan {
        node: &node,
        start,
        checkpoints: &checkpoints,
        keys: &believed,
    };
    let report = verify::verify(&plan, records.into_iter().map(Ok::<_, String>))?;
    Ok((report, checkpoints))
}

fn secrets(warnings: &Problems, config: &Config, screen: &mut Screen<'_, '_>) {
    let weak: Vec<&Problem> = warnings
        .list()
        .iter()
        .filter(|it| is_weak_secret(it))
        .collect();
    if weak.is_empty() {
        let text = match config.gateways.len() {
            0 => "there is no gateway yet: mfactl gateway new".to_owned(),
            1 => "the one is long enough".to_owned(),
            gateways => format!("all {gateways} are long enough"),
        };
        let sign = if config.gateways.is_empty() {
            Sign::Warning
        } else {
            Sign::Good
        };
        return screen.item(sign, "secrets", text);
    }
    for problem in weak {
        let label = problem
            .label
            .as_ref()
            .map_or_else(String::new, |label| format!("; {label}"));
        let text = format!("{}{label}", problem.text);
        screen.item(Sign::Warning, "secrets", numbered(&text, WEAK_SECRET));
    }
}
