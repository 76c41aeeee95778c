//! Bugs, planted where the simulation can reach: at the store, at the clock, in the rules that the
//! product is given. Each is a mistake somebody could make inside; each must be found.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use mfad::domain::attempt::{Attempt, Proof};
use mfad::domain::auth_code::AuthCodeRecord;
use mfad::domain::command::{Command, Step};
use mfad::domain::dialogue::{Dialogue, Kind, OPEN_MAX};
use mfad::domain::link::{Link, TRIES};
use mfad::domain::message::{Message, MessageId};
use mfad::domain::pin::PinRecord;
use mfad::domain::policy::{FirstFactorBy, Policy};
use mfad::domain::rekey::Rekey;
use mfad::domain::token_record::HardwareToken;
use mfad::domain::user::{AuthState, Profile, UserId, UserRecord};
use mfad::domain::wait;
use mfad::secret::SecretBytes;
use mfad::store::sqlite::SqliteReader;
use mfad::store::{
    AuditFilter, AuditPage, Body, Change, Commit, Counts, Find, Key, Outcome, Read, StoreError,
    Write,
};
use mfad::time::Timestamp;

use super::person::Person;
use super::site::lock;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A batch is acknowledged and committed with the next one.
    AcknowledgeBeforeCommit,
    /// Of a batch of several changes the last one is acknowledged and not written.
    LastOfBatchLost,
    /// A record is written and its audit events are not.
    EventsLost,
    /// A failure that was counted on a record that has changed since is dropped.
    CountLost,
    /// A lock is not written.
    LockLost,
    /// The stored counter is that of the accepted code, not the one after it.
    CodeStaysFresh,
    /// A grant that was seen past its end is not marked.
    GrantEndForgotten,
    /// A reader gives what it read first.
    StaleReads,
    /// One failure more than the limit is let through.
    LimitOffByOne,
    /// One counter too many is looked at.
    WindowOffByOne,
    /// The hard cap is forgotten.
    NoHardCap,
    /// The steady clock is that of the wall.
    ClockOfTheWall,
    /// Answers are not remembered for duplicates.
    DuplicatesForgotten,
    /// After a crash nothing is known of the last verdicts.
    PrimeSkipped,
    /// What cannot be decided is accepted.
    AcceptWhatCannotBeDecided,
    /// A Reject says why.
    TellingRejects,
    /// A Reject leaves at once.
    HastyRejects,
    /// A backup is put in place without being fenced.
    FenceSkipped,
    /// An audit record is changed behind the back of the chain.
    ChainLinkSkipped,
    /// A wait lives in memory only: what is read from the store has none.
    WaitForgottenByRestart,
    /// A failure from a station that is known is counted for the name.
    StationCountedForName,
    /// A sign-in clears the counts of everywhere, so that a guesser gets fresh guesses with each.
    SignInForgivesAll,
    /// A reload forgets what somebody has failed.
    ReloadForgetsCounters,
    /// A reload forgets what was answered.
    ReloadForgetsAnswers,
    /// A reload changes the gateways and not the rules.
    ReloadWithoutRules,
    /// A reload changes the rules and not the gateways.
    ReloadWithoutGateways,
    /// Somebody who was deleted is still there.
    DeletionLost,
    /// Who gets the name of somebody deleted gets the PIN, too.
    NameInherits,
    /// The pool forgets which codes of a device are used.
    PoolForgetsCodes,
    /// The pool forgets that a device waits to be resynchronised.
    PoolForgetsResync,
    /// The serial of a device that may be in strange hands is forgotten with its token.
    CompromisedForgotten,
    /// An auth code is good again after the change that voided it.
    AuthCodeComesBack,
    /// A new token is awaited although it is there.
    RekeyForever,
    /// A token that was shown and not proven lies about for ever.
    UnprovenForever,
    /// Somebody who has not signed in for too long may still.
    InactivityForgotten,
    /// An unlock does not begin the days without a sign-in anew.
    UnlockCountsForNothing,
    /// A device that was given to somebody is still in the pool. The store has a law of its own
    /// against this and the next: what is found is that it refuses.
    DeviceStaysInPool,
    /// A device that went back into the pool is still with its owner.
    DeviceStaysWithOwner,
    /// A token is brought into a person as that person was when another one was.
    BroughtOverOld,
    /// A State is good once more after it was answered.
    StateGoodTwice,
    /// A State is good at every gateway.
    StateGoodElsewhere,
    /// A State is good for everybody.
    StateGoodForOthers,
    /// A question can be answered after the lock that came upon it.
    StateOutlivesALock,
    /// A question can be answered for longer than it says.
    StateGoodTooLong,
    /// More questions are open than may be.
    OldestStaysOpen,
    /// What was asked before a restart is not known after it.
    QuestionForgottenByRestart,
    /// What was asked before a restore can be answered after it.
    QuestionKeptByRestore,
    /// Whoever was asked for a passcode has proven the first factor by that.
    AskedIsProven,
    /// Who is unknown is refused where others are asked.
    StrangersNotAsked,
    /// A link is good again after it was used, replaced or revoked.
    LinkComesBack,
    /// Wrong uses of a link are not counted.
    LinkTriesForgotten,
    /// Wrong auth codes are not counted.
    AuthCodeTriesForgotten,
    /// Whoever has a link needs no auth code.
    LinkNeedsNoCode,
    /// A link opens the enrolment under every name.
    LinkFitsEveryName,
    /// A change is written and the message that tells it is not.
    MessageLost,
    /// A message is written twice.
    MessageTwice,
    /// A new PIN is acknowledged and not written.
    NewPinLost,
    /// A device authorization code is good once more.
    DeviceCodeComesBack,
    /// A recovery code is good once more.
    PaperComesBack,
    /// Of a sign-in in several rounds the row does not keep what was right before.
    RoundsForgotten,
    /// How many codes were sent is forgotten.
    SendsForgotten,
    /// Nothing is ever synced: only a disk of its own shows it.
    NothingSynced,
}

