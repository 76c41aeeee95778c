//! Every method under every role, as the table in `domain/` says; real uids, the real socket.
//!
//! A process cannot be somebody else for one call, so this program runs itself under the uid of
//! each role: [`as_somebody`] makes the calls and prints what came back.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};

use mfad::control::method::{Method, Type};
use mfad::domain::action::{Action, Role};

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::common::tools::is_root;

/// Where [`as_somebody`] finds the socket; it does nothing without.
const SOCKET: &str = "MFAD_TEST_SOCKET";
/// What its answers begin with.
const MARK: &str = "ANSWER ";
/// Numbers that no user or group of a host has by default.
const UIDS: [u32; 5] = [70_001, 70_002, 70_003, 70_004, 70_005];
const STRANGER: u32 = 70_006;
const NOBODY: u32 = 65_534;
const GROUP: u32 = 70_100;

/// A daemon that knows one uid for each role.
pub(crate) fn with_roles(people: &[Person]) -> Daemon {
    let roles: String = Role::ALL
        .iter()
        .zip(UIDS)
        .map(|(role, uid)| format!("\n[roles.{role}]\nusers = [\"{uid}\"]\n"))
        .collect();
    let daemon = Site::with(people, &roles).start();
    let site = &daemon.site;
    fs::set_permissions(site.folder(), Permissions::from_mode(0o755)).unwrap();
    chown(site.path("control"), None, Some(GROUP)).unwrap();
    daemon
}

