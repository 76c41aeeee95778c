//! Lists of operations: the life of one person, attempts and commands in any order, against what
//! must be so whatever happens.
//!
//! The rules run as in the daemon: `admit`, `verify`, `judge` for an attempt, `apply` for a command.
//! What remembers here is naive: which codes were accepted, and the record of the step before. The
//! invariants are those of `domain`, by their numbers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mfad::domain::action::{Action, Role};
use mfad::domain::command::{Applied, Asked, Command, Effect, Prepared, Site, apply, pending};
use mfad::domain::event::{Event, Operator};
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm};
use mfad::domain::token_record::{Base, RecoveryHash, Token, TokenKind};
use mfad::domain::user::{Profile, UserId, UserRecord, UserState};
use mfad::domain::verdict::How;
use mfad::domain::verify::CodeMatch;
use mfad::secret::SecretBytes;
use mfad::store::{auth_row, profile_row};
use mfad::time::{Now, Timestamp};
use mfad::token::recovery::RecoveryCode;
use mfad::token::{Factor, OtpCode, TokenId, totp};

use super::octets::Octets;

#[path = "../../tests/common/rules.rs"]
pub(super) mod rules;

use rules::{Clear, Outcome, PASSWORD, PIN, World};

/// Most steps of a life.
const STEPS_MAX: usize = 96;
/// Must be in no event: every seed here begins so.
const SEED: &str = "123456789012345678";

/// What happened so far, as far as it matters.
pub(super) struct Life {
    pub(super) world: World,
    pub(super) next_token: u8,
    accepted: HashSet<(TokenId, u64)>,
    graced: HashSet<(TokenId, u64)>,
    recovery: HashSet<(TokenId, u32)>,
    last: Vec<u8>,
}

/// A life as the octets tell it.
pub fn life(octets: &[u8]) {
    let mut from = Octets(octets);
    let mut world = World::new(gateway(0));
    let strict = from.octet();
    world.policy.lockout.user_max_failures = u32::from(strict & 7);
    world.policy.lockout.user_duration = Duration::from_secs(u64::from(strict >> 3 & 1) * 600);
    world.policy.lockout.hard_cap = 9;
    world.policy.lockout.token_max_failures = 4;
    world.policy.enabled_kinds = TokenKind::ALL.to_vec();
    let mut life = Life {
        world,
        next_token: 0,
        accepted: HashSet::new(),
        graced: HashSet::new(),
        recovery: HashSet::new(),
        last: Vec::new(),
    };
    for _ in 0..STEPS_MAX {
        if from.is_empty() {
            return;
        }
        match from.octet() {
            choice @ 0..96 => life.attempt(choice, &mut from),
            96..112 => life
                .world
                .wait(Duration::from_secs(u64::from(from.octet()))),
            112..120 => life
                .world
                .wait(Duration::from_secs(u64::from(from.number()) * 60)),
            120..128 => {
                let seconds = i64::from(from.number()) - 0x8000;
                life.world.now.wall = Timestamp(life.world.now.wall.0 + seconds * 1000);
            }
            choice @ 128..136 => life.world.gateway = gateway(choice & 3),
            choice => life.command(choice, &mut from),
        }
        if let Some(record) = &life.world.record {
            kept(record);
        }
    }
}

fn gateway(number: u8) -> GatewayPolicy {
    let (name, by, form) = match number {
        0 => ("vpn1", FirstFactorBy::Gateway, PasscodeForm::Otp),
        1 => ("vpn2", FirstFactorBy::Pin, PasscodeForm::PinOtp),
        2 => ("vpn3", FirstFactorBy::Local, PasscodeForm::PasswordCommaOtp),
        _ => ("vpn4", FirstFactorBy::None, PasscodeForm::Otp),
    };
    let mut gateway = rules::gateway(name, by, form);
    gateway.same_code_grace = Duration::from_secs(30);
    gateway
}

/// The code of a token, so many steps from the one that is awaited.
fn code(record: &UserRecord, token: &Token, steps: i64, now: Now) -> Option<OtpCode> {
    let (otp, seed) = (token.otp?, token.seed.as_ref()?);
    let base = match otp.factor {
        Factor::Counter => record
            .auth
            .token(token.id)
            .map_or(0, |state| state.next_factor),
        Factor::Time { period_s } => totp::step_at(now.wall, period_s),
    };
    Some(otp.code_at(&seed.data, base.saturating_add_signed(steps)))
}

