//! Round trips, foreign fields and damage of the auth row.

use std::sync::Arc;

use proptest::prelude::*;
use smol_str::SmolStr;

use super::*;
use crate::domain::dialogue::{
    AddressCode, Ahead, Dialogue, Emergency, Factors, HandleDigest, Kind, Methods, NewPin, Proven,
    Sent, Step,
};
use crate::domain::policy::FirstFactorBy;
use crate::domain::verdict::How;

const ADA: UserId = UserId([1; 16]);

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        any::<i64>().prop_map(Timestamp),
        Just(Timestamp::NEVER),
        (0..4_000_000_000_000_i64).prop_map(Timestamp)
    ]
}

fn text() -> impl Strategy<Value = Arc<str>> {
    proptest::collection::vec(any::<char>(), 0..60)
        .prop_map(|signs| Arc::from(signs.into_iter().collect::<String>()))
}

fn id() -> impl Strategy<Value = TokenId> {
    proptest::collection::vec(0..10_u8, 5).prop_map(|digits| {
        let signs: Vec<u8> = digits.iter().map(|digit| b'0' + digit).collect();
        id_of(signs.try_into().unwrap()).unwrap()
    })
}

fn token() -> impl Strategy<Value = TokenState> {
    let accepted = proptest::option::of((any::<u64>(), time(), text(), any::<bool>()));
    let used = proptest::option::of((time(), text(), text()));
    let times = proptest::collection::vec(proptest::option::of(time()), 4);
    let counts = (any::<u64>(), any::<i32>(), any::<u32>(), any::<u32>());
    let rest = (any::<u64>(), any::<bool>());
    (id(), accepted, used, times, counts, rest).prop_map(
        |(id, accepted, used, times, (next_factor, drift_steps, soft, total), rest)| TokenState {
            id,
            next_factor,
            accepted: accepted.map(|(factor, at, gateway, grace_used)| Accepted {
                factor,
                at,
                gateway,
                grace_used,
            }),
            drift_steps,
            soft,
            total,
            locked_until: times[0],
            locked_at: times[1],
            activated_at: times[2],
            last_used: used.map(|(at, gateway, station)| Used {
                at,
                gateway,
                station: SmolStr::from(station),
            }),
            last_failed: times[3],
            recovery_used: rest.0,
            resync_required: rest.1,
        },
    )
}

fn grant() -> impl Strategy<Value = GrantState> {
    let last_use = proptest::option::of(time());
    (any::<u32>(), any::<u32>(), last_use, any::<bool>()).prop_map(|(id, uses, last_use, ended)| {
        GrantState {
            id,
            uses,
            last_use,
            ended,
        }
    })
}

fn lock() -> impl Strategy<Value = Lock> {
    let reason = prop_oneof![
        Just(LockReason::Failures),
        Just(LockReason::PinBlocked),
        Just(LockReason::Operator),
        Just(LockReason::Inactivity)
    ];
    let by = proptest::option::of(text());
    let until = proptest::option::of(time());
    (time(), reason, by, until, text(), any::<u32>()).prop_map(
        |(since, reason, by, auto_until, note, count)| Lock {
            since,
            reason,
            by,
            auto_until,
            note,
            count,
        },
    )
}

fn station() -> impl Strategy<Value = Station> {
    let until = proptest::option::of(time());
    (any::<[u8; 8]>(), text(), time(), any::<u32>(), until).prop_map(
        |(tag, gateway, seen, failures, until)| Station {
            gateway,
            tag: StationTag(tag),
            seen,
            failures,
            until,
        },
    )
}

