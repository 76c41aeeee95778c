//! A throw-away instance: folder, configuration, key, and a store filled by the library itself.
//!
//! Nothing is faked: seeds are sealed by the keys that the daemon will derive, PIN hashes are the
//! ones of production, and every person comes in with an audit record, as if an operator had made
//! them all in one night.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use mfad::daemon::{instance, key};
use mfad::domain::event::{Event, Origin};
use mfad::domain::pin::PinRecord;
use mfad::domain::sealed::Field;
use mfad::domain::token_record::{Base, Token, TokenKind};
use mfad::domain::user::{AuthState, Profile, UserId, UserState};
use mfad::secret::SecretKey;
use mfad::store::pin_hash::PinHasher;
use mfad::store::seal::Keys;
use mfad::store::sqlite::{self, Fence, Mode, Sizes, SqliteWriter};
use mfad::store::{Body, Change, Commit, Key, Outcome, Write};
use mfad::sys::clock::Clock;
use mfad::sys::random;
use mfad::time::Now;
use mfad::token::{Otp, TokenId};
use tempfile::TempDir;

use crate::Failure;
use crate::people::{self, People};

/// Changes in one commit while the store is filled.
const FILL_CHANGES: usize = 4_096;

/// A gateway of the instance.
pub(crate) struct Gateway {
    name: &'static str,
    /// Where it sends from.
    pub(crate) address: Ipv4Addr,
    /// Long enough for the checks of the configuration.
    pub(crate) secret: &'static str,
    first_factor: &'static str,
    passcode: &'static str,
}

/// Wants the code alone.
pub(crate) const OTP: Gateway = Gateway {
    name: "otp",
    address: Ipv4Addr::new(127, 0, 0, 1),
    secret: "load-Hx7-first-gateway-0451",
    first_factor: "gateway",
    passcode: "otp",
};

/// Wants PIN and code.
pub(crate) const PIN: Gateway = Gateway {
    name: "pin",
    address: Ipv4Addr::new(127, 0, 0, 2),
    secret: "load-Kq2-second-gateway-9823",
    first_factor: "pin",
    passcode: "pin+otp",
};

/// Has checked the password, and asks for the code.
pub(crate) const ASKING: Gateway = Gateway {
    name: "asking",
    address: Ipv4Addr::new(127, 0, 0, 3),
    secret: "load-Wd5-third-gateway-3307",
    first_factor: "gateway",
    passcode: "challenge",
};

/// Has checked nothing, and asks for the code.
pub(crate) const BLIND: Gateway = Gateway {
    name: "blind",
    address: Ipv4Addr::new(127, 0, 0, 4),
    secret: "load-Tz8-fourth-gateway-6118",
    first_factor: "none",
    passcode: "challenge",
};

const GATEWAYS: [Gateway; 4] = [OTP, PIN, ASKING, BLIND];

/// Whether the daemon remembers PINs that were right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PinMemory {
    /// As it does.
    Kept,
    /// Every PIN is checked as if for the first time.
    Off,
}

/// An instance on disk, not running.
pub(crate) struct Instance {
    /// Goes with everything in it at the end.
    pub(crate) folder: TempDir,
    /// Where the daemon will listen.
    pub(crate) server: SocketAddr,
}

impl Instance {
    /// Makes the folder below `base` and fills the store with these people.
    pub(crate) fn make(
        base: &Path,
        people: &People,
        memory: PinMemory,
        clock: &Clock,
    ) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("mfad-load-")
            .tempdir_in(base)?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        // Free at this moment; nobody else is expected to want it in the next.
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let master = SecretKey::new(random::array()?);
        write_files(folder.path(), server, &master, memory)?;
        let keys = Keys::derive(&master)?;
        let site = sqlite::Site {
            path: &instance::store_path(&folder.path().join("state")),
            keys: &keys,
            node: Arc::from("load"),
            boot: Arc::from("load"),
            fence: Fence {
                now: clock.now(),
                window_steps: 1,
            },
            sizes: Sizes::default(),
        };
        let opened = sqlite::open(
            &site,
            Mode::Create {
                nonce: random::array()?,
            },
        )?;
        fill(opened.writer, &keys, people, clock)?;
        Ok(Self { folder, server })
    }
}

