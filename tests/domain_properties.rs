//! Random lives of one person against a naive second opinion.
//!
//! The model knows nothing of windows, thresholds or grants: it remembers which codes were accepted
//! and which limits nobody may pass. Whatever is typed in whatever order, with clocks that jump, it
//! must never be contradicted.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests, which may look whether the long run is wanted"
)]

#[path = "domain_properties/counters.rs"]
mod counters;
#[path = "common/rules.rs"]
mod rules;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use mfad::domain::attempt::Proof;
use mfad::domain::judge::{Evidence, FirstFactor, Fresh, judge};
use mfad::domain::lapse;
use mfad::domain::lockout::LockoutMode;
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::token_record::TokenKind;
use mfad::domain::user::{UserRecord, UserState};
use mfad::domain::verdict::{How, Reason, Verdict};
use mfad::domain::verify::{Ask, CodeMatch};
use mfad::secret::SecretBytes;
use mfad::time::{Now, Timestamp};
use mfad::token::TokenId;
use proptest::collection::vec;
use proptest::prelude::*;

use rules::{A, B, HOME, PASSWORD, PIN, R, START, World, code, grant, id, token};

/// One thing that happens in a person's life.
#[derive(Clone, Debug)]
enum Step {
    /// A code of a token, so many steps off, behind a right or wrong first factor.
    Code { which: u8, offset: i64, right: bool },
    /// A recovery code.
    Recovery { index: u8, right: bool },
    /// The first factor alone.
    Alone { right: bool },
    /// Anything.
    Octets(Vec<u8>),
    /// The last passcode again.
    Again,
    /// The last passcode under what was found the first time: a race.
    Race,
    /// Time goes on, on both clocks.
    Wait { seconds: u64 },
    /// Only the wall clock moves.
    Jump { seconds: i64 },
    /// Another gateway from now on.
    Gateway(u8),
    /// Another station from now on.
    Station(&'static str),
    /// An operator unlocks.
    Unlock,
    /// An operator unblocks the PIN.
    Unblock,
    /// An operator sets a state.
    State(UserState),
    /// An operator grants a passthrough of so many minutes.
    Grant { minutes: u64 },
}

fn steps() -> impl Strategy<Value = Step> {
    let states = prop::sample::select(UserState::ALL.to_vec());
    let which = prop_oneof![4 => Just(A), 1 => Just(B)];
    let right = prop::bool::weighted(0.8);
    prop_oneof![
        10 => (which, -3..=12_i64, right)
            .prop_map(|(which, offset, right)| Step::Code { which, offset, right }),
        2 => (0..4_u8, right).prop_map(|(index, right)| Step::Recovery { index, right }),
        2 => right.prop_map(|right| Step::Alone { right }),
        2 => vec(any::<u8>(), 0..40).prop_map(Step::Octets),
        1 => "[0-9,A-Z-]{0,24}".prop_map(|text| Step::Octets(text.into_bytes())),
        4 => Just(Step::Again),
        4 => Just(Step::Race),
        4 => (0..200_u64).prop_map(|seconds| Step::Wait { seconds }),
        1 => (0..100_000_u64).prop_map(|seconds| Step::Wait { seconds }),
        1 => (-100_000..100_000_i64).prop_map(|seconds| Step::Jump { seconds }),
        2 => (-60..60_i64).prop_map(|seconds| Step::Jump { seconds }),
        1 => (0..4_u8).prop_map(Step::Gateway),
        3 => prop::sample::select(vec![HOME, "203.0.113.66", ""]).prop_map(Step::Station),
        2 => Just(Step::Unlock),
        1 => Just(Step::Unblock),
        1 => prop_oneof![3 => Just(UserState::Steady), 1 => states].prop_map(Step::State),
        1 => (0..120_u64).prop_map(|minutes| Step::Grant { minutes }),
    ]
}

/// What must be so whatever the rules say.
#[derive(Default)]
struct Model {
    /// How often each code was accepted: by itself, and by grace.
    accepted: HashMap<(TokenId, u64), (u32, u32)>,
    recovery: HashMap<u32, u32>,
    /// Wrong codes that only this token can have been meant for, since its last success.
    failures: HashMap<TokenId, u32>,
    /// Failures in a row and the last of them: of all stations, or of one that is known.
    counts: HashMap<Option<Place>, (u32, Now)>,
    /// The last sign-in with a token, by the earlier clock.
    seen: HashMap<Place, Timestamp>,
}

/// A gateway and a station.
type Place = (Arc<str>, SmolStr);

const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

impl Model {
    fn check(
        &mut self,
        before: &UserRecord,
        world: &World,
        code: Option<CodeMatch>,
        verdict: &Verdict,
    ) {
        let after = world.record.as_ref().unwrap();
        for state in &before.auth.tokens {
            let now = after.auth.token(state.id).unwrap();
            assert!(now.next_factor >= state.next_factor, "a code comes back");
            assert!(now.recovery_used & state.recovery_used == state.recovery_used);
        }
        for state in &before.auth.grants {
            let now = after.auth.grant(state.id).unwrap();
            assert!(now.ended >= state.ended && now.uses >= state.uses);
        }
        match verdict {
            Verdict::Accept { how, .. } => self.accepted(before, world, code, *how),
            Verdict::Reject { .. } => self.rejected(before, after),
            Verdict::Challenge { .. } => panic!("asked at a gateway without challenges"),
        }
    }

