//! The frozen wire: rows, IDL, request and reply files say the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use mfad::control::idl::INTERFACES;
use mfad::control::method::{Method, Type};
use mfad::control::reply;
use mfad::domain::action::Action;

use crate::idl::{self, Interface};
use crate::world::World;

fn interfaces() -> Vec<Interface> {
    INTERFACES
        .iter()
        .map(|one| idl::read(one.description))
        .collect()
}

fn interface_of(method: &Method) -> (Interface, String) {
    let (interface, name) = method.name.rsplit_once('.').unwrap();
    let found = mfad::control::idl::interface(interface).unwrap();
    (idl::read(found.description), name.to_owned())
}

fn golden(name: &str, ending: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/control_v1");
    PathBuf::from(folder).join(format!("{name}.{ending}.json"))
}

/// Whether everything in `old` is in `new`.
fn contains(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => old
            .iter()
            .all(|(name, old)| new.get(name).is_some_and(|new| contains(new, old))),
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| contains(new, old))
        }
        (new, old) => new == old,
    }
}

/// Holds a value against its golden file.
fn frozen(path: &PathBuf, now: &Value) {
    let old: Option<Value> = fs::read(path)
        .ok()
        .map(|octets| serde_json::from_slice(&octets).unwrap());
    if let Some(old) = &old {
        assert!(contains(now, old), "{path:?} lost something");
    }
    if std::env::var_os("MFAD_BLESS").is_some() {
        let text = serde_json::to_string_pretty(now).unwrap();
        fs::write(path, text + "\n").unwrap();
        return;
    }
    assert_eq!(old.as_ref(), Some(now), "{path:?}; MFAD_BLESS=1 adds to it");
}

/// An example of every parameter, as people send it.
fn example(method: &Method, name: &str, kind: Type) -> Value {
    match (name, kind) {
        ("kind", _) if method.name == "org.mfad.Daemon.Complete" => json!("locked_user"),
        ("kind" | "token_type", _) => json!("totp"),
        ("state", _) => json!("replace"),
        ("from", _) if method.name == "org.mfad.Tokens.Migrate" => json!("sms"),
        ("to", _) if method.name == "org.mfad.Tokens.Migrate" => json!("virtual"),
        ("states", _) => json!(["steady", "new"]),
        ("lock_reason", _) => json!("Failures"),
        ("status" | "token_status", _) => json!("active"),
        ("since" | "from" | "until" | "expires" | "before", Type::Text) => {
            json!("2026-11-28T17:00:00.000Z")
        }
        ("last_login_before" | "last_login_after", _) => json!("2026-11-28T18:00:00+01:00"),
        ("token", _) => json!("T-8F3K2"),
        ("confirm", Type::Bool) => json!(true),
        ("code" | "first" | "second" | "confirm", _) => json!("287082"),
        ("seed", _) => json!("KVKFKRCPNZQUYMLXOVYDSQKJKZDTSRLD"),
        ("algorithm", _) => json!("SHA256"),
        ("digits", _) => json!(8),
        ("period_s", _) => json!(60),
        ("format", _) => json!("pskc"),
        ("source", _) => json!("otpauth"),
        ("channel", _) => json!("png"),
        ("why", _) => json!("lost_phone"),
        ("result", _) => json!("reject"),
        ("can", _) => json!("token delete"),
        ("view", _) => json!("authenticators"),
        ("to", _) => json!("root@example.org"),
        ("link" | "ticket", _) => {
            json!("AQEBAQEBAQEBAQEBAQEBAQICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC")
        }
        ("via" | "send" | "send_code", _) => json!("email"),
        ("dialogue", _) => json!("d-8F3K2"),
        ("what", _) => json!("pin"),
        ("notes", _) => json!("first line\nsecond line"),
        (_, Type::Text | Type::Prose | Type::Secret | Type::Piece) => json!(format!("some-{name}")),
        (_, Type::Texts) => json!(["vpn1", "ocserv"]),
        (_, Type::Int) => json!(17),
        (_, Type::Bool) => json!(name != "glob" && name != "follow"),
    }
}

