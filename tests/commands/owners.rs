//! Tokens with their owners through `mfactl user import --from`, up to the sign-in with them; and what
//! becomes of a file that is known already or wrong.

use std::fs;

use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::common::tools::{have, oathtool_hotp};
use crate::desk::{Desk, Form, Said};
use crate::imports::{data, file};

fn import(desk: &Desk<'_>, path: &str, source: &str, more: &[&str]) -> Said {
    let mut words = vec!["user", "import", path, "--from", source, "--yes"];
    words.extend(more);
    desk.mfactl(&words, "")
}

fn base32(octets: &[u8]) -> String {
    mfad::token::base32::encode(octets).expose().clone()
}

/// An `otpauth` URI of an event-based token.
pub(crate) fn uri(user: &str, seed: &[u8], counter: u64) -> String {
    let secret = base32(seed);
    format!("otpauth://hotp/Old:{user}?secret={secret}&counter={counter}\n")
}

pub(crate) fn tokens_of(daemon: &Daemon, user: &str) -> Vec<Value> {
    let asked = json!({"user": user});
    let listed = daemon.operator().call("Tokens.List", &asked);
    listed["tokens"].as_array().unwrap().clone()
}

#[test]
fn a_token_that_was_used_elsewhere_signs_in() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::People);
    let before = tokens_of(&daemon, "alice").len();
    let text = uri("alice", &[1; 20], 5) + &uri("Zoe", &[2; 20], 7) + &uri("zoe", &[3; 10], 0);
    let path = file(&daemon, "list.txt", &text);
    let said = import(&desk, &path, "otpauth", &[]);
    assert_eq!(said.status, 65, "{said:#?}");
    assert!(said.out.contains("--weak takes it): line 3"), "{said:#?}");
    let dry = import(&desk, &path, "otpauth", &["--weak", "--dry-run"]);
    assert_eq!(dry.status, 0, "{dry:#?}");
    let would = "3 tokens would be registered with their owners.";
    assert!(dry.out.contains(would), "{dry:#?}");
    assert!(dry.out.contains("1 of the owners is new."), "{dry:#?}");
    let said = import(&desk, &path, "otpauth", &["--weak", "--expect", "1"]);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:#?}");
    let are = "3 tokens are registered with their owners.";
    assert!(said.out.contains(are), "{said:#?}");
    let zoe = daemon.operator().show("zoe");
    assert_eq!(
        (&zoe["base"], &zoe["revision"]),
        (&json!("steady"), &json!(1)),
        "{zoe}"
    );
    let theirs = tokens_of(&daemon, "zoe");
    assert_eq!(
        (theirs.len(), tokens_of(&daemon, "alice").len()),
        (2, before + 1)
    );
    for token in &theirs {
        assert_eq!(token["status"], "registered", "{token}");
    }
    let weak = theirs[1]["id"].as_str().unwrap();
    let shown = desk.mfactl(&["token", "show", weak], "");
    assert!(
        shown.out.contains("shorter than it should be"),
        "{shown:#?}"
    );
    if have("oathtool") {
        let gateway = daemon.gateway("gw-none");
        let (two, one) = ("02".repeat(20), "01".repeat(20));
        gateway.keeps_out("zoe", &oathtool_hotp(&two, 6));
        gateway.lets_in("zoe", &oathtool_hotp(&two, 7));
        gateway.lets_in("alice", &oathtool_hotp(&one, 5));
        gateway.keeps_out("alice", &oathtool_hotp(&one, 5));
    }
    // What is so already is passed over, whatever was used meanwhile.
    let said = import(
        &Desk::new(&daemon, Form::Json),
        &path,
        "otpauth",
        &["--weak", "--json"],
    );
    assert_eq!(said.status, 0, "{said:#?}");
    assert_eq!(
        (&data(&said)["same"], &data(&said)["written"]),
        (&json!(3), &json!(0))
    );
    daemon.stop();
}

