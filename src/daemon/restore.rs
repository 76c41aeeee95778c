//! `mfad --restore`: puts a backup in the place of the store, with the daemon stopped.
//!
//! A restored store is the past: it does not know which codes were used since, who was locked and
//! which token was given up. What could be used a second time is void afterwards; what cannot be
//! known is told, to be looked at. Nothing is done before somebody has typed how many people it
//! concerns, and the old store is moved aside, not deleted.

use std::path::PathBuf;
use std::sync::Arc;

use super::checkpoints;
use super::init::{cannot, unanswered};
use super::instance::{STORE_FILE, fence};
use super::places;
use super::report::{Failure, Sign, World, count, lasting, moment, number, status};
use crate::config::{Config, Loaded};
use crate::store::seal::Keys;
use crate::store::sqlite::{self, Outline, Restored, Site, Sizes};
use crate::store::{Read, StoreError};
use crate::sys::random;

/// What `mfad --restore` is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The configuration.
    pub config: PathBuf,
    /// Everything is below this folder.
    pub root: PathBuf,
    /// The backup.
    pub backup: PathBuf,
    /// Do not ask: the backup must hold this many users.
    pub expect: Option<u64>,
}

/// Restores.
///
/// # Errors
/// [`Failure`]: the old store is where it was, or the text says where.
pub fn run(options: &Options, world: &mut World<'_>) -> Result<u8, Failure> {
    let config = match places::load(&options.root, &options.config, &world.around) {
        Ok(Loaded { config, .. }) => config,
        Err(problems) => {
            return Err(Failure::new(status::CONFIG, "nothing was restored")
                .why(problems.to_string())
                .attempt("mfad --check"));
        }
    };
    let keys = keys(options, &config, world)?;
    places::become_owner(&config.state_dir)?;
    let outline = outline(options)?;
    tell_before(&outline, &config, &keys, world)?;
    agree(options, outline.manifest.users, world)?;
    let boot: [u8; 8] = random::array().map_err(|error| cannot("restore", &error))?;
    let store = config.state_dir.join(STORE_FILE);
    let site = Site {
        path: &store,
        keys: &keys,
        node: Arc::clone(&config.node),
        boot: Arc::from(crate::domain::sealed::hex(&boot)),
        fence: fence(&config, world.now),
        sizes: Sizes::default(),
    };
    let restored =
        sqlite::restore(&site, &options.backup).map_err(|error| refused(error, options))?;
    set_checkpoints_aside(&config, world)?;
    tell_after(&restored, world);
    Ok(status::OK)
}

/// The signed checkpoints are of the log that was put aside: beside the restored one they would make
/// it look cut off. They stay beside the old store, to prove it.
fn set_checkpoints_aside(config: &Config, world: &World<'_>) -> Result<(), Failure> {
    let path = checkpoints::path(&config.state_dir);
    if !path.exists() {
        return Ok(());
    }
    let seconds = world.now.wall.unix_seconds();
    let aside = path.with_extension(format!("before-restore-{seconds}"));
    std::fs::rename(&path, &aside).map_err(|error| cannot("put the old checkpoints aside", &error))
}

fn keys(options: &Options, config: &Config, world: &World<'_>) -> Result<Keys, Failure> {
    let sealed = |why: String| {
        Failure::new(status::TRY_LATER, "nothing was restored")
            .why(why)
            .remedy("put the key of the backup in place: mfad --init --key-stdin")
            .name("E_SEALED")
    };
    let key = places::master_key(&config.key, &options.root, &world.around)
        .map_err(|error| sealed(error.to_string()))?;
    Keys::derive(&key).map_err(|error| sealed(error.to_string()))
}

fn outline(options: &Options) -> Result<Outline, Failure> {
    let shown = options.backup.display();
    if let Err(error) = std::fs::File::open(&options.backup) {
        let failure = Failure::new(status::NO_INPUT, format!("{shown} cannot be read"))
            .why(error.to_string());
        return Err(match error.kind() {
            std::io::ErrorKind::PermissionDenied => failure.remedy(format!(
                "the owner of the store must be able to read it:\n\
                 install -o mfad -m 0600 {shown} /var/lib/mfad/backup/"
            )),
            _ => failure.attempt("ls /var/lib/mfad/backup"),
        });
    }
    sqlite::outline(&options.backup).map_err(|error| refused(error, options))
}