#[test]
fn every_method_reads_its_frozen_request() {
    let world = World::new(&[]);
    let mut client = world.connect();
    for method in Method::all() {
        let mut parameters = Map::new();
        for parameter in method.all_parameters() {
            // What excludes another.
            let sent = ["phone", "email", "via"].contains(&parameter.name);
            if parameter.name == "for_s" || (sent && method.name == "org.mfad.Tokens.Add") {
                continue;
            }
            let value = example(method, parameter.name, parameter.kind);
            parameters.insert(parameter.name.to_owned(), value);
        }
        let call = json!({"method": method.name, "parameters": parameters});
        let path = golden(method.name, "request");
        frozen(&path, &call);
        if ["org.mfad.Tokens.HwImport", "org.mfad.Users.Import"].contains(&method.name) {
            let piece = json!({"text": "FT-1,00"});
            let taken = client.call("org.mfad.Daemon.Upload", piece);
            assert_eq!(taken["parameters"]["octets"], 7, "{taken}");
        }
        client.post(&call);
        let reply = client.read().unwrap();
        assert!(reply.get("error").is_none(), "{} {reply}", method.name);
    }
    let mut asked = world.memory.lines();
    asked.retain(|line| line.starts_with("change ") || line.starts_with("query "));
    // Pieces of a file are kept at the door until they are made use of.
    let told = || Method::all().filter(|method| method.name != "org.mfad.Daemon.Upload");
    assert_eq!(asked.len(), told().count());
    let changes = told().zip(&asked).filter(|(m, _)| m.changes());
    for (method, line) in changes {
        assert!(line.contains(r#"reason: Some("some-reason")"#), "{line}");
        assert!(line.contains("dry_run: true"), "{} {line}", method.name);
    }
}

#[test]
fn no_request_file_is_without_its_method() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/control_v1");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.strip_suffix(".request.json");
        if let Some(method) = stem.or_else(|| name.strip_suffix(".response.json")) {
            assert!(Method::by_name(method).is_some(), "{method} was removed");
        }
    }
}

#[test]
fn every_action_has_a_method() {
    let served: Vec<Action> = Method::all().map(|method| method.action).collect();
    for action in Action::ALL {
        assert!(served.contains(action), "{action:?}");
    }
}

#[test]
fn rows_and_idl_say_the_same() {
    let mut told = BTreeSet::new();
    for interface in interfaces() {
        for name in interface.methods.keys() {
            told.insert(format!("{}.{name}", interface.name));
        }
    }
    told.retain(|name| !name.starts_with("org.varlink.service."));
    let rows: BTreeSet<String> = Method::all().map(|one| one.name.to_owned()).collect();
    assert_eq!(told, rows);
    for method in Method::all() {
        let (interface, name) = interface_of(method);
        let (taken, given) = &interface.methods[&name];
        let row: Vec<(String, String)> = method
            .all_parameters()
            .map(|one| {
                let mark = if one.required { "" } else { "?" };
                (one.name.to_owned(), format!("{mark}{}", one.kind.idl()))
            })
            .collect();
        let text: Vec<(String, String)> = taken
            .fields()
            .iter()
            .map(|(name, kind)| (name.clone(), kind.text()))
            .collect();
        assert_eq!(row, text, "{}", method.name);
        let done = given.fields().iter().any(|(_, kind)| kind.text() == "Done");
        assert_eq!(method.changes(), done, "{}", method.name);
    }
}

#[test]
fn the_idl_names_the_least_role() {
    for method in Method::all() {
        let (interface, name) = method.name.rsplit_once('.').unwrap();
        let text = mfad::control::idl::interface(interface)
            .unwrap()
            .description;
        let end = text.find(&format!("\nmethod {name}(")).unwrap();
        let comment = text[..end].rsplit('\n').next().unwrap();
        let least = method.action.spec().least.name();
        assert!(
            comment.ends_with(&format!("{least}.")),
            "{} {comment}",
            method.name
        );
    }
}

#[test]
fn shared_types_are_the_same_in_all_interfaces() {
    let all = interfaces();
    for one in &all {
        for other in &all {
            for (name, kind) in &one.types {
                if let Some(same) = other.types.get(name) {
                    assert_eq!(kind, same, "{name} of {} and {}", one.name, other.name);
                }
            }
        }
    }
}

