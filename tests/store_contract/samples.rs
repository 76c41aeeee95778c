//! People, tokens and changes to test with.

use std::sync::Arc;

use mfad::domain::auth_code::{AuthCodeRecord, Delivery};
use mfad::domain::dialogue::{Dialogue, HandleDigest, Kind, Proven};
use mfad::domain::event::{Event, Origin};
use mfad::domain::message::{Address, Line, Message, MessageId};
use mfad::domain::passthrough::Grant;
use mfad::domain::sealed::Sealed;
use mfad::domain::token_record::{Accepted, Base, HardwareToken, RecoveryHash, Token, TokenKind};
use mfad::domain::user::{AuthState, Contact, LastLogin, Profile, UserId, UserRecord, UserState};
use mfad::store::{Body, Change, Key, Write};
use mfad::time::{Now, Timestamp};
use mfad::token::{Otp, TokenId};
use smol_str::SmolStr;

pub(crate) const T0: i64 = 1_800_000_000_000;

pub(crate) fn at(seconds: i64) -> Now {
    Now::at(Timestamp(T0 + seconds * 1000))
}

pub(crate) fn id(number: u32) -> UserId {
    let mut octets = [0; 16];
    octets[..4].copy_from_slice(&number.to_be_bytes());
    UserId(octets)
}

pub(crate) fn token_id(number: u32) -> TokenId {
    let [_, a, b, c, d] = (u64::from(number) * 8).to_be_bytes()[3..] else {
        unreachable!()
    };
    let bits = u32::from_be_bytes([a, b, c, d]) >> 3;
    let sign = |shift: u32| u8::try_from(bits >> shift & 31).unwrap();
    TokenId::from_random([sign(20), sign(15), sign(10), sign(5), sign(0)])
}

pub(crate) fn sealed() -> Sealed {
    Sealed {
        v: 1,
        data: vec![7; 48],
    }
}

pub(crate) fn token(number: u32, kind: TokenKind, serial: Option<&str>) -> Token {
    Token {
        id: token_id(number),
        kind,
        base: Base::Registered,
        otp: match kind {
            TokenKind::Totp => Some(Otp::TOTP),
            TokenKind::Hotp => Some(Otp::HOTP),
            _ => None,
        },
        seed: Some(sealed()),
        recovery: match kind {
            TokenKind::Recovery => vec![RecoveryHash([3; 32]); 10],
            _ => Vec::new(),
        },
        questions: None,
        description: String::new(),
        serial: serial.map(str::to_owned),
        weak: false,
        created: Timestamp(T0),
        created_by: "root".to_owned(),
        registered_at: None,
        disabled_from: None,
        disabled_until: None,
        obsolete_reason: None,
        expires: None,
        last_tested: None,
        delivery: None,
        updated: Timestamp(T0),
        extra: serde_json::Map::new(),
    }
}

pub(crate) fn hardware(serial: &str) -> HardwareToken {
    HardwareToken {
        serial: serial.to_owned(),
        kind: TokenKind::Totp,
        otp: Otp::TOTP,
        seed: sealed(),
        expires: None,
        next_factor: 0,
        compromised: false,
        resync_required: false,
        created: Timestamp(T0),
        extra: serde_json::Map::new(),
    }
}

pub(crate) fn grant(number: u32) -> Grant {
    Grant {
        id: number,
        gateways: Vec::new(),
        from: Timestamp(T0),
        until: Timestamp(T0 + 86_400_000),
        by: "root".to_owned(),
        reason: "phone lost".to_owned(),
        renewals: 0,
        first_from: Timestamp(T0),
        revoked: None,
        warned: None,
        extra: serde_json::Map::new(),
    }
}

pub(crate) fn auth_code() -> AuthCodeRecord {
    AuthCodeRecord {
        hash: [5; 32],
        purpose: "new".to_owned(),
        created: Timestamp(T0),
        created_by: "root".to_owned(),
        expires: Timestamp::NEVER,
        delivery: Delivery::Shown,
        failures: 0,
        extra: serde_json::Map::new(),
    }
}

