//! Each named error once, by a command that anybody could type; and every command that an error
//! suggests, typed.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

use mfad::domain::refusal::Code;
use serde_json::Value;

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::common::sink::Sink;
use crate::common::tools::is_root;
use crate::desk::{Desk, Form, Said, fits, shell_words};
use crate::roles::{somebody, with_roles};

/// Room for one person more than there are.
const RULES: &str = "\n[seats]\nlimit = 3\n";
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n";
/// Words in a suggestion that a person has to replace.
const PLACEHOLDERS: [&str; 11] = [
    "ADDRESS", "TEXT", "NAME", "CODE", "OTP", "OTP1", "STATE", "FILE", "TOKEN", "..", "USER",
];

/// Which names were provoked, and what was suggested.
struct Provoked<'a> {
    desk: Desk<'a>,
    codes: BTreeMap<&'static str, Vec<String>>,
}

impl Provoked<'_> {
    /// A command that must be refused under this name, for people and for programs.
    #[track_caller]
    fn refused(&mut self, code: Code, words: &[&str], input: &str) {
        let before = self.desk.store();
        let said = self.desk.mfactl(words, input);
        let mut with_json = words.to_vec();
        with_json.push("--json");
        let json = self.desk.mfactl(&with_json, input);
        let tries = explains(code, &said, &json);
        let after = self.desk.store();
        assert!(
            after == before,
            "changed by a refusal: {}\n{before}\n{after}",
            said.line
        );
        for line in &tries {
            self.works(line);
        }
        self.codes.insert(code.name(), tries);
    }

    /// A suggestion works, or asks before it does.
    #[track_caller]
    fn works(&self, line: &str) {
        let line = line.split("   ").next().unwrap().trim();
        let words = shell_words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(words[0], "mfactl", "{line}");
        if words.iter().any(|word| PLACEHOLDERS.contains(word)) {
            // It cannot be typed as it stands; that the command exists can be seen all the same.
            let known: Vec<&str> = words[1..]
                .iter()
                .copied()
                .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
                .take(2)
                .chain(["-h"])
                .collect();
            assert_eq!(self.desk.mfactl(&known, "").status, 0, "{line}");
            return;
        }
        let said = self.desk.mfactl(&words[1..], "");
        println!("suggested: {line} -> {}", said.status);
        let asks = said.status == 64
            && ["--yes", "terminal", " needs ", "asked"]
                .iter()
                .any(|sign| said.err.contains(sign));
        let verdict = said.status <= 2 && said.err.is_empty();
        assert!(asks || verdict, "suggested, but: {said:#?}");
    }
}

