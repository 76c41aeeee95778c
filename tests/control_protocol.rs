//! The control interface over a real socket: the frozen wire, the refusals, the bounds.
//!
//! `MFAD_BLESS=1` writes missing golden files and adds to old ones; it never takes anything away.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and measures time"
)]

#[path = "control_v1/bounds.rs"]
mod bounds;
#[path = "control_v1/idl.rs"]
mod idl;
#[path = "control_v1/wire.rs"]
mod wire;
#[path = "control_v1/world.rs"]
mod world;

use serde_json::{Value, json};

use mfad::control::frame::{DEPTH_MAX, FRAME_OCTETS_MAX};
use mfad::domain::action::Role;

use world::World;

const STATUS: &str = "org.mfad.Daemon.Status";

fn status() -> Value {
    json!({"method": STATUS})
}

#[test]
fn refuses_octets_that_are_no_call_by_name_and_closes() {
    let world = World::new(&[]);
    let deep = format!(
        r#"{{"method":"m","parameters":{}1{}}}"#,
        r#"{"a":"#.repeat(DEPTH_MAX),
        "}".repeat(DEPTH_MAX)
    );
    let cases: &[(&[u8], &str)] = &[
        (b"hello\0", "expected value"),
        (b"[1]\0", "JSON object"),
        (b"\0", "EOF"),
        (b"{\"method\":\"m\"} x\0", "trailing"),
        (b"{\"method\":\"\xff\"}\0", "octet 11"),
        (b"{\"method\":1}\0", "`method`"),
        (
            b"{\"method\":\"m\",\"method\":\"n\"}\0",
            "`method` stands twice",
        ),
        (
            b"{\"method\":\"m\",\"parameters\":{\"user\":\"a\",\"user\":\"b\"}}\0",
            "`user` stands twice",
        ),
        (b"{\"method\":\"m\",\"parameters\":[]}\0", "is an object"),
        (b"{\"method\":\"m\",\"upgrade\":true}\0", "upgrades"),
        (b"{\"method\":\"m\",\"mroe\":true}\0", "`mroe`"),
        (b"{\"method\":\"m\",\"more\":1}\0", "is a bool"),
        (deep.as_bytes(), "nested deeper than 16"),
    ];
    for (octets, words) in cases {
        let mut client = world.connect();
        client.send(octets);
        client.send(b"\0");
        let fault = client.read_farewell();
        assert_eq!(fault["error"], "org.mfad.BadFrame", "{words}");
        let what = fault["parameters"]["what"].as_str().unwrap();
        assert!(what.contains(words), "{what}: {words}");
    }
    assert_eq!(world.memory.lines(), Vec::<String>::new());
}