/// A person with one time based token, whose number is the person's.
pub(crate) fn user(number: u32, name: &str) -> UserRecord {
    let profile = Profile {
        name: name.to_owned(),
        display_name: format!("Frau {name} Öz"),
        emails: vec![Contact {
            address: format!("{name}@example.org"),
            verified: true,
        }],
        state: UserState::Steady,
        state_since: Timestamp(T0),
        state_by: "root".to_owned(),
        tokens: vec![token(number, TokenKind::Totp, None)],
        created: Timestamp(T0),
        updated: Timestamp(T0),
        ..Profile::default()
    };
    UserRecord {
        id: id(number),
        profile: Arc::new(profile),
        auth: AuthState {
            revision: 1,
            ..AuthState::default()
        },
    }
}

pub(crate) fn change(writes: Vec<Write>, about: &UserRecord) -> Change {
    Change {
        writes,
        origin: Origin::system(),
        events: vec![Event::new("test.event").user(about.id, about.name())],
        at: at(0),
    }
}

pub(crate) fn write_user(user: &UserRecord, expected: Option<u64>, profile: bool) -> Write {
    Write {
        key: Key::User(user.id),
        expected,
        body: Some(Body::User {
            profile: profile.then(|| user.profile.clone()),
            auth: user.auth.clone(),
        }),
    }
}

pub(crate) fn add(user: &UserRecord) -> Change {
    change(vec![write_user(user, None, true)], user)
}

/// Changes the profile as well; raises the revision of `user`.
pub(crate) fn edit(user: &mut UserRecord) -> Change {
    let expected = user.auth.revision;
    user.auth.revision += 1;
    change(vec![write_user(user, Some(expected), true)], user)
}

/// What a sign-in writes; raises the revision of `user`.
pub(crate) fn sign_in(user: &mut UserRecord, factor: u64) -> Change {
    let expected = user.auth.revision;
    let token = user.profile.tokens[0].id;
    user.auth.revision += 1;
    let state = user.auth.token_mut(token);
    state.next_factor = factor + 1;
    state.accepted = Some(Accepted {
        factor,
        at: Timestamp(T0),
        gateway: Arc::from("vpn1"),
        grace_used: false,
    });
    user.auth.last_login = Some(LastLogin {
        at: Timestamp(T0),
        gateway: Arc::from("vpn1"),
        station: SmolStr::from("198.51.100.7"),
        token: Some(token),
    });
    change(vec![write_user(user, Some(expected), false)], user)
}

/// A question that is open for so many seconds.
pub(crate) fn question(seconds: u32) -> Dialogue {
    Dialogue {
        kind: Kind::Code,
        proven: Proven::default(),
        gateway: Arc::from("vpn1"),
        opened: Timestamp(T0),
        expires: at(i64::from(seconds)).wall,
        handle: HandleDigest([7; 32]),
        rounds: 1,
        row: 1,
    }
}

pub(crate) fn remove(user: &UserRecord) -> Change {
    let write = Write {
        key: Key::User(user.id),
        expected: Some(user.auth.revision),
        body: None,
    };
    change(vec![write], user)
}

pub(crate) fn pool(serial: &str, expected: Option<u64>, present: bool) -> Write {
    Write {
        key: Key::Hardware(serial.to_owned()),
        expected,
        body: present.then(|| Body::Hardware(hardware(serial))),
    }
}

pub(crate) fn letter(number: u8) -> Message {
    Message {
        id: MessageId([number; 16]),
        to: Address::parse("ada@example.org").unwrap().into(),
        what: "locked".to_owned(),
        about: None,
        subject: Line::new("Your sign-in is locked"),
        text: "Ärger\n".to_owned(),
        enclosed: None,
        at: Timestamp(T0),
        until: None,
        extra: serde_json::Map::new(),
    }
}

pub(crate) fn message(number: u8, expected: Option<u64>, present: bool) -> Write {
    Write {
        key: Key::Message(MessageId([number; 16])),
        expected,
        body: present.then(|| Body::Message(Box::new(letter(number)))),
    }
}

pub(crate) fn pool_change(writes: Vec<Write>) -> Change {
    Change {
        writes,
        origin: Origin::system(),
        events: vec![Event::new("hw.added")],
        at: at(0),
    }
}
