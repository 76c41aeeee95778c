//! The embedded store: the contract, and what concerns its files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mfad::domain::device_auth::DeviceAuth;
use mfad::domain::token_record::TokenKind;
use mfad::secret::SecretKey;
use mfad::store::seal::Keys;
use mfad::store::sqlite::{Fence, Mode, Opened, Restored, Site, Sizes, open, restore};
use mfad::store::{Commit as _, Find, Outcome, Read as _, StoreError};
use mfad::time::{Now, Timestamp};
use tempfile::TempDir;

use super::contract::{self, Factory, Store};
use super::samples::*;

const NONCE: [u8; 12] = [5; 12];

pub(crate) fn keys(octet: u8) -> Keys {
    Keys::derive(&SecretKey::new([octet; 32])).unwrap()
}

pub(crate) fn site<'a>(path: &'a Path, keys: &'a Keys, now: Now) -> Site<'a> {
    Site {
        path,
        keys,
        node: Arc::from("node1"),
        boot: Arc::from("boot1"),
        fence: Fence {
            now,
            window_steps: 1,
        },
        sizes: Sizes {
            readers: 2,
            log_octets: 1 << 16,
            ..Sizes::default()
        },
    }
}

pub(crate) struct Folder {
    pub(crate) folder: TempDir,
    pub(crate) keys: Keys,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            keys: keys(1),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mfad.db")
    }

    pub(crate) fn create(&self) -> Opened {
        open(
            &site(&self.path(), &self.keys, at(0)),
            Mode::Create { nonce: NONCE },
        )
        .unwrap()
    }

    pub(crate) fn try_open(&self, now: Now) -> Result<Opened, StoreError> {
        open(&site(&self.path(), &self.keys, now), Mode::Existing)
    }

    pub(crate) fn open(&self) -> Opened {
        self.try_open(at(0)).unwrap()
    }

    pub(crate) fn restore(&self, backup: &Path, now: Now) -> Result<Restored, StoreError> {
        restore(&site(&self.path(), &self.keys, now), backup)
    }
}

struct Sqlite;

impl Factory for Sqlite {
    fn fresh(&self) -> Store {
        let folder = Folder::new();
        let opened = folder.create();
        Store {
            writer: Box::new(opened.writer),
            reader: opened.reader,
            _keep: Box::new(folder),
        }
    }
}

macro_rules! keeps_the_contract {
    ($($promise:ident),* $(,)?) => {
        $(#[test]
        fn $promise() {
            contract::$promise(&Sqlite);
        })*
    };
}

keeps_the_contract!(
    what_is_committed_is_read_back,
    an_old_revision_is_a_conflict,
    changes_of_a_batch_are_judged_one_by_one,
    what_cannot_be_written_is_refused_alone,
    a_change_is_all_or_nothing,
    names_ids_and_serials_are_unique,
    a_rename_keeps_the_person,
    a_deleted_person_leaves_only_the_audit_log,
    what_a_newer_daemon_wrote_is_kept,
    hardware_moves_in_one_change,
    a_message_goes_with_its_change,
    a_compromised_serial_stays_taken,
    people_are_found_and_counted,
    a_lock_by_a_sign_in_is_found_and_leaves,
    the_audit_log_is_read_in_pages,
);

pub(crate) fn commit(opened: &mut Opened, change: mfad::store::Change) {
    let outcomes = opened.writer.commit(&[change]).unwrap();
    assert!(matches!(outcomes[0], Outcome::Committed { .. }));
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let folder = Folder::new();
    let mut opened = folder.create();
    let mut ada = user(1, "ada");
    commit(&mut opened, add(&ada));
    let next = opened.writer.next_seq();
    opened.writer.close().unwrap();
    let mut opened = folder.open();
    assert!(!opened.unclean);
    assert_eq!(opened.writer.next_seq(), next);
    commit(&mut opened, sign_in(&mut ada, 9));
    drop(opened);
    let opened = folder.open();
    assert!(opened.unclean && !opened.unchecked && opened.fenced.is_none());
    assert_eq!(opened.reader.user(id(1)).unwrap().unwrap(), ada);
    assert_eq!(opened.writer.next_seq(), next + 1);
}

#[test]
fn one_daemon_at_a_time() {
    let folder = Folder::new();
    let opened = folder.create();
    assert!(matches!(folder.try_open(at(0)), Err(StoreError::InUse(_))));
    let backup = folder.folder.path().join("b");
    assert!(matches!(
        folder.restore(&backup, at(0)),
        Err(StoreError::InUse(_))
    ));
    opened.writer.close().unwrap();
    drop(folder.open());
}

