//! `seats`, `set list`, `set show`, and the view of all authenticators.

use mfad::control::query::Query;
use mfad::domain::action::Role;
use mfad::domain::command::{Command, UserEdit};
use mfad::domain::refusal::Code;
use mfad::domain::user::UserState;
use serde_json::{Value, json};

use crate::inactivity::put;
use crate::site::Site;

const SETS: &str = "\n[sets]\ndefault = [[\"totp\", \"hotp\"]]\nguests = [[\"hotp\"]]\n";

fn seats(site: &Site) -> Value {
    site.ask(Role::Viewer, Query::Seats)
}

fn warned(site: &Site) -> Vec<Value> {
    let entries = site.log(Role::Viewer, "seats.warning");
    let detail = |entry: &Value| entry["record"]["detail"].clone();
    entries.iter().map(detail).collect()
}

fn deactivate(site: &Site, user: &str) {
    let command = Command::UserSetState {
        user: user.to_owned(),
        state: UserState::Deactivated,
        force: false,
        updates: Vec::new(),
        auth_code: None,
    };
    site.change(Role::Admin, command).unwrap();
}

#[test]
fn seats_that_become_scarce_are_told_once_and_again_after_they_were_not() {
    let site = Site::start_with_more("\n[seats]\nlimit = 10\n");
    for number in 0..8 {
        site.add_user(&format!("user{number}"), "");
    }
    assert!(warned(&site).is_empty());
    let shown = || {
        let status = site.ask(Role::Viewer, Query::Status);
        status["warnings"].to_string().contains("W045")
    };
    assert!(!shown());
    // As an import puts them.
    put(&site, &[("user8", 40)]);
    assert_eq!(warned(&site), [json!({"used": 9, "limit": 10})]);
    assert!(shown());
    site.add_user("user9", "");
    assert_eq!(warned(&site).len(), 1, "once");
    let full = seats(&site);
    assert_eq!((&full["peak"], &full["free"]), (&10.into(), &0.into()));
    deactivate(&site, "user0");
    deactivate(&site, "user1");
    let less = seats(&site);
    assert_eq!((&less["counted"], &less["peak"]), (&8.into(), &10.into()));
    assert!(full["peak_at"].is_string());
    assert_eq!(less["peak_at"], full["peak_at"]);
    let user = "user0".to_owned();
    site.change(Role::Admin, Command::UserReactivate { user })
        .unwrap();
    assert_eq!(warned(&site).len(), 2, "again");
    let site = site.restart();
    let later = seats(&site);
    assert_eq!((&later["counted"], &later["peak"]), (&9.into(), &10.into()));
    assert_eq!(later["peak_at"], full["peak_at"]);
}

#[test]
fn people_are_counted_by_set_and_by_how_long_they_have_not_signed_in() {
    let site = Site::start();
    put(&site, &[("long", 100), ("lately", 31), ("gone", 100)]);
    site.add_user("alice", "");
    deactivate(&site, "gone");
    let seats = seats(&site);
    assert_eq!(seats["sets"], json!([{"set": "default", "count": 3}]));
    assert_eq!(
        (&seats["no_login_30d"], &seats["no_login_90d"]),
        (&2.into(), &1.into())
    );
}

#[test]
fn a_set_tells_what_it_asks_for_and_who_lacks_it() {
    let site = Site::start_with_more(SETS);
    for name in ["alice", "dave", "gina"] {
        site.add_user(name, "");
        site.add_token(name);
    }
    let edit = UserEdit {
        set: Some("guests".to_owned()),
        ..UserEdit::default()
    };
    let edit = Command::UserEdit {
        user: "gina".to_owned(),
        edit: Box::new(edit),
    };
    site.change(Role::Operator, edit).unwrap();
    let rows = site.ask(Role::Viewer, Query::SetList)["rows"].clone();
    let row = |set: &str| {
        let mut rows = rows.as_array().unwrap().iter();
        let row = rows.find(|row| row["set"] == set).unwrap();
        json!([row["default"], row["groups"], row["people"], row["lacking"]])
    };
    assert_eq!(row("guests"), json!([false, [["hotp"]], 1, 1]));
    assert_eq!(row("default"), json!([true, [["totp", "hotp"]], 2, 0]));
    let show = |set: &str| {
        let set = set.to_owned();
        site.try_ask(Role::Viewer, Query::SetShow { set })
    };
    // A time based token is no event based one.
    let guests = show("guests").unwrap();
    assert_eq!(guests["rows"][0]["user"], "gina");
    assert_eq!(guests["rows"][0]["missing"], json!([["hotp"]]));
    assert_eq!(show("default").unwrap()["rows"], json!([]));
    let refusal = show("gests").unwrap_err();
    assert_eq!(refusal.code, Code::Arg);
    assert_eq!(refusal.why.unwrap(), "did you mean guests?");
    let known = show("x").unwrap_err().why.unwrap();
    assert!(
        known.contains("default") && known.contains("guests"),
        "{known}"
    );
}

#[test]
fn the_view_of_all_authenticators_has_the_password_first_and_the_names_of_both_lists() {
    let site = Site::start();
    site.add_user("alice", "");
    let (id, seed) = site.add_token("alice");
    let set = Command::PasswordSet {
        user: "alice".to_owned(),
        password: None,
    };
    site.change(Role::Support, set).unwrap();
    let view = || {
        let query = Query::TokenList {
            user: "alice".to_owned(),
            all: false,
            authenticators: true,
        };
        assert_eq!(query.least(), Role::Support);
        let list = site.ask(Role::Support, query)["authenticators"].clone();
        let all = list.as_array().unwrap().clone();
        assert_eq!(all[1]["id"], id.as_str());
        all
    };
    let names = |one: &Value| json!([one["kind"], one["status"], one["s3"], one["s4"]]);
    let fresh = view();
    let registered = |kind: &str| json!([kind, "registered", "ACTIVE", "Registered"]);
    assert_eq!(names(&fresh[0]), registered("password"));
    assert_eq!(names(&fresh[1]), registered("totp"));
    assert!(site.sign_in("alice", &site.code(&seed)));
    let used = view();
    let active = json!(["totp", "active", "ACTIVE", "Active"]);
    assert_eq!(names(&used[1]), active);
    assert_eq!(used[1]["last_application"], "vpn1");
    assert!(used[1]["last_success"].is_string());
    deactivate(&site, "alice");
    for one in view() {
        let off = (&one["status"], &one["s4"]);
        assert_eq!(off, (&"deactivated".into(), &"Deactivated".into()));
    }
}
