//! Files of tokens through `mfactl hw import`, up to the sign-in with what they brought, and of people
//! through `mfactl user import`; and files that are wrong or known already.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::common::tools::{have, oathtool_hotp};
use crate::desk::{Desk, Form, Said};

const SEED: &str = "3132333435363738393031323334353637383930";

/// A private file with this text, in the site's folder.
pub(crate) fn file(daemon: &Daemon, name: &str, text: &str) -> String {
    let path = daemon.site.path(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn published(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/token_files/good");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn import(desk: &Desk<'_>, path: &str, more: &[&str], input: &str) -> Said {
    let mut words = vec!["hw", "import", path, "--yes"];
    words.extend(more);
    desk.mfactl(&words, input)
}

pub(crate) fn data(said: &Said) -> Value {
    said.json()["done"]["data"].clone()
}

/// To alice, who is known to have it.
fn hand_out(desk: &Desk<'_>, serial: &str) {
    let add = ["token", "add", "alice", "--type", "hotp", "--trusted"];
    let said = desk.mfactl(&[&add[..], &["--serial", serial]].concat(), "");
    assert_eq!(said.status, 0, "{said:#?}");
}

pub(crate) fn serials(daemon: &Daemon) -> Vec<String> {
    let (mut serials, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let asked = json!({"limit": 500, "cursor": cursor});
        let page = daemon.operator().call("Tokens.HwList", &asked);
        let rows = page["rows"].as_array().unwrap().iter();
        serials.extend(rows.map(|row| row["serial"].as_str().unwrap().to_owned()));
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return serials;
        }
    }
}

#[test]
fn a_token_out_of_a_file_signs_in() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::People);
    let plain = file(
        &daemon,
        "vendor.csv",
        &format!("FT-1,{SEED},hotp,6,5\nFT-2,{SEED}aa,totp,8,60\n"),
    );
    let said = import(&desk, &plain, &[], "");
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:#?}");
    assert!(
        said.out.contains("2 hardware tokens are in the pool."),
        "{said:#?}"
    );
    let sealed = file(&daemon, "vendor.xml", &published("rfc6030-figure6.xml"));
    let key = file(&daemon, "vendor.key", "12345678901234567890123456789012\n");
    let said = import(&desk, &sealed, &["--key", "--file", &key], "");
    assert_eq!(said.status, 0, "{said:#?}");
    assert_eq!(serials(&daemon), ["987654321", "FT-1", "FT-2"]);
    hand_out(&desk, "FT-1");
    assert_eq!(serials(&daemon), ["987654321", "FT-2"]);
    if have("oathtool") {
        let gateway = daemon.gateway("gw-none");
        gateway.keeps_out("alice", &oathtool_hotp(SEED, 4));
        gateway.lets_in("alice", &oathtool_hotp(SEED, 5));
    }
    daemon.stop();
}

