//! `mfad --init`: configuration, master key and an empty store, each only if it is not there.
//!
//! Nothing that exists is touched, so it can be run twice and finishes what was begun. The key is
//! made before the store and never where a store exists: a fresh key over old data would be of no
//! use to anybody. It is sealed to this host by systemd where that works, else it lies in a file
//! that only mfad can read. It is shown only to a person at a terminal who asks for it, because
//! paper is the one place from which a dead host can be replaced.

use std::error::Error;
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::instance::STORE_FILE;
use super::key;
use super::places;
use super::report::{Failure, Sign, World, status};
use super::terminal::Interrupted;
use crate::config::{GATEWAYS_FOLDER, KEY_CREDENTIAL, KeySource, keys};
use crate::secret::{Secret, SecretBytes, SecretKey};
use crate::store::seal::{Keys, NONCE_OCTETS};
use crate::store::sqlite::{self, Fence, Mode, Opened, Site, Sizes};
use crate::store::{Commit, StoreError};
use crate::sys::{files, peer, random};

/// The user that the daemon runs as, and its group.
const USER: &str = "mfad";

/// Folders that root writes and the daemon reads.
const CONFIG_FOLDER_MODE: u32 = 0o750;
/// The configuration: the daemon reads it through its group.
const CONFIG_MODE: u32 = 0o640;
/// The folder of the store.
const STATE_FOLDER_MODE: u32 = 0o700;
/// Where systemd keeps sealed credentials.
const CREDENTIALS_MODE: u32 = 0o700;

/// Column at which the remark of a line begins.
const REMARK_COLUMN: usize = 31;

const THERE: &str = "already there, left alone";

const WRITE_IT_DOWN: &str = "Write the key down now and keep it off this host. It is the key \
itself, as\n  13 groups of 4 base32 signs plus a check group; `mfad --init --key-stdin`\n  takes it \
back. Without it a dead host means: every user enrols again.";

/// What `mfad --init` is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The configuration.
    pub config: PathBuf,
    /// Everything is below this folder.
    pub root: PathBuf,
    /// The key is typed in instead of made.
    pub key_stdin: bool,
}

/// Where everything is or will be.
struct Plan {
    config: PathBuf,
    config_there: bool,
    state_dir: PathBuf,
    node: String,
    key: KeySource,
}

/// The master key and where it lies.
struct MasterKey {
    key: SecretKey,
    path: PathBuf,
    remark: String,
    /// What is still to be written to `path`.
    content: Option<SecretBytes>,
}

/// Makes what is missing.
///
/// # Errors
/// [`Failure`]; what was made until then stays, and the next run goes on from there.
pub fn run(options: &Options, world: &mut World<'_>) -> Result<u8, Failure> {
    if options.root == Path::new("/") && !places::is_root() {
        return Err(
            Failure::new(status::NOT_ALLOWED, "setting up mfad needs root")
                .why("it writes below /etc and /var/lib")
                .attempt("sudo mfad --init"),
        );
    }
    let mut plan = Plan::read(options, world)?;
    let store = plan.state_dir.join(STORE_FILE);
    let key = master_key(options, &mut plan, &store, world)?;
    write_config(&plan, world)?;
    write_key(&key, &plan, world)?;
    make_store(&plan, &store, &key.key, world)?;
    offer(&key.key, world)?;
    world.say("next  mfactl gateway new NAME --address IP --kind KIND --write");
    Ok(status::OK)
}

impl Plan {
    fn read(options: &Options, world: &World<'_>) -> Result<Self, Failure> {
        let config = places::below(&options.root, &options.config);
        let mut plan = Self {
            config_there: config.exists(),
            state_dir: places::below(&options.root, Path::new("/var/lib/mfad")),
            node: world.around.hostname.clone(),
            key: KeySource::Credential(KEY_CREDENTIAL.to_owned()),
            config,
        };
        if plan.config_there {
            plan.follow(&options.root)?;
        }
        Ok(plan)
    }