impl Bug {
    pub(crate) const ALL: [Self; 55] = [
        Self::AcknowledgeBeforeCommit,
        Self::LastOfBatchLost,
        Self::EventsLost,
        Self::CountLost,
        Self::LockLost,
        Self::CodeStaysFresh,
        Self::GrantEndForgotten,
        Self::StaleReads,
        Self::LimitOffByOne,
        Self::WindowOffByOne,
        Self::NoHardCap,
        Self::ClockOfTheWall,
        Self::DuplicatesForgotten,
        Self::PrimeSkipped,
        Self::AcceptWhatCannotBeDecided,
        Self::TellingRejects,
        Self::HastyRejects,
        Self::FenceSkipped,
        Self::ChainLinkSkipped,
        Self::WaitForgottenByRestart,
        Self::StationCountedForName,
        Self::SignInForgivesAll,
        Self::ReloadForgetsCounters,
        Self::ReloadForgetsAnswers,
        Self::ReloadWithoutRules,
        Self::ReloadWithoutGateways,
        Self::DeletionLost,
        Self::NameInherits,
        Self::PoolForgetsCodes,
        Self::PoolForgetsResync,
        Self::CompromisedForgotten,
        Self::AuthCodeComesBack,
        Self::RekeyForever,
        Self::UnprovenForever,
        Self::InactivityForgotten,
        Self::UnlockCountsForNothing,
        Self::DeviceStaysInPool,
        Self::DeviceStaysWithOwner,
        Self::BroughtOverOld,
        Self::StateGoodTwice,
        Self::StateGoodElsewhere,
        Self::StateGoodForOthers,
        Self::StateOutlivesALock,
        Self::StateGoodTooLong,
        Self::OldestStaysOpen,
        Self::QuestionForgottenByRestart,
        Self::QuestionKeptByRestore,
        Self::AskedIsProven,
        Self::StrangersNotAsked,
        Self::LinkComesBack,
        Self::LinkTriesForgotten,
        Self::AuthCodeTriesForgotten,
        Self::LinkNeedsNoCode,
        Self::LinkFitsEveryName,
        Self::MessageLost,
    ];