    fn accepted(&mut self, before: &UserRecord, world: &World, code: Option<CodeMatch>, how: How) {
        let shut = [UserState::Deactivated, UserState::Revoke];
        assert!(!shut.contains(&before.profile.state), "I2");
        if let Some(lock) = &before.auth.lock {
            let end = lock.auto_until.unwrap();
            assert!(world.now.wall >= end && world.now.steady >= end, "I2");
        }
        let hard = |id| {
            let state = before.auth.token(id);
            state.is_some_and(|s| s.total >= world.policy.lockout.hard_cap)
        };
        match (how, code) {
            (
                How::Token(token),
                Some(CodeMatch::Fits {
                    token: same,
                    factor,
                }),
            ) => {
                assert_eq!(token, same);
                assert!(!hard(token), "I10");
                let (times, _) = self.accepted.entry((token, factor)).or_default();
                *times += 1;
                assert_eq!(*times, 1, "I1: {token} {factor} twice");
                self.failures.insert(token, 0);
            }
            (How::Grace(token), _) => {
                let state = world.auth().token(token).unwrap();
                let factor = state.accepted.as_ref().unwrap().factor;
                let (times, graces) = self.accepted.entry((token, factor)).or_default();
                *graces += 1;
                assert_eq!((*times, *graces), (1, 1), "D18: once, after an Accept");
                self.failures.insert(token, 0);
            }
            (How::Recovery(_), Some(CodeMatch::Recovery { index, .. })) => {
                let times = self.recovery.entry(index).or_default();
                *times += 1;
                assert_eq!(*times, 1, "I1: recovery code {index} twice");
            }
            (How::Passthrough(grant), _) => {
                let by = world.gateway.first_factor;
                assert_ne!(by, FirstFactorBy::None, "I3");
                let grants = &before.profile.grants;
                let grant = grants.iter().find(|known| known.id == grant).unwrap();
                assert!(
                    world.now.wall < grant.until && world.now.steady < grant.until,
                    "I18"
                );
            }
            other => panic!("accepted by {other:?}"),
        }
        if world.gateway.first_factor == FirstFactorBy::Pin {
            assert!(before.profile.pin.is_some());
        }
    }

    /// What somebody who comes from there now is counted under.
    fn counted_under(&self, world: &World) -> Option<Place> {
        let place = (Arc::clone(&world.gateway.name), world.station.clone());
        let seen = self.seen.get(&place).filter(|_| !world.station.is_empty());
        let known = seen.is_some_and(|seen| world.now.latest() < *seen + MONTH);
        known.then_some(place)
    }