fn write_files(
    folder: &Path,
    server: SocketAddr,
    master: &SecretKey,
    memory: PinMemory,
) -> Result<(), Failure> {
    let place = folder.display();
    fs::create_dir(folder.join("state"))?;
    let mut gateways = String::new();
    for gateway in GATEWAYS {
        let Gateway {
            name,
            address,
            secret,
            first_factor,
            passcode,
        } = gateway;
        let _ = write!(
            gateways,
            "[gateway.{name}]\naddresses = [\"{address}\"]\nsecret_file = \"{name}.secret\"\n\
             first_factor = \"{first_factor}\"\npasscode = \"{passcode}\"\n\
             allow_passthrough = false\n\n"
        );
        write_private(&folder.join(format!("{name}.secret")), secret)?;
    }
    let limits = match memory {
        PinMemory::Kept => "",
        PinMemory::Off => "[limits]\npin_memory_entries = 0\n\n",
    };
    let config = format!(
        "node = \"load\"\n\n[store]\nfolder = \"{place}/state\"\n\n[key]\nfile = \"{place}/key\"\n\n\
         [radius]\nlisten = [\"{server}\"]\n\n[control]\nsocket = \"{place}/control\"\n\n{limits}{gateways}"
    );
    write_private(&folder.join("mfad.toml"), &config)?;
    write_private(&folder.join("key"), key::text(master).expose())
}

/// Writes a file that nobody else may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}

fn fill(
    mut writer: SqliteWriter,
    keys: &Keys,
    people: &People,
    clock: &Clock,
) -> Result<(), Failure> {
    let mut hasher = PinHasher::new();
    let mut batch = Vec::with_capacity(FILL_CHANGES);
    for number in 0..people.len() {
        let now = clock.now();
        batch.push(arrival(keys, &mut hasher, people, number, now)?);
        if batch.len() == FILL_CHANGES || number + 1 == people.len() {
            let outcomes = writer.commit(&batch)?;
            if outcomes.contains(&Outcome::Conflict) {
                return Err("two people of the same name or id".into());
            }
            batch.clear();
        }
    }
    writer.close()?;
    Ok(())
}

fn pin(keys: &Keys, hasher: &mut PinHasher, id: UserId, now: Now) -> Result<PinRecord, Failure> {
    let hash = hasher.hash(&keys.pin_digest(id, people::PIN), random::array()?)?;
    Ok(PinRecord {
        hash: keys.seal(Field::Pin(id), hash.expose(), random::array()?)?,
        set_at: now.wall,
        set_by: "load".to_owned(),
        must_change: false,
    })
}

/// The change that brings one person in: steady, with a registered HOTP token.
fn arrival(
    keys: &Keys,
    hasher: &mut PinHasher,
    people: &People,
    number: usize,
    now: Now,
) -> Result<Change, Failure> {
    let (id, name) = (UserId(random::array()?), people.name(number));
    let token = token_id(number)?;
    let seed = keys.seal(
        Field::Seed(id, token),
        people.seed(number),
        random::array()?,
    )?;
    let has_pin = number < people.pins;
    let pin = has_pin.then(|| pin(keys, hasher, id, now)).transpose()?;
    let token = Token {
        id: token,
        kind: TokenKind::Hotp,
        base: Base::Registered,
        otp: Some(Otp::HOTP),
        seed: Some(seed),
        recovery: Vec::new(),
        questions: None,
        description: String::new(),
        serial: None,
        weak: false,
        created: now.wall,
        created_by: "load".to_owned(),
        registered_at: Some(now.wall),
        disabled_from: None,
        disabled_until: None,
        obsolete_reason: None,
        expires: None,
        last_tested: None,
        delivery: None,
        updated: now.wall,
        extra: serde_json::Map::new(),
    };
    let profile = Profile {
        name: name.clone(),
        state: UserState::Steady,
        state_since: now.wall,
        state_by: "auto".to_owned(),
        pin,
        tokens: vec![token],
        created: now.wall,
        updated: now.wall,
        ..Profile::default()
    };
    let auth = AuthState {
        revision: 1,
        ..AuthState::default()
    };
    let body = Body::User {
        profile: Some(Arc::new(profile)),
        auth,
    };
    Ok(Change {
        writes: vec![Write {
            key: Key::User(id),
            expected: None,
            body: Some(body),
        }],
        origin: Origin::system(),
        events: vec![Event::new("user.added").user(id, &name)],
        at: now,
    })
}

/// A token id of its own for each person: drawn ones would meet, as they do in a large store, where
/// the daemon then draws again.
fn token_id(number: usize) -> Result<TokenId, Failure> {
    let number = u32::try_from(number)?;
    Ok(TokenId::from_random(
        [20, 15, 10, 5, 0].map(|bits| (number >> bits & 31).to_le_bytes()[0]),
    ))
}
