//! What is so beforehand in a row of `tables/commands.txt`: words as `lock=Failures`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "helpers of tests"
)]

use std::sync::Arc;
use std::time::Duration;

use mfad::domain::auth_code::{AuthCodeRecord, Delivery};
use mfad::domain::command::{Answered, Prepared};
use mfad::domain::delivery::{self, SentCode, TypeRule, Via};
use mfad::domain::device_auth::{DeviceAuth, DeviceCode};
use mfad::domain::dialogue::{Dialogue, HandleDigest, Kind, Proven};
use mfad::domain::link::{Link, Purpose};
use mfad::domain::lockout::{Lock, LockReason, LockoutMode};
use mfad::domain::message::{Enclosed, EnclosedKind, MessageId};
use mfad::domain::notice::{Enclosure, Notices};
use mfad::domain::passthrough::{Grant, Revoked};
use mfad::domain::pin::{PasswordRecord, PinRecord};
use mfad::domain::policy::{FirstFactorBy, Otherwise};
use mfad::domain::questions::{Question, Questions};
use mfad::domain::rekey::Rekey;
use mfad::domain::token_record::{Accepted, Base, HardwareToken, TokenKind};
use mfad::domain::update::Update;
use mfad::domain::user::{Contact, LastFailed, LastLogin, UserId, UserRecord, UserState};
use mfad::domain::wait;
use mfad::secret::SecretBytes;
use mfad::time::{Now, Timestamp};
use mfad::token::OtpCode;
use smol_str::SmolStr;

use super::site::*;
use super::typed::{instant, kind, kinds, now_step, number, role, spaced, span, state};

/// One run on one record, if there is one.
pub(crate) struct World {
    pub(crate) run: Run,
    pub(crate) record: Option<UserRecord>,
}

/// The world of these words.
pub(crate) fn world(given: &str) -> World {
    let mut world = World {
        run: run(),
        record: Some(alice()),
    };
    for word in given.split_whitespace().filter(|word| *word != "-") {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        if key == "nobody" {
            world.record = None;
        } else if !(operator(&mut world.run, key, value)
            || prepared(&mut world.run, key, value)
            || site(&mut world.run, key, value))
        {
            let record = world.record.as_mut().unwrap();
            let fits = account(record, key, value)
                || contacts(record, key, value)
                || grants(record, key, value);
            if !fits {
                token_of(record, key, value);
            }
        }
    }
    world
}

fn operator(run: &mut Run, key: &str, value: &str) -> bool {
    match key {
        "role" => run.role = role(value),
        "alice-asks" => run.name = "alice",
        "no-reason" => run.reason = None,
        "if-revision" => run.if_revision = Some(number(value)),
        "now" => run.now = run.now.after(span(value)),
        "wall" => run.now.wall = instant(value),
        _ => return false,
    }
    true
}

fn prepared(run: &mut Run, key: &str, value: &str) -> bool {
    let prepared = &mut run.prepared;
    match key {
        "for-another" => prepared.for_user = Some(UserId([8; 16])),
        "unprepared" => {
            *prepared = Prepared {
                for_user: Some(ID),
                ..Default::default()
            };
        }
        "encloses" => {
            let kind = match value {
                "link" => EnclosedKind::EnrolLink,
                "seed" => EnclosedKind::Seed,
                "code" => EnclosedKind::AuthCode,
                _ => EnclosedKind::ConfirmLink,
            };
            let sealed = sealed(b"secret");
            prepared.enclosure = Some(Enclosure {
                id: MessageId([5; 16]),
                enclosed: Enclosed { kind, sealed },
            });
        }
        "answered" => {
            prepared.answered = Some(Answered {
                token: id(5),
                first: 0,
                right: value == "right",
            });
        }
        "for-token" => prepared.token_id = Some(id(number(value))),
        "seed" => prepared.clear_seed = Some(SecretBytes::new(vec![7; number(value)])),
        "seats-used" => prepared.seats_used = number(value),
        "serial-owner" => prepared.serial_owner = Some(Arc::from(value)),
        "pool" | "pool-waits" | "pool-compromised" => {
            let kind = kind(value);
            prepared.pool = Some(HardwareToken {
                serial: "FT-1".to_owned(),
                kind,
                otp: token(1, kind).otp.unwrap(),
                seed: sealed(SEED),
                compromised: key == "pool-compromised",
                expires: Some(WALL + DAY),
                next_factor: 40,
                resync_required: key == "pool-waits",
                created: WALL,
                extra: serde_json::Map::new(),
            });
        }
        _ => return false,
    }
    true
}