    /// The growing wait: nothing is judged before both clocks have passed its end, and everything
    /// that no lock or state refuses is judged after it.
    fn waits(&mut self, world: &World, verdict: &Verdict, counted: bool) {
        let under = self.counted_under(world);
        let (failures, last) = *self.counts.entry(under.clone()).or_insert((0, world.now));
        let seconds = match failures {
            0..3 => 0,
            failures => (1_u64 << (failures - 2).min(12)).min(3600),
        };
        let end = last.steady + Duration::from_secs(seconds);
        let waits = world.now.earliest() < end && seconds > 0;
        match verdict {
            Verdict::Reject {
                reason: Reason::Waiting,
                ..
            } => assert!(waits, "waits for nothing"),
            Verdict::Reject {
                reason: Reason::Deactivated | Reason::Revoked | Reason::Locked,
                ..
            } => {}
            _ => assert!(!waits, "judged while waiting: {verdict:?}"),
        }
        if counted {
            self.counts.insert(under.clone(), (failures + 1, world.now));
        }
        if let Verdict::Accept { how, .. } = verdict {
            self.counts.remove(&under);
            if how.token().is_some() {
                let place = (Arc::clone(&world.gateway.name), world.station.clone());
                if under.is_none() {
                    self.counts.remove(&Some(place.clone()));
                }
                self.seen.insert(place, world.now.earliest());
            }
        }
    }