impl Life {
    /// A code of one of the tokens; one that fits nothing if there is none.
    pub(super) fn some_code(&self, from: &mut Octets<'_>) -> OtpCode {
        let (which, steps) = (
            usize::from(from.octet()),
            i64::from(from.octet().cast_signed()) / 8,
        );
        let found = self.world.record.as_ref().and_then(|record| {
            let tokens = &record.profile.tokens;
            let token = tokens.get(which % tokens.len().max(1))?;
            code(record, token, steps, self.world.now)
        });
        found.unwrap_or_else(|| OtpCode::parse(b"000000").unwrap())
    }

    fn attempt(&mut self, choice: u8, from: &mut Octets<'_>) {
        let typed = self.typed(choice, from);
        let before = self.world.record.clone();
        let outcome = self.world.type_in(&typed);
        let after = self.world.record.clone();
        quiet(&outcome.events);
        assert!(!outcome.events.is_empty(), "an attempt leaves no event");
        let accepted = outcome.how().is_some();
        match (&before, &after) {
            (None, None) => assert!(!accepted, "nobody got in"),
            (Some(before), Some(after)) => {
                grown(before, after, accepted);
                if accepted {
                    self.let_in(before, &typed, &outcome);
                } else {
                    assert!(after.auth.soft <= before.auth.soft + 1);
                    assert!(after.auth.pin.failures <= before.auth.pin.failures + 1);
                    assert_eq!(before.auth.last_login, after.auth.last_login);
                }
            }
            _ => panic!("an attempt makes or removes a person"),
        }
        self.last = typed;
    }

    fn typed(&self, choice: u8, from: &mut Octets<'_>) -> Vec<u8> {
        let profile = self.world.record.as_ref().map(|it| Arc::clone(&it.profile));
        let by = self.world.gateway.first_factor;
        let mut head = match (by, &profile) {
            (FirstFactorBy::Pin, Some(it)) => it.pin.as_ref().map(|pin| pin.hash.data.clone()),
            (FirstFactorBy::Local, Some(it)) => it.password.as_ref().map(|it| it.hash.data.clone()),
            _ => None,
        }
        .unwrap_or_default();
        if choice & 1 == 1 {
            head = b"wrong".to_vec();
        }
        let alone = head.clone();
        if by == FirstFactorBy::Local {
            head.push(b',');
        }
        let tail = match choice {
            0..48 => self.some_code(from).text(),
            48..56 => recovery(from.octet() & 7, from.octet() & 3).text(),
            56..64 => return alone,
            64..80 => return self.last.clone(),
            _ => return from.part().to_vec(),
        };
        head.extend(tail.expose().bytes());
        head
    }

    /// Somebody got in: everything that had to be so for it.
    fn let_in(&mut self, before: &UserRecord, typed: &[u8], outcome: &Outcome) {
        let world = &self.world;
        let (now, hard_cap) = (world.now, world.policy.lockout.hard_cap);
        let shut = [UserState::Deactivated, UserState::Revoke];
        assert!(!shut.contains(&before.profile.state), "I2");
        if let Some(lock) = &before.auth.lock {
            let end = lock.auto_until.expect("I2");
            assert!(now.wall >= end && now.steady >= end, "I2");
        }
        let first = match world.gateway.first_factor {
            FirstFactorBy::Pin => before.profile.pin.as_ref().map(|it| &it.hash),
            FirstFactorBy::Local => before.profile.password.as_ref().map(|it| &it.hash),
            FirstFactorBy::Gateway | FirstFactorBy::None => None,
        };
        let asks = matches!(
            world.gateway.first_factor,
            FirstFactorBy::Pin | FirstFactorBy::Local
        );
        assert!(
            !asks || typed.starts_with(&first.expect("a first factor").data),
            "I3"
        );
        let how = outcome.how().unwrap();
        if let Some(id) = how.token() {
            let token = before.token(id).expect("a token");
            assert_eq!(token.base_at(now), Base::Registered, "I16");
            assert!(
                token
                    .expires
                    .is_none_or(|end| now.wall < end && now.steady < end)
            );
            if let Some(state) = before.auth.token(id) {
                assert!(state.total < hard_cap, "I10");
                let over = |end| now.wall >= end && now.steady >= end;
                assert!(state.locked_until.is_none_or(over), "a locked token");
            }
        }
        match (how, outcome.code) {
            (How::Token(id), Some(CodeMatch::Fits { token, factor })) => {
                assert_eq!(id, token);
                assert!(
                    self.accepted.insert((id, factor)),
                    "I1: {id} {factor} twice"
                );
            }
            (How::Grace(id), _) => {
                let state = before.auth.token(id).unwrap();
                let factor = state.accepted.as_ref().unwrap().factor;
                assert!(
                    self.accepted.contains(&(id, factor)),
                    "a grace before the Accept"
                );
                assert!(self.graced.insert((id, factor)), "I1: a second grace");
            }
            (How::Recovery(id), Some(CodeMatch::Recovery { token, index })) => {
                assert_eq!(id, token);
                assert!(self.recovery.insert((id, index)), "I1: recovery code twice");
            }
            (How::Passthrough(number), _) => {
                assert_ne!(world.gateway.first_factor, FirstFactorBy::None, "I3");
                let grants = &before.profile.grants;
                let grant = grants.iter().find(|grant| grant.id == number).unwrap();
                let (begun, ended) = (grant.from, grant.until);
                assert!(now.wall >= begun && now.steady >= begun);
                assert!(now.wall < ended && now.steady < ended, "I18");
                assert!(grant.revoked.is_none());
                let name = world.gateway.name.to_string();
                assert!(grant.gateways.is_empty() || grant.gateways.contains(&name));
            }
            other => panic!("accepted by {other:?}"),
        }
    }