fn site(run: &mut Run, key: &str, value: &str) -> bool {
    let policy = &mut run.policy;
    let first = Arc::make_mut(&mut run.gateways[0]);
    match key {
        "mail" | "sms" => {
            policy.notices = Some(Notices {
                mail: key == "mail",
                sms: key == "sms",
                admins: Vec::new(),
            });
        }
        "pages" => policy.pages = Some("https://mfa.example.org".to_owned()),
        "seats-limit" => policy.seats_limit = number(value),
        "ask" => policy.emergency.ask = number(value),
        "tokens-max" => policy.tokens_max_per_user = number(value),
        "enabled" => policy.enabled_kinds = kinds(value),
        "types-on" => policy.enabled_kinds = TokenKind::ALL.to_vec(),
        "withdrawn" | "not-by-operators" => policy.types.push(TypeRule {
            kind: kind(value),
            withdrawn: key == "withdrawn",
            operator_enrol: key == "withdrawn",
            labels: Vec::new(),
        }),
        "implicit" => policy.implicit_registration = true,
        "virtual-in-set" => policy.sets[0].1[0].push(TokenKind::Virtual),
        "no-recovery-login" => policy.recovery_allow_login = false,
        "sets" => {
            let names = value.split(',').map(|name| (name.to_owned(), Vec::new()));
            policy.sets.extend(names);
        }
        "inactive" => policy.lockout.inactive = span(value),
        "pending-ttl" => policy.pending_ttl = span(value),
        "suppress-codes" => policy.auth_code.always_suppress = true,
        "code-ttl" => policy.auth_code.ttl = span(value),
        "hard-cap" => policy.lockout.hard_cap = number(value),
        "pin-duration" => policy.pin.block_duration = span(value),
        "no-change" => policy.pin.admin_reset_must_change = false,
        "duration" => policy.passthrough.duration = span(value),
        "max-duration" => policy.passthrough.max_duration = span(value),
        "window" => policy.totp_window_steps = number(value),
        "hotp-resync" => policy.hotp_resync_window = number(value),
        "totp-resync" => policy.totp_resync_window_steps = number(value),
        "confirmed-unlocks" => policy.unlock_confirmation = true,
        "self-resync" => policy.hotp_self_resync = true,
        "challenge" => {
            for gateway in &mut run.gateways {
                let challenge = gateway.challenge || &*gateway.name == value;
                Arc::make_mut(gateway).challenge = challenge;
            }
        }
        "only" => {
            let by = match value {
                "gateway" => FirstFactorBy::Gateway,
                "pin" => FirstFactorBy::Pin,
                "local" => FirstFactorBy::Local,
                "none" => FirstFactorBy::None,
                other => panic!("first factor {other}"),
            };
            run.gateways = vec![gateway("vpn1", by, true)];
        }
        "no-gateway" => run.gateways.clear(),
        "no-passthrough" => first.allow_passthrough = false,
        "helpful" => first.helpful = true,
        "unknown" => first.unknown_user = Otherwise::Passthrough,
        "unenrolled" => first.unenrolled = Otherwise::Passthrough,
        "enroll" => {
            first.unenrolled = Otherwise::Enroll;
            first.challenge = true;
        }
        "allowed" => first.allowed_kinds = Some(kinds(value)),
        _ => return false,
    }
    true
}

