//! `user find`, `token find`, `passthrough list`, completion.

use std::sync::Arc;
use std::time::Duration;

use mfad::control::query::{CandidateKind, Extent, Page, Query, TokenFilter, UserFilter};
use mfad::domain::action::Role;
use mfad::domain::command::{Command, NewToken, PassthroughEnd};
use mfad::domain::dialogue::{Dialogue, HandleDigest, Kind, Proven};
use mfad::domain::event::{Event, Origin};
use mfad::domain::user::{AuthState, Profile, UserId, UserRecord};
use mfad::engine::writer::Arrival;
use mfad::server::control::Backend;
use mfad::sys::random;
use mfad::time::Timestamp;
use mfad::token::Otp;
use serde_json::{Value, json};

use crate::site::{Pages, Site, operator, page};

fn find(site: &Site, filter: UserFilter) -> Value {
    let filter = Box::new(filter);
    site.ask(
        Role::Viewer,
        Query::UserFind {
            filter,
            offset: 0,
            page: page(),
        },
    )
}

#[test]
fn people_are_found_page_by_page() {
    let site = Site::start();
    for number in 0..7 {
        site.add_user(&format!("user{number}"), "");
    }
    let mut sink = Pages::default();
    let page = Page {
        limit: 3,
        cursor: None,
        extent: Extent::All,
    };
    let query = Query::UserFind {
        filter: Box::default(),
        offset: 2,
        page,
    };
    let last = site
        .answerer()
        .query(&operator(Role::Viewer), query, &mut sink)
        .unwrap();
    sink.pages.push(serde_json::to_value(last).unwrap());
    let names: Vec<String> = sink
        .pages
        .iter()
        .flat_map(|page| page["rows"].as_array().unwrap())
        .map(|row| row["user"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        (2..7)
            .map(|number| format!("user{number}"))
            .collect::<Vec<_>>()
    );
    assert_eq!(sink.pages.last().unwrap()["matched"], 7);
}

#[test]
fn whoever_has_begun_to_enrol_is_found() {
    let site = Site::start();
    for name in ["alice", "dave", "gina"] {
        site.add_user(name, "");
    }
    site.add_token("alice");
    let new = NewToken::of("gina".to_owned(), Otp::TOTP);
    site.change(Role::Operator, Command::TokenAdd(Box::new(new)))
        .unwrap();
    let names = |filter| -> Vec<String> {
        let found = find(&site, filter);
        let rows = found["rows"].as_array().unwrap();
        rows.iter()
            .map(|row| row["user"].as_str().unwrap().to_owned())
            .collect()
    };
    let partial = UserFilter {
        partial: true,
        ..UserFilter::default()
    };
    assert_eq!(names(partial), ["gina"]);
    let no_token = UserFilter {
        no_token: true,
        ..UserFilter::default()
    };
    assert_eq!(names(no_token), ["dave", "gina"]);
}

fn export(site: &Site, text: &str, enough: Option<usize>) -> (Pages, Option<Value>) {
    let mut sink = Pages {
        enough,
        ..Pages::default()
    };
    let filter = UserFilter {
        text: Some(text.to_owned()),
        ..UserFilter::default()
    };
    let stated = serde_json::json!({"text": text});
    let query = Query::UserExport {
        filter: Box::new(filter),
        stated: stated.as_object().unwrap().clone(),
        page: Page {
            limit: 3,
            cursor: None,
            extent: Extent::All,
        },
    };
    let last = site
        .answerer()
        .query(&operator(Role::Viewer), query, &mut sink);
    (
        sink,
        last.ok().map(|last| serde_json::to_value(last).unwrap()),
    )
}

/// The last record of an export.
fn exported(site: &Site) -> Value {
    site.log(Role::Viewer, "user.exported")[0].clone()
}

#[test]
fn an_export_is_on_record_before_its_last_rows_leave() {
    let site = Site::start();
    for number in 0..7 {
        site.add_user(&format!("user{number}"), "");
    }
    let (sink, last) = export(&site, "user", None);
    let last = last.unwrap();
    let given = |page: &Value| page["rows"].as_array().unwrap().len();
    assert_eq!(
        sink.pages.iter().map(given).sum::<usize>() + given(&last),
        7
    );
    let record = exported(&site);
    assert_eq!(record["seq"], last["audit"]);
    let detail = &record["record"]["detail"];
    assert_eq!(
        (&detail["rows"], &detail["whole"]),
        (&7.into(), &true.into())
    );
    assert_eq!(detail["filter"], serde_json::json!({"text": "user"}));
    assert_eq!(last["rows"][0]["email"], "u***6@example.org");
}

#[test]
fn an_export_that_nobody_reads_to_its_end_is_on_record_as_far_as_it_came() {
    let site = Site::start();
    for number in 0..7 {
        site.add_user(&format!("user{number}"), "");
    }
    let (_, last) = export(&site, "user3@example.org", Some(0));
    assert!(last.is_some(), "one page is given whole");
    let detail = exported(&site)["record"]["detail"].clone();
    assert_eq!(detail["filter"]["text"], "u***3@example.org", "an address");
    let (sink, last) = export(&site, "user", Some(1));
    assert!(last.is_none());
    assert_eq!(sink.pages.len(), 1);
    let detail = exported(&site)["record"]["detail"].clone();
    assert_eq!(
        (&detail["rows"], &detail["whole"]),
        (&3.into(), &false.into())
    );
}

#[test]
fn an_empty_search_offers_close_names() {
    let site = Site::start();
    site.add_user("alice", "Alice Example");
    let text = |text: &str| UserFilter {
        text: Some(text.to_owned()),
        ..UserFilter::default()
    };
    assert_eq!(find(&site, text("EXAMPLE"))["rows"][0]["user"], "alice");
    let none = find(&site, text("alcie"));
    assert_eq!((&none["matched"], &none["of"]), (&0.into(), &1.into()));
    assert_eq!(none["close"][0]["value"], "alice");
}

#[test]
fn locked_people_are_found_with_a_word_about_them() {
    let site = Site::start();
    site.add_user("alice", "Alice Example");
    site.add_user("gina", "Gina Prova");
    let lock = Command::UserLock {
        user: "gina".to_owned(),
        until: None,
    };
    site.change(Role::Operator, lock).unwrap();
    let found = find(
        &site,
        UserFilter {
            locked: true,
            ..UserFilter::default()
        },
    );
    assert_eq!(found["rows"].as_array().unwrap().len(), 1);
    assert_eq!(found["rows"][0]["lock"]["by"], "bob");
    assert_eq!(found["notes"][0], "gina was locked by bob: \"a test\".");
}

#[test]
fn tokens_are_found_by_kind_and_shown_with_what_can_be_done() {
    let site = Site::start();
    site.add_user("alice", "Alice Example");
    let (id, _) = site.add_token("alice");
    let kind = Some(mfad::domain::token_record::TokenKind::Totp);
    let filter = TokenFilter {
        kind,
        ..TokenFilter::default()
    };
    let found = site.ask(
        Role::Viewer,
        Query::TokenFind {
            filter,
            page: page(),
        },
    );
    assert_eq!(found["rows"][0]["id"], id.as_str());
    let token = mfad::control::words::token_ref("alice/totp").ok().unwrap();
    let shown = site.ask(Role::Operator, Query::TokenShow { token });
    assert_eq!(
        (&shown["last_one"], &shown["token"]["status"]),
        (&true.into(), &"registered".into())
    );
    let actions = shown["actions"].as_array().unwrap();
    let allowed = |name: &str| {
        actions
            .iter()
            .find(|action| action["command"] == name)
            .unwrap()["allowed"]
            == true
    };
    assert!(allowed("token test") && !allowed("token enable") && !allowed("token confirm"));
    // Refused without --force, so not offered.
    assert!(!allowed("token disable") && !allowed("token delete"));
}

#[test]
fn the_grant_that_ends_first_is_in_front() {
    let site = Site::start();
    for (name, days) in [("alice", 5), ("dave", 1)] {
        site.add_user(name, "");
        let end = PassthroughEnd::For(Duration::from_secs(days * 86_400 - 60));
        let enable = Command::PassthroughEnable {
            user: name.to_owned(),
            from: None,
            end,
            gateways: Vec::new(),
        };
        site.change(Role::Support, enable).unwrap();
    }
    let list = |expiring_s| {
        site.ask(
            Role::Viewer,
            Query::PassthroughList {
                expiring_s,
                page: page(),
            },
        )
    };
    let all = list(None);
    let users: Vec<&str> = all["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["user"].as_str().unwrap())
        .collect();
    assert_eq!(users, ["dave", "alice"]);
    assert!(
        all["notes"][0]
            .as_str()
            .unwrap()
            .starts_with("dave has no other token")
    );
    assert_eq!(list(Some(2 * 86_400))["rows"].as_array().unwrap().len(), 1);
    let status = site.ask(Role::Viewer, Query::Status);
    assert_eq!(status["users"]["passthrough"], 2);
    let numbers: Vec<&str> = status["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["number"].as_str().unwrap())
        .collect();
    assert_eq!(numbers, ["W024", "W031"]);
}

#[test]
fn completion_offers_what_fits() {
    let site = Site::start();
    site.add_user("alice", "Alice Example");
    site.add_user("alina", "Alina Example");
    site.add_token("alice");
    let lock = Command::UserLock {
        user: "alina".to_owned(),
        until: None,
    };
    site.change(Role::Operator, lock).unwrap();
    let complete = |role, kind, prefix: &str, user: Option<&str>| -> Vec<String> {
        let (prefix, user) = (prefix.to_owned(), user.map(str::to_owned));
        let reply = site.ask(role, Query::Complete { kind, prefix, user });
        let rows = reply["rows"].as_array().unwrap();
        rows.iter()
            .map(|row| row["value"].as_str().unwrap().to_owned())
            .collect()
    };
    use CandidateKind::{ConfigKey, Gateway, LockedUser, State, Token, User};
    assert_eq!(complete(Role::Viewer, User, "al", None), ["alice", "alina"]);
    assert_eq!(complete(Role::Viewer, User, "alice", None), ["alice"]);
    assert!(complete(Role::Viewer, User, "a", None).is_empty());
    assert_eq!(
        complete(Role::Viewer, LockedUser, "al", None),
        ["alina", "alice"]
    );
    assert_eq!(
        complete(Role::Viewer, Token, "alice/", None),
        ["alice/totp"]
    );
    assert_eq!(complete(Role::Viewer, Gateway, "", None), ["vpn1", "vpn2"]);
    assert_eq!(
        complete(Role::Viewer, ConfigKey, "lockout.user.m", None),
        ["lockout.user.max_failures"]
    );
    let operator = complete(Role::Operator, State, "re", Some("alice"));
    assert!(operator.contains(&"replace".to_owned()) && !operator.contains(&"revoke".to_owned()));
    assert!(complete(Role::Admin, State, "re", Some("alice")).contains(&"revoke".to_owned()));
}

/// Somebody who is asked two questions, and one that is over.
fn asked(site: &Site, name: &str) {
    let engine = site.answerer().engine.as_ref().unwrap();
    let now = engine.now().wall;
    let question = |seconds: i64| Dialogue {
        kind: Kind::Passcode,
        proven: Proven::default(),
        gateway: Arc::from("vpn1"),
        opened: now,
        expires: Timestamp(now.0 + seconds * 1000),
        handle: HandleDigest([7; 32]),
        rounds: 1,
        row: 1,
    };
    let profile = Profile {
        name: name.to_owned(),
        ..Profile::default()
    };
    let record = UserRecord {
        id: UserId(random::array().unwrap()),
        profile: Arc::new(profile),
        auth: AuthState {
            revision: 1,
            dialogues: vec![question(3600), question(-1), question(3600)],
            ..AuthState::default()
        },
    };
    let people = vec![Arrival {
        before: None,
        after: Box::new(record),
        events: Vec::new(),
    }];
    let event = Event::new("user.imported");
    engine.put_people(people, Origin::system(), event).unwrap();
}

#[test]
fn open_questions_are_listed_page_by_page_and_counted_without_records() {
    let site = Site::start();
    site.add_user("calm", "");
    for number in 0..5 {
        asked(&site, &format!("user{number}"));
    }
    let mut sink = Pages::default();
    let page = Page {
        limit: 3,
        cursor: Some("user0".to_owned()),
        extent: Extent::All,
    };
    let query = Query::DialogueList { user: None, page };
    let viewer = operator(Role::Viewer);
    let last = site.answerer().query(&viewer, query, &mut sink).unwrap();
    sink.pages.push(serde_json::to_value(last).unwrap());
    let rows = |page: &Value| page["rows"].as_array().unwrap().clone();
    let users: Vec<Value> = sink
        .pages
        .iter()
        .flat_map(rows)
        .map(|row| row["user"].clone())
        .collect();
    let wanted = ["user1", "user2", "user3", "user4"].map(|name| [json!(name), json!(name)]);
    assert_eq!(users, wanted.concat());
    assert_eq!(sink.pages.len(), 3, "two pages, and that nothing follows");
    // Nobody's record can be read any more: `status` needs none.
    let path = site.folder.path().join("state/mfad.db");
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute("UPDATE users SET profile = x'00'", [])
        .unwrap();
    let status = site.ask(Role::Viewer, Query::Status);
    let mut queues = status["queues"].as_array().unwrap().iter();
    let open = queues.find(|queue| queue["name"] == "dialogues");
    assert_eq!(open.unwrap()["used"], 10);
}