#[test]
fn a_bad_record_keeps_all_of_them_out_unless_it_is_left_out() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::Json);
    let owned = [
        "token", "add", "alice", "--type", "hotp", "--serial", "FT-9", "--seed", "--stdin",
    ];
    let said = desk.mfactl(&owned, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n");
    assert_eq!(said.status, 0, "{said:#?}");
    let text = format!(
        "FT-1,{SEED},hotp\nFT-2,{},totp\nFT-3,313,hotp\nFT-9,{SEED}aa,hotp\n",
        &SEED[20..]
    );
    let path = file(&daemon, "vendor.csv", &text);
    let before = desk.store();
    let said = import(&desk, &path, &["--json"], "");
    assert_eq!(said.status, 65, "{said:#?}");
    let told = data(&said);
    assert_eq!(
        (&told["new"], &told["rejected"], &told["written"]),
        (&json!(1), &json!(3), &json!(0))
    );
    let rows: Vec<(u64, &str)> = told["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["line"].as_u64().unwrap(), row["code"].as_str().unwrap()))
        .collect();
    assert_eq!(rows, [(2, "E_POLICY"), (3, "E_ARG"), (4, "E_EXISTS")]);
    assert!(desk.store() == before, "something was imported");
    assert!(serials(&daemon).is_empty());
    let people = Desk::new(&daemon, Form::People);
    let said = import(&people, &path, &["--skip-bad", "--weak"], "");
    assert_eq!(said.status, 0, "{said:#?}");
    assert_eq!(serials(&daemon), ["FT-1", "FT-2"]);
    assert!(
        said.out.contains("the seed is not in hexadecimal: line 3"),
        "{said:#?}"
    );
    let said = import(&desk, &path, &["--skip-bad", "--weak", "--json"], "");
    assert_eq!(said.status, 0, "{said:#?}");
    assert_eq!(
        (&data(&said)["same"], &data(&said)["written"]),
        (&json!(2), &json!(0))
    );
    // The same device with its owner is known by its seed.
    let again = file(&daemon, "again.csv", &format!("FT-9,{SEED},hotp\n"));
    let said = import(&desk, &again, &["--json"], "");
    assert_eq!(
        (said.status, &data(&said)["same"]),
        (0, &json!(1)),
        "{said:#?}"
    );
    for text in [
        "<!DOCTYPE a []><KeyContainer/>",
        "<KeyContainer Version='1.0'>",
    ] {
        let path = file(&daemon, "bad.xml", text);
        let said = import(&people, &path, &[], "");
        assert_eq!(said.status, 65, "{said:#?}");
        assert!(said.err.contains("nothing changed"), "{said:#?}");
    }
    daemon.stop();
}

#[test]
fn a_later_file_moves_the_counters_of_devices_forward() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::People);
    let text =
        |counter: u64| format!("FT-1,{SEED},hotp,6,{counter}\nFT-2,{SEED}aa,hotp,6,{counter}\n");
    let write = |counter| file(&daemon, &format!("list{counter}.csv"), &text(counter));
    let said = import(&desk, &write(0), &[], "");
    assert_eq!(said.status, 0, "{said:#?}");
    hand_out(&desk, "FT-1");
    let said = import(&desk, &write(41), &["--expect", "1"], "");
    let moved = "The counters of 2 hardware tokens moved forward.";
    assert!(said.out.contains(moved), "{said:#?}");
    let said = import(&desk, &write(5), &[], "");
    assert!(said.out.contains("all of it is here already"), "{said:#?}");
    let shown = desk.mfactl(&["token", "show", "FT-1"], "");
    assert!(shown.out.contains("41"), "{shown:#?}");
    hand_out(&desk, "FT-2");
    let shown = desk.mfactl(&["token", "show", "FT-2"], "");
    assert!(shown.out.contains("41"), "{shown:#?}");
    for event in ["hw.advanced", "token.advanced"] {
        let log = daemon
            .operator()
            .call("Audit.Log", &json!({"event": event}));
        assert_eq!(log["entries"].as_array().unwrap().len(), 1, "{event}");
    }
    daemon.stop();
}