fn account(record: &mut UserRecord, key: &str, value: &str) -> bool {
    match key {
        "state" => record.profile_mut().state = state(value),
        "update" => {
            let profile = record.profile_mut();
            profile.state = UserState::Update;
            profile.updates = value.split(',').filter_map(Update::by_name).collect();
        }
        "protected" => record.profile_mut().protected = true,
        "questions-void" => record.profile_mut().questions_void = Some(WALL - DAY),
        "confirm-unlock" => record.profile_mut().confirm_unlock = true,
        "set" => record.profile_mut().set = Some(value.to_owned()),
        "asked" => record.auth.dialogues.push(Dialogue {
            kind: Kind::Code,
            proven: Proven::default(),
            gateway: Arc::from("ocserv"),
            opened: WALL,
            expires: WALL + span("5m"),
            handle: HandleDigest([7; 32]),
            rounds: 2,
            row: 1,
        }),
        "C1" => record.auth.pin.failures = number(value),
        "C2" => record.auth.token_mut(id(1)).soft = number(value),
        "C3" => record.auth.soft = number(value),
        "C4" => record.auth.token_mut(id(1)).total = number(value),
        "pin" => {
            record.profile_mut().pin = Some(PinRecord {
                hash: sealed(b"old"),
                set_at: WALL - DAY,
                set_by: "bob".to_owned(),
                must_change: false,
            });
        }
        "auth-code" => {
            record.profile_mut().auth_code = Some(AuthCodeRecord {
                hash: [1; 32],
                purpose: record.profile.state.name().to_owned(),
                created: WALL - DAY,
                created_by: "bob".to_owned(),
                expires: instant(value),
                delivery: Delivery::Shown,
                failures: 0,
                extra: serde_json::Map::new(),
            });
        }
        "device-code" => {
            let code = DeviceCode {
                hash: [7; 32],
                sent: WALL,
                to: "alice@example.org".to_owned(),
                expires: WALL + span("15m"),
                failures: 0,
            };
            let proven_until = Some(WALL + span("1d"));
            record.profile_mut().device_auth = Some(DeviceAuth {
                code: Some(code),
                proven_until,
                ..DeviceAuth::default()
            });
        }
        "recovered" => {
            let profile = record.profile_mut();
            profile.enter(UserState::Update, WALL - DAY, "auto");
            (profile.updates, profile.recovered) = (vec![Update::Token], true);
        }
        "rekey" => {
            record.profile_mut().rekey = Some(Rekey {
                token: id(1),
                at: WALL - DAY,
                by: "bob".to_owned(),
                why: value.to_owned(),
                extra: serde_json::Map::new(),
            });
        }
        "link" => {
            let (purpose, sent_to) = match value {
                "enrol" => (Purpose::Enrol, Some("alice@example.org".to_owned())),
                "enrol-sms" => (Purpose::Enrol, Some("+491701234567".to_owned())),
                "recovery" => (Purpose::Recovery, None),
                "prove" => (Purpose::Prove { token: id(1) }, None),
                address => {
                    let address = address.to_owned();
                    (Purpose::Confirm { address }, None)
                }
            };
            let link = Link {
                id: 0,
                purpose,
                hash: link().fingerprint(),
                created: WALL - DAY,
                created_by: "bob".to_owned(),
                expires: WALL + DAY,
                sent_to,
                tries: 5,
                at_prompt: false,
                extra: serde_json::Map::new(),
            };
            record.profile_mut().add_link(link, Now::at(WALL));
        }
        "link-at-prompt" => record.profile_mut().links[0].at_prompt = true,
        "asked-first-code" => record.auth.dialogues.push(Dialogue {
            kind: Kind::FirstCode { wrong: 0 },
            proven: Proven::default(),
            gateway: Arc::from("vpn1"),
            opened: WALL - DAY,
            expires: WALL + DAY,
            handle: HandleDigest([0; 32]),
            rounds: 2,
            row: 1,
        }),
        "link-over" => record.profile_mut().links[0].expires = WALL,
        "link-tries" => record.profile_mut().links[0].tries = number(value),
        "code-mailed" | "code-texted" => {
            let code = record.profile_mut().auth_code.as_mut();
            code.unwrap().delivery = match key {
                "code-mailed" => Delivery::Email,
                _ => Delivery::Sms,
            };
        }
        "code-failures" => {
            let code = record.profile_mut().auth_code.as_mut();
            code.unwrap().failures = number(value);
        }
        "pin-blocked" => record.auth.pin.blocked_since = Some(WALL - DAY),
        "password" => {
            record.profile_mut().password = Some(PasswordRecord {
                hash: sealed(b"old"),
                set_at: WALL - DAY,
                set_by: "bob".to_owned(),
                registered_at: WALL - DAY,
            });
            record.auth.password.last_used = Some(WALL - DAY);
        }
        "lock" => {
            let reason = match value {
                "Failures" => LockReason::Failures,
                "PinBlocked" => LockReason::PinBlocked,
                _ => LockReason::Operator,
            };
            record.auth.lock = Some(Lock {
                since: WALL - DAY,
                reason,
                by: None,
                auto_until: None,
                note: Arc::from("vpn1"),
                count: 5,
            });
        }
        "idle" => {
            let profile = record.profile_mut();
            (profile.created, profile.state_since) = (instant(value), instant(value));
        }
        "lock-by" => record.auth.lock.as_mut().unwrap().by = Some(Arc::from(value)),
        "lock-note" => record.auth.lock.as_mut().unwrap().note = Arc::from(value),
        "lock-until" => record.auth.lock.as_mut().unwrap().auto_until = Some(instant(value)),
        "wait-until" => record.auth.wait_until = Some(instant(value)),
        "known" | "known-waits" => {
            let home = at_home();
            let (soft, until) = (record.auth.soft, record.auth.wait_until);
            let mode = LockoutMode::Lock;
            wait::signed_in(record, &home, mode, true, run().now);
            (record.auth.soft, record.auth.wait_until) = (soft, until);
            if key == "known-waits" {
                record.auth.stations[0].failures = 4;
                record.auth.stations[0].until = Some(instant(value));
            }
        }
        "failed" => {
            record.auth.last_failed = Some(LastFailed {
                at: WALL,
                gateway: Arc::from("vpn1"),
                station: SmolStr::from(value),
            });
        }
        "login" => {
            record.auth.last_login = Some(LastLogin {
                at: instant(value),
                gateway: Arc::from("vpn1"),
                station: SmolStr::default(),
                token: Some(id(1)),
            });
        }
        _ => return false,
    }
    true
}

