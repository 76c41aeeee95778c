//! `user show`, `why`, `auth explain`, refusals.

use mfad::control::query::Query;
use mfad::domain::action::{Action, Role};
use mfad::domain::command::Command;
use mfad::domain::refusal::Code;
use mfad::server::control::Backend;

use crate::site::{Site, operator};

fn show(site: &Site, role: Role) -> serde_json::Value {
    let user = "alice".to_owned();
    site.ask(role, Query::UserShow { user })
}

#[test]
fn contacts_are_clear_from_operator_on() {
    let site = Site::start();
    site.add_user("alice", "Alice Example");
    for role in [Role::Viewer, Role::Support] {
        let shown = show(&site, role);
        assert_eq!(shown["emails"][0]["address"], "a***e@example.org");
        assert_eq!(shown["phones"][0]["address"], "+49 *** **67");
        assert!(!shown.to_string().contains("alice@example.org"));
    }
    for role in [Role::Operator, Role::Admin] {
        assert_eq!(
            show(&site, role)["emails"][0]["address"],
            "alice@example.org"
        );
    }
}

#[test]
fn actions_say_what_may_be_done_now_and_by_whom() {
    let site = Site::start();
    site.add_user("alice", "Alice Example");
    let action = |role, name: &str| {
        let shown = show(&site, role);
        let all = shown["actions"].as_array().unwrap().clone();
        all.into_iter()
            .find(|action| action["command"] == name)
            .unwrap()
    };
    let unlock = action(Role::Support, "user unlock");
    assert_eq!(unlock["allowed"], false);
    assert_eq!(unlock["why_not"], "not locked");
    let lock = Command::UserLock {
        user: "alice".to_owned(),
        until: None,
    };
    site.change(Role::Operator, lock).unwrap();
    let unlock = action(Role::Support, "user unlock");
    assert_eq!(
        (&unlock["allowed"], &unlock["line"]),
        (&true.into(), &"mfactl user unlock alice".into())
    );
    let add = action(Role::Support, "token add");
    assert_eq!(
        (&add["allowed"], &add["need"]),
        (&false.into(), &"operator".into())
    );
    assert_eq!(action(Role::Operator, "token add")["allowed"], true);
}

#[test]
fn a_misspelt_name_is_met_with_close_ones() {
    let site = Site::start();
    site.add_user("alice", "Alice Example");
    site.add_user("bernd", "Bernd Beispiel");
    let refused = |user: &str| {
        let query = Query::Why {
            user: user.to_owned(),
            gateway: None,
            attempts: 10,
        };
        site.try_ask(Role::Support, query).unwrap_err()
    };
    let refusal = refused("alcie");
    assert_eq!(
        (refusal.code, refusal.tries),
        (Code::NoUser, vec!["mfactl why alice".to_owned()])
    );
    assert_eq!(refused("beispiel").tries, ["mfactl why bernd"]);
    assert_eq!(refused("xaver").tries, ["mfactl user find"]);
}