/// Reads a value as a reply and writes it again.
fn through<T: DeserializeOwned + Serialize>(sample: &Value) -> Value {
    let read: T = serde_json::from_value(sample.clone()).unwrap();
    serde_json::to_value(read).unwrap()
}

fn through_reply_of(method: &Method, sample: &Value) -> Value {
    if method.changes() {
        return through::<reply::DoneReply>(sample);
    }
    let read = match method.name.strip_prefix("org.mfad.").unwrap() {
        "Users.Show" => through::<reply::UserShow>,
        "Users.Find" => through::<reply::UserPage>,
        "Users.SetList" => through::<reply::SetList>,
        "Users.SetShow" => through::<reply::SetShow>,
        "Users.Export" => through::<reply::ExportPage>,
        "Users.LockShow" => through::<reply::LockShow>,
        "Tokens.List" => through::<reply::TokenList>,
        "Tokens.Find" => through::<reply::TokenPage>,
        "Tokens.Show" => through::<reply::TokenShow>,
        "Tokens.DeviceAuthStatus" => through::<reply::DeviceAuth>,
        "Tokens.EnrollList" => through::<reply::LinkPage>,
        "Tokens.Types" => through::<reply::TokenTypes>,
        "Tokens.HwList" => through::<reply::HardwarePage>,
        "Passthrough.List" => through::<reply::GrantPage>,
        "Passthrough.Uses" => through::<reply::GrantUses>,
        "Notify.List" => through::<reply::NotificationPage>,
        "Enrol.Begin" => through::<reply::Begun>,
        "Enrol.Prove" => through::<reply::Proved>,
        "Enrol.Recovery" => through::<reply::PageCodes>,
        "Enrol.Confirm" => through::<reply::Confirmed>,
        "Auth.DialogueList" => through::<reply::DialoguePage>,
        "Auth.Why" => through::<reply::Why>,
        "Auth.Explain" => through::<reply::Explain>,
        "Auth.Log" => through::<reply::AuthPage>,
        "Auth.Show" => through::<reply::AuthShow>,
        "Gateways.List" => through::<reply::GatewayList>,
        "Gateways.Show" => through::<reply::GatewayShow>,
        "Audit.Log" => through::<reply::AuditPage>,
        "Audit.Verify" => through::<reply::AuditVerify>,
        "Daemon.Status" => through::<reply::Status>,
        "Daemon.Whoami" => through::<reply::Whoami>,
        "Daemon.Seats" => through::<reply::Seats>,
        "Daemon.ConfigCheck" => through::<reply::ConfigCheck>,
        "Daemon.ConfigDiff" => through::<reply::ConfigDiff>,
        "Daemon.ConfigGet" => through::<reply::ConfigValue>,
        "Daemon.Upload" => through::<reply::Uploaded>,
        "Daemon.Complete" => through::<reply::Candidates>,
        other => panic!("{other} has no reply here"),
    };
    read(sample)
}

#[test]
fn replies_and_idl_say_the_same() {
    for method in Method::all() {
        let (interface, name) = interface_of(method);
        let sample = interface.sample(&interface.methods[&name].1);
        assert_eq!(through_reply_of(method, &sample), sample, "{}", method.name);
        frozen(&golden(method.name, "response"), &sample);
        // An older daemon that leaves everything out is read as well.
        through_reply_of(method, &json!({}));
    }
}

#[test]
fn the_idl_is_served() {
    let world = World::new(&[(1, mfad::domain::action::Role::Viewer)]);
    let mut client = world.connect();
    let info = client.call("org.varlink.service.GetInfo", json!({}));
    let names = info["parameters"]["interfaces"].as_array().unwrap();
    assert_eq!(names.len(), INTERFACES.len());
    for one in INTERFACES {
        let name = json!({"interface": one.name});
        let got = client.call("org.varlink.service.GetInterfaceDescription", name);
        assert_eq!(got["parameters"]["description"], one.description);
        assert_eq!(idl::read(one.description).name, one.name);
    }
    let none = client.call(
        "org.varlink.service.GetInterfaceDescription",
        json!({"interface": "org.mfad.Nothing"}),
    );
    assert_eq!(none["error"], "org.varlink.service.InterfaceNotFound");
}