fn contacts(record: &mut UserRecord, key: &str, value: &str) -> bool {
    let addresses = || {
        value.split(',').map(|address| Contact {
            address: address.to_owned(),
            verified: true,
        })
    };
    let profile = record.profile_mut();
    match key {
        "codes-sent" => profile.code_sends = vec![WALL - Duration::from_secs(60); number(value)],
        "email" => profile.emails.extend(addresses()),
        "email-unproven" => profile.emails.push(Contact {
            address: value.to_owned(),
            verified: false,
        }),
        "phone" => profile.phones.extend(addresses()),
        "phone-unproven" => profile.phones.push(Contact {
            address: value.to_owned(),
            verified: false,
        }),
        "called" => profile.display_name = spaced(value),
        "language" => value.clone_into(&mut profile.language),
        "name" => value.clone_into(&mut profile.name),
        _ => return false,
    }
    true
}

/// `grant=-1d..+1d` is P-1, `grants=3*-2d..-1d` are P-101 to P-103; what follows is about the last.
fn grants(record: &mut UserRecord, key: &str, value: &str) -> bool {
    let grants = &mut record.profile_mut().grants;
    let grant = |id, dates: &str| {
        let (from, until) = dates.split_once("..").unwrap();
        Grant {
            id,
            gateways: Vec::new(),
            from: instant(from),
            until: instant(until),
            by: "bob".to_owned(),
            reason: "phone broken".to_owned(),
            renewals: 0,
            first_from: instant(from),
            revoked: None,
            warned: None,
            extra: serde_json::Map::new(),
        }
    };
    if key == "grant" {
        let id = u32::try_from(grants.len()).unwrap() + 1;
        grants.push(grant(id, value));
        return true;
    }
    if key == "grants" {
        let (times, dates) = value.split_once('*').unwrap();
        let ids = 101..=100 + number::<u32>(times);
        grants.extend(ids.clone().map(|id| grant(id, dates)));
        for id in ids {
            record.auth.grant_mut(id).ended = dates.contains("..-");
        }
        return true;
    }
    let Some(last) = grants.last_mut() else {
        return false;
    };
    let grant = last.id;
    match key {
        "grant-at" => last.gateways = vec![value.to_owned()],
        "renewals" => last.renewals = number(value),
        "first-from" => last.first_from = instant(value),
        "revoked" => {
            let by = "bob".to_owned();
            let when = instant(value);
            last.revoked = Some(Revoked { by, when });
        }
        "ended" => record.auth.grant_mut(grant).ended = true,
        _ => return false,
    }
    true
}