#[test]
fn a_bad_line_keeps_all_of_them_out_unless_it_is_left_out() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::Json);
    let known = file(&daemon, "known.txt", &uri("bob", &[4; 20], 0));
    let said = import(&desk, &known, "otpauth", &["--json"]);
    assert_eq!(said.status, 0, "{said:#?}");
    let text = [
        uri("carol", &[5; 20], 0),
        "alice,GEZDGNBVGY3TQOJQ\n".to_owned(),
        uri("b b", &[6; 20], 0),
        uri("dave", &[7; 20], 0),
        uri("eve", &[7; 20], 0),
        uri("bob", &[4; 20], 0).replace("hotp", "totp"),
        uri("bob", &[4; 20], 9),
    ]
    .concat();
    // The seed of the last two stands twice, so a file of its own has the one with other parameters.
    let (text, twice) = text
        .rsplit_once("otpauth")
        .map(|(a, b)| (a, b.to_owned()))
        .unwrap();
    let path = file(&daemon, "list.txt", text);
    let before = desk.store();
    let said = import(&desk, &path, "otpauth", &["--json"]);
    assert_eq!(said.status, 65, "{said:#?}");
    assert!(desk.store() == before, "something was imported");
    let rows: Vec<(u64, String)> = data(&said)["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let code = row["code"].as_str().unwrap().to_owned();
            (row["line"].as_u64().unwrap(), code)
        })
        .collect();
    let wanted = [
        (2, "E_ARG"),
        (3, "E_ARG"),
        (4, "E_EXISTS"),
        (5, "E_EXISTS"),
        (6, "E_EXISTS"),
    ];
    assert_eq!(rows, wanted.map(|(line, code)| (line, code.to_owned())));
    let rejected = daemon.site.path("left.txt");
    let rejected = rejected.to_str().unwrap();
    let said = import(
        &desk,
        &path,
        "otpauth",
        &["--json", "--skip-bad", "--rejected", rejected],
    );
    assert_eq!(
        (said.status, &data(&said)["written"]),
        (0, &json!(1)),
        "{said:#?}"
    );
    assert_eq!(fs::read_to_string(rejected).unwrap().lines().count(), 5);
    assert_eq!(daemon.operator().show("carol")["base"], "steady");
    let again = file(&daemon, "again.txt", &format!("otpauth{twice}"));
    let said = import(&desk, &again, "otpauth", &["--json", "--expect", "1"]);
    assert_eq!(data(&said)["ahead"], 1, "{said:#?}");
    let said = import(&desk, &again, "otpauth", &["--json"]);
    assert_eq!(data(&said)["same"], 1, "{said:#?}");
    // What is said of other files is no word here.
    let said = import(&desk, &path, "otpauth", &["--header", "--json"]);
    assert_eq!(said.status, 64, "{said:#?}");
    let said = desk.mfactl(&["user", "import", &path, "--weak", "--yes"], "");
    assert_eq!(said.status, 64, "{said:#?}");
    daemon.stop();
}