    fn command(&mut self, choice: u8, from: &mut Octets<'_>) {
        let command = self.ordered(choice, from);
        let who = from.octet();
        let operator = Operator {
            uid: 1000 + u32::from(who),
            name: Arc::from(if who & 8 == 0 { "carol" } else { "alice" }),
            role: Role::ALL[usize::from(who) % Role::ALL.len()],
        };
        let record = self.world.record.clone();
        let revision = record.as_ref().map(|record| record.auth.revision);
        let other = revision
            .filter(|_| who & 0x70 == 0x70)
            .map(|number| number + 1);
        let asked = Asked {
            operator: &operator,
            reason: (who & 0x80 == 0).then_some("ticket 4711"),
            if_revision: other,
        };
        let gateways: Vec<_> = (0..4).map(|number| Arc::new(gateway(number))).collect();
        let site = Site {
            policy: &self.world.policy,
            gateways: &gateways,
            now: self.world.now,
            unseal: &Clear,
            next_seq: u64::from(self.next_token) + 100,
        };
        let prepared = self.prepared(&command, record.as_ref());
        self.next_token = self.next_token.wrapping_add(1);
        match apply(&command, record.as_ref(), prepared, &asked, &site) {
            Err(refusal) => {
                assert!(refusal.tries.iter().all(|line| line.starts_with("mfactl ")));
                let told = format!("{refusal} {refusal:?}");
                assert!(!told.contains(SEED), "{told}");
            }
            Ok(applied) => {
                let new = matches!(command, Command::UserAdd(_));
                assert!(other.is_none() || new, "I19");
                allowed(command.action(), &asked, record.as_ref());
                self.carry_out(&command, record.as_ref(), applied);
            }
        }
    }

    fn prepared(&self, command: &Command, record: Option<&UserRecord>) -> Prepared {
        let number = self.next_token;
        let mut prepared = Prepared {
            user_id: Some(UserId([number; 16])),
            token_id: Some(TokenId::from_random([number & 31, number >> 5, 9, 9, 9])),
            seed: Some(rules::sealed(&rules::seed(number))),
            clear_seed: Some(SecretBytes::new(rules::seed(number))),
            for_user: record.map(|record| record.id),
            recovery: (0..4)
                .map(|index| RecoveryHash(rules::hash(&recovery(number & 7, index))))
                .collect(),
            auth_code: Some([number; 32]),
            seats_used: 3,
            ..Prepared::default()
        };
        match command {
            Command::PinReset { pin, .. } => {
                let pin = pin.as_ref().map_or(PIN, |pin| pin.expose().as_slice());
                prepared.hash = Some(rules::sealed(pin));
            }
            Command::PasswordSet { .. } => prepared.hash = Some(rules::sealed(PASSWORD)),
            Command::EnrollQr { token, .. } => {
                let found = record.and_then(|it| pending(it, token.as_ref()).ok());
                prepared.token_id = found;
            }
            _ => {}
        }
        prepared
    }

