//! What the help pages say that operators know, read as steps at the built `mfactl` and at a gateway:
//! the lock and the PIN (S1, S2), the user page (S0), the management of tokens (S3) and the statuses
//! of the authenticator view (S4).

use serde_json::{Value, json};

use mfad::domain::action::Action as A;
use mfad::token::base32;

use crate::common::daemon::{Daemon, Site};
use crate::common::people::{PIN, Person};
use crate::common::sink::Sink;
use crate::common::texts::Texts;
use crate::desk::{Desk, Form};

/// S2: *Unblock PIN turns Account Lockout into Steady State, and the old PIN works at once.* S1: *an
/// unlock clears date and reason, and sets Unlocked By.* S0: *Generate Auth Code leaves the state.*
#[test]
fn the_pages_of_lock_and_pin_hold() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut desk = Desk::new(&daemon, Form::People);
    let (pin, none) = (daemon.gateway("gw-pin"), daemon.gateway("gw-none"));
    let show = || daemon.operator().show("alice");
    assert_eq!(show()["state"], "Steady State");

    // The PIN is typed wrong too often, with right codes.
    for last in 0..5 {
        pin.keeps_out("alice", &format!("73319{last}{}", alice.code()));
    }
    assert_eq!(show()["state"], "Account Lockout");
    assert_eq!(show()["lock"]["reason"], "PinBlocked");
    pin.keeps_out("alice", &format!("{PIN}{}", alice.code()));
    let said = desk.go(A::PinUnblock, &["alice"]);
    let told = "alice: PIN unblocked, the old PIN works now. Current state: Steady State.";
    assert!(said.out.contains(told), "{said:#?}");
    assert_eq!(show()["state"], "Steady State");
    pin.lets_in("alice", &format!("{PIN}{}", alice.code()));

    // The code is typed wrong too often.
    for code in alice.wrong_codes().take(5) {
        none.keeps_out("alice", &code);
    }
    let locked = show();
    assert_eq!(locked["state"], "Account Lockout");
    assert_eq!(locked["lock"]["reason"], "Failures");
    assert!(locked["lock"]["since"].is_string());
    desk.go(A::UserUnlock, &["alice"]);
    let unlocked = show();
    let me = daemon.operator().call("Daemon.Whoami", &json!({}))["name"].clone();
    assert_eq!(unlocked["state"], "Steady State");
    assert!(unlocked["lock"].is_null(), "neither date nor reason");
    assert_eq!(unlocked["unlocked"]["by"], me);
    none.lets_in("alice", &alice.code());
    assert_eq!(show()["unlocked"]["by"], me, "it survives the sign-in");

    let said = desk.go(A::AuthCodeGenerate, &["alice", "--force", "--to-stdout"]);
    assert!(
        said.out.contains("Current state: Steady State."),
        "{said:#?}"
    );
    assert_eq!(show()["state"], "Steady State");
    none.lets_in("alice", &alice.code());
    daemon.stop();
}