#[test]
fn a_later_file_moves_counters_forward_and_never_back() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::People);
    let both = |counter| uri("alice", &[1; 20], counter) + &uri("bob", &[2; 20], counter);
    let write = |counter| file(&daemon, &format!("list{counter}.txt"), &both(counter));
    let said = import(&desk, &write(0), "otpauth", &["--expect", "1"]);
    assert_eq!(said.status, 0, "{said:#?}");
    let later = write(60);
    let more = uri("carol", &[3; 20], 7) + &both(60);
    let later_and_new = file(&daemon, "more.txt", &more);
    let dry = import(&desk, &later, "otpauth", &["--dry-run"]);
    let would = "The counters of 2 tokens would move forward.";
    assert!(dry.out.contains(would), "{dry:#?}");
    let said = import(&desk, &later_and_new, "otpauth", &["--expect", "2"]);
    let moved = "1 token is registered with their owners. The counters of 2 tokens moved forward.";
    let words: Vec<&str> = said.out.split_whitespace().collect();
    assert!(words.join(" ").contains(moved), "{said:#?}");
    // Older files change nothing, nor does this one once more.
    for path in [&later_and_new, &later, &write(5)] {
        let said = import(&desk, path, "otpauth", &[]);
        assert!(said.out.contains("all of it is here already"), "{said:#?}");
    }
    let asked = json!({"event": "token.advanced"});
    let log = daemon.operator().call("Audit.Log", &asked);
    let entries = log["entries"].as_array().unwrap();
    let records: Vec<&Value> = entries.iter().map(|entry| &entry["record"]).collect();
    assert_eq!(records.len(), 3, "{log}");
    let of_bob = records
        .iter()
        .find(|record| record["target"]["user"] == "bob");
    let of_bob = of_bob.unwrap_or_else(|| panic!("{log}"));
    assert_eq!(
        (&of_bob["before"], &of_bob["after"]),
        (&json!(0), &json!(60))
    );
    if have("oathtool") {
        let gateway = daemon.gateway("gw-none");
        let (one, two) = ("01".repeat(20), "02".repeat(20));
        gateway.keeps_out("alice", &oathtool_hotp(&one, 59));
        gateway.lets_in("alice", &oathtool_hotp(&one, 60));
        gateway.lets_in("bob", &oathtool_hotp(&two, 60));
    }
    daemon.stop();
}

#[test]
fn files_of_home_directories_come_in_by_a_list() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::People);
    let home = |name: &str, text: &str| file(&daemon, name, text);
    let good = "GEZDGNBVGY3TQOJQGEZDGNBVGY\n\" HOTP_COUNTER 5\n12345678\n23456789\n";
    let list = format!(
        "# USER:PATH\nbob:{}\n\ncarol:{}\n",
        home("bob", good),
        home("carol", "GEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n")
    );
    let path = file(&daemon, "homes.txt", &list);
    let rejected = daemon.site.path("left.txt");
    let more = ["--skip-bad", "--rejected", rejected.to_str().unwrap()];
    let said = import(&desk, &path, "google-authenticator", &more);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:#?}");
    assert!(said.out.contains("1 token is registered"), "{said:#?}");
    assert!(
        said.out.contains("2 scratch codes are left out"),
        "{said:#?}"
    );
    assert!(said.out.contains("(--weak takes it): line 4"), "{said:#?}");
    // Bad lines are those of the list: no seed is written anew.
    let left = fs::read_to_string(&rejected).unwrap();
    assert!(
        left.contains(",carol:/") && !left.contains("GEZD"),
        "{left}"
    );
    if have("oathtool") {
        let gateway = daemon.gateway("gw-none");
        let seed = "31323334353637383930313233343536";
        gateway.keeps_out("bob", &oathtool_hotp(seed, 4));
        gateway.lets_in("bob", &oathtool_hotp(seed, 5));
    }
    let nowhere = file(&daemon, "nowhere.txt", "bob:/nowhere/at/all\n");
    let said = import(&desk, &nowhere, "google-authenticator", &[]);
    assert_eq!(said.status, 66, "{said:#?}");
    daemon.stop();
}

#[test]
fn a_picture_of_a_code_is_as_good_as_its_text() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::Json);
    let picture = daemon.site.path("alice.png");
    let picture = picture.to_str().unwrap();
    let add = ["token", "add", "alice", "--type", "totp", "--png", picture];
    assert_eq!(desk.mfactl(&add, "").status, 0);
    let list = file(&daemon, "list.txt", &format!("png:{picture}\n"));
    for path in [picture, &list] {
        let said = import(&desk, path, "otpauth", &["--json"]);
        assert_eq!(
            (said.status, &data(&said)["same"]),
            (0, &json!(1)),
            "{said:#?}"
        );
    }
    let plain = file(&daemon, "plain.png", "\u{89}PNG");
    let said = import(&desk, &plain, "otpauth", &["--json"]);
    assert_eq!(said.status, 65, "{said:#?}");
    daemon.stop();
}

