//! Old records go into segments: the store loses them only when they are safe, and the log stays
//! one log.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mfad::control::query::{AuditFilter, Extent, Manner, Query};
use mfad::domain::action::Role;
use mfad::domain::event::Event;
use mfad::domain::refusal::{Code, Refusal};
use mfad::secret::{Secret, SecretKey};
use mfad::store::{self, Read as _};
use mfad::time::Timestamp;
use serde_json::Value;

use super::past::{make_past, minute};
use super::site::{Site, page};

/// Records of the past, a minute apart.
const OLD: u64 = 1_500;
const KEY: [u8; 32] = [7; 32];

/// A state folder whose log has records of the past, the same at every call.
fn old_state() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let event = |number| Event::new("user.edited").detail("number", number);
    let key = SecretKey::new(KEY);
    make_past(&state.join("mfad.db"), &key, "mfa1", OLD, event);
    folder
}

fn start(folder: tempfile::TempDir, more: &str) -> Site {
    Site::start_in(folder, Ok(Secret::new(KEY)), more)
}

fn try_archive(site: &Site, before: Timestamp) -> Result<Value, Refusal> {
    let manner = Manner {
        reason: Some("a test".to_owned()),
        ..Manner::default()
    };
    let answer = site.try_ask(Role::Admin, Query::AuditArchive { before, manner })?;
    Ok(answer["done"].clone())
}

fn archive(site: &Site, before: Timestamp) -> Value {
    try_archive(site, before).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn verify(site: &Site, from: Option<u64>) -> Value {
    site.ask(Role::Viewer, Query::AuditVerify { from })
}

fn segments(site: &Site) -> Vec<PathBuf> {
    let folder = site.folder.path().join("state/audit");
    let entries = fs::read_dir(folder).unwrap();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "segment"))
        .collect();
    found.sort();
    found
}

