//! The same facts as the store itself has them: texts that must be equal to those of the model.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use mfad::domain::dialogue::Dialogue;
use mfad::domain::link::Purpose;
use mfad::domain::policy::FirstFactorBy;
use mfad::domain::token_record::{Base, HardwareToken, Token, TokenKind, TokenState};
use mfad::domain::user::{AuthState, UserId, UserRecord};
use mfad::domain::wait::StationTag;
use mfad::store::Read as _;
use mfad::store::sqlite::SqliteReader;

use super::asking::hex;
use super::linking::For;
use super::person::{Kind, Person, Why};
use super::run::NAMES;
use super::waiting::STATIONS;

/// What the store says that it holds.
pub(crate) struct Stored {
    pub(crate) people: Vec<Option<UserRecord>>,
    pool: Vec<HardwareToken>,
}

impl Stored {
    pub(crate) fn read(reader: &SqliteReader) -> Result<Self, String> {
        let person = |name: &&str| reader.user_by_name(name);
        let people = NAMES.iter().map(person).collect::<Result<_, _>>();
        let pool = reader.hardware_list("", 1_000);
        let failed = |error| format!("the store cannot be read: {error}");
        Ok(Self {
            people: people.map_err(failed)?,
            pool: pool.map_err(failed)?,
        })
    }

    /// The text of each person, and that of the pool.
    pub(crate) fn facts(&self) -> Vec<String> {
        let person = |(record, name): (&Option<UserRecord>, &&'static str)| match record {
            Some(record) => facts(record),
            None => Person::nobody(name).facts(),
        };
        let people = self.people.iter().zip(&NAMES).map(person);
        let mut pool = "pool\n".to_owned();
        for spare in &self.pool {
            let (serial, kind) = (&spare.serial, kind(spare.kind));
            let (next, resync) = (spare.next_factor, spare.resync_required);
            let void = spare.compromised;
            let _ = writeln!(
                pool,
                "{serial} {kind:?} next={next} resync={resync} void={void}"
            );
        }
        people.chain([pool]).collect()
    }

    /// A serial that is at two places at once, in the pool or with people.
    pub(crate) fn in_two_places(&self) -> Option<&str> {
        let tokens = self.people.iter().flatten();
        let tokens = tokens.flat_map(|record| &record.profile.tokens);
        let pool = self.pool.iter().map(|spare| spare.serial.as_str());
        let mut seen = BTreeSet::new();
        let mut serials = tokens
            .filter_map(|token| token.serial.as_deref())
            .chain(pool);
        serials.find(|serial| !seen.insert(*serial))
    }
}

fn kind(kind: TokenKind) -> Kind {
    match kind {
        TokenKind::Hotp => Kind::Hotp,
        TokenKind::Totp => Kind::Totp,
        // The simulation has none of the types whose codes are sent.
        _ => Kind::Recovery,
    }
}

/// The station that a record knows by this tag.
fn station(user: UserId, tag: StationTag) -> &'static str {
    let is = |station: &&&str| Sha256::digest([&user.0, station.as_bytes()].concat())[..8] == tag.0;
    STATIONS.iter().find(is).unwrap_or(&"somewhere else")
}

/// The same facts of a record of the store.
fn facts(record: &UserRecord) -> String {
    let (profile, auth) = (&record.profile, &record.auth);
    let mut text = format!(
        "{} rev={} {} failures={}/{:?} total={} pin={} {}/{:?} failed={:?}\n",
        profile.name,
        auth.revision,
        profile.state.name(),
        auth.soft,
        auth.wait_until.map(|until| until.0),
        auth.total,
        profile.pin.is_some(),
        auth.pin.failures,
        auth.pin.blocked_since.map(|at| at.0),
        auth.last_failed.as_ref().map(|last| last.at.0),
    );
    if let Some(lock) = &auth.lock {
        let why = match lock.reason.name() {
            "Failures" => Why::Failures,
            "PinBlocked" => Why::Pin,
            "Inactivity" => Why::Inactivity,
            _ => Why::Operator,
        };
        let _ = writeln!(text, "lock {why:?} {:?}", lock.auto_until.map(|at| at.0));
    }
    let proven = profile.emails.iter().any(|main| main.verified);
    let _ = writeln!(text, "address proven: {proven}");
    if let Some(code) = &profile.auth_code {
        let (until, failures) = (code.expires.0, code.failures);
        let _ = writeln!(text, "auth code until {until} failures={failures}");
    }
    for link in &profile.links {
        let what = match link.purpose {
            Purpose::Enrol => For::Enrol,
            Purpose::Confirm { .. } => For::Confirm,
            Purpose::Prove { .. } => For::Prove,
            Purpose::Recovery => For::Recovery,
        };
        let (id, until, tries) = (link.id, link.expires.0, link.tries);
        let _ = writeln!(text, "link {id} {what:?} until {until} tries={tries}");
    }
    if profile.rekey.is_some() {
        text.push_str("a new token is awaited\n");
    }
    for known in &auth.stations {
        let _ = writeln!(
            text,
            "known at {} from {} seen={} failures={}/{:?}",
            known.gateway,
            station(record.id, known.tag),
            known.seen.0,
            known.failures,
            known.until.map(|until| until.0),
        );
    }
    for token in &profile.tokens {
        token_facts(token, auth, &mut text);
    }
    auth.dialogues.iter().for_each(|it| asked(it, &mut text));
    for grant in &profile.grants {
        let state = auth.grant(grant.id);
        let _ = writeln!(
            text,
            "grant {}..{} revoked={} ended={} uses={}",
            grant.from.0,
            grant.until.0,
            grant.revoked.is_some(),
            state.is_some_and(|state| state.ended),
            state.map_or(0, |state| state.uses),
        );
    }
    text
}

fn asked(dialogue: &Dialogue, text: &mut String) {
    let by = dialogue.proven.first.map_or("", FirstFactorBy::name);
    let _ = writeln!(
        text,
        "asked {} {by} at {} {}..{} {} round={} row={}",
        dialogue.kind.name(),
        dialogue.gateway,
        dialogue.opened.0,
        dialogue.expires.0,
        hex(&dialogue.handle.0),
        dialogue.rounds,
        dialogue.row,
    );
}

fn token_facts(token: &Token, auth: &AuthState, text: &mut String) {
    let untouched = TokenState::new(token.id);
    let state = auth.token(token.id).unwrap_or(&untouched);
    let last = state.accepted.as_ref().map(|last| {
        (
            last.factor,
            last.at.0,
            last.gateway.to_string(),
            last.grace_used,
        )
    });
    let disabled =
        (token.base == Base::Disabled).then(|| token.disabled_until.map(|until| until.0));
    let _ = writeln!(
        text,
        "token {:?} {:?} waits={} off={disabled:?} gone={} next={} drift={} {last:?} {}/{} \
         locked={:?} used={:b} resync={} active={}",
        kind(token.kind),
        token.serial,
        token.base == Base::Pending,
        token.base == Base::Obsolete,
        state.next_factor,
        state.drift_steps,
        state.soft,
        state.total,
        state.locked_until.map(|until| until.0),
        state.recovery_used,
        state.resync_required,
        state.activated_at.is_some(),
    );
}