#[test]
fn never_another_key_over_old_data() {
    let folder = Folder::new();
    folder.create().writer.close().unwrap();
    let other = keys(2);
    let path = folder.path();
    let before = fs::read(&path).unwrap();
    let tried = open(&site(&path, &other, at(0)), Mode::Existing);
    assert!(matches!(tried, Err(StoreError::Sealed)));
    let tried = open(&site(&path, &other, at(0)), Mode::Create { nonce: NONCE });
    assert!(matches!(tried, Err(StoreError::Io { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
    drop(folder.open());
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let folder = Folder::new();
    assert!(matches!(folder.try_open(at(0)), Err(StoreError::Io { .. })));
    assert!(!folder.path().exists());
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = Folder::new();
    folder.create().writer.close().unwrap();
    let raw = rusqlite::Connection::open(folder.path()).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let tried = folder.try_open(at(0));
    assert!(matches!(tried, Err(StoreError::Newer { found: 99, .. })));
}

#[test]
fn all_files_are_private() {
    let folder = Folder::new();
    let mut opened = folder.create();
    commit(&mut opened, add(&user(1, "ada")));
    let backup = folder.folder.path().join("backup.mfad");
    opened.reader.snapshot(&backup, at(0)).unwrap();
    opened.writer.idle(at(100)).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(folder.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
        seen += 1;
    }
    assert_eq!(seen, 6, "database, log, index, lock, checkpoint, backup");
}

#[test]
fn a_copied_row_does_not_open() {
    for copied in [
        "UPDATE users SET (profile, sum) = (SELECT profile, sum FROM users WHERE name = 'ada')",
        "UPDATE auth SET body = (SELECT a.body FROM auth a ORDER BY a.id LIMIT 1)",
    ] {
        let folder = Folder::new();
        let mut opened = folder.create();
        commit(&mut opened, add(&user(1, "ada")));
        commit(&mut opened, add(&user(2, "eve")));
        opened.writer.close().unwrap();
        let raw = rusqlite::Connection::open(folder.path()).unwrap();
        raw.execute_batch(copied).unwrap();
        drop(raw);
        let opened = folder.open();
        assert!(opened.reader.user(id(1)).unwrap().is_some());
        let eve = opened.reader.user_by_name("eve");
        assert!(matches!(eve, Err(StoreError::Corrupt { .. })));
    }
}

#[test]
fn a_user_without_an_auth_state_is_found_out() {
    let folder = Folder::new();
    let mut opened = folder.create();
    let (ada, ben) = (user(1, "ada"), user(2, "ben"));
    drop(opened.writer.commit(&[add(&ada), add(&ben)]).unwrap());
    let conn = rusqlite::Connection::open(folder.path()).unwrap();
    let gone = conn.execute("DELETE FROM auth WHERE id = 1", []).unwrap();
    assert_eq!(gone, 1);
    let corrupt = |error| matches!(error, StoreError::Corrupt { .. });
    assert!(corrupt(opened.reader.user_by_name("ada").unwrap_err()));
    assert!(corrupt(
        opened.reader.find(&Find::default(), "", 9).unwrap_err()
    ));
    assert_eq!(opened.reader.user(ben.id).unwrap(), Some(ben));
}

#[test]
fn an_index_that_leads_elsewhere_is_found_out() {
    let folder = Folder::new();
    let mut opened = folder.create();
    commit(&mut opened, add(&user(1, "ada")));
    opened.writer.close().unwrap();
    let raw = rusqlite::Connection::open(folder.path()).unwrap();
    raw.execute_batch("UPDATE users SET name = 'root'").unwrap();
    drop(raw);
    let root = folder.open().reader.user_by_name("root");
    assert!(matches!(root, Err(StoreError::Corrupt { .. })));
}

/// One of everything that can be used again.
pub(crate) fn with_everything() -> mfad::domain::user::UserRecord {
    let mut ada = user(1, "ada");
    ada.profile_mut().tokens = vec![
        token(1, TokenKind::Totp, None),
        token(2, TokenKind::Hotp, None),
        token(3, TokenKind::Recovery, None),
    ];
    ada.profile_mut().grants = vec![grant(1)];
    ada.profile_mut().auth_code = Some(auth_code());
    ada.profile_mut().device_auth = Some(DeviceAuth {
        proven_until: Some(Timestamp::NEVER),
        ..DeviceAuth::default()
    });
    ada
}

pub(crate) fn assert_fenced(opened: &Opened, now: Now) {
    let ada = opened.reader.user(id(1)).unwrap().unwrap();
    let state = |number| ada.auth.token(token_id(number)).unwrap();
    // The window, and as far as a device may have been found to be fast since.
    let unused = now.wall.unix_seconds() / 30 + 1 + 10 + 1;
    assert_eq!(state(1).next_factor, unused);
    assert!(state(2).resync_required);
    assert_eq!(ada.profile.tokens[2].codes_left(Some(state(3))), 0);
    assert_eq!(ada.profile.auth_code, None);
    assert_eq!(ada.profile.device_auth, None);
    let grant = &ada.profile.grants[0];
    assert!(!grant.valid(ada.auth.grant(1), None, at(10)));
    let passthrough = Find {
        passthrough: true,
        ..Find::default()
    };
    assert_eq!(opened.reader.find(&passthrough, "", 9).unwrap().len(), 0);
    let pool = opened.reader.hardware("S1").unwrap().unwrap();
    assert_eq!((pool.next_factor, pool.resync_required), (unused, false));
    let event_based = opened.reader.hardware("S2").unwrap().unwrap();
    assert!(event_based.resync_required);
    assert_eq!(opened.reader.outbox(9).unwrap(), []);
}

/// A pool with a token of each kind.
pub(crate) fn pool_of_two() -> mfad::store::Change {
    let mut event_based = pool("S2", None, true);
    if let Some(mfad::store::Body::Hardware(token)) = &mut event_based.body {
        (token.kind, token.otp) = (TokenKind::Hotp, mfad::token::Otp::HOTP);
    }
    pool_change(vec![pool("S1", None, true), event_based])
}

#[test]
fn a_restored_backup_lets_nothing_in_twice() {
    let folder = Folder::new();
    let mut opened = folder.create();
    let mut ada = with_everything();
    commit(&mut opened, add(&ada));
    commit(&mut opened, pool_of_two());
    commit(&mut opened, pool_change(vec![message(1, None, true)]));
    let backup = folder.folder.path().join("backup.mfad");
    let manifest = opened.reader.snapshot(&backup, at(60)).unwrap();
    assert_eq!(
        (manifest.users, manifest.seq),
        (1, opened.writer.next_seq() - 1)
    );
    assert!(
        opened.reader.snapshot(&backup, at(61)).is_err(),
        "overwrote a backup"
    );
    commit(&mut opened, sign_in(&mut ada, 60_000_000));
    commit(&mut opened, add(&user(9, "bob")));
    opened.writer.close().unwrap();
    drop(opened.reader);

    let now = at(7200);
    let restored = folder.restore(&backup, now).unwrap();
    assert_eq!(restored.manifest, manifest);
    let fenced = restored.fenced;
    assert_eq!((fenced.users, fenced.totp, fenced.hotp), (1, 1, 1));
    assert_eq!((fenced.recovery, fenced.grants, fenced.hardware), (1, 1, 2));
    assert_eq!(
        fenced.messages, 1,
        "whoever went on with the store has sent it"
    );
    assert_eq!(fenced.auth_codes, 1);
    let aside = restored.moved_to.unwrap();
    let opened = folder.try_open(now).unwrap();
    assert!(opened.fenced.is_none(), "fenced twice");
    assert_fenced(&opened, now);
    assert!(opened.reader.user(id(9)).unwrap().is_none());
    assert_eq!(opened.writer.next_seq(), manifest.seq + 2);
    drop(opened);

    // The old store is whole where it lies now.
    let old = open(&site(&aside, &folder.keys, now), Mode::Existing).unwrap();
    assert_eq!(old.reader.user(id(1)).unwrap().unwrap(), ada);
    assert!(old.reader.user(id(9)).unwrap().is_some());
}

#[test]
fn a_backup_needs_its_key_and_its_manifest() {
    let folder = Folder::new();
    let opened = folder.create();
    let backup = folder.folder.path().join("backup.mfad");
    opened.reader.snapshot(&backup, at(0)).unwrap();
    opened.writer.close().unwrap();
    drop(opened.reader);
    let path = folder.path();
    let before = fs::read(&path).unwrap();
    let other = keys(2);
    let tried = restore(&site(&path, &other, at(9)), &backup);
    assert!(matches!(tried, Err(StoreError::Sealed)));
    let copy = folder.folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    let tried = folder.restore(&copy, at(9));
    assert!(matches!(tried, Err(StoreError::Corrupt { .. })));
    let tried = folder.restore(&folder.folder.path().join("none"), at(9));
    assert!(matches!(tried, Err(StoreError::Io { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_store_from_the_past_is_fenced_at_start() {
    let folder = Folder::new();
    let mut opened = folder.create();
    let mut ada = with_everything();
    commit(&mut opened, add(&ada));
    commit(&mut opened, pool_of_two());
    opened.writer.close().unwrap();
    drop(opened.reader);
    let past = fs::read(folder.path()).unwrap();
    let mut opened = folder.open();
    commit(&mut opened, sign_in(&mut ada, 60_000_000));
    opened.writer.close().unwrap();
    drop(opened.reader);

    // Somebody puts an older file back by hand; the checkpoint beside it stays.
    fs::write(folder.path(), past).unwrap();
    fs::remove_file(folder.folder.path().join("mfad.db-wal")).unwrap();
    let now = at(7200);
    let opened = folder.try_open(now).unwrap();
    assert_eq!(opened.fenced.unwrap().totp, 1);
    assert_fenced(&opened, now);
    opened.writer.close().unwrap();
    assert!(
        folder.try_open(now).unwrap().fenced.is_none(),
        "fenced twice"
    );
}