    /// Takes from the configuration what it states of places. Whether all of it is right is for
    /// `mfad --check` to judge: gateways may still be half written.
    fn follow(&mut self, root: &Path) -> Result<(), Failure> {
        let unreadable = |why: String| {
            Failure::new(
                status::CONFIG,
                "the configuration that is there cannot be read",
            )
            .why(why)
            .place(self.config.display().to_string())
            .attempt("mfad --check")
        };
        let text =
            fs::read_to_string(&self.config).map_err(|error| unreadable(error.to_string()))?;
        let stated: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| unreadable(error.message().to_owned()))?;
        let text = |table: &str, key: &str| {
            let value = stated.get(table).and_then(|table| table.get(key));
            value.and_then(|value| value.as_str()).map(str::to_owned)
        };
        if let Some(folder) = text("store", "folder") {
            self.state_dir = places::below(root, Path::new(&folder));
        }
        if let Some(node) = stated.get("node").and_then(|node| node.as_str()) {
            node.clone_into(&mut self.node);
        }
        if let Some(file) = text("key", "file") {
            let folder = self.config.parent().unwrap_or_else(|| Path::new("/"));
            self.key = KeySource::File(places::below(root, &folder.join(file)));
        } else if let Some(name) = text("key", "credential") {
            self.key = KeySource::Credential(name);
        }
        Ok(())
    }

    fn key_path(&self, root: &Path) -> PathBuf {
        match &self.key {
            KeySource::File(path) => path.clone(),
            KeySource::Credential(name) => places::credential(root, name),
        }
    }
}

/// Finds the key, takes it or makes it; writes nothing yet.
fn master_key(
    options: &Options,
    plan: &mut Plan,
    store: &Path,
    world: &mut World<'_>,
) -> Result<MasterKey, Failure> {
    let typed = if options.key_stdin {
        Some(typed_key(world)?)
    } else {
        None
    };
    let path = plan.key_path(&options.root);
    if path.exists() {
        return existing_key(options, plan, path, typed, world);
    }
    let (key, origin) = match typed {
        Some(key) => {
            if store.exists() {
                opens(&key, store)?;
            }
            (key, "the typed key")
        }
        None if store.exists() => {
            return Err(Failure::new(status::CANNOT_CREATE, "no master key was made")
                .why(format!("{} exists, and a new key does not open it", store.display()))
                .remedy(format!(
                    "take the key from where it was written down: mfad --init --key-stdin\nor put \
                     it back at {}",
                    path.display()
                ))
                .name("E_SEALED"));
        }
        None => {
            let octets = random::array().map_err(|error| cannot("make a key", &error))?;
            (SecretKey::new(octets), "master key")
        }
    };
    keep(key, origin, options, plan)
}

/// Decides where a new key is kept: sealed to this host if that can be had.
fn keep(
    key: SecretKey,
    origin: &str,
    options: &Options,
    plan: &mut Plan,
) -> Result<MasterKey, Failure> {
    let mut text = SecretBytes::copy_of(key::text(&key).expose().as_bytes());
    if let KeySource::Credential(name) = &plan.key {
        let sealed = if options.root == Path::new("/") {
            places::seal(name, text.expose())
        } else {
            // Another system's key cannot be sealed by this one.
            Err(std::io::Error::other("a folder is set up, not this host"))
        };
        match sealed {
            Ok(sealed) => text = SecretBytes::new(sealed),
            Err(error) if plan.config_there => {
                return Err(
                    Failure::new(status::CANNOT_CREATE, "the key cannot be sealed")
                        .why(error.to_string())
                        .place(plan.config.display().to_string())
                        .remedy(
                            "state `file = \"mfad.key\"` in its table [key], then the same again",
                        ),
                );
            }
            Err(_) => plan.key = KeySource::File(plan.config.with_file_name(KEY_CREDENTIAL)),
        }
    }
    let kept = match plan.key {
        KeySource::Credential(_) if places::has_tpm() => "sealed to this host + TPM",
        KeySource::Credential(_) => "sealed to this host",
        KeySource::File(_) => "readable by mfad alone",
    };
    Ok(MasterKey {
        key,
        path: plan.key_path(&options.root),
        remark: format!("{origin}, {kept}"),
        content: Some(text),
    })
}