/// The one token of dora.
fn token(daemon: &Daemon) -> Value {
    let shown = daemon.operator().show("dora");
    let tokens = shown["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    tokens[0].clone()
}

fn statuses(daemon: &Daemon) -> [Value; 3] {
    let token = token(daemon);
    ["status", "s3", "s4"].map(|name| token[name].clone())
}

/// Whoever has scanned the code that was shown.
fn scanned(shown: &str) -> Person {
    let secret = shown.split("secret=").nth(1).unwrap();
    let secret = secret.split(['&', '\n']).next().unwrap();
    let seed = base32::decode(secret.as_bytes()).unwrap();
    let mut dora = Person::new("dora");
    dora.seed = seed.expose().as_slice().try_into().unwrap();
    dora
}

/// S0: *Send SMS*, *Email QR Code*.
fn is_sent_the_way_to_a_token(desk: &mut Desk<'_>, sink: &Sink, texts: &Texts) {
    let addresses = ["--email", "dora@example.org", "--phone", "+491701234567"];
    desk.go(
        A::UserAdd,
        &[&["dora"], &addresses[..], &["--trusted"]].concat(),
    );
    desk.go(A::EnrollSms, &["dora"]);
    let text = texts.wait("491701234567");
    assert!(
        text.contains("https%3A%2F%2Fmfa.example.org%2Fe%2F"),
        "{text}"
    );
    desk.go(A::EnrollEmail, &["dora"]);
    sink.wait(1);
    let mails = sink.mails();
    let brings = |mail: &String| mail.contains("To: dora") && mail.contains("image/png");
    assert!(mails.iter().any(brings), "{mails:?}");
}

/// S3: *add on behalf*, *view*, *edit*, *test*; S4: *Registered becomes Active by a login* and not by
/// a test.
fn gets_a_token(desk: &mut Desk<'_>, daemon: &Daemon) -> (String, Person) {
    let added = desk.go(A::TokenAdd, &["dora", "--type", "hotp", "--to-stdout"]);
    let mut dora = scanned(&added.out);
    let id = token(daemon)["id"].as_str().unwrap().to_owned();
    assert_eq!(
        statuses(daemon),
        [json!("pending"), Value::Null, Value::Null]
    );
    desk.go(A::TokenConfirm, &[&id, &dora.code()]);
    let registered = [json!("registered"), json!("ACTIVE"), json!("Registered")];
    assert_eq!(statuses(daemon), registered);
    assert_eq!(daemon.operator().show("dora")["state"], "Steady State");

    let viewed = desk.go(A::TokenShow, &[&id]);
    assert!(viewed.out.contains("REGISTERED"), "{viewed:#?}");
    desk.go(A::TokenEdit, &[&id, "--description", "her new phone"]);
    assert_eq!(token(daemon)["description"], "her new phone");
    desk.go(A::TokenTest, &[&id, &dora.code()]);
    assert_eq!(statuses(daemon), registered, "a test is no login");
    daemon.gateway("gw-none").lets_in("dora", &dora.code());
    let active = [json!("active"), json!("ACTIVE"), json!("Active")];
    assert_eq!(statuses(daemon), active);
    (id, dora)
}

/// S3: *disable*, *enable*, *reset* in order and out of order, *delete*.
fn is_managed(desk: &mut Desk<'_>, daemon: &Daemon, id: &str, dora: &mut Person) {
    let none = daemon.gateway("gw-none");
    desk.go(A::TokenDisable, &[id, "--force"]);
    let disabled = [json!("disabled"), json!("DISABLED"), json!("Deactivated")];
    assert_eq!(statuses(daemon), disabled);
    none.keeps_out("dora", &dora.code());
    desk.go(A::TokenEnable, &[id]);
    assert_eq!(statuses(daemon)[0], "active");
    none.lets_in("dora", &dora.code());

    // She has pressed the button in the pocket.
    dora.next += 60;
    none.keeps_out("dora", &dora.hotp(dora.next));
    let (first, second) = (dora.code(), dora.code());
    let wrong = desk.mfactl(&["token", "resync", id, &second, &first], "");
    assert_ne!(wrong.status, 0);
    assert!(wrong.err.contains("nothing changed"), "{wrong:#?}");
    desk.go(A::TokenResync, &[id, &first, &second]);
    none.lets_in("dora", &dora.code());

    let last = desk.mfactl(&["token", "delete", id, "--yes", "-r", "a test"], "");
    assert!(last.err.contains("last token"), "{last:#?}");
    desk.go(A::TokenDelete, &[id, "--force"]);
    none.keeps_out("dora", &dora.code());
    assert_eq!(daemon.operator().show("dora")["tokens"], json!([]));
}

#[test]
fn the_pages_of_users_and_tokens_hold() {
    let (sink, texts) = (Sink::open(), Texts::open());
    let pages = "\n[web]\nbase_url = \"https://mfa.example.org\"\n[seats]\nlimit = 2\n";
    let rules = format!("{}{}{pages}", sink.config(), texts.config());
    let daemon = Site::with(&[Person::new("alice")], &rules).start();
    let mut desk = Desk::new(&daemon, Form::People);
    is_sent_the_way_to_a_token(&mut desk, &sink, &texts);
    let (id, mut dora) = gets_a_token(&mut desk, &daemon);
    is_managed(&mut desk, &daemon, &id, &mut dora);

    // S0: Deactivated adds one license back, once.
    let used = || daemon.operator().call("Daemon.Seats", &json!({}))["counted"].clone();
    assert_eq!(used(), 2);
    let full = desk.mfactl(&["user", "add", "emil"], "");
    assert!(full.err.contains("no seat is free"), "{full:#?}");
    for _ in 0..2 {
        desk.mfactl(
            &[
                "user",
                "set-state",
                "dora",
                "deactivated",
                "--yes",
                "-r",
                "a test",
            ],
            "",
        );
        assert_eq!(daemon.operator().show("dora")["state"], "Deactivated");
        assert_eq!(used(), 1);
    }
    desk.go(A::UserAdd, &["emil"]);
    let taken = desk.mfactl(&["user", "reactivate", "dora", "--yes", "-r", "a test"], "");
    assert!(taken.err.contains("no seat is free"), "{taken:#?}");
    daemon.stop();
}
