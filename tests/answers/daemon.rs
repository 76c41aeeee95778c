//! `status`, `whoami`, `config ..`, `backup`, `seats`.

use mfad::control::query::{AuditFilter, Manner, Query};
use mfad::domain::action::{Action, Role};
use mfad::domain::refusal::Code;
use serde_json::Value;

use crate::site::{Site, page};

fn rewrite(site: &Site, from: &str, to: &str) {
    let path = site.folder.path().join("mfad.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    std::fs::write(&path, text.replace(from, to)).unwrap();
}

fn last_event(site: &Site) -> Value {
    let query = Query::AuditLog {
        filter: AuditFilter::default(),
        page: page(),
    };
    site.ask(Role::Admin, query)["entries"][0]["record"].clone()
}

#[test]
fn status_tells_the_verdict_first() {
    let site = Site::start();
    site.add_user("alice", "");
    let status = site.ask(Role::Viewer, Query::Status);
    assert_eq!(
        (&status["state"], &status["host"]),
        (&"serving".into(), &"mfa1".into())
    );
    let verdict = status["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("is SERVING, up "), "{verdict}");
    assert_eq!(status["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(status["warnings"][0]["number"], "W031");
    assert_eq!(status["gateways"][1]["warnings"][0], "W031");
    assert_eq!(
        (&status["users"]["counted"], &status["users"]["new"]),
        (&1.into(), &1.into())
    );
    assert!(status["store"]["free_octets"].as_u64().unwrap() > 0);
    assert_eq!(status["config"]["same"], true);
}

#[test]
fn whoami_tells_the_role_and_what_is_missing() {
    let site = Site::start();
    let can = Some(Action::TokenDelete);
    let told = site.ask(Role::Support, Query::Whoami { can });
    assert_eq!(
        (&told["role"], &told["can"]),
        (&"support".into(), &false.into())
    );
    assert!(
        told["need"]
            .as_str()
            .unwrap()
            .starts_with("operator. No user or group")
    );
    let may = told["may"].as_array().unwrap();
    assert!(may.contains(&"user unlock".into()) && !may.contains(&"token delete".into()));
    assert_eq!(told["others"][1]["who"][0], "root");
    assert_eq!(site.ask(Role::Operator, Query::Whoami { can })["can"], true);
}

#[test]
fn a_reload_replaces_all_and_is_recorded() {
    let site = Site::start();
    rewrite(&site, "max_failures = 3", "max_failures = 8");
    let diff = site.ask(Role::Admin, Query::ConfigDiff);
    assert_eq!(diff["changes"][0]["key"], "lockout.user.max_failures");
    assert_eq!(
        (&diff["changes"][0]["from"], &diff["changes"][0]["to"]),
        (&"3".into(), &"8".into())
    );
    assert_eq!(
        site.ask(Role::Viewer, Query::Status)["config"]["same"],
        false
    );
    let reload = || Query::ConfigReload {
        manner: Manner::default(),
    };
    let done = site.ask(Role::Admin, reload());
    assert!(done["done"]["audit"].is_u64());
    let key = "lockout.user.max_failures".to_owned();
    let value = site.ask(Role::Viewer, Query::ConfigGet { key });
    assert_eq!(
        (&value["value"], &value["stated"]),
        (&"8".into(), &true.into())
    );
    let record = last_event(&site);
    assert_eq!(
        (&record["event"], &record["actor"]["name"]),
        (&"config.reloaded".into(), &"bob".into())
    );
    let again = site.ask(Role::Admin, reload());
    assert_eq!(again["done"]["unchanged"], true);
    assert_eq!(
        site.ask(Role::Viewer, Query::Status)["config"]["loaded_by"],
        "bob"
    );
}

#[test]
fn a_wrong_configuration_changes_nothing() {
    let site = Site::start();
    rewrite(&site, "max_failures = 3", "max_failure = 8");
    let check = site.ask(Role::Admin, Query::ConfigCheck);
    assert_eq!(
        (&check["good"], &check["problems"][0]["severity"]),
        (&false.into(), &"error".into())
    );
    let refusal = site
        .try_ask(
            Role::Admin,
            Query::ConfigReload {
                manner: Manner::default(),
            },
        )
        .unwrap_err();
    assert_eq!(refusal.code, Code::Arg);
    assert!(refusal.why.unwrap().contains("max_failure"));
    let key = "lockout.user.max_failures".to_owned();
    assert_eq!(
        site.ask(Role::Viewer, Query::ConfigGet { key })["value"],
        "3"
    );
    // The record is written by another thread.
    let rejected = || last_event(&site)["event"] == "config.rejected";
    for _ in 0..50 {
        if rejected() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("no record of the rejected configuration");
}

#[test]
fn a_backup_is_made_once_and_recorded() {
    let site = Site::start();
    site.add_user("alice", "");
    let backup = |name: &str| {
        let name = Some(name.to_owned());
        site.try_ask(
            Role::Admin,
            Query::Backup {
                name,
                manner: Manner::default(),
            },
        )
    };
    let done = backup("before-upgrade").unwrap();
    let path = site.folder.path().join("state/backup/before-upgrade.mfad");
    assert!(path.exists());
    assert_eq!(done["done"]["notes"][0]["text"], path.to_str().unwrap());
    assert_eq!(last_event(&site)["event"], "store.backup");
    assert_eq!(backup("before-upgrade").unwrap_err().code, Code::Exists);
    assert_eq!(backup("../elsewhere").unwrap_err().code, Code::Arg);
}

#[test]
fn seats_are_counted_by_state() {
    let site = Site::start();
    site.add_user("alice", "");
    let seats = site.ask(Role::Viewer, Query::Seats);
    assert_eq!((&seats["counted"], &seats["limit"]), (&1.into(), &0.into()));
    assert_eq!(
        (&seats["states"][0]["state"], &seats["states"][0]["count"]),
        (&"new".into(), &1.into())
    );
}