fn existing_key(
    options: &Options,
    plan: &Plan,
    path: PathBuf,
    typed: Option<SecretKey>,
    world: &World<'_>,
) -> Result<MasterKey, Failure> {
    let known = places::master_key(&plan.key, &options.root, &world.around).map_err(|error| {
        Failure::new(
            status::CANNOT_CREATE,
            "the master key that is there cannot be used",
        )
        .why(error.to_string())
        .remedy(format!(
            "if it is of another host, move {} away, then: mfad --init --key-stdin",
            path.display()
        ))
    })?;
    if typed.is_some_and(|typed| !typed.equals(known.expose())) {
        return Err(
            Failure::new(status::CANNOT_CREATE, "the typed key was not taken")
                .why(format!("{} holds another one", path.display()))
                .remedy("move that away if the typed one is right, then the same again"),
        );
    }
    Ok(MasterKey {
        key: known,
        path,
        remark: THERE.to_owned(),
        content: None,
    })
}

fn typed_key(world: &mut World<'_>) -> Result<SecretKey, Failure> {
    let text = world
        .asks
        .secret("Master key, 13 groups and the check group: ")
        .map_err(|error| unanswered(&error))?;
    key::parse(text.expose()).ok_or_else(|| {
        Failure::new(status::DATA, "that is not a master key")
            .why("13 groups of 4 base32 signs and a check group, on one line; a sign is wrong")
            .remedy("compare with the paper: 0, 1, 8 and 9 do not occur")
    })
}

/// Proves that a typed key is the one of the store that is there.
fn opens(key: &SecretKey, store: &Path) -> Result<(), Failure> {
    let keys = Keys::derive(key).map_err(|error| cannot("derive keys", &error))?;
    match sqlite::inspect(store, &keys) {
        Ok(_) => Ok(()),
        Err(StoreError::Sealed) => Err(Failure::new(status::DATA, "the typed key was not taken")
            .why(format!("it does not open {}", store.display()))
            .name("E_SEALED")),
        Err(error) => Err(cannot("open the store with the typed key", &error)),
    }
}

fn write_config(plan: &Plan, world: &mut World<'_>) -> Result<(), Failure> {
    let folder = plan.config.parent().unwrap_or_else(|| Path::new("/"));
    make_folder(folder, CONFIG_FOLDER_MODE, None)?;
    if plan.config_there {
        line(world, &plan.config, "", THERE);
    } else {
        let text = config_text(&plan.key);
        files::write_new(&plan.config, text.as_bytes(), files::Existing::Keep)
            .map_err(|error| cannot("write the configuration", &error))?;
        give(&plan.config, CONFIG_MODE, None)?;
        line(
            world,
            &plan.config,
            "",
            "commented, every default shown; 0 gateways",
        );
    }
    let gateways = folder.join(GATEWAYS_FOLDER);
    let made = make_folder(&gateways, CONFIG_FOLDER_MODE, None)?;
    line(
        world,
        &gateways,
        "/",
        if made { "one file per gateway" } else { THERE },
    );
    Ok(())
}

/// The sample, with the file of the key stated if that is where it is.
fn config_text(key: &KeySource) -> String {
    let text = keys::sample_file();
    match key {
        KeySource::Credential(_) => text,
        KeySource::File(_) => {
            let stated = format!("\nfile = \"{KEY_CREDENTIAL}\"\n");
            text.replacen("\n# file is not set\n", &stated, 1)
        }
    }
}

fn write_key(key: &MasterKey, plan: &Plan, world: &mut World<'_>) -> Result<(), Failure> {
    if let Some(content) = &key.content {
        if let Some(folder) = key.path.parent() {
            make_folder(folder, CREDENTIALS_MODE, None)?;
        }
        files::write_new(&key.path, content.expose(), files::Existing::Keep)
            .map_err(|error| cannot("write the master key", &error))?;
        if matches!(plan.key, KeySource::File(_)) {
            give(&key.path, 0o600, Some(USER))?;
        }
    }
    line(world, &key.path, "", &key.remark);
    Ok(())
}