/// A program under another uid, from a place that everybody can reach.
pub(crate) fn somebody(daemon: &Daemon, program: PathBuf, uid: u32) -> Command {
    let name = program.file_name().unwrap().to_str().unwrap().to_owned();
    let copy = daemon.site.path(&name);
    if !copy.exists() {
        // A link where that can be: a copy is written, and what another test forks meanwhile holds it
        // open for writing.
        fs::hard_link(&program, &copy)
            .or_else(|_| fs::copy(&program, &copy).map(drop))
            .unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(copy);
    command.uid(uid).gid(GROUP).current_dir("/");
    command
}

/// The answers to one call of every method, by the name of the method.
fn answers(daemon: &Daemon, uid: u32) -> Map<String, Value> {
    let output = somebody(daemon, std::env::current_exe().unwrap(), uid)
        .args(["--exact", "roles::as_somebody", "--nocapture"])
        .env(SOCKET, daemon.site.path("control"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let marked = text.lines().filter_map(|line| line.split_once(MARK));
    let all: Map<String, Value> = marked
        .filter_map(|(_, line)| line.split_once(' '))
        .map(|(name, answer)| (name.to_owned(), serde_json::from_str(answer).unwrap()))
        .collect();
    assert_eq!(all.len(), Method::all().count(), "{text}");
    all
}

/// Run by the other tests here, as somebody else; makes one call of every method.
#[test]
fn as_somebody() {
    let Some(socket) = std::env::var_os(SOCKET) else {
        return;
    };
    for method in Method::all() {
        let mut stream = UnixStream::connect(&socket).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        let call = json!({"method": method.name, "parameters": parameters(method)});
        // Who may not call at all is told so before the call is read.
        let _ = stream.write_all(format!("{call}\0").as_bytes());
        let mut octets = Vec::new();
        let mut piece = [0; 4096];
        while octets.last() != Some(&0) {
            match stream.read(&mut piece) {
                Ok(length) if length > 0 => octets.extend_from_slice(&piece[..length]),
                end => panic!("{}: no answer: {end:?}", method.name),
            }
        }
        octets.pop();
        let answer: Value = serde_json::from_slice(&octets).unwrap();
        println!("\n{MARK}{} {answer}", method.name);
    }
}

/// Parameters that the method understands, made from its row; a change is only tried.
fn parameters(method: &Method) -> Value {
    let mut all = Map::new();
    for parameter in method.parameters.iter().filter(|one| one.required) {
        if parameter.kind == Type::Texts {
            all.insert(parameter.name.to_owned(), json!(["a text"]));
            continue;
        }
        assert!(
            matches!(parameter.kind, Type::Text | Type::Piece | Type::Secret),
            "{}",
            method.name
        );
        let text = match parameter.name {
            "user" => "alice",
            "token" => "alice/hotp",
            "gateway" => "gw-pin",
            "dialogue" => "d-00000",
            "attempt" => "a-00000",
            "serial" => "S-alice",
            "key" => "lockout.hard_cap",
            "code" | "first" => "000000",
            "second" => "000001",
            "state" => "update",
            "format" => "csv",
            "text" => "FT-1",
            "answers" => "a text",
            "set" => "default",
            "via" => "email",
            "why" => "other",
            "link" | "ticket" | "otp" => "not one",
            "from" if method.action == Action::TokenMigrate => "sms",
            "to" => "virtual",
            "from" => "192.0.2.9",
            "before" => "2025-01-01T00:00:00Z",
            "kind" if method.name.ends_with("Complete") => "user",
            "kind" => "totp",
            other => panic!("{} takes `{other}`", method.name),
        };
        all.insert(parameter.name.to_owned(), text.into());
    }
    if method.changes() {
        all.insert("dry_run".to_owned(), true.into());
        all.insert("reason".to_owned(), "a test".into());
    }
    if method.action == Action::UserEdit {
        all.insert("notes".to_owned(), "a test".into());
    }
    all.into()
}

#[test]
fn each_role_may_what_the_table_says_and_nothing_else() {
    if !is_root("try the roles") {
        return;
    }
    let daemon = with_roles(&[Person::new("alice")]);
    let before = daemon.operator().show("alice")["revision"].clone();
    let mut met = HashSet::new();
    for (role, uid) in Role::ALL.into_iter().zip(UIDS) {
        let answers = answers(&daemon, uid);
        for method in Method::all() {
            let answer = &answers[method.name];
            let least = method.action.spec().least;
            met.insert(method.action);
            if role >= least {
                let refused = answer["error"] == "org.mfad.Permission";
                assert!(!refused, "{role} may {}: {answer}", method.name);
                let wrong = answer["error"].as_str().unwrap_or_default();
                assert!(!wrong.starts_with("org.varlink"), "{answer}");
                continue;
            }
            assert_eq!(answer["error"], "org.mfad.Permission", "{}", method.name);
            assert_eq!(answer["parameters"]["code"], "E_PERM", "{answer}");
            let need = answer["parameters"]["need"].as_str().unwrap();
            assert!(need.starts_with(least.name()), "{need}");
        }
        if role == Role::Web {
            continue;
        }
        let who = &answers["org.mfad.Daemon.Whoami"]["parameters"];
        assert_eq!(who["role"], role.name(), "{who}");
        assert_eq!(who["uid"], uid, "{who}");
    }
    assert!(Action::ALL.iter().all(|action| met.contains(action)));
    assert_eq!(daemon.operator().show("alice")["revision"], before);
    daemon.stop();
}

#[test]
fn who_has_no_role_is_told_so_whatever_is_asked() {
    if !is_root("try the roles") {
        return;
    }
    let daemon = with_roles(&[Person::new("alice")]);
    for uid in [STRANGER, NOBODY] {
        for (method, answer) in answers(&daemon, uid) {
            assert_eq!(answer["error"], "org.mfad.Permission", "{method}: {answer}");
            assert_eq!(answer["parameters"]["code"], "E_PERM", "{answer}");
        }
        let said = somebody(&daemon, env!("CARGO_BIN_EXE_mfactl").into(), uid)
            .env("MFAD_SOCKET", daemon.site.path("control"))
            .arg("status")
            .output()
            .unwrap();
        let err = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(77), "{err}");
        assert!(err.contains("  why    "), "{err}");
    }
    daemon.stop();
}