fn kind() -> impl Strategy<Value = Kind> {
    let chosen = proptest::option::of(any::<[u8; 32]>());
    let new_pin = (chosen, any::<u8>(), any::<bool>());
    let sent = (id(), any::<[u8; 32]>(), time(), any::<u8>());
    let methods = (any::<bool>(), proptest::collection::vec(id(), 0..4));
    let pin = |(chosen, weak, unequal)| NewPin {
        chosen,
        weak,
        unequal,
    };
    let step = prop_oneof![
        (any::<u8>(), any::<bool>()).prop_map(|(number, wrong)| Step::Question { number, wrong }),
        Just(Step::Menu),
        new_pin.clone().prop_map(pin).prop_map(Step::Pin),
    ];
    let emergency = (id(), step);
    prop_oneof![
        emergency.prop_map(|(token, step)| Kind::Emergency(Emergency { token, step })),
        (sent, proptest::option::of((any::<u8>(), text()))).prop_map(
            |((token, hash, until, sends), address)| {
                let sent = Sent {
                    token,
                    hash,
                    until,
                    sends,
                };
                match address {
                    Some((wrong, to)) => Kind::Address(AddressCode {
                        sent,
                        to: to.to_string(),
                        wrong,
                    }),
                    None => Kind::Sent(sent),
                }
            }
        ),
        methods.prop_map(|(typed, sent)| Kind::Method(Methods { typed, sent })),
        Just(Kind::Passcode),
        Just(Kind::Code),
        Just(Kind::Reauth),
        Just(Kind::Confirm),
        id().prop_map(Kind::CodeOf),
        (id(), any::<u64>()).prop_map(|(token, first)| Kind::Resync(Ahead { token, first })),
        (any::<bool>(), proptest::option::of(id())).prop_map(|(mailed, shown)| match mailed {
            true => Kind::DeviceCode(shown),
            false => Kind::AuthCode(shown),
        }),
        any::<u8>().prop_map(|wrong| Kind::FirstCode { wrong }),
        new_pin.prop_map(pin).prop_map(Kind::NewPin),
    ]
}

fn proven() -> impl Strategy<Value = Proven> {
    let first = prop_oneof![
        Just(FirstFactorBy::None),
        Just(FirstFactorBy::Gateway),
        Just(FirstFactorBy::Pin),
        Just(FirstFactorBy::Local)
    ];
    let how = prop_oneof![
        id().prop_map(How::Token),
        id().prop_map(How::Grace),
        id().prop_map(How::Recovery),
        any::<u32>().prop_map(How::Passthrough),
        Just(How::PolicyPassthrough),
    ];
    let factors = proptest::collection::vec(how, 0..4).prop_map(Factors::from);
    let also = any::<(bool, bool)>();
    (proptest::option::of(first), factors, also).prop_map(
        |(first, factors, (wants_new, authorized))| Proven {
            first,
            factors,
            wants_new,
            authorized,
        },
    )
}

fn dialogue() -> impl Strategy<Value = Dialogue> {
    let numbers = (any::<u32>(), any::<u32>());
    let times = (time(), time());
    (kind(), proven(), text(), times, any::<[u8; 32]>(), numbers).prop_map(
        |(kind, proven, gateway, (opened, expires), digest, (rounds, row))| Dialogue {
            kind,
            proven,
            gateway,
            opened,
            expires,
            handle: HandleDigest(digest),
            rounds,
            row,
        },
    )
}

fn auth() -> impl Strategy<Value = AuthState> {
    let counts = (any::<u64>(), any::<u32>(), any::<u32>(), any::<u32>());
    let times = proptest::collection::vec(proptest::option::of(time()), 4);
    let parts = (
        proptest::option::of(lock()),
        proptest::option::of((text(), time())),
        proptest::collection::vec(token(), 0..5),
        proptest::collection::vec(grant(), 0..5),
        proptest::collection::vec(station(), 0..9),
        proptest::collection::vec(dialogue(), 0..4),
    );
    let login = proptest::option::of((time(), text(), text(), proptest::option::of(id())));
    let failed = proptest::option::of((time(), text(), text()));
    (counts, times, parts, login, failed).prop_map(
        |(
            (revision, soft, total, failures),
            times,
            (lock, unlocked, tokens, grants, stations, dialogues),
            login,
            failed,
        )| {
            AuthState {
                revision,
                soft,
                wait_until: times[3],
                stations,
                total,
                lock,
                unlocked: unlocked.map(|(by, at)| Unlocked { by, at }),
                pin: PinState {
                    failures,
                    blocked_since: times[0],
                },
                password: PasswordState {
                    activated_at: times[1],
                    last_used: times[2],
                },
                tokens,
                grants,
                dialogues,
                last_login: login.map(|(at, gateway, station, token)| LastLogin {
                    at,
                    gateway,
                    station: SmolStr::from(station),
                    token,
                }),
                last_failed: failed.map(|(at, gateway, station)| LastFailed {
                    at,
                    gateway,
                    station: SmolStr::from(station),
                }),
                unknown: Vec::new(),
            }
        },
    )
}