/// The form of an error; what it suggests.
#[track_caller]
fn explains(code: Code, said: &Said, json: &Said) -> Vec<String> {
    assert_eq!(said.status, i32::from(code.exit()), "{said:#?}");
    assert_eq!(json.status, said.status, "{json:#?}");
    assert_eq!(said.out, "", "{said:#?}");
    assert!(said.err.starts_with("mfactl: "), "{said:#?}");
    let last = format!("  code   {}, exit {}", code.name(), code.exit());
    assert!(said.err.contains(&last), "{said:#?}");
    fits(said);
    let object: Value = json.json();
    assert_eq!(object["code"], code.name(), "{json:#?}");
    assert_eq!(object["exit"], code.exit(), "{json:#?}");
    let error = format!("org.mfad.{}", code.varlink());
    assert_eq!(object["error"], error, "{json:#?}");
    let tries = object["tries"].as_array().cloned().unwrap_or_default();
    tries
        .iter()
        .map(|line| line.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_named_error_is_given_and_what_it_suggests_works() {
    let people = [Person::new("alice"), Person::new("o'neil")];
    let rules = format!("{RULES}{}", Sink::open().config());
    let daemon = Site::with(&people, &rules).start();
    let mut all = Provoked {
        desk: Desk::new(&daemon, Form::People),
        codes: BTreeMap::new(),
    };
    of_people(&mut all);
    of_tokens(&mut all);
    of_the_daemon(&mut all, &daemon);
    let mut codes = all.codes;
    daemon.stop();
    codes.insert(Code::Sealed.name(), sealed());
    if is_root("try the roles") {
        codes.insert(Code::Perm.name(), denied());
    } else {
        codes.insert(Code::Perm.name(), Vec::new());
    }
    // The pages have it; no command does.
    codes.insert(Code::Link.name(), Vec::new());
    for code in Code::ALL {
        assert!(
            codes.contains_key(code.name()),
            "{} is missing",
            code.name()
        );
    }
}

fn of_people(all: &mut Provoked<'_>) {
    all.refused(Code::Arg, &["token", "test", "alice/hotp", "12345"], "");
    all.refused(Code::NoUser, &["user", "show", "alcie"], "");
    all.refused(Code::NoUser, &["user", "unlock", "oneil"], "");
    all.refused(Code::NoUser, &["passthrough", "disable", "zoe"], "");
    all.refused(Code::Exists, &["user", "add", "alice"], "");
    let steady = ["user", "set-state", "fresh", "steady", "-r", "x", "--yes"];
    assert_eq!(all.desk.mfactl(&["user", "add", "fresh"], "").status, 0);
    all.refused(Code::State, &steady, "");
    all.refused(Code::Seats, &["user", "add", "one-too-many"], "");
    all.refused(Code::NotBlocked, &["pin", "unblock", "alice"], "");
    all.refused(Code::NotLocked, &["user", "unlock", "o'neil"], "");
    let edit = [
        "user",
        "edit",
        "alice",
        "--name",
        "A",
        "--if-revision",
        "99",
    ];
    all.refused(Code::Conflict, &edit, "");
    let weak = ["pin", "reset", "alice", "--stdin", "--yes"];
    all.refused(Code::Policy, &weak, "111111\n");
    let long = [
        "passthrough",
        "enable",
        "alice",
        "--gateway",
        "gw-none",
        "-r",
        "x",
    ];
    all.refused(Code::Policy, &long, "");
    all.refused(
        Code::State,
        &["passthrough", "renew", "alice", "-r", "x"],
        "",
    );
    all.refused(Code::State, &["user", "reactivate", "o'neil"], "");
}

fn of_tokens(all: &mut Provoked<'_>) {
    all.refused(Code::NoToken, &["token", "show", "T-00000"], "");
    all.refused(
        Code::NoToken,
        &["token", "test", "o'neil/totp", "123456"],
        "",
    );
    all.refused(Code::NoToken, &["hw", "unassign", "FT-1", "--yes"], "");
    all.refused(
        Code::NoToken,
        &["enroll", "qr", "o'neil", "--to-stdout"],
        "",
    );
    all.refused(Code::NoToken, &["recovery", "revoke", "alice"], "");
    all.refused(Code::NotLocked, &["token", "unlock", "alice/hotp"], "");
    let generate = ["auth-code", "generate", "alice", "--to-stdout"];
    all.refused(Code::NotNeeded, &generate, "");
    all.refused(Code::NoAddr, &["enroll", "email", "alice"], "");
    let disable = ["token", "disable", "o'neil/hotp", "-r", "x", "--yes"];
    all.refused(Code::LastToken, &disable, "");
    let add = [
        "token", "add", "fresh", "--type", "hotp", "--serial", "FT-7",
    ];
    let mut with_seed = add.to_vec();
    with_seed.extend(["--seed", "--stdin"]);
    assert_eq!(all.desk.mfactl(&with_seed, SEED).status, 0);
    all.refused(Code::Type, &["enroll", "qr", "fresh", "--to-stdout"], "");
    all.refused(Code::Exists, &with_seed, SEED);
    let code = ["token", "test", "alice/hotp", "000000"];
    all.refused(Code::Otp, &code, "");
    let confirm = ["token", "confirm", "fresh/hotp", "000000"];
    all.refused(Code::Otp, &confirm, "");
    for _ in 0..10 {
        all.desk.mfactl(&code, "");
    }
    all.refused(Code::Busy, &code, "");
}

fn of_the_daemon(all: &mut Provoked<'_>, daemon: &Daemon) {
    all.refused(Code::Arg, &["config", "get", "lockout.usr"], "");
    all.refused(Code::NoGateway, &["gateway", "show", "gw-pim"], "");
    let refused = ["notify", "test", "--to", "refused@example.org"];
    all.refused(Code::Delivery, &refused, "");
    all.refused(Code::Arg, &["auth", "show", "a-00000"], "");
    // A file where the folder of the backups should be.
    fs::write(daemon.site.path("state").join("backup"), "").unwrap();
    all.refused(Code::Store, &["backup", "a-test"], "");
}

/// A daemon whose key does not open its store.
fn sealed() -> Vec<String> {
    let site = Site::new(&[Person::new("alice")]);
    site.forge_key();
    let daemon = site.start_until("E020");
    let desk = Desk::new(&daemon, Form::People);
    let words = ["user", "lock", "alice", "-r", "a test"];
    let said = desk.mfactl(&words, "");
    let json = desk.mfactl(&[&words[..], &["--json"]].concat(), "");
    let tries = explains(Code::Sealed, &said, &json);
    let status = desk.mfactl(&["status"], "");
    assert_eq!(status.status, 2, "{status:#?}");
    assert!(status.out.contains("is SEALED"), "{status:#?}");
    fits(&status);
    let all = Provoked {
        desk,
        codes: BTreeMap::new(),
    };
    tries.iter().for_each(|line| all.works(line));
    tries
}

/// The same command by somebody whose role is too low.
fn denied() -> Vec<String> {
    let daemon = with_roles(&[Person::new("alice")]);
    let viewer = 70_002;
    let run = |words: &[&str]| {
        let output = somebody(&daemon, env!("CARGO_BIN_EXE_mfactl").into(), viewer)
            .env_clear()
            .env("MFAD_SOCKET", daemon.site.path("control"))
            .args(words)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = Said {
            line: words.join(" "),
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        println!("$ mfactl {}\n{}{}", said.line, said.out, said.err);
        said
    };
    let words = ["user", "lock", "alice", "-r", "a test"];
    let said = run(&words);
    let json = run(&[&words[..], &["--json"]].concat());
    let shown = run(&["user", "show", "alice"]);
    assert_eq!(shown.status, 0, "{shown:#?}");
    assert!(shown.out.contains("Not you"), "{shown:#?}");
    explains(Code::Perm, &said, &json)
}
