//! Passthrough grants: their limits, their chain, their first and last instant (I18).

use std::time::Duration;

use mfad::domain::action::Role;
use mfad::domain::command::{Command, PassthroughEnd};
use mfad::domain::passthrough;
use mfad::domain::refusal::Code;
use mfad::domain::user::UserRecord;
use mfad::time::{Now, Timestamp};

use super::site::*;

#[test]
fn passthrough_keeps_its_limits() {
    let days = |n: u32| PassthroughEnd::For(DAY * n);
    let as_role = |role, record: &UserRecord, command: &Command| {
        let mut run = run();
        run.role = role;
        run.of(Some(record), command)
    };
    let (record, applied) = done(&alice(), &enable(days(2), &[]));
    assert_eq!(
        applied.done.message,
        "alice needs no code until 2026-11-20 11:06 UTC (2 d), grant P-31. Current state: Steady \
         State."
    );
    let notes: Vec<String> = applied
        .done
        .notes
        .iter()
        .map(|(label, text)| format!("{label} {text}"))
        .collect();
    assert_eq!(
        notes,
        [
            "at vpn1: password still checked by the gateway",
            "at ocserv: first factor is the PIN, and none is set: no sign-in there",
            "not admin-vpn: allow_passthrough = false",
            "not bare: first_factor = none: the code is the only check (9.2)",
        ]
    );
    // I18: at the very instant, by nothing but the clock.
    let end = WALL + DAY * 2;
    let just = Now::at(Timestamp(end.0 - 1));
    assert!(passthrough::current(&record, Some("vpn1"), just).is_some());
    assert!(passthrough::current(&record, Some("vpn1"), Now::at(end)).is_none());

    let week = as_role(Role::Support, &alice(), &enable(days(7), &[])).unwrap();
    let week = put(&week);
    let refusal = as_role(Role::Support, &alice(), &enable(days(8), &[]))
        .err()
        .unwrap();
    assert_eq!(
        (refusal.code, refusal.need.as_deref()),
        (Code::Policy, Some("admin"))
    );
    assert!(as_role(Role::Admin, &alice(), &enable(days(28), &[])).is_ok());
    let next = Command::PassthroughEnable {
        user: user(),
        from: Some(WALL + DAY * 7),
        end: days(7),
        gateways: Vec::new(),
    };
    let refusal = as_role(Role::Support, week, &next).err().unwrap();
    assert_eq!(
        refusal.need.as_deref(),
        Some("operator"),
        "a chain is renewed, not begun anew"
    );

    let later = as_role(Role::Support, &alice(), &next).unwrap();
    let refusal = as_role(Role::Support, put(&later), &enable(days(7), &[]));
    assert_eq!(outcome(&refusal), "E_POLICY", "nor from its end");

    let refusal = refused(&alice(), &enable(days(1), &["bare", "admin-vpn"]));
    assert_eq!(refusal.code, Code::Policy);
    let refusal = refused(&alice(), &enable(days(1), &["vnp1"]));
    assert_eq!(refusal.code, Code::NoGateway);
    assert_eq!(refusal.why.as_deref(), Some("did you mean vpn1?"));
}

#[test]
fn a_chain_of_renewals_ends_with_an_admin() {
    let renew = Command::PassthroughRenew { user: user() };
    let (mut record, _) = done(&alice(), &enable(PassthroughEnd::Default, &[]));
    let mut now = Now::at(WALL);
    let renewed = |role, now, record: &UserRecord| {
        let mut run = run();
        (run.role, run.now, run.next_seq) = (role, now, 32);
        run.of(Some(record), &renew)
    };
    for _ in 0..3 {
        now = now.after(DAY * 6);
        let applied = renewed(Role::Operator, now, &record).unwrap();
        record = put(&applied).clone();
        let grant = &record.profile.grants[0];
        assert_eq!(grant.until, now.wall + DAY * 7, "not on top");
        assert_eq!(grant.first_from, WALL);
    }
    now = now.after(DAY * 6);
    let refusal = renewed(Role::Operator, now, &record).err().unwrap();
    assert_eq!(
        (refusal.code, refusal.need.as_deref()),
        (Code::Policy, Some("admin"))
    );
    assert!(renewed(Role::Admin, now, &record).is_ok());
    // Just over: a new grant of the same chain. A day over: nothing to renew.
    let over = renewed(Role::Admin, now.after(DAY + DAY / 2), &record).unwrap();
    assert_eq!(put(&over).profile.grants.len(), 2);
    let late = renewed(Role::Admin, now.after(DAY * 2), &record)
        .err()
        .unwrap();
    assert_eq!(late.code, Code::State);
    let (ended, _) = done(&alice(), &enable(PassthroughEnd::Default, &[]));
    let (ended, applied) = done(&ended, &Command::PassthroughDisable { user: user() });
    assert_eq!(names(&applied), ["passthrough.ended"]);
    assert!(passthrough::current(&ended, None, Now::at(WALL)).is_none());
}

/// A right begins and ends when both clocks say so; a grant from now on counts at once all the same.
#[test]
fn a_grant_counts_from_the_next_packet_whatever_the_clocks_say() {
    let second = Duration::from_secs(1);
    for (wall, steady) in [(WALL, WALL + second), (WALL + second, WALL)] {
        let mut apart = run();
        apart.role = Role::Support;
        apart.now = Now {
            wall,
            steady,
            mono_us: 0,
        };
        let now = apart.now;
        let week = enable(PassthroughEnd::Default, &["vpn1"]);
        let applied = apart.of(Some(&alice()), &week).unwrap();
        let grant = passthrough::current(put(&applied), Some("vpn1"), now).unwrap();
        assert_eq!(grant.until, now.latest() + DAY * 7);
    }
}