fn fields(
    tags: std::ops::RangeInclusive<u8>,
    octets_max: usize,
) -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let value = proptest::collection::vec(any::<u8>(), 0..octets_max);
    proptest::collection::vec((tags, value), 1..6)
}

fn row(auth: &AuthState) -> Vec<u8> {
    let mut row = Vec::new();
    encode(ADA, auth, &mut row);
    row
}

fn summed(mut content: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&ADA.0, &content);
    content.extend_from_slice(&sum.to_le_bytes());
    content
}

proptest! {
    #[test]
    fn comes_back_as_it_was(auth in auth()) {
        prop_assert_eq!(decode(ADA, &row(&auth)), Ok(auth));
    }

    #[test]
    fn keeps_what_a_newer_daemon_wrote(
        auth in auth(),
        foreign in fields(15..=255, 200),
    ) {
        let mut content = vec![MAJOR];
        let mut fields = Vec::new();
        for (tag, value) in &foreign {
            fields.put_field(*tag, |out| out.extend_from_slice(value));
        }
        content.extend_from_slice(&fields);
        let plain = row(&auth);
        content.extend_from_slice(&plain[1..plain.len() - SUM_OCTETS]);
        let read = decode(ADA, &summed(content)).unwrap();
        prop_assert_eq!(&read.unknown, &fields);
        prop_assert_eq!(decode(ADA, &row(&read)), Ok(read));
    }

    #[test]
    fn never_panics(content in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(ADA, &content);
        let mut content = content;
        content.insert(0, MAJOR);
        let _ = decode(ADA, &summed(content));
    }

    #[test]
    fn never_panics_on_known_tags(
        fields in fields(0..=15, 40),
    ) {
        let mut content = vec![MAJOR];
        for (tag, value) in &fields {
            content.put_field(*tag, |out| out.extend_from_slice(value));
        }
        let _ = decode(ADA, &summed(content));
    }

    #[test]
    fn finds_every_changed_bit(auth in auth(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut row = row(&auth);
        let at = at.index(row.len());
        row[at] ^= 1_u8 << bit;
        prop_assert!(decode(ADA, &row).is_err());
    }
}

#[test]
fn refuses_a_higher_version() {
    let damage = decode(ADA, &summed(vec![MAJOR + 1])).unwrap_err();
    assert_eq!(damage, Damage::Newer { found: 2, known: 1 });
}

#[test]
fn an_untouched_state_is_five_octets() {
    assert_eq!(row(&AuthState::default()).len(), 1 + SUM_OCTETS);
}

/// A kind of dialogue that only a later version knows stays in the row, and so does one with a factor
/// of a later version.
#[test]
fn keeps_a_dialogue_of_a_later_version() {
    let known = |how: u8| {
        let mut octets = vec![1];
        octets.extend_from_slice(&[7; 32]);
        // Opened, expires, rounds, row, the gateway, the first factor, one factor.
        octets.extend_from_slice(&[0, 0, 1, 1, 1, b'g', 3, 1, how]);
        octets
    };
    for (octets, open) in [(vec![9, 1, 2, 3], 0), (known(99), 0), (known(4), 1)] {
        let mut content = vec![MAJOR];
        let mut field = Vec::new();
        field.put_field(DIALOGUE, |out| out.extend_from_slice(&octets));
        content.extend_from_slice(&field);
        let read = decode(ADA, &summed(content)).unwrap();
        let kept = if open == 0 { field } else { Vec::new() };
        assert_eq!((read.dialogues.len(), &read.unknown), (open, &kept));
    }
}

#[test]
fn is_nobody_elses() {
    let row = row(&AuthState::default());
    assert_eq!(decode(UserId([2; 16]), &row), Err(Damage::Checksum));
}
