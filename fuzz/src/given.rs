//! Who is asked, where, and by what rules, as the first octets of a life of answers tell it.

use std::time::Duration;

use mfad::domain::notice::Notices;
use mfad::domain::pin::AfterChange;
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm};
use mfad::domain::token_record::{Base, TokenKind};
use mfad::domain::update::Update;
use mfad::domain::user::{Contact, UserRecord, UserState};

use super::octets::Octets;
use super::operations::rules::{self, A, B, COUNTER, R, World};

/// The token whose codes go to the mailbox of its owner.
const S: u8 = 7;

/// What lies over the person and the site, a bit for each; most words are those of `tables/domain.txt`.
const WORDS: [&str; 24] = [
    "enroll",
    "pages",
    "suppress",
    "self-service",
    "auth-code",
    "rekey",
    "mail",
    "phone",
    "questions",
    "emergency-off",
    "must-change",
    "confirm-unlock",
    "keyword",
    "reauth",
    "self-resync",
    "active",
    "pending",
    "obsolete",
    "expires",
    "second",
    "mailbox",
    "recovery",
    "no-pin",
    "no-password",
];

/// A number each for the gateway, the state, the token, the set and what is to be updated; then a bit
/// for each of the [`WORDS`].
pub(super) fn world(from: &mut Octets<'_>) -> World {
    let mut world = World::new(gateway(from.octet()));
    let [state, kind, set, update] = from.array();
    let bits = u32::from_be_bytes([0, from.octet(), from.octet(), from.octet()]);
    world.policy.enabled_kinds = TokenKind::ALL.to_vec();
    world.policy.sets[0].1 = groups(set);
    world.alice().profile_mut().tokens.clear();
    let kinds = [
        TokenKind::Totp,
        TokenKind::Hotp,
        TokenKind::Sms,
        TokenKind::Email,
    ];
    if let Some(kind) = kinds.get(usize::from(kind)) {
        add(world.alice(), A, *kind);
    }
    for (bit, word) in WORDS.iter().enumerate() {
        if bits >> bit & 1 == 1 {
            give(&mut world, word);
        }
    }
    let now = world.now.wall;
    let profile = world.alice().profile_mut();
    profile.state = UserState::ALL[usize::from(state) % UserState::ALL.len()];
    profile.state_since = now;
    if profile.state == UserState::Update {
        let one = Update::ALL.get(usize::from(update));
        profile.updates = one.map_or_else(|| Update::ALL.to_vec(), |one| vec![*one]);
    }
    world
}

fn gateway(number: u8) -> GatewayPolicy {
    let (by, form) = match number & 7 {
        0 | 1 => (FirstFactorBy::Pin, PasscodeForm::Challenge),
        2 => (FirstFactorBy::None, PasscodeForm::Challenge),
        3 => (FirstFactorBy::Gateway, PasscodeForm::Challenge),
        4 => (FirstFactorBy::Local, PasscodeForm::Challenge),
        5 => (FirstFactorBy::Pin, PasscodeForm::PinOtp),
        6 => (FirstFactorBy::Gateway, PasscodeForm::Otp),
        _ => (FirstFactorBy::Local, PasscodeForm::PasswordCommaOtp),
    };
    let mut gateway = rules::gateway("vpn1", by, form);
    gateway.challenge = true;
    gateway
}

/// The groups of the set: apps, codes that are sent, one after the other or in place of each other.
fn groups(number: u8) -> Vec<Vec<TokenKind>> {
    use TokenKind::{Email, Hotp, Sms, Totp, Virtual};
    match number & 3 {
        0 => vec![vec![Totp, Hotp]],
        1 => vec![vec![Totp, Hotp], vec![Sms, Virtual]],
        2 => vec![vec![Totp, Hotp, Sms, Email, Virtual]],
        _ => vec![vec![Sms, Email, Virtual]],
    }
}

fn add(alice: &mut UserRecord, which: u8, kind: TokenKind) {
    alice.profile_mut().tokens.push(rules::token(which, kind));
    if kind == TokenKind::Hotp {
        alice.auth.token_mut(rules::id(which)).next_factor = COUNTER;
    }
}

fn give(world: &mut World, word: &str) {
    if rules::prepare_enrolment(world, word, "") || rules::prepare_questions(world, word, "") {
        // Whoever is reached by one of both could be by the other.
        if let Some(notices) = &mut world.policy.notices {
            (notices.mail, notices.sms) = (true, true);
        }
        return;
    }
    let (now, policy) = (world.now.wall, &mut world.policy);
    let alice = world.record.as_mut().unwrap();
    let profile = alice.profile_mut();
    match word {
        "keyword" => policy.pin_keyword = "newpin".into(),
        "reauth" => policy.pin.after_change = AfterChange::Reauth,
        "self-resync" => policy.hotp_self_resync = true,
        "must-change" => profile
            .pin
            .iter_mut()
            .for_each(|pin| pin.must_change = true),
        "no-pin" => profile.pin = None,
        "no-password" => profile.password = None,
        "confirm-unlock" => profile.confirm_unlock = true,
        "second" => add(alice, B, TokenKind::Hotp),
        "recovery" => add(alice, R, TokenKind::Recovery),
        "mailbox" => {
            policy.notices = Some(Notices {
                mail: true,
                sms: true,
                admins: Vec::new(),
            });
            profile.emails.push(Contact {
                address: "alice@example.org".to_owned(),
                verified: true,
            });
            add(alice, S, TokenKind::Virtual);
        }
        _ => {
            let Some(first) = profile.tokens.first_mut() else {
                return;
            };
            match word {
                "pending" => first.base = Base::Pending,
                "obsolete" => first.base = Base::Obsolete,
                "expires" => {
                    first.expires = Some(now + Duration::from_secs(1800));
                    policy.renew_before = Duration::from_secs(3600);
                }
                "active" => {
                    let id = first.id;
                    alice.auth.token_mut(id).activated_at = Some(now);
                }
                word => panic!("given {word}"),
            }
        }
    }
}