#[test]
fn a_seed_out_of_a_file_is_found_nowhere_afterwards() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::Json);
    let seed = "9f4c1e7a5d0b3826c7e1f0a94b6d2c8371605e4f";
    let path = file(
        &daemon,
        "vendor.csv",
        &format!("FT-1,{seed},hotp\n{seed},FT-2,hotp\nFT-3,{seed}0,hotp\n"),
    );
    let dry = desk.mfactl(&["hw", "import", &path, "--dry-run", "--json"], "");
    assert_eq!(dry.status, 65, "{dry:#?}");
    let said = import(&desk, &path, &["--skip-bad", "--json"], "");
    assert_eq!(said.status, 0, "{said:#?}");
    fs::remove_file(&path).unwrap();
    let log = daemon.log();
    let site = daemon.stop();
    let octets: Vec<u8> = (0..20)
        .map(|at| u8::from_str_radix(&seed[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let holds = |text: &[u8]| {
        let mut looked = text.windows(octets.len()).any(|part| part == octets);
        looked |= text
            .windows(seed.len())
            .any(|part| part.eq_ignore_ascii_case(seed.as_bytes()));
        looked
    };
    for answer in [&dry.out, &dry.err, &said.err, &log] {
        assert!(!holds(answer.as_bytes()), "{answer}");
    }
    let mut seen = 0;
    for entry in fs::read_dir(site.path("state")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            seen += 1;
            assert!(!holds(&fs::read(&path).unwrap()), "{}", path.display());
        }
    }
    assert!(seen > 0, "no store was looked at");
}

#[test]
fn people_out_of_a_file_are_there_as_it_says() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::People);
    let text = "Username,Domain,Email,Language,AuthSet,Role,carrier,phone\n\
                Bob,,bob@example.org,de,,staff,O2,+491701234567\n\
                \"carol\",EXAMPLE,carol@example.org\n\
                alice,,alice@example.org\n";
    let path = file(&daemon, "people.csv", text);
    let rejected = daemon.site.path("rejected.csv");
    let words = ["user", "import", &path, "--header", "--yes", "--rejected"];
    let said = desk.mfactl(&[&words[..], &[rejected.to_str().unwrap()]].concat(), "");
    assert_eq!(said.status, 65, "{said:#?}");
    let told = fs::read_to_string(&rejected).unwrap();
    assert!(
        told.contains(",\"carol\",EXAMPLE,carol@example.org\n"),
        "{told}"
    );
    assert!(told.starts_with("\"E_ARG it names a domain"), "{told}");
    assert!(told.contains("\"E_EXISTS there already"), "{told}");
    let words = [
        "user",
        "import",
        &path,
        "--header",
        "--yes",
        "--strip-domain",
        "--skip-bad",
    ];
    let said = desk.mfactl(&words, "");
    assert_eq!(said.status, 0, "{said:#?}");
    assert!(said.out.contains("2 people are added."), "{said:#?}");
    assert!(
        said.out.contains("`user find --no-token` lists"),
        "{said:#?}"
    );
    let lacking = desk.mfactl(&["user", "find", "--no-token"], "");
    assert!(
        lacking.out.contains("bob") && lacking.out.contains("carol"),
        "{lacking:#?}"
    );
    let bob = daemon.operator().show("bob");
    assert_eq!(
        (&bob["base"], &bob["language"]),
        (&json!("new"), &json!("de")),
        "{bob}"
    );
    assert_eq!(
        (&bob["role_label"], &bob["revision"]),
        (&json!("staff"), &json!(1)),
        "{bob}"
    );
    assert_eq!(bob["phones"][0]["address"], "+491701234567", "{bob}");
    let said = desk.mfactl(&[&words[..], &["--json"]].concat(), "");
    assert_eq!(
        (&data(&said)["same"], &data(&said)["rejected"]),
        (&json!(2), &json!(1))
    );
    daemon.stop();
}

#[test]
fn names_that_were_exported_come_in_again() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::People);
    for name in ["a;b", "c,d", "e"] {
        let said = desk.mfactl(&["user", "add", name, "--no-code"], "");
        assert_eq!(said.status, 0, "{said:#?}");
    }
    let export = desk.mfactl(&["user", "export", "--columns", "user"], "");
    assert!(export.out.contains("\"a;b\"\r\n"), "{export:#?}");
    let path = file(&daemon, "people.csv", &export.out);
    let words = ["user", "import", &path, "--header", "--yes", "--json"];
    let said = desk.mfactl(&words, "");
    let told = data(&said);
    assert_eq!(
        (&told["same"], &told["rejected"]),
        (&json!(4), &json!(0)),
        "{said:#?}"
    );
    daemon.stop();
}

#[test]
fn a_list_of_bad_lines_that_is_cut_says_so() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::People);
    let path = file(&daemon, "people.csv", &"a b\n".repeat(10_001));
    let rejected = daemon.site.path("left.csv");
    let rejected = rejected.to_str().unwrap();
    let said = desk.mfactl(
        &["user", "import", &path, "--yes", "--rejected", rejected],
        "",
    );
    assert_eq!(said.status, 65, "{said:#?}");
    assert_eq!(
        fs::read_to_string(rejected).unwrap().lines().count(),
        10_000
    );
    let told = "left.csv has the first 10,000 of 10,001 bad lines";
    assert!(said.err.contains(told), "{}", said.err);
    daemon.stop();
}

#[test]
fn what_is_not_utf_8_is_told_with_its_line() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::People);
    let path = daemon.site.path("latin1.csv");
    fs::write(&path, b"bob\ncarol\nJ\xf6rg\n").unwrap();
    let said = desk.mfactl(&["user", "import", path.to_str().unwrap(), "--yes"], "");
    assert_eq!(said.status, 65, "{said:#?}");
    assert!(said.err.contains("not UTF-8 in line 3"), "{said:#?}");
    let photo = daemon.site.path("export.jpg");
    fs::write(&photo, b"\xff\xd8\xff\xe0JFIF").unwrap();
    let words = [
        "user",
        "import",
        photo.to_str().unwrap(),
        "--from",
        "otpauth",
        "--yes",
    ];
    let said = desk.mfactl(&words, "");
    assert_eq!(said.status, 65, "{said:#?}");
    assert!(said.err.contains("is a JPEG"), "{said:#?}");
    daemon.stop();
}