    fn carry_out(&mut self, command: &Command, before: Option<&UserRecord>, applied: Applied) {
        quiet(&applied.events);
        assert!(!applied.events.is_empty(), "a command leaves no event");
        let done = &applied.done;
        assert!(!done.message.is_empty() && !done.message.contains(char::is_control));
        assert!(
            done.undo
                .as_ref()
                .is_none_or(|line| line.starts_with("mfactl "))
        );
        for effect in applied.effects {
            match effect {
                Effect::Put { user, expected } => {
                    assert_eq!(expected, before.map(|it| it.auth.revision));
                    assert_eq!(user.auth.revision, expected.unwrap_or_default() + 1);
                    assert_eq!(done.revision, Some(user.auth.revision));
                    if let Some(before) = before {
                        grown(before, &user, false);
                        unhurt(command, before, &user);
                    }
                    self.world.record = Some(*user);
                }
                Effect::Remove { id, expected } => {
                    let before = before.unwrap();
                    assert_eq!((id, expected), (before.id, before.auth.revision));
                    assert!(matches!(command, Command::UserDelete { .. }));
                    self.world.record = None;
                }
                Effect::PoolPut(_) | Effect::PoolTake(_) => panic!("there is no pool here"),
                Effect::Send(_) => panic!("there is no mail server here"),
            }
        }
    }
}

/// What the rules have made of the record, the store can keep.
pub(super) fn kept(record: &UserRecord) {
    let mut row = Vec::new();
    auth_row::encode(record.id, &record.auth, &mut row);
    assert_eq!(auth_row::decode(record.id, &row).as_ref(), Ok(&record.auth));
    let row = profile_row::encode(&*record.profile).unwrap();
    assert_eq!(
        profile_row::decode::<Profile>(&row).as_ref(),
        Ok(&*record.profile)
    );
    let ids: HashSet<_> = record.profile.tokens.iter().map(|token| token.id).collect();
    assert_eq!(
        ids.len(),
        record.profile.tokens.len(),
        "two tokens of one id"
    );
}

/// A code of a set on paper.
fn recovery(set: u8, index: u8) -> RecoveryCode {
    RecoveryCode::from_random(&[set, index, 3, 4, 5, 6, 7, 8, 9, 10])
}

/// No event tells a seed, a PIN or a password.
fn quiet(events: &[Event]) {
    let told = format!("{events:?}");
    for secret in [SEED.as_bytes(), PASSWORD] {
        let secret = std::str::from_utf8(secret).unwrap();
        assert!(!told.contains(secret), "{told}");
    }
}

/// What never goes back; the totals only by a sign-in (I10).
fn grown(before: &UserRecord, after: &UserRecord, accepted: bool) {
    assert!(accepted || after.auth.total >= before.auth.total, "I10");
    for state in &before.auth.tokens {
        if before.token(state.id).is_none() || after.token(state.id).is_none() {
            continue;
        }
        let now = after.auth.token(state.id).expect("a token keeps its state");
        assert!(
            now.next_factor >= state.next_factor,
            "I1: a code comes back"
        );
        assert_eq!(now.recovery_used & state.recovery_used, state.recovery_used);
        assert!(accepted || now.total >= state.total, "I10");
    }
    for state in &before.auth.grants {
        if let Some(now) = after.auth.grant(state.id) {
            assert!(now.ended >= state.ended && now.uses >= state.uses);
        }
    }
}

/// What only certain commands may bring about.
fn unhurt(command: &Command, before: &UserRecord, after: &UserRecord) {
    use Command as C;
    assert_eq!(before.id, after.id);
    if before.auth.lock.is_some() && after.auth.lock.is_none() {
        let timed = before
            .auth
            .lock
            .as_ref()
            .is_some_and(|lock| lock.auto_until.is_some());
        assert!(
            timed
                || matches!(
                    command,
                    C::UserUnlock { .. } | C::PinUnblock { .. } | C::PinReset { .. }
                ),
            "a lock is gone"
        );
        assert!(after.auth.unlocked.is_some(), "I11");
    }
    if matches!(command, C::TokenTest { .. }) {
        assert_eq!(before.profile.state, after.profile.state, "I17");
        assert_eq!(before.auth.last_login, after.auth.last_login);
    }
    let left = before.profile.state == UserState::Deactivated;
    if left && after.profile.state != UserState::Deactivated {
        assert!(matches!(command, C::UserReactivate { .. }), "T7");
    }
}

/// Whoever got his way was allowed to.
fn allowed(action: Action, asked: &Asked<'_>, target: Option<&UserRecord>) {
    let (spec, operator) = (action.spec(), asked.operator);
    assert!(
        operator.role >= spec.least,
        "{} as {}",
        spec.name,
        operator.role
    );
    assert!(
        !spec.reason || asked.reason.is_some(),
        "{} without a reason",
        spec.name
    );
    if let Some(target) = target {
        let protected = spec.weakens && target.profile.protected;
        assert!(!protected || operator.role == Role::Admin, "{}", spec.name);
        assert!(!spec.not_oneself || *operator.name != *target.name(), "A16");
    }
}