    /// Those that conversations are to find.
    pub(crate) const IN_TALKS: [Self; 12] = [
        Self::PrimeSkipped,
        Self::AuthCodeComesBack,
        Self::StateGoodTwice,
        Self::OldestStaysOpen,
        Self::QuestionForgottenByRestart,
        Self::MessageLost,
        Self::MessageTwice,
        Self::NewPinLost,
        Self::DeviceCodeComesBack,
        Self::PaperComesBack,
        Self::RoundsForgotten,
        Self::SendsForgotten,
    ];

    /// Rules that are a little too kind.
    pub(crate) fn loosen(self, policy: &mut Policy) {
        let lockout = &mut policy.lockout;
        match self {
            Self::LimitOffByOne if lockout.user_max_failures > 0 => lockout.user_max_failures += 1,
            Self::WindowOffByOne => policy.hotp_look_ahead += 1,
            Self::UnprovenForever => policy.pending_ttl = std::time::Duration::ZERO,
            Self::InactivityForgotten => lockout.inactive = std::time::Duration::ZERO,
            Self::StateGoodTooLong => policy.challenge_ttl *= 2,
            Self::NoHardCap => lockout.hard_cap = u32::MAX,
            _ => {}
        }
    }
}

impl Bug {
    /// What was typed on a page is taken for what was right.
    pub(crate) fn misread_page(self, command: &mut Command, person: &Person) {
        let Command::Page(page) = command else {
            return;
        };
        let Step::Begin { user, code } = &mut page.what else {
            return;
        };
        let right = person.auth_code.as_ref().and_then(|it| it.text.as_ref());
        match self {
            Self::LinkNeedsNoCode => {
                *code = right.map(|text| SecretBytes::copy_of(text.as_bytes()));
            }
            Self::LinkFitsEveryName => person.name.clone_into(user),
            _ => {}
        }
    }

    /// An answer is taken for one that came another way.
    pub(crate) fn misread(self, attempt: &mut Attempt, reader: &SqliteReader) {
        let Proof::Answer {
            handle: Some(handle),
            ..
        } = &attempt.proof
        else {
            return;
        };
        let people = reader.find(&Find::default(), "", 100).unwrap_or_default();
        let named = |it: &&Dialogue| it.handle == handle.digest();
        let own = |record: &UserRecord| {
            let open = record.auth.dialogues.iter().find(named)?;
            Some((record.profile.name.clone(), Arc::clone(&open.gateway)))
        };
        let Some((name, gateway)) = people.iter().find_map(own) else {
            return;
        };
        match self {
            Self::StateGoodElsewhere => Arc::make_mut(&mut attempt.gateway).name = gateway,
            Self::StateGoodForOthers if attempt.user.is_some() => attempt.user = Some(name.into()),
            _ => {}
        }
    }
}

/// Commits, with a bug.
pub(crate) struct Spoiler {
    bug: Option<Bug>,
    late: Vec<Change>,
    /// What was written last of each person.
    before: HashMap<UserId, AuthState>,
    /// The last PIN of a name.
    pins: HashMap<String, PinRecord>,
    /// The last auth code of a name.
    codes: HashMap<String, AuthCodeRecord>,
    /// The last links of a name.
    links: HashMap<String, Vec<Link>>,
    /// The last reset of a secret of a name.
    rekeys: HashMap<String, Rekey>,
    /// The last profile of a name.
    profiles: HashMap<String, Profile>,
    reloaded: bool,
}