/// What follows `second=` or `recovery` is about that token.
fn token_of(record: &mut UserRecord, key: &str, value: &str) {
    match key {
        "no-token" => return record.profile_mut().tokens.clear(),
        "hotp" => return record.profile_mut().tokens = vec![token(1, TokenKind::Hotp)],
        "second" => return record.profile_mut().tokens.push(token(2, kind(value))),
        "third" => return record.profile_mut().tokens.push(token(4, kind(value))),
        "virtual" | "by-mail" | "by-sms" | "also-by-sms" => {
            let (kind, via, address) = match key {
                "virtual" => (TokenKind::Virtual, Via::by_name(value).unwrap(), None),
                "by-mail" => (TokenKind::Email, Via::Email, Some(value.to_owned())),
                _ => (TokenKind::Sms, Via::Sms, Some(value.to_owned())),
            };
            let mut sent = token(if key == "also-by-sms" { 4 } else { 2 }, kind);
            sent.seed = None;
            sent.registered_at = Some(WALL - DAY);
            sent.delivery = Some(delivery::Delivery {
                via,
                address,
                code: None,
                extra: serde_json::Map::new(),
            });
            return record.profile_mut().tokens.push(sent);
        }
        "questions" => {
            let question = |text: &str| Question {
                text: text.to_owned(),
                answer: sealed(b"hash"),
            };
            let mut asked = token(5, TokenKind::Qa);
            asked.questions = Some(Questions {
                list: value
                    .split(',')
                    .map(spaced)
                    .map(|text| question(&text))
                    .collect(),
                first: 0,
            });
            return record.profile_mut().tokens.push(asked);
        }
        "recovery" => {
            let mut codes = token(3, TokenKind::Recovery);
            codes.recovery.truncate(value.parse().unwrap_or(10));
            return record.profile_mut().tokens.push(codes);
        }
        _ => {}
    }
    let token = record.profile_mut().tokens.last_mut().unwrap();
    let id = token.id;
    match key {
        "pending" => token.base = Base::Pending,
        "unproven" => (token.base, token.registered_at) = (Base::Pending, None),
        "out" => {
            let code = OtpCode::parse(b"012345").unwrap();
            token.delivery.as_mut().unwrap().code = Some(SentCode {
                hash: hash_of(id, &code),
                to: "alice@example.org".to_owned(),
                expires: instant(value),
            });
        }
        "disabled" => {
            token.disabled_from = Some(token.base);
            token.base = Base::Disabled;
        }
        "disabled-until" => token.disabled_until = Some(instant(value)),
        "obsolete" => {
            token.base = Base::Obsolete;
            token.obsolete_reason = Some(value.to_owned()).filter(|why| !why.is_empty());
            token.seed = None;
        }
        "made" => token.created = instant(value),
        "described" => token.description = spaced(value),
        "expires" => token.expires = Some(instant(value)),
        "no-seed" => token.seed = None,
        "foreign-seed" => token.seed.as_mut().unwrap().v = 2,
        "serial" => token.serial = Some(value.to_owned()),
        _ => {
            let state = record.auth.token_mut(id);
            match key {
                "next" => state.next_factor = number(value),
                "used" => {
                    let factor = now_step().saturating_add_signed(value.parse().unwrap());
                    state.next_factor = factor + 1;
                    accepted(&mut state.accepted, factor);
                }
                "used-counter" => {
                    state.next_factor = number::<u64>(value) + 1;
                    accepted(&mut state.accepted, number(value));
                }
                "drift" => state.drift_steps = value.parse().unwrap(),
                "soft" => state.soft = number(value),
                "total" => state.total = number(value),
                "locked" => {
                    state.soft = 10;
                    state.locked_at = Some(WALL - DAY);
                    state.locked_until = Some(match value {
                        "" => Timestamp::NEVER,
                        until => instant(until),
                    });
                }
                "active" => state.activated_at = Some(WALL - DAY),
                "recovery-used" => state.recovery_used = number(value),
                "resync-required" => state.resync_required = true,
                other => panic!("given {other}"),
            }
        }
    }
}

fn accepted(accepted: &mut Option<Accepted>, factor: u64) {
    *accepted = Some(Accepted {
        factor,
        at: WALL - Duration::from_secs(60),
        gateway: Arc::from("vpn1"),
        grace_used: true,
    });
}
