//! Explanations against the table of a few people.

use std::net::SocketAddr;
use std::sync::Arc;

use smol_str::SmolStr;

use super::super::event::Source;
use super::super::passthrough::Grant;
use super::super::policy::{Otherwise, PasscodeForm};
use super::super::token_record::{Base, TokenKind};
use super::super::user::{AuthState, Profile, UserId};
use super::*;
use crate::domain::lockout::{Lock, LockReason};
use crate::domain::wait;
use crate::time::Timestamp;
use crate::token::{Otp, TokenId};

pub(crate) fn alice() -> UserRecord {
    let token = Token {
        id: TokenId::from_random([1; 5]),
        kind: TokenKind::Totp,
        base: Base::Registered,
        otp: Some(Otp::TOTP),
        seed: None,
        recovery: Vec::new(),
        questions: None,
        description: String::new(),
        serial: None,
        weak: false,
        created: Timestamp(0),
        created_by: String::new(),
        registered_at: None,
        disabled_from: None,
        disabled_until: None,
        obsolete_reason: None,
        expires: None,
        last_tested: None,
        delivery: None,
        updated: Timestamp(0),
        extra: serde_json::Map::new(),
    };
    let profile = Profile {
        name: "alice".to_owned(),
        state: UserState::Steady,
        tokens: vec![token],
        ..Profile::default()
    };
    UserRecord {
        id: UserId([1; 16]),
        profile: Arc::new(profile),
        auth: AuthState::default(),
    }
}

pub(crate) fn vpn1() -> GatewayPolicy {
    GatewayPolicy {
        name: Arc::from("vpn1"),
        first_factor: FirstFactorBy::Gateway,
        passcode: PasscodeForm::Otp,
        challenge: false,
        unknown_user: Otherwise::Reject,
        unenrolled: Otherwise::Reject,
        allow_passthrough: true,
        allowed_kinds: None,
        helpful: false,
        show_accept_message: false,
        strip_domain: Vec::new(),
        same_code_grace: std::time::Duration::ZERO,
        reject_delay: std::time::Duration::from_secs(1),
        reject_on_internal_error: false,
    }
}

/// Somebody who comes through vpn1.
pub(crate) fn at_home() -> Source {
    Source {
        gateway: Arc::from("vpn1"),
        address: SocketAddr::from(([192, 0, 2, 1], 1812)),
        station: SmolStr::from("203.0.113.7"),
        nas: SmolStr::default(),
    }
}

fn explained(record: &UserRecord) -> Explanation {
    let now = Now::at(Timestamp(1_800_000_000_000));
    explain(Some(record), "Alice", &vpn1(), &Policy::default(), now)
}

fn marks(steps: &[Step]) -> String {
    let marks = steps
        .iter()
        .map(|s| format!("{} {}", s.rule, s.mark.text()));
    marks.collect::<Vec<_>>().join(", ")
}

#[test]
fn says_rule_by_rule_what_a_request_would_meet() {
    let told = explained(&alice());
    assert!(!told.would_be_refused);
    let all = "D1 ok, D4 ok, D5 ok, D6 ok, D7 ok, D8 -, D9 -, D10 1, D11 ?, D13 ok";
    assert_eq!(marks(&told.steps), all);
    assert_eq!(
        told.steps[1].text,
        "what was typed becomes alice; alice, revision 0"
    );
}

#[test]
fn goes_on_behind_a_lock() {
    let mut alice = alice();
    alice.auth.lock = Some(Lock {
        since: Timestamp(0),
        reason: LockReason::Failures,
        by: None,
        auto_until: None,
        note: Arc::from("vpn1"),
        count: 5,
    });
    let told = explained(&alice);
    assert_eq!(told.verdict_line, "alice at vpn1: WOULD BE REFUSED");
    assert_eq!(marks(&told.steps), "D1 ok, D4 ok, D5 ok, D6 STOP");
    assert!(told.steps[3].text.contains("M01"));
    assert!(
        told.steps[3]
            .text
            .ends_with("mfactl user unlock alice (support)")
    );
    assert_eq!(told.and_if_lifted[0].rule, "D7");
}

#[test]
fn a_wait_stops_whoever_is_not_known() {
    let mut alice = alice();
    let wait = |alice: &mut UserRecord| {
        alice.auth.soft = 4;
        alice.auth.wait_until = Some(Timestamp(1_800_000_004_000));
    };
    wait(&mut alice);
    let told = explained(&alice);
    assert_eq!(marks(&told.steps), "D1 ok, D4 ok, D5 ok, D6 STOP");
    let text = &told.steps[3].text;
    assert!(
        text.starts_with("waits until 2027-01-15T08:00:04.000Z, 4 failures"),
        "{text}"
    );
    assert!(text.contains("M01") && text.ends_with("mfactl user unlock alice (support)"));
    let proven = Now::at(Timestamp(1_799_999_000_000));
    let mode = crate::domain::lockout::LockoutMode::Wait;
    wait::signed_in(&mut alice, &at_home(), mode, true, proven);
    wait(&mut alice);
    let told = explained(&alice);
    assert!(!told.would_be_refused);
    assert_eq!(told.steps[3].mark, Mark::Unknown);
    assert!(
        told.steps[3]
            .text
            .contains("unless from one of 1 stations known here")
    );
}

#[test]
fn a_passthrough_needs_no_token() {
    let mut alice = alice();
    let profile = alice.profile_mut();
    profile.tokens[0].base = Base::Disabled;
    assert_eq!(explained(&alice).steps.last().map(|s| s.rule), Some("D10"));
    alice.profile_mut().grants.push(Grant {
        id: 7,
        gateways: Vec::new(),
        from: Timestamp(0),
        until: Timestamp::NEVER,
        by: String::new(),
        reason: String::new(),
        renewals: 0,
        first_from: Timestamp(0),
        revoked: None,
        warned: None,
        extra: serde_json::Map::new(),
    });
    assert!(!explained(&alice).would_be_refused);
}

#[test]
fn strangers_are_refused_or_let_in() {
    let now = Now::at(Timestamp(0));
    let mut gateway = vpn1();
    let told = explain(None, "alcie", &gateway, &Policy::default(), now);
    assert!(told.would_be_refused);
    gateway.unknown_user = Otherwise::Passthrough;
    let told = explain(None, "alcie", &gateway, &Policy::default(), now);
    assert_eq!(told.verdict_line, "alcie at vpn1: WOULD BE LET IN");
    assert!(explain(None, "a b", &gateway, &Policy::default(), now).would_be_refused);
}