#[test]
fn takes_a_call_of_the_greatest_length_and_depth() {
    let world = World::new(&[]);
    let mut client = world.connect();
    let call = serde_json::to_string(&status()).unwrap();
    let mut longest = call.clone();
    longest.push_str(&" ".repeat(FRAME_OCTETS_MAX - call.len()));
    client.send(longest.as_bytes());
    client.send(b"\0");
    assert!(client.read().unwrap().get("error").is_none());

    let inner = format!(
        "{}1{}",
        "[".repeat(DEPTH_MAX - 2),
        "]".repeat(DEPTH_MAX - 2)
    );
    client.send(format!(r#"{{"method":"{STATUS}","parameters":{{"x":{inner}}}}}"#).as_bytes());
    client.send(b"\0");
    assert_eq!(client.read().unwrap()["parameters"]["parameter"], "x");
}

#[test]
fn refuses_a_call_that_is_too_long() {
    let world = World::new(&[]);
    let mut client = world.connect();
    client.send(&vec![b' '; FRAME_OCTETS_MAX + 1]);
    let fault = client.read_farewell();
    assert_eq!(fault["error"], "org.mfad.TooLong");
    let mut other = world.connect();
    other.send(&vec![b'{'; 4 * FRAME_OCTETS_MAX]);
    assert_eq!(other.read().unwrap()["error"], "org.mfad.TooLong");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of calls and answers")]
fn refuses_parameters_by_name_and_stays_usable() {
    let world = World::new(&[]);
    let mut client = world.connect();
    let cases = [
        ("Users.Lock", json!({"user": "alice", "untl": "x"}), "untl"),
        ("Users.Lock", json!({"reason": "x"}), "user"),
        ("Users.Lock", json!({"user": null, "reason": "x"}), "user"),
        ("Users.Lock", json!({"user": 7, "reason": "x"}), "user"),
        (
            "Users.Lock",
            json!({"user": "a", "until": "soon", "reason": "x"}),
            "until",
        ),
        (
            "Users.Lock",
            json!({"user": "a\u{1b}[2J", "reason": "x"}),
            "user",
        ),
        (
            "Users.Lock",
            json!({"user": "a".repeat(4097), "reason": "x"}),
            "user",
        ),
        (
            "Users.Lock",
            json!({"user": "alice", "dry_run": "yes"}),
            "dry_run",
        ),
        (
            "Users.Lock",
            json!({"user": "alice", "if_revision": -1}),
            "if_revision",
        ),
        (
            "Users.Show",
            json!({"user": "alice", "reason": "x"}),
            "reason",
        ),
        ("Users.Find", json!({"limit": 501}), "limit"),
        ("Users.Find", json!({"limit": 0}), "limit"),
        ("Users.Find", json!({"states": "new"}), "states"),
        (
            "Passthrough.Enable",
            json!({"user": "a", "gateways": [1]}),
            "gateways",
        ),
        (
            "Tokens.Add",
            json!({"user": "a", "kind": "totp", "digits": 9}),
            "digits",
        ),
        (
            "Tokens.Add",
            json!({"user": "a", "kind": "totp", "seed": "1!"}),
            "seed",
        ),
    ];
    for (method, parameters, name) in cases {
        let fault = client.call(&format!("org.mfad.{method}"), parameters);
        let error = "org.varlink.service.InvalidParameter";
        assert_eq!(fault["error"], error, "{method} {name} {fault}");
        assert_eq!(fault["parameters"]["parameter"], name, "{fault}");
        assert_eq!(fault["parameters"]["code"], "E_ARG");
    }
    let arguments = [
        (
            "Users.Lock",
            json!({"user": "alice", "request": "7f3a"}),
            "needs a reason",
        ),
        (
            "Users.Lock",
            json!({"user": "alice", "reason": ""}),
            "needs a reason",
        ),
        (
            "Users.SetState",
            json!({"user": "a", "state": "x", "reason": "r"}),
            "no state",
        ),
        ("Users.Edit", json!({"user": "a"}), "nothing was named"),
        (
            "Users.Find",
            json!({"exact": true, "glob": true}),
            "exclude",
        ),
        (
            "Tokens.Test",
            json!({"token": "alice/totp", "code": "12345"}),
            "not a code",
        ),
        (
            "Tokens.Test",
            json!({"token": "alice/push", "code": "123456"}),
            "token type",
        ),
    ];
    for (method, parameters, words) in arguments {
        let fault = client.call(&format!("org.mfad.{method}"), parameters);
        assert_eq!(fault["error"], "org.mfad.Argument", "{fault}");
        let what = fault["parameters"]["what"].as_str().unwrap();
        assert!(what.contains(words), "{what}");
    }
    assert_eq!(world.memory.lines(), Vec::<String>::new());
    assert!(client.call(STATUS, json!({})).get("error").is_none());
}

#[test]
fn refuses_what_it_does_not_know() {
    let world = World::new(&[]);
    let mut client = world.connect();
    for (method, error) in [
        ("org.mfad.Users.Shwo", "MethodNotFound"),
        ("org.mfad.Userz.Show", "InterfaceNotFound"),
        ("Show", "InterfaceNotFound"),
        ("org.varlink.service.GetInf", "MethodNotFound"),
    ] {
        let fault = client.call(method, json!({}));
        assert_eq!(fault["error"], format!("org.varlink.service.{error}"));
    }
}

#[test]
fn judges_the_role_before_the_parameters() {
    let world = World::new(&[(1007, Role::Support)]);
    let mut client = world.connect();
    let fault = client.call(
        "org.mfad.Users.Delete",
        json!({"nonsense": 1, "request": "r1"}),
    );
    assert_eq!(fault["error"], "org.mfad.Permission");
    assert_eq!(fault["parameters"]["code"], "E_PERM");
    assert_eq!(fault["parameters"]["need"], "role admin");
    assert_eq!(fault["parameters"]["request"], "r1");
    assert_eq!(world.memory.lines(), ["denied UserDelete"]);
    let who = client.call("org.mfad.Daemon.Whoami", json!({}));
    assert_eq!(who["parameters"]["through"], "group mfad-support");
}

#[test]
fn gives_the_view_of_authenticators_to_support_only() {
    let world = World::new(&[(1, Role::Viewer), (2, Role::Support)]);
    let view = json!({"user": "alice", "authenticators": true});
    let mut viewer = world.connect();
    let plain = viewer.call("org.mfad.Tokens.List", json!({"user": "alice"}));
    assert!(plain.get("error").is_none());
    let fault = viewer.call("org.mfad.Tokens.List", view.clone());
    assert_eq!(fault["error"], "org.mfad.Permission");
    let mut support = world.connect();
    let given = support.call("org.mfad.Tokens.List", view);
    assert!(given.get("error").is_none());
}

#[test]
fn refuses_peers_without_an_identity() {
    let world = World::new(&[(65_534, Role::Admin), (4711, Role::Viewer)]);
    for _ in 0..2 {
        let mut client = world.connect();
        client.post(&status());
        assert_eq!(client.read_farewell()["error"], "org.mfad.Permission");
    }
    assert_eq!(world.memory.lines(), Vec::<String>::new());
}

#[test]
fn passes_refusals_and_secrets_on() {
    let world = World::new(&[]);
    let mut client = world.connect();
    let unlock = json!({"user": "Open", "request": "7f3a-19d2"});
    let fault = client.call("org.mfad.Users.Unlock", unlock);
    assert_eq!(fault["error"], "org.mfad.NotLocked");
    assert_eq!(fault["parameters"]["why"], "so it is");
    assert_eq!(fault["parameters"]["request"], "7f3a-19d2");
    let made = client.call("org.mfad.Pins.Reset", json!({"user": "alice"}));
    let reveal = json!({"kind": "pin", "text": "402817"});
    assert_eq!(made["parameters"]["done"]["reveal"], reveal);
    client.call(
        "org.mfad.Pins.Reset",
        json!({"user": "alice", "pin": "402817"}),
    );
    assert!(world.memory.lines().contains(&"pin right true".to_owned()));
}
