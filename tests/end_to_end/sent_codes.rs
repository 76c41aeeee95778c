//! Tokens whose codes are sent: proven and tested by what arrives, void with their type.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::common::sink::Sink;

/// What stands before a code in its mail.
const MARK: &str = "Your code: ";

/// A call about a token; the code of the error if it is refused.
fn token(daemon: &Daemon, method: &str, id: &str, more: &Value) -> Result<Value, String> {
    let mut parameters = json!({"token": id, "reason": "a test"});
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    let answer = daemon.operator().try_call(method, &parameters);
    answer.map_err(|fault| fault["parameters"]["code"].as_str().unwrap().to_owned())
}

fn added(daemon: &Daemon, more: &Value) -> String {
    let done = daemon.operator().change("Tokens.Add", "alice", more);
    done["done"]["token"].as_str().unwrap().to_owned()
}

fn status(daemon: &Daemon) -> Value {
    daemon.operator().show("alice")["tokens"][0]["status"].clone()
}

fn with_alice(config: &str) -> Daemon {
    let daemon = Site::with(&[Person::new("bob")], config).start();
    let mail = json!({"email": "alice@example.org"});
    daemon.operator().change("Users.Add", "alice", &mail);
    daemon
}

#[test]
fn a_code_by_mail_proves_a_token_and_tests_it() {
    let sink = Sink::open();
    let most = "[sent_code]\nmax_per_hour = 3\n";
    let daemon = with_alice(&format!("{}{most}", sink.config()));
    let id = added(&daemon, &json!({"kind": "virtual", "via": "email"}));
    assert_eq!(status(&daemon), "pending");
    let none = json!({});
    assert_eq!(
        token(&daemon, "Tokens.Test", &id, &none).unwrap_err(),
        "E_STATE"
    );

    token(&daemon, "Tokens.Confirm", &id, &none).unwrap();
    let first = sink.brought(MARK, 0);
    token(&daemon, "Tokens.Confirm", &id, &none).unwrap();
    let second = sink.brought(MARK, 1);
    // Only the last one is good, and only once.
    let refused = |method: &str, code: &str| {
        let refused = token(&daemon, method, &id, &json!({"code": code}));
        refused.unwrap_err()
    };
    if first != second {
        assert_eq!(refused("Tokens.Confirm", &first), "E_OTP");
    }
    token(&daemon, "Tokens.Confirm", &id, &json!({"code": second})).unwrap();
    assert_eq!(status(&daemon), "registered");
    let shown = daemon.operator().show("alice");
    assert_eq!(shown["emails"][0]["verified"], true);
    assert_eq!(refused("Tokens.Confirm", &second), "E_STATE");
    assert_eq!(refused("Tokens.Test", &second), "E_OTP");

    // A test makes nothing active, and no code that was sent lets anybody in at the first packet.
    token(&daemon, "Tokens.Test", &id, &none).unwrap();
    let third = sink.brought(MARK, 2);
    daemon.gateway("gw-none").keeps_out("alice", &third);
    token(&daemon, "Tokens.Test", &id, &json!({"code": third})).unwrap();
    assert_eq!(status(&daemon), "registered");
    let tested = &daemon.operator().show("alice")["tokens"][0]["last_tested"];
    assert!(tested.is_string(), "{tested}");

    // So many codes an hour are the most.
    assert_eq!(
        token(&daemon, "Tokens.Test", &id, &none).unwrap_err(),
        "E_BUSY"
    );
    daemon.stop();
}

#[test]
fn another_address_waits_for_its_own_proof() {
    let sink = Sink::open();
    let types = "[token_types.email]\nenabled = true\n";
    let daemon = with_alice(&format!("{}{types}", sink.config()));
    let trusted = json!({"kind": "virtual", "via": "email", "trusted": true});
    let id = added(&daemon, &trusted);
    let own = json!({"kind": "email", "email": "own@example.org", "trusted": true});
    let email = added(&daemon, &own);
    assert_eq!(status(&daemon), "registered");
    let moved = json!({"email": "new@example.org"});
    daemon.operator().change("Users.Edit", "alice", &moved);
    assert_eq!(status(&daemon), "pending");
    token(&daemon, "Tokens.Confirm", &id, &json!({})).unwrap();
    let code = json!({"code": sink.brought(MARK, 0)});
    token(&daemon, "Tokens.Confirm", &id, &code).unwrap();
    assert_eq!(status(&daemon), "registered");

    let shown = |at: usize| daemon.operator().show("alice")["tokens"][at].clone();
    assert_eq!(shown(1)["status"], "registered");
    token(&daemon, "Tokens.Edit", &email, &moved).unwrap();
    assert_eq!(
        (&shown(1)["status"], &shown(1)["to"]),
        (&json!("pending"), &json!("new@example.org"))
    );
    daemon.stop();
}

#[test]
fn tokens_of_a_type_that_is_out_of_date_are_obsolete() {
    let sink = Sink::open();
    let daemon = with_alice(&sink.config());
    let trusted = json!({"kind": "virtual", "via": "email", "trusted": true});
    let id = added(&daemon, &trusted);
    let label = "label = { de = \"Mail-Token\" }\n";
    let config = format!(
        "{}[token_types.virtual]\nstatus = \"obsolete\"\n{label}",
        sink.config()
    );
    daemon.site.write_config(&config);
    daemon.operator().call("Daemon.ConfigReload", &json!({}));
    assert_eq!(status(&daemon), "obsolete");
    let types = daemon.operator().call("Tokens.Types", &json!({}));
    let of = types["types"].as_array().unwrap().iter();
    let mut of = of.filter(|one| one["kind"] == "virtual");
    let row = of.next().unwrap();
    assert_eq!(
        (&row["status"], &row["label_de"]),
        (&json!("obsolete"), &json!("Mail-Token"))
    );
    let mut more = trusted.clone();
    more["user"] = json!("alice");
    let refused = daemon.operator().try_call("Tokens.Add", &more).unwrap_err();
    assert_eq!(refused["parameters"]["code"], "E_TYPE");
    for method in ["Tokens.Test", "Tokens.Confirm"] {
        assert_eq!(
            token(&daemon, method, &id, &json!({})).unwrap_err(),
            "E_STATE"
        );
    }
    token(&daemon, "Tokens.Delete", &id, &json!({})).unwrap();
    daemon.stop();
}

#[test]
fn the_store_shows_no_code_that_waits_to_be_sent() {
    // A server that listens and says nothing: the message stays where it is.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let daemon = with_alice(&Sink::config_at(port));
    let id = added(&daemon, &json!({"kind": "virtual", "via": "email"}));
    token(&daemon, "Tokens.Confirm", &id, &json!({})).unwrap();
    let folder = daemon.site.path("state");
    let files = std::fs::read_dir(&folder).unwrap();
    let files: Vec<Vec<u8>> = files
        .filter_map(|file| std::fs::read(file.unwrap().path()).ok())
        .collect();
    let holds = |text: &str| {
        let holds = |file: &Vec<u8>| file.windows(text.len()).any(|it| it == text.as_bytes());
        files.iter().any(holds)
    };
    assert!(holds("Your code: \u{fffc}"), "the message is there");
    let daemon = daemon.kill();
    let sink = Sink::at(silent);
    let daemon = daemon.start();
    let code = sink.brought(MARK, 0);
    assert_eq!(code.len(), 6);
    assert!(!holds(&format!("Your code: {code}")));
    token(&daemon, "Tokens.Confirm", &id, &json!({"code": code})).unwrap();
    daemon.stop();
}