impl Spoiler {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self {
            bug,
            late: Vec::new(),
            before: HashMap::new(),
            pins: HashMap::new(),
            codes: HashMap::new(),
            links: HashMap::new(),
            rekeys: HashMap::new(),
            profiles: HashMap::new(),
            reloaded: false,
        }
    }

    /// The configuration was reloaded.
    pub(crate) fn reloaded(&mut self) {
        self.reloaded = true;
    }

    pub(crate) fn commit(
        &mut self,
        store: &mut dyn Commit,
        batch: &[Change],
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut spoiled = batch.to_vec();
        match self.bug {
            Some(Bug::AcknowledgeBeforeCommit) => {
                let late = std::mem::replace(&mut self.late, spoiled);
                if !late.is_empty() {
                    store.commit(&late)?;
                }
                return Ok(acknowledged(store.next_seq(), batch));
            }
            Some(Bug::LastOfBatchLost) if batch.len() > 1 => {
                let lost = spoiled.pop();
                let mut outcomes = store.commit(&spoiled)?;
                outcomes.extend(acknowledged(store.next_seq(), lost.as_slice()));
                return Ok(outcomes);
            }
            Some(Bug::EventsLost) => {
                for change in &mut spoiled {
                    if !change.writes.is_empty() && change.events.len() == 1 {
                        change.events.clear();
                    }
                }
                let spared = |change: &Change| !change.events.is_empty();
                if !spoiled.iter().all(spared) {
                    let _ = store.commit(&spoiled)?;
                    return Ok(acknowledged(store.next_seq(), batch));
                }
            }
            _ => {
                for change in &mut spoiled {
                    self.forget_writes(&mut change.writes);
                    for write in &mut change.writes {
                        self.spoil(write);
                    }
                }
            }
        }
        store.commit(&spoiled)
    }

    fn forget_writes(&self, writes: &mut Vec<Write>) {
        if self.bug == Some(Bug::MessageTwice) {
            writes.extend(twice(writes));
        }
        let pool = |write: &Write| matches!(write.key, Key::Hardware(_));
        let gone = |write: &Write| write.body.is_none();
        let put_back = writes.iter().any(|write| pool(write) && !gone(write));
        writes.retain(|write| match self.bug {
            Some(Bug::CompromisedForgotten) => {
                let void = |body: &Body| matches!(body, Body::Hardware(it) if it.compromised);
                !write.body.as_ref().is_some_and(void)
            }
            Some(Bug::DeletionLost) => pool(write) || !gone(write),
            Some(Bug::DeviceStaysInPool) => !(pool(write) && gone(write)),
            Some(Bug::MessageLost) => !matches!(write.key, Key::Message(_)),
            Some(Bug::DeviceStaysWithOwner) => pool(write) || !put_back,
            _ => true,
        });
    }

    fn spoil(&mut self, write: &mut Write) {
        let new = write.expected.is_none();
        match (&write.key, &mut write.body) {
            (Key::User(id), Some(Body::User { profile, auth })) => {
                self.spoil_auth(*id, auth);
                self.before.insert(*id, auth.clone());
                if let Some(profile) = profile {
                    self.spoil_profile(new, Arc::make_mut(profile));
                }
            }
            (Key::Hardware(_), Some(Body::Hardware(spare))) => match self.bug {
                Some(Bug::PoolForgetsCodes) => spare.next_factor = 0,
                Some(Bug::PoolForgetsResync) => spare.resync_required = false,
                _ => {}
            },
            _ => {}
        }
    }

    /// What a profile was before comes back.
    fn bring_back(&mut self, profile: &mut Profile) {
        let before = self.profiles.get(&profile.name);
        match (self.bug, before) {
            (Some(Bug::NewPinLost), Some(before)) if before.pin.is_some() => {
                profile.pin.clone_from(&before.pin);
            }
            (Some(Bug::DeviceCodeComesBack), Some(before)) => {
                profile.device_auth.clone_from(&before.device_auth);
            }
            (Some(Bug::SendsForgotten), _) => profile.code_sends.clear(),
            _ => {}
        }
        self.profiles.insert(profile.name.clone(), profile.clone());
    }

    fn spoil_profile(&mut self, new: bool, profile: &mut Profile) {
        self.bring_back(profile);
        if self.bug == Some(Bug::AuthCodeComesBack) {
            match &profile.auth_code {
                None => profile.auth_code = self.codes.get(&profile.name).cloned(),
                Some(code) => drop(self.codes.insert(profile.name.clone(), code.clone())),
            }
        }
        if self.bug == Some(Bug::RekeyForever) {
            match &profile.rekey {
                None => profile.rekey = self.rekeys.get(&profile.name).cloned(),
                Some(rekey) => drop(self.rekeys.insert(profile.name.clone(), rekey.clone())),
            }
        }
        match self.bug {
            Some(Bug::LinkTriesForgotten) => {
                profile.links.iter_mut().for_each(|link| link.tries = TRIES);
            }
            Some(Bug::AuthCodeTriesForgotten) => {
                profile.auth_code.iter_mut().for_each(|it| it.failures = 0);
            }
            Some(Bug::LinkComesBack) => {
                let before = self
                    .links
                    .insert(profile.name.clone(), profile.links.clone());
                let gone = |link: &Link| profile.links.iter().all(|it| it.hash != link.hash);
                let back = before.into_iter().flatten().find(gone);
                profile.links.extend(back);
            }
            _ => {}
        }
        if self.bug != Some(Bug::NameInherits) {
            return;
        }
        match &profile.pin {
            None if new => profile.pin = self.pins.get(&profile.name).cloned(),
            None => {}
            Some(pin) => drop(self.pins.insert(profile.name.clone(), pin.clone())),
        }
    }

    fn spoil_auth(&mut self, id: UserId, auth: &mut AuthState) {
        let before = self.before.get(&id);
        match self.bug {
            Some(Bug::CountLost) if auth.soft > 1 => {
                auth.soft = auth.soft.min(before.map_or(0, |before| before.soft));
            }
            Some(Bug::LockLost) => auth.lock = None,
            Some(Bug::StateGoodTwice) => {
                let before = before.map_or(&[][..], |before| &before.dialogues);
                let answered = before.len() == auth.dialogues.len() + 1 && auth.lock.is_none();
                if answered {
                    auth.dialogues = before.to_vec();
                }
            }
            Some(Bug::StateOutlivesALock) if auth.lock.is_some() => {
                let before = before.filter(|before| before.lock.is_none());
                auth.dialogues
                    .extend(before.map(|it| it.dialogues.clone()).unwrap_or_default());
            }
            Some(Bug::OldestStaysOpen) if auth.dialogues.len() == OPEN_MAX => {
                let oldest = before.and_then(|before| before.dialogues.first());
                let gone = oldest.filter(|it| !auth.dialogues.contains(it)).cloned();
                auth.dialogues.splice(..0, gone);
            }
            Some(Bug::PaperComesBack) => {
                auth.tokens.iter_mut().for_each(|it| it.recovery_used = 0);
            }
            Some(Bug::RoundsForgotten) => {
                let open = auth.dialogues.iter_mut();
                open.for_each(|it| it.proven.factors.clear());
            }
            Some(Bug::UnlockCountsForNothing) => auth.unlocked = None,
            Some(Bug::CodeStaysFresh) => {
                for token in &mut auth.tokens {
                    if let Some(last) = &token.accepted {
                        token.next_factor = last.factor;
                    }
                }
            }
            Some(Bug::GrantEndForgotten) => {
                auth.grants.iter_mut().for_each(|grant| grant.ended = false);
            }
            Some(Bug::StationCountedForName) => {
                for station in &mut auth.stations {
                    auth.soft += std::mem::take(&mut station.failures);
                }
            }
            Some(Bug::SignInForgivesAll)
                if before.is_some_and(|before| before.last_login != auth.last_login) =>
            {
                wait::forgive(auth);
            }
            Some(Bug::ReloadForgetsCounters) if auth.soft > 0 && self.reloaded => {
                self.reloaded = false;
                auth.soft = 0;
            }
            _ => {}
        }
    }
}