    /// Each attempt moves a counter by one at most, and no counter of a token but through it.
    fn rejected(&mut self, before: &UserRecord, after: &UserRecord) {
        assert!(after.auth.soft <= before.auth.soft + 1);
        assert!(after.auth.pin.failures <= before.auth.pin.failures + 1);
        assert!(
            after.auth.total >= before.auth.total,
            "C4 is cleared by success only"
        );
        for state in &after.auth.tokens {
            let total = before.auth.token(state.id).map_or(0, |state| state.total);
            assert!(state.total >= total, "C4 is cleared by success only");
            let count = self.failures.entry(state.id).or_default();
            if state.total > total {
                *count += 1;
            }
        }
    }
}

fn gateway_of(number: u8) -> mfad::domain::policy::GatewayPolicy {
    use FirstFactorBy::{Gateway, Local, None, Pin};
    let (name, by, form) = match number {
        0 => ("vpn1", Gateway, PasscodeForm::Otp),
        1 => ("vpn2", Pin, PasscodeForm::PinOtp),
        2 => ("vpn3", Local, PasscodeForm::PasswordCommaOtp),
        _ => ("vpn4", None, PasscodeForm::Otp),
    };
    let mut gateway = rules::gateway(name, by, form);
    gateway.same_code_grace = Duration::from_secs(30);
    gateway
}

/// The passcode of a step at this gateway.
fn passcode(world: &World, step: &Step) -> Option<Vec<u8>> {
    let by = world.gateway.first_factor;
    let head = |right: bool| match (by, right) {
        (FirstFactorBy::Pin, true) => PIN.to_vec(),
        (FirstFactorBy::Pin, false) => b"402818".to_vec(),
        (FirstFactorBy::Local, true) => PASSWORD.to_vec(),
        (FirstFactorBy::Local, false) => b"correct, house".to_vec(),
        _ => Vec::new(),
    };
    let comma: &[u8] = if by == FirstFactorBy::Local {
        b","
    } else {
        b""
    };
    let behind = |right, tail: &str| [&head(right)[..], comma, tail.as_bytes()].concat();
    let record = world.record.as_ref().unwrap();
    Some(match step {
        Step::Code {
            which,
            offset,
            right,
        } => behind(*right, &code(record, *which, *offset, world.now)),
        Step::Recovery { index, right } => {
            behind(*right, rules::recovery_code(*index).text().expose())
        }
        Step::Alone { right } => head(*right),
        Step::Octets(octets) => octets.clone(),
        _ => return None,
    })
}

/// Everything that is not an attempt.
fn happen(world: &mut World, step: &Step) {
    let now = world.now;
    match step {
        Step::Wait { seconds } => world.wait(Duration::from_secs(*seconds)),
        Step::Jump { seconds } => world.now.wall = Timestamp(now.wall.0 + seconds * 1000),
        Step::Gateway(number) => world.gateway = gateway_of(*number),
        Step::Station(station) => world.station = SmolStr::from(*station),
        Step::Unlock => {
            let policy = world.policy.clone();
            let alice = world.alice();
            alice.auth.lock = None;
            lapse::clear_soft(alice, &policy);
            alice.auth.revision += 1;
        }
        Step::Unblock => {
            let alice = world.alice();
            alice.auth.pin = mfad::domain::pin::PinState::default();
            alice.auth.revision += 1;
        }
        Step::State(state) => {
            let alice = world.alice();
            alice.profile_mut().state = *state;
            alice.auth.revision += 1;
        }
        Step::Grant { minutes } => {
            let alice = world.alice();
            let number = u32::try_from(alice.profile.grants.len()).unwrap() + 1;
            let until = now.wall + Duration::from_secs(minutes * 60);
            let one = grant(number, now.wall, until);
            alice.profile_mut().grants.push(one);
            alice.auth.revision += 1;
        }
        _ => {}
    }
}

/// The last attempt judged once more with what was found before it: the finding is stale.
fn race(world: &mut World, stale: &Option<(Vec<u8>, Evidence, Arc<str>)>, model: &mut Model) {
    let Some((passcode, evidence, name)) = stale else {
        return;
    };
    if **name != *world.gateway.name {
        return;
    }
    let attempt = world.attempt(Proof::Passcode(SecretBytes::copy_of(passcode)));
    let before = world.record.clone().unwrap();
    let judgement = judge(&before, &attempt, evidence, &world.policy, world.now);
    let Ok(judgement) = judgement else { return };
    if let Some(record) = judgement.record {
        world.record = Some(record);
    }
    let code = Some(evidence.finding.code);
    model.check(&before, world, code, &judgement.verdict);
    if world.policy.lockout.mode == LockoutMode::Wait {
        model.waits(world, &judgement.verdict, judgement.counted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_life_contradicts_the_model(
        kind in prop::sample::select(vec![TokenKind::Totp, TokenKind::Hotp]),
        second in any::<bool>(),
        user_max in prop::sample::select(vec![0_u32, 5]),
        user_duration in prop::sample::select(vec![0_u64, 600]),
        mode in prop::sample::select(vec![LockoutMode::Lock, LockoutMode::Wait]),
        life in vec(steps(), 1..120),
    ) {
        let mut world = World::new(gateway_of(0));
        world.policy.lockout.mode = mode;
        world.policy.lockout.user_max_failures = user_max;
        world.policy.lockout.user_duration = Duration::from_secs(user_duration);
        world.policy.lockout.hard_cap = 12;
        world.policy.lockout.token_max_failures = 4;
        let alice = world.alice();
        let mut tokens = vec![token(A, kind), token(R, TokenKind::Recovery)];
        if second {
            tokens.push(token(B, TokenKind::Totp));
        }
        alice.profile_mut().tokens = tokens;
        alice.auth.token_mut(id(A)).next_factor = rules::COUNTER;
        let mut model = Model::default();
        let (mut last, mut stale) = (b"".to_vec(), None);
        for step in &life {
            happen(&mut world, step);
            if matches!(step, Step::Unlock) {
                model.counts.clear();
            }
            if matches!(step, Step::Race) {
                race(&mut world, &stale, &mut model);
                continue;
            }
            let typed = match step {
                Step::Code { which: B, .. } if !second => continue,
                Step::Again => last.clone(),
                other => match passcode(&world, other) {
                    Some(typed) => typed,
                    None => continue,
                },
            };
            let attempt = world.attempt(Proof::Passcode(SecretBytes::copy_of(&typed)));
            let before = world.record.clone().unwrap();
            stale = world.look(&attempt).map(|finding| {
                let first = world.first_factor(&finding, &typed);
                let fresh = Fresh::default();
                let evidence = Evidence { finding, first, hash: None, repeated: false, fresh };
                (typed.clone(), evidence, Arc::clone(&world.gateway.name))
            });
            let outcome = world.judge(&attempt);
            model.check(&before, &world, outcome.code, &outcome.verdict);
            if mode == LockoutMode::Wait {
                model.waits(&world, &outcome.verdict, outcome.counted);
            }
            last = typed;
        }
    }

    #[test]
    fn no_finding_is_believed(
        code in found(),
        ask in asked(),
        first in prop::sample::select(vec![
            FirstFactor::NotAsked, FirstFactor::Right, FirstFactor::Wrong,
        ]),
        number in 0..4_u8,
        typed in vec(any::<u8>(), 0..40),
    ) {
        let mut world = World::new(gateway_of(number));
        world.alice().profile_mut().tokens.push(token(R, TokenKind::Recovery));
        let state = world.alice().auth.token_mut(id(A));
        state.next_factor = 100;
        world.alice().auth.token_mut(id(R)).recovery_used = 0b1011;
        let over = grant(1, START - Duration::from_secs(60), START);
        world.alice().profile_mut().grants.push(over);
        let attempt = world.attempt(Proof::Passcode(SecretBytes::copy_of(&typed)));
        let record = world.record.as_ref().unwrap();
        let finding = mfad::domain::verify::Finding::of(record, code, ask.clone());
        let fresh = Fresh::default();
        let evidence = Evidence { finding, first, hash: None, repeated: false, fresh };
        let judgement = judge(record, &attempt, &evidence, &world.policy, world.now);
        let judgement = judgement.unwrap_or_else(|_| panic!("a question"));
        let proven = match world.gateway.first_factor {
            FirstFactorBy::Gateway | FirstFactorBy::None => ask == Ask::Nothing,
            FirstFactorBy::Pin => matches!(ask, Ask::Pin(_)) && first == FirstFactor::Right,
            FirstFactorBy::Local => matches!(ask, Ask::Password(_)) && first == FirstFactor::Right,
        };
        let new = match code {
            CodeMatch::Fits { token, factor } => token == id(A) && factor >= 100,
            CodeMatch::Recovery { token, index } => token == id(R) && index == 2,
            _ => false,
        };
        prop_assert_eq!(judgement.verdict.accepted(), new && proven, "{:?}", judgement.verdict);
    }
}

fn found() -> impl Strategy<Value = CodeMatch> {
    let which = || prop::sample::select(vec![id(A), id(A), id(A), id(R), id(B)]);
    prop_oneof![
        5 => (which(), 90..110_u64).prop_map(|(token, factor)| CodeMatch::Fits { token, factor }),
        1 => (which(), any::<bool>()).prop_map(|(token, grace)| CodeMatch::Replay { token, grace }),
        3 => (which(), 0..4_u32).prop_map(|(token, index)| CodeMatch::Recovery { token, index }),
        1 => (0..3_u32).prop_map(|grant| CodeMatch::Passthrough { grant }),
        1 => Just(CodeMatch::Unenrolled),
        1 => Just(CodeMatch::NoCode),
        1 => Just(CodeMatch::Wrong { only: None }),
    ]
}

fn asked() -> impl Strategy<Value = Ask> {
    prop_oneof![
        3 => Just(Ask::Nothing),
        3 => Just(Ask::Pin(0..6)),
        3 => Just(Ask::Password(0..6)),
        1 => Just(Ask::Missing),
        1 => Just(Ask::Blocked),
    ]
}