fn make_store(
    plan: &Plan,
    store: &Path,
    key: &SecretKey,
    world: &mut World<'_>,
) -> Result<(), Failure> {
    make_folder(&plan.state_dir, STATE_FOLDER_MODE, Some(USER))?;
    if store.exists() {
        line(world, &plan.state_dir, "/", THERE);
        return Ok(());
    }
    places::become_owner(&plan.state_dir)?;
    let failed = |error: &dyn Error| cannot("make an empty store", error);
    let keys = Keys::derive(key).map_err(|error| failed(&error))?;
    let nonce: [u8; NONCE_OCTETS] = random::array().map_err(|error| failed(&error))?;
    let boot: [u8; 8] = random::array().map_err(|error| failed(&error))?;
    let site = Site {
        path: store,
        keys: &keys,
        node: Arc::from(plan.node.as_str()),
        boot: Arc::from(crate::domain::sealed::hex(&boot)),
        fence: Fence {
            now: world.now,
            window_steps: 0,
        },
        sizes: Sizes {
            readers: 1,
            log_octets: 0,
            ..Sizes::default()
        },
    };
    let Opened { writer, reader, .. } =
        sqlite::open(&site, Mode::Create { nonce }).map_err(|error| failed(&error))?;
    drop(reader);
    Box::new(writer).close().map_err(|error| failed(&error))?;
    line(world, &plan.state_dir, "/", "empty store, audit record 1");
    Ok(())
}

/// Tells to write the key down, and shows it to whoever asks at the terminal.
fn offer(key: &SecretKey, world: &mut World<'_>) -> Result<(), Failure> {
    world.sign(Sign::Warning, WRITE_IT_DOWN);
    if !world.asks.is_terminal() {
        world.say("  show it: run mfad --init again at a terminal");
        return Ok(());
    }
    let answer = world
        .asks
        .line("  show it: press s, then Enter; Enter alone goes on: ")
        .map_err(|error| unanswered(&error))?;
    if !answer.trim().eq_ignore_ascii_case("s") {
        return Ok(());
    }
    let written = key::text(key);
    let groups: Vec<&str> = written.expose().split('-').collect();
    let rows: Vec<String> = groups.chunks(7).map(|row| row.join("-")).collect();
    let shown = Secret::new(format!("Master key of mfad\n\n  {}", rows.join("-\n  ")));
    world.asks.show(&shown).map_err(|error| unanswered(&error))
}

fn line(world: &mut World<'_>, path: &Path, slash: &str, remark: &str) {
    let path = format!("{}{slash}", path.display());
    world.sign(Sign::Good, format_args!("{path:REMARK_COLUMN$}  {remark}"));
}

/// Makes a folder and those above it; whether it was not there.
fn make_folder(folder: &Path, mode: u32, owner: Option<&str>) -> Result<bool, Failure> {
    if folder.is_dir() {
        return Ok(false);
    }
    if let Some(above) = folder.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(above)
            .map_err(|error| cannot("make a folder", &error).place(above.display().to_string()))?;
    }
    DirBuilder::new()
        .mode(mode)
        .create(folder)
        .map_err(|error| cannot("make a folder", &error).place(folder.display().to_string()))?;
    give(folder, mode, owner)?;
    Ok(true)
}

/// Sets mode, group and, if one is named, owner; where there is no such user they stay.
fn give(path: &Path, mode: u32, owner: Option<&str>) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| cannot("set rights", &error).place(path.display().to_string());
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
    if places::is_root() {
        lchown(path, owner.and_then(peer::user_id), peer::group_id(USER)).map_err(failed)?;
    }
    Ok(())
}

/// An error of the system or of a part, with all that lies behind it.
pub(super) fn cannot(what: &str, error: &dyn Error) -> Failure {
    let mut why = error.to_string();
    let mut behind = error.source();
    while let Some(source) = behind {
        why.push_str(&format!(": {source}"));
        behind = source.source();
    }
    Failure::new(status::CANNOT_CREATE, format!("cannot {what}")).why(why)
}

/// Nobody has answered a question.
pub(super) fn unanswered(error: &std::io::Error) -> Failure {
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<Interrupted>())
    {
        return Failure::new(130, "interrupted").why("a question was not answered");
    }
    Failure::new(status::NO_INPUT, "a question was not answered").why(error.to_string())
}