/// Messages once more, under other names.
fn twice(writes: &[Write]) -> Vec<Write> {
    let again = |write: &Write| match (&write.key, &write.body) {
        (Key::Message(id), Some(Body::Message(message))) => {
            let mut id = id.0;
            id[0] ^= 1;
            let message = Message {
                id: MessageId(id),
                ..(**message).clone()
            };
            Some(Write {
                key: Key::Message(MessageId(id)),
                expected: write.expected,
                body: Some(Body::Message(Box::new(message))),
            })
        }
        _ => None,
    };
    writes.iter().filter_map(again).collect()
}

fn acknowledged(next_seq: u64, batch: &[Change]) -> Vec<Outcome> {
    let mut seq = next_seq;
    let outcome = |change: &Change| {
        let first_seq = seq;
        seq += change.events.len() as u64;
        Outcome::Committed {
            first_seq,
            last_seq: seq.saturating_sub(1),
        }
    };
    batch.iter().map(outcome).collect()
}

/// Reads, with a bug.
pub(crate) struct SpoiledReader {
    store: Arc<SqliteReader>,
    bug: Bug,
    /// Each record as it was when it was first read.
    first: Mutex<HashMap<String, UserRecord>>,
}

impl SpoiledReader {
    pub(crate) fn new(store: Arc<SqliteReader>, bug: Bug) -> Self {
        Self {
            store,
            bug,
            first: Mutex::default(),
        }
    }
}