/// Waits until the store has removed all but the records after `last`.
fn wait_for_removal(site: &Site, last: u64) {
    let end = Instant::now() + Duration::from_secs(20);
    let reader = site.answerer().store.clone().unwrap();
    while reader
        .audit(&store::AuditFilter::default(), 1)
        .unwrap()
        .first()
        .is_none_or(|first| first.seq <= last)
    {
        assert!(Instant::now() < end, "what is archived is not removed");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn log(site: &Site, since: Option<Timestamp>) -> Value {
    let filter = AuditFilter {
        since,
        ..AuditFilter::default()
    };
    let mut page = page();
    page.extent = Extent::Page;
    page.limit = 500;
    site.ask(Role::Viewer, Query::AuditLog { filter, page })
}

#[test]
fn the_log_is_one_log_across_segments_and_store() {
    let site = start(old_state(), "");
    let manner = Manner {
        dry_run: true,
        ..Manner::default()
    };
    let before = minute(701);
    let would = site.ask(Role::Admin, Query::AuditArchive { before, manner });
    let would = would["done"]["message"].as_str().unwrap().to_owned();
    assert!(would.starts_with("700 records, 1 to 700 of "), "{would}");
    assert_eq!(segments(&site), Vec::<PathBuf>::new());

    let done = archive(&site, before);
    let segment = &done["data"]["segments"][0];
    assert_eq!(
        (&segment["first"], &segment["last"]),
        (&1.into(), &700.into())
    );
    let path = Path::new(segment["path"].as_str().unwrap());
    assert_eq!(segments(&site), [path]);
    assert_eq!(
        fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    wait_for_removal(&site, 700);
    archive(&site, minute(1_001));
    wait_for_removal(&site, 1_000);
    assert_eq!(segments(&site).len(), 2);
    let nothing = archive(&site, minute(1_001));
    assert_eq!(
        (&nothing["unchanged"], nothing["audit"].is_u64()),
        (&true.into(), true)
    );

    for (from, first) in [
        (None, 1),
        (Some(5), 1),
        (Some(701), 701),
        (Some(1_200), 1_200),
    ] {
        let whole = verify(&site, from);
        assert_eq!(whole["result"], "whole", "{from:?} {whole}");
        assert_eq!(whole["first_seq"], first, "{whole}");
        assert!(whole["last_seq"].as_u64() >= Some(OLD + 2), "{whole}");
    }
    let archived = log(&site, None);
    let entry = |entry: &Value| {
        let record = &entry["record"];
        record["event"] == "audit.archived" && record["result"] == "ok"
    };
    let records: Vec<_> = archived["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| entry(e))
        .collect();
    assert_eq!(records.len(), 2, "one record for each segment");
    let detail = &records[1]["record"]["detail"];
    assert_eq!(
        detail["segment"],
        path.file_name().unwrap().to_str().unwrap()
    );
    assert_eq!(
        (&detail["last"], &detail["hash"]),
        (&700.into(), &segment["hash"])
    );
}

#[test]
fn a_list_that_ends_for_it_says_that_the_rest_is_archived() {
    let site = start(old_state(), "");
    assert_eq!(log(&site, None)["archived"], Value::Null);
    archive(&site, minute(OLD - 100));
    wait_for_removal(&site, OLD - 101);
    let all = log(&site, None);
    assert_eq!(all["cursor"], Value::Null);
    assert_eq!(all["archived"]["seq"], OLD - 101);
    let late = log(&site, Some(minute(OLD - 50)));
    assert_eq!(late["archived"], Value::Null, "nothing older was asked for");
}

#[test]
fn an_absent_segment_is_said_and_a_changed_one_is_damage() {
    let site = start(old_state(), "");
    archive(&site, minute(401));
    archive(&site, minute(901));
    let all = segments(&site);
    let away = site.folder.path().join("away");
    for (segment, span) in [(&all[0], "1 to 400"), (&all[1], "401 to 900")] {
        fs::rename(segment, &away).unwrap();
        let lost = verify(&site, None);
        assert_eq!(lost["result"], "unchecked", "{lost}");
        assert_eq!(lost["damage"], Value::Null, "{lost}");
        assert!(
            lost["checks"][2]["text"].as_str().unwrap().contains(span),
            "{lost}"
        );
        fs::rename(&away, segment).unwrap();
    }
    assert_eq!(verify(&site, Some(901))["result"], "whole");
    let good = fs::read(&all[0]).unwrap();
    let line = good.iter().position(|octet| *octet == b'\n').unwrap();
    for at in [line + 200, good.len() / 2, good.len() - 10] {
        let mut spoiled = good.clone();
        spoiled[at] ^= 1;
        fs::write(&all[0], spoiled).unwrap();
        let found = verify(&site, None);
        assert_eq!(found["result"], "damaged", "octet {at}: {found}");
    }
    fs::write(&all[0], &good).unwrap();
    assert_eq!(verify(&site, None)["result"], "whole");
}

#[test]
fn a_segment_that_a_crash_left_unrecorded_is_taken_by_the_next_run() {
    let (name, octets) = {
        let site = start(old_state(), "");
        archive(&site, minute(601));
        let path = segments(&site).remove(0);
        (
            path.file_name().unwrap().to_owned(),
            fs::read(&path).unwrap(),
        )
    };
    // The same store before it knew, with the segment beside it.
    let folder = old_state();
    let audit = folder.path().join("state/audit");
    fs::create_dir(&audit).unwrap();
    fs::write(audit.join(&name), &octets).unwrap();
    fs::write(audit.join("1-900-00.segment"), b"half of anoth").unwrap();
    let site = start(folder, "");
    let done = archive(&site, minute(801));
    let made = done["data"]["segments"].as_array().unwrap();
    assert_eq!(
        (&made[0]["last"], &made[1]["last"]),
        (&600.into(), &800.into())
    );
    assert_eq!(fs::read(audit.join(&name)).unwrap(), octets, "written anew");
    wait_for_removal(&site, 800);
    assert_eq!(verify(&site, None)["result"], "whole");
}

#[test]
fn a_damaged_log_is_not_archived() {
    let folder = old_state();
    let path = folder.path().join("state/mfad.db");
    let conn = rusqlite::Connection::open(path).unwrap();
    let spoil = "UPDATE audit SET body = CAST(replace(CAST(body AS TEXT), '\"number\":300',
                 '\"number\":301') AS BLOB) WHERE seq = 300";
    assert!(conn.execute(spoil, []).unwrap() > 0);
    conn.close().unwrap();
    let site = start(folder, "");
    let refusal = try_archive(&site, minute(501)).unwrap_err();
    assert_eq!(refusal.code, Code::State);
    assert!(refusal.why.unwrap().contains("record 300"));
    assert_eq!(segments(&site), Vec::<PathBuf>::new());
    assert_eq!(
        site.answerer()
            .store
            .as_ref()
            .unwrap()
            .archived()
            .unwrap()
            .seq,
        0
    );
    // What comes before the damage can go.
    archive(&site, minute(300));
}

#[test]
fn what_is_older_than_audit_retain_is_archived_unasked() {
    let site = start(old_state(), "[audit]\nretain = \"30d\"\n");
    wait_for_removal(&site, OLD);
    assert_eq!(segments(&site).len(), 1);
    let whole = verify(&site, None);
    assert_eq!(whole["result"], "whole", "{whole}");
    let last = log(&site, None);
    let actor = &last["entries"][0]["record"]["actor"]["kind"];
    assert_eq!(actor, "system");
}