/// Says what is about to happen; refuses while a daemon has the store.
fn tell_before(
    outline: &Outline,
    config: &Config,
    keys: &Keys,
    world: &mut World<'_>,
) -> Result<(), Failure> {
    let manifest = &outline.manifest;
    world.say(format_args!(
        "backup  of {}, made {}: {}, audit record {}",
        manifest.node,
        moment(manifest.made),
        count(manifest.users, "user"),
        number(manifest.seq)
    ));
    let store = config.state_dir.join(STORE_FILE);
    if !store.exists() {
        world.say("store   there is none yet");
        return Ok(());
    }
    match sqlite::inspect(&store, keys) {
        Ok(now) => {
            let users = now.reader.counts().map_or(0, |counts| counts.users);
            let last = now.reader.last_seq().unwrap_or(0);
            let users = count(users, "user");
            let last = number(last);
            world.say(format_args!(
                "store   {users}, audit record {last}: will be moved aside"
            ));
            Ok(())
        }
        Err(StoreError::InUse(path)) => Err(in_use(&path)),
        Err(error) => {
            world.say(format_args!("store   {error}: will be moved aside"));
            Ok(())
        }
    }
}

/// Somebody types how many people it concerns, or has said so.
fn agree(options: &Options, users: u64, world: &mut World<'_>) -> Result<(), Failure> {
    if let Some(expected) = options.expect {
        if expected == users {
            return Ok(());
        }
        return Err(
            Failure::new(status::NO, "nothing was restored").why(format!(
                "the backup holds {}, not {}",
                count(users, "user"),
                number(expected)
            )),
        );
    }
    if !world.asks.is_terminal() {
        return Err(Failure::new(status::USAGE, "nothing was restored")
            .why("nobody can be asked here, and it cannot be undone")
            .attempt(format!(
                "mfad --restore {} --yes --expect {users}",
                options.backup.display()
            )));
    }
    let question = format!(
        "Everybody's store is replaced by this one, and what happened since is lost.\n\
         Type {users} to go on: "
    );
    let answer = world
        .asks
        .line(&question)
        .map_err(|error| unanswered(&error))?;
    if answer.trim().replace(',', "").parse() == Ok(users) {
        return Ok(());
    }
    Err(Failure::new(status::NO, "nothing was restored").why("the number was not typed"))
}

fn tell_after(restored: &Restored, world: &mut World<'_>) {
    let fenced = &restored.fenced;
    let from = fenced.last_audit_at;
    let lost = lasting(world.now.wall.since(from));
    world.sign(
        Sign::Good,
        format_args!("restored {}", count(fenced.users, "user")),
    );
    let until = moment(world.now.wall);
    world.sign(
        Sign::Warning,
        format_args!("lost: everything from {} to {until} ({lost})", moment(from)),
    );
    world.say("  void from now on");
    for (how_many, noun, what) in [
        (fenced.totp, "TOTP token", "codes up to now count as used"),
        (
            fenced.hotp,
            "HOTP token",
            "refused until resynchronised with the token in hand",
        ),
        (fenced.recovery, "set of recovery codes", "make new ones"),
        (fenced.auth_codes, "auth code", "void"),
        (fenced.links, "one-time link", "void"),
        (fenced.grants, "passthrough", "over"),
        (
            fenced.hardware,
            "spare hardware token",
            "codes up to now count as used; HOTP waits for a resync",
        ),
    ] {
        if how_many > 0 {
            let noun = if noun.starts_with("set ") && how_many > 1 {
                format!("{} sets of recovery codes", number(how_many))
            } else {
                count(how_many, noun)
            };
            world.say(format_args!("    {noun}: {what}"));
        }
    }
    if let Some(aside) = &restored.moved_to {
        world.say(format_args!(
            "  the store before lies at {}",
            aside.display()
        ));
    }
    world.sign(
        Sign::Warning,
        "look at what was done in the time that is lost, and do it again:\n  deactivations, \
         revocations of tokens, locks. They are not in this store; whoever was\n  locked out then \
         may be let in now.",
    );
    if fenced.hotp > 0 {
        world.say("next  mfactl token resync USER/hotp    for each HOTP token, with it in hand");
    }
    world.say("next  mfad --check, then systemctl start mfad");
}

fn refused(error: StoreError, options: &Options) -> Failure {
    let nothing = |status| Failure::new(status, "nothing was restored");
    let shown = options.backup.display().to_string();
    match error {
        StoreError::InUse(path) => in_use(&path),
        StoreError::Sealed => nothing(status::TRY_LATER)
            .why("the master key here does not open this backup")
            .place(shown)
            .remedy("put the key of the backup in place: mfad --init --key-stdin")
            .name("E_SEALED"),
        StoreError::Newer { .. } | StoreError::Corrupt { .. } => {
            nothing(status::DATA).why(error.to_string()).place(shown)
        }
        StoreError::Io { .. } | StoreError::Unknown(_) | StoreError::Poisoned(_) => {
            nothing(status::CANNOT_CREATE)
                .why(error.to_string())
                .place(shown)
                .remedy("run it again when that is put right: it takes up where it stopped")
        }
    }
}

fn in_use(path: &str) -> Failure {
    Failure::new(status::TRY_LATER, "nothing was restored")
        .why(format!("a running mfad has {path}"))
        .remedy(
            "systemctl stop mfad-radius.socket mfad-control.socket mfad.service\n\
                 then the same again",
        )
        .name("E_BUSY")
}