impl Read for SpoiledReader {
    fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        if let Some(stale) = lock(&self.first).get(name) {
            return Ok(Some(stale.clone()));
        }
        let mut record = self.store.user_by_name(name)?;
        if let Some(record) = &mut record {
            match self.bug {
                // Not before there is something to sign in with.
                Bug::StaleReads if record.auth.last_login.is_some() => {
                    lock(&self.first).insert(name.to_owned(), record.clone());
                }
                Bug::QuestionForgottenByRestart => record.auth.dialogues.clear(),
                Bug::AskedIsProven => {
                    for dialogue in &mut record.auth.dialogues {
                        dialogue.kind = Kind::Code;
                        dialogue.proven.first = Some(FirstFactorBy::Pin);
                    }
                }
                Bug::WaitForgottenByRestart => {
                    record.auth.wait_until = None;
                    for station in &mut record.auth.stations {
                        station.until = None;
                    }
                }
                _ => {}
            }
        }
        Ok(record)
    }

    fn user(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        self.store.user(id)
    }

    fn user_by_token(&self, id_or_serial: &str) -> Result<Option<UserRecord>, StoreError> {
        self.store.user_by_token(id_or_serial)
    }

    fn hardware(&self, serial: &str) -> Result<Option<HardwareToken>, StoreError> {
        self.store.hardware(serial)
    }

    fn hardware_list(&self, cursor: &str, limit: usize) -> Result<Vec<HardwareToken>, StoreError> {
        self.store.hardware_list(cursor, limit)
    }

    fn outbox(&self, limit: usize) -> Result<Vec<Message>, StoreError> {
        self.store.outbox(limit)
    }

    fn find(&self, f: &Find, cursor: &str, limit: usize) -> Result<Vec<UserRecord>, StoreError> {
        self.store.find(f, cursor, limit)
    }

    fn asked(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.store.asked(now)
    }

    fn questions(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.store.questions(now)
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts()
    }

    fn audit_walk(&self, filter: &AuditFilter, limit: usize) -> Result<AuditPage, StoreError> {
        self.store.audit_walk(filter, limit)
    }

    fn last_seq(&self) -> Result<u64, StoreError> {
        self.store.last_seq()
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.meta(name)
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.store.probe()
    }
}
