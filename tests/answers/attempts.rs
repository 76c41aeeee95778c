//! `auth log`, `auth show`, `audit log`, `audit verify`.

use std::time::Duration;

use mfad::control::query::{AuditFilter, AuthFilter, Extent, Page, Query};
use mfad::domain::action::Role;
use mfad::domain::refusal::Code;
use mfad::server::control::Backend;
use serde_json::Value;

use crate::site::{Pages, Site, operator, page};

fn log(site: &Site, role: Role) -> Vec<Value> {
    let filter = AuthFilter {
        user: Some("alice".to_owned()),
        ..AuthFilter::default()
    };
    let reply = site.ask(
        role,
        Query::AuthLog {
            filter,
            stages: true,
            page: page(),
        },
    );
    reply["rows"].as_array().unwrap().clone()
}

fn with_attempts() -> Site {
    let site = Site::start();
    site.add_user("alice", "Alice Example");
    let (_, seed) = site.add_token("alice");
    let code = site.code(&seed);
    assert!(site.sign_in("alice", &code));
    assert!(!site.sign_in("alice", "000000"));
    site
}

#[test]
fn attempts_are_told_newest_first() {
    let site = with_attempts();
    let rows = log(&site, Role::Support);
    assert_eq!(rows.len(), 2);
    let (last, first) = (&rows[0], &rows[1]);
    assert_eq!(
        (&last["result"], &last["rule"]),
        (&"reject".into(), &"D11".into())
    );
    assert_eq!((&last["count"], &last["limit"]), (&1.into(), &3.into()));
    assert_eq!(
        (&last["reply"], &last["held_ms"]),
        (&"M01".into(), &100.into())
    );
    assert_eq!(
        (&first["result"], &first["how"]),
        (&"accept".into(), &"token".into())
    );
    assert!(first["stages"]["otp_us"].is_u64());
}

#[test]
fn a_viewer_is_not_told_which_half_was_wrong() {
    let site = with_attempts();
    let row = &log(&site, Role::Viewer)[0];
    assert_eq!(
        (&row["reason"], &row["text"]),
        (&"wrong passcode".into(), &"wrong passcode".into())
    );
    assert!(row["token"].is_null() && row["stages"].is_null());
    assert_eq!(log(&site, Role::Support)[0]["reason"], "bad_code");
    let attempt = row["id"].as_str().unwrap().to_owned();
    let query = |role| {
        site.ask(
            role,
            Query::AuthShow {
                attempt: attempt.clone(),
            },
        )
    };
    assert!(!query(Role::Viewer).to_string().contains("bad_code"));
    assert!(!query(Role::Viewer).to_string().contains("wrong code"));
    assert!(query(Role::Support).to_string().contains("wrong code"));
    let audit = |role| Value::Array(site.log(role, "auth.reject")).to_string();
    assert!(!audit(Role::Viewer).contains("bad_code"));
    assert!(!audit(Role::Viewer).contains("T-"));
    assert!(audit(Role::Support).contains("bad_code"));
}

#[test]
fn one_attempt_is_told_in_full() {
    let site = with_attempts();
    let rows = log(&site, Role::Support);
    let attempt = rows[0]["id"].as_str().unwrap().to_owned();
    let told = site.ask(Role::Support, Query::AuthShow { attempt });
    assert_eq!(told["attempt"]["seq"], rows[0]["seq"]);
    assert_eq!(told["reply_text"], "Access denied.");
    assert_eq!(told["audit"][0]["event"], "auth.reject");
    assert!(told["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    let missing = Query::AuthShow {
        attempt: "a-00000".to_owned(),
    };
    assert_eq!(
        site.try_ask(Role::Support, missing).unwrap_err().code,
        Code::Arg
    );
}

#[test]
fn pages_of_the_log_join() {
    let site = with_attempts();
    let mut cursor = None;
    let mut seen = Vec::new();
    loop {
        let page = Page {
            limit: 1,
            cursor,
            extent: Extent::Page,
        };
        let query = Query::AuditLog {
            filter: AuditFilter::default(),
            page,
        };
        let reply = site.ask(Role::Viewer, query);
        seen.extend(
            reply["entries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["seq"].as_u64().unwrap()),
        );
        cursor = reply["cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let last = seen[0];
    assert_eq!(seen, (1..=last).rev().collect::<Vec<_>>());
}

#[test]
fn the_log_of_a_deleted_person_stays_readable() {
    let site = with_attempts();
    let user = "alice".to_owned();
    site.change(
        Role::Admin,
        mfad::domain::command::Command::UserDelete { user },
    )
    .unwrap();
    assert_eq!(log(&site, Role::Support).len(), 2);
    let filter = AuthFilter {
        user: Some("alcie".to_owned()),
        ..AuthFilter::default()
    };
    let query = Query::AuthLog {
        filter,
        stages: false,
        page: page(),
    };
    assert_eq!(
        site.try_ask(Role::Support, query).unwrap_err().code,
        Code::NoUser
    );
}

#[test]
fn a_follower_sees_what_comes() {
    let site = with_attempts();
    std::thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let mut sink = Pages {
                enough: Some(2),
                ..Pages::default()
            };
            let page = Page {
                limit: 100,
                cursor: None,
                extent: Extent::Follow,
            };
            let query = Query::AuthLog {
                filter: AuthFilter::default(),
                stages: false,
                page,
            };
            let _ = site
                .answerer()
                .query(&operator(Role::Viewer), query, &mut sink);
            sink.pages
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!site.sign_in("nobody", "123456"));
        let pages = follower.join().unwrap();
        assert_eq!(pages[0]["rows"].as_array().unwrap().len(), 2);
        let came = &pages[1]["rows"][0];
        assert_eq!(came["reason"], "unknown_user");
        assert!(came["user"].as_str().unwrap().starts_with('~'));
    });
}

#[test]
fn the_whole_log_is_verified() {
    let site = with_attempts();
    let reply = site.ask(Role::Viewer, Query::AuditVerify { from: None });
    assert_eq!(reply["result"], "whole");
    assert_eq!(reply["first_seq"], 1);
    let part = site.ask(Role::Viewer, Query::AuditVerify { from: Some(2) });
    assert_eq!(
        (&part["result"], &part["first_seq"]),
        (&"whole".into(), &2.into())
    );
    let status = site.ask(Role::Viewer, Query::Status);
    assert_eq!(status["audit"]["whole"], true);
}

#[test]
fn checkpoints_prove_what_they_cover() {
    use std::sync::atomic::AtomicBool;
    let site = with_attempts();
    let engine = site.instance.engine().unwrap();
    mfad::daemon::checkpoints::keep(engine, &site.answerer().archive, &AtomicBool::new(true));
    let reply = site.ask(Role::Viewer, Query::AuditVerify { from: None });
    assert_eq!(
        (&reply["result"], &reply["chained"]),
        (&"whole".into(), &0.into())
    );
    assert_eq!(reply["proven"], reply["last_seq"]);
    let kept =
        mfad::daemon::checkpoints::last(&site.answerer().archive.checkpoints_path()).unwrap();
    assert_eq!(reply["last_seq"], kept.seq);
}