/// A file of `token_files/owned_good`.
fn published(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/token_files/owned_good");
    fs::read_to_string(format!("{folder}/{name}")).unwrap()
}

#[test]
fn what_was_used_or_off_elsewhere_is_so_here() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::People);
    let export = file(&daemon, "tokens.pi", &published("export.privacyidea"));
    let key = file(&daemon, "pi.key", &published("export.key"));
    let opened = ["--key", "--file", &key, "--strip-domain", "--expect", "1"];
    let said = import(&desk, &export, "privacyidea", &opened);
    assert_eq!(said.status, 0, "{said:#?}");
    let carol = &tokens_of(&daemon, "carol")[0];
    assert_eq!(carol["status"], "disabled", "{carol}");
    assert!(
        said.out.contains("1 of the tokens is switched off there"),
        "{said:#?}"
    );
    assert!(said.out.contains("`auth log --follow` shows"), "{said:#?}");
    assert!(
        !said.out.contains("meanwhile"),
        "nobody signed in: {said:#?}"
    );
    let bob = &tokens_of(&daemon, "bob")[0];
    assert_eq!(
        (&bob["serial"], &bob["description"]),
        (&json!("HOTP00000002"), &json!("Bob's old one"))
    );
    // 8 digits and SHA-256, which few tools compute: the counter is looked at.
    let shown = desk.mfactl(&["token", "show", "HOTP00000002"], "");
    assert!(shown.out.contains("42"), "{shown:#?}");
    let wrong = file(&daemon, "wrong.key", &format!("{}=\n", "A".repeat(43)));
    let said = import(&desk, &export, "privacyidea", &["--key", "--file", &wrong]);
    assert_eq!(said.status, 65, "{said:#?}");
    assert!(said.err.contains("the key does not open it"), "{said:#?}");
    // The files of multiOTP's users by a list, as they lie there.
    let mut list = String::new();
    for line in published("users.multiotp").lines().skip(1) {
        let (user, text) = line.split_once(':').unwrap();
        let path = file(&daemon, &format!("{user}.db"), &text.replace('\t', "\n"));
        list += &format!("m-{user}:{path}\n");
    }
    let list = file(&daemon, "users.txt", &list);
    let key = file(&daemon, "multiotp.key", &published("users.key"));
    let opened = ["--key", "--file", &key, "--json"];
    let said = import(&Desk::new(&daemon, Form::Json), &list, "multiotp", &opened);
    // Three of the seeds came with the export already, to other people: nobody looks for that.
    assert_eq!(
        (said.status, &data(&said)["written"]),
        (0, &json!(4)),
        "{said:#?}"
    );
    if have("oathtool") {
        let gateway = daemon.gateway("gw-none");
        let seed = "3132333435363738393031323334353637383934";
        gateway.lets_in("m-dave", &oathtool_hotp(seed, 0));
        gateway.keeps_out("m-dave", &oathtool_hotp(seed, 0));
    }
    daemon.stop();
}

#[test]
fn a_seed_with_an_owner_is_found_nowhere_afterwards() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::Json);
    let seed: Vec<u8> = (0..20).map(|at| at * 11 + 37).collect();
    let secret = base32(&seed);
    let text = format!(
        "{}otpauth://totp/b?secret={secret}&digits=99\n{secret}\n",
        uri("bob", &seed, 0)
    );
    let path = file(&daemon, "list.txt", &text);
    let dry = import(&desk, &path, "otpauth", &["--dry-run", "--json"]);
    let said = import(&desk, &path, "otpauth", &["--skip-bad", "--json"]);
    assert_eq!((dry.status, said.status), (65, 0), "{dry:#?} {said:#?}");
    fs::remove_file(&path).unwrap();
    let log = daemon.log();
    let site = daemon.stop();
    let holds = |text: &[u8]| {
        let has = |wanted: &[u8]| text.windows(wanted.len()).any(|part| part == wanted);
        has(&seed) || has(secret.as_bytes())
    };
    for answer in [&dry.out, &dry.err, &said.out, &said.err, &log] {
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