#[test]
fn why_tells_the_obstacle_and_the_way_out() {
    let site = Site::start();
    site.add_user("alice", "Alice Example");
    let (_, seed) = site.add_token("alice");
    let why = || {
        let query = Query::Why {
            user: "alice".to_owned(),
            gateway: None,
            attempts: 10,
        };
        site.ask(Role::Support, query)
    };
    let before = why();
    assert_eq!(before["can_sign_in"], true);
    // At vpn2 PINs are typed: a code alone leads to the choice of one after the first sign-in.
    assert_eq!(before["gateways"], serde_json::json!(["vpn1"]));
    for code in ["000000", "000001", "000002"] {
        assert!(!site.sign_in("alice", code));
    }
    assert!(!site.sign_in("alice", &site.code(&seed)));
    let after = why();
    assert_eq!(
        (&after["can_sign_in"], &after["obstacle"]),
        (&false.into(), &"locked".into())
    );
    let verdict = after["verdict"].as_str().unwrap();
    assert!(
        verdict.starts_with("CANNOT LOG IN: locked since "),
        "{verdict}"
    );
    assert_eq!(after["steps"][0]["command"], "mfactl user unlock alice");
    let attempts = after["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 4);
    assert_eq!(attempts[2]["locked"], "Failures");
    assert_eq!(attempts[3]["text"], "locked, code not looked at");
}

#[test]
fn explain_stops_at_the_rule_that_would() {
    let site = Site::start();
    site.add_user("alice", "Alice Example");
    let explain = |gateway: &str| {
        let (user, gateway) = ("alice".to_owned(), gateway.to_owned());
        site.try_ask(
            Role::Viewer,
            Query::Explain {
                user,
                gateway,
                token: None,
            },
        )
    };
    assert_eq!(explain("vpn1").unwrap()["result"], "refuse");
    site.add_token("alice");
    assert_eq!(explain("vpn1").unwrap()["result"], "needs_code");
    let refusal = explain("vpn11").unwrap_err();
    assert_eq!(refusal.code, Code::NoGateway);
    assert_eq!(refusal.tries, ["mfactl gateway show vpn1"]);
}

#[test]
fn a_role_too_low_is_told_who_may() {
    let site = Site::start();
    let answer = site.answerer();
    let refusal = answer.denied(&operator(Role::Support), Action::UserDelete, Role::Admin);
    assert_eq!(refusal.code, Code::Perm);
    let need = refusal.need.unwrap();
    assert!(
        need.starts_with("admin. Here: root and group root"),
        "{need}"
    );
    assert!(
        need.ends_with("usermod -aG root bob, then log in again"),
        "{need}"
    );
}

#[test]
fn a_sealed_mfad_answers_three_questions_only() {
    let site = Site::start_with(Err("there is no key".to_owned()));
    assert_eq!(site.ask(Role::Viewer, Query::Status)["state"], "sealed");
    assert_eq!(
        site.ask(Role::Viewer, Query::Whoami { can: None })["role"],
        "viewer"
    );
    assert_eq!(site.ask(Role::Admin, Query::ConfigCheck)["good"], true);
    for query in [Query::Seats, Query::GatewayList, Query::ConfigDiff] {
        assert_eq!(
            site.try_ask(Role::Admin, query).unwrap_err().code,
            Code::Sealed
        );
    }
    let unlock = Command::UserUnlock {
        user: "alice".to_owned(),
        with_pin: false,
        confirm: false,
    };
    assert_eq!(
        site.change(Role::Admin, unlock).err().map(|r| r.code),
        Some(Code::Sealed)
    );
}

#[test]
fn a_look_at_another_persons_log_is_recorded_if_the_site_wants_that() {
    let site = Site::start();
    let path = site.folder.path().join("mfad.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n[audit]\nreads = true\n")).unwrap();
    let origin = mfad::domain::event::Origin::system();
    site.answerer().reload(&origin, None).unwrap();
    site.add_user("alice", "Alice Example");
    site.add_user("bob", "Bob Helper");
    let why = |user: &str| {
        let query = Query::Why {
            user: user.to_owned(),
            gateway: None,
            attempts: 10,
        };
        site.ask(Role::Support, query)
    };
    why("bob");
    why("alice");
    let reads = || site.log(Role::Admin, "read");
    // The record is written by another thread.
    for _ in 0..50 {
        if !reads().is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let entries = reads();
    assert_eq!(entries.len(), 1, "{entries:?}");
    let record = &entries[0]["record"];
    assert_eq!(record["target"]["user"], "alice");
    assert_eq!(record["detail"]["command"], "why");
}

#[test]
fn nobody_is_offered_to_help_himself() {
    let site = Site::start();
    site.add_user("bob", "Bob Helper");
    let lock = Command::UserLock {
        user: "bob".to_owned(),
        until: None,
    };
    site.change(Role::Operator, lock).unwrap();
    let user = "bob".to_owned();
    let shown = site.ask(Role::Support, Query::UserShow { user });
    let actions = shown["actions"].as_array().unwrap();
    let unlock = actions
        .iter()
        .find(|action| action["command"] == "user unlock")
        .unwrap();
    assert_eq!(unlock["allowed"], false);
    assert_eq!(unlock["why_not"], "you cannot unlock yourself (A16)");
}
