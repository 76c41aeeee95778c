//! From the command of the help desk over a real mail to the login, and what a kill in between leaves.

use std::collections::HashSet;

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use crate::common::conversation::Conversation;
use crate::common::daemon::Daemon;
use crate::common::ledger::Ledger;
use crate::common::people::{Person, app};
use crate::common::tools;
use crate::world::{Mailbox, Security, site, until};

const PAGES: &str = "\n[web]\nbase_url = \"https://mfa.example.org\"\n";

/// The address in a mail, as a person reads it.
fn link(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap();
    let line = text.lines().find(|line| line.starts_with("https://"));
    line.unwrap_or_else(|| panic!("{text}")).to_owned()
}

fn secret(url: &str, page: &str) -> String {
    let secret = url.strip_prefix(&format!("https://mfa.example.org/{page}/"));
    secret.unwrap_or_else(|| panic!("{url}")).to_owned()
}

/// What a phone reads in the picture of a mail.
fn scanned(mail: &Value) -> Option<String> {
    let picture = mail["pictures"][0].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("qr.png");
    std::fs::write(&path, Base64::decode_vec(picture).unwrap()).unwrap();
    if !tools::have("zbarimg") {
        return None;
    }
    let path = path.display().to_string();
    let said = tools::run(
        "zbarimg",
        &["--raw", "--quiet", "--nodbus", &path],
        folder.path(),
        "",
    );
    assert!(said.success, "{}", said.text);
    // The first line: what follows on standard error is about the machine.
    said.text.lines().next().map(str::to_owned)
}

fn auth_code(daemon: &Daemon) -> String {
    let operator = daemon.operator();
    let done = operator.change("Tokens.AuthCodeGenerate", "dora", &json!({}));
    done["done"]["reveal"]["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_person_enrols_by_the_link_of_a_mail() {
    let Some(mailbox) = Mailbox::open(Security::StartTls) else {
        return;
    };
    let alice = Person::new("alice");
    let config = mailbox.config() + PAGES;
    let daemon = site(&[&alice], &config).start();
    let operator = daemon.operator();
    operator.change("Users.Add", "dora", &json!({"email": "dora@example.org"}));
    let mails = mailbox.wait(1);
    let confirm = secret(&link(&mails[0]), "a");
    let from = "192.0.2.9";
    let call = json!({"link": confirm, "from": from});
    let confirmed = operator.call("Enrol.Confirm", &call);
    assert_eq!(confirmed["address_masked"], "d***a@example.org");
    let again = operator.try_call("Enrol.Confirm", &call).unwrap_err();
    assert_eq!(again["error"], "org.mfad.Link");
    assert_eq!(operator.show("dora")["emails"][0]["verified"], true);

    operator.change("Tokens.EnrollEmail", "dora", &json!({}));
    let mails = mailbox.wait(2);
    let enrol = &mails[1];
    assert_eq!(enrol["to"], json!(["dora@example.org"]));
    assert_eq!(enrol["defects"], json!([]), "{enrol}");
    let url = link(enrol);
    if let Some(scanned) = scanned(enrol) {
        assert_eq!(scanned, url, "the picture says the same");
    }
    let listed = operator.call("Tokens.EnrollList", &json!({}));
    assert_eq!(listed["rows"][0]["user"], "dora", "{listed}");
    let code = auth_code(&daemon);
    assert!(!enrol.to_string().contains(&code), "both in one mail");
    let call = json!({"link": secret(&url, "e"), "user": "dora", "code": code, "from": from});
    // A kill between the steps loses none that was told.
    let begun = operator.call("Enrol.Begin", &call);
    let daemon = daemon.kill().start();
    let operator = daemon.operator();
    let again = operator.try_call("Enrol.Begin", &call).unwrap_err();
    assert_eq!(again["error"], "org.mfad.Link");
    let otp = app(begun["secret"].as_str().unwrap());
    let call = json!({"ticket": begun["ticket"], "otp": otp, "from": from});
    let proved = operator.call("Enrol.Prove", &call);
    let daemon = daemon.kill().start();
    let operator = daemon.operator();
    let call = json!({"ticket": proved["ticket"], "from": from});
    let codes = operator.call("Enrol.Recovery", &call);
    let recovery = codes["codes"][0].as_str().unwrap();
    daemon.gateway("gw-none").lets_in("dora", recovery);
    // She is told what was used and added, where she has proven to read it.
    // A mail that was on its way when the daemon was killed comes once more.
    let added = |mail: &Value| {
        let text = mail["text"].as_str().unwrap();
        let used = text.contains("Somebody has used the code");
        used && text.contains("A new token has been added")
    };
    let told = (4..8).any(|count| mailbox.wait(count).iter().any(added));
    assert!(told, "{:?}", mailbox.wait(0));
    daemon.stop();
}

/// dora has lost her phone, and the secret of her token was reset.
fn lost_phone(config: &str) -> Daemon {
    let daemon = site(&[&Person::new("alice")], config).start();
    let operator = daemon.operator();
    let dora = json!({"email": "dora@example.org", "trusted": true});
    operator.change("Users.Add", "dora", &dora);
    let token = json!({"kind": "totp", "trusted": true});
    operator.change("Tokens.Add", "dora", &token);
    let why = json!({"why": "lost_phone"});
    operator.change("Tokens.ResetSecret", "dora", &why);
    daemon
}

/// The device authorization code of a mail that brings one, to her alone.
fn device_code_of(mail: &Value) -> Option<String> {
    let text = mail["text"].as_str()?;
    let (_, code) = text.split_once("Your device authorization code: ")?;
    assert_eq!(
        (&mail["to"], &mail["tls"]),
        (&json!(["dora@example.org"]), &json!(true))
    );
    assert_eq!(mail["defects"], json!([]), "{mail}");
    Some(code.lines().next()?.to_owned())
}

/// Waits for such a code that is not among those she `had`.
fn device_code(mailbox: &Mailbox, had: &[String]) -> String {
    let new = || {
        let mails = mailbox.mails();
        let mut codes = mails.iter().filter_map(device_code_of);
        codes.find(|code| !had.contains(code))
    };
    until("code", || new().is_some());
    new().unwrap()
}

/// The pictures that were mailed, each once however often its mail came, and to her alone.
fn pictures(mailbox: &Mailbox) -> Vec<Value> {
    let mut mails = mailbox.mails();
    mails.retain(|mail| mail["pictures"][0].is_string());
    for mail in &mails {
        assert_eq!(mail["to"], json!(["dora@example.org"]));
        assert_eq!(mail["defects"], json!([]), "{mail}");
    }
    let mut seen = HashSet::new();
    mails.retain(|mail| seen.insert(mail["pictures"].to_string()));
    mails
}

/// S1: after a secret-key reset the next sign-in mails a device authorization code, and ends with a new
/// code to scan.
#[test]
fn a_reset_secret_ends_with_a_new_code_to_scan() {
    let Some(mailbox) = Mailbox::open(Security::StartTls) else {
        return;
    };
    let daemon = lost_phone(&(mailbox.config() + PAGES));
    let operator = daemon.operator();
    let vpn = daemon.gateway("gw-gateway");
    let mut talk = Conversation::begin(&vpn, "dora", "checked by the gateway");
    talk.types(&device_code(&mailbox, &[]));
    let words = talk.reply.words();
    let (_, link) = words.split_once("https://mfa.example.org/e/").unwrap();
    let link = link.split_whitespace().next().unwrap();
    let call = json!({"link": link, "user": "dora", "from": "192.0.2.9"});
    let begun = operator.call("Enrol.Begin", &call);
    talk.types(&app(begun["secret"].as_str().unwrap()));
    talk.is_let_in();
    assert_eq!(operator.show("dora")["rekey"], json!(null));
    daemon.stop();
}

/// Without pages, where the site says so, the token itself is mailed behind the code: one, whatever is
/// sent again or begun anew and wherever the daemon is killed, until it is proven or deleted.
#[test]
fn a_reset_secret_ends_with_a_token_in_a_mail_where_the_site_says_so() {
    let Some(mailbox) = Mailbox::open(Security::StartTls) else {
        return;
    };
    let config = mailbox.config() + "\n[device_auth]\nno_web = \"mail_seed\"\n";
    let daemon = lost_phone(&config);
    let first = "Enter your one-time code:";
    let typed = "checked by the gateway";
    let mut talk = Conversation::begin(&daemon.gateway("gw-gateway"), "dora", typed);
    let daemon = talk.kill(daemon);
    let mut codes = vec![device_code(&mailbox, &[])];
    assert_eq!(pictures(&mailbox), [json!(null); 0], "not before the code");
    talk.types(&codes[0]);
    talk.asks(first);
    talk.is_repeated();
    let daemon = talk.kill(daemon);
    until("token", || pictures(&mailbox).len() == 1);

    // She turns away, and comes back: another code, and the token that she has.
    talk.begin_anew(typed);
    codes.push(device_code(&mailbox, &codes));
    talk.types(&codes[1]);
    talk.asks(first);
    assert_eq!(pictures(&mailbox).len(), 1);

    // The help desk deletes it: another one, behind another code.
    let operator = daemon.operator();
    let tokens = operator.show("dora")["tokens"].clone();
    let mut tokens = tokens.as_array().unwrap().iter();
    let waits = tokens.find(|token| token["status"] == "pending").unwrap();
    let call = json!({"token": waits["id"], "reason": "the mail is lost"});
    operator.call("Tokens.Delete", &call);
    talk.begin_anew(typed);
    codes.push(device_code(&mailbox, &codes));
    talk.types(&codes[2]);
    talk.asks(first);
    let daemon = talk.kill(daemon);
    until("another token", || pictures(&mailbox).len() == 2);
    let Some(uri) = scanned(&pictures(&mailbox)[1]) else {
        return;
    };
    let (_, seed) = uri.split_once("secret=").unwrap();
    let seed = seed.split('&').next().unwrap();
    // It waited in the outbox under seal.
    for file in std::fs::read_dir(daemon.site.path("state")).unwrap() {
        let octets = std::fs::read(file.unwrap().path()).unwrap_or_default();
        let found = octets.windows(seed.len()).any(|at| at == seed.as_bytes());
        assert!(!found, "in the store");
    }
    talk.types(&app(seed));
    talk.is_let_in();
    let daemon = talk.kill(daemon);
    assert_eq!(daemon.operator().show("dora")["rekey"], json!(null));
    assert!(!daemon.log().contains(seed), "in the log");
    let site = daemon.stop();
    let ledger = Ledger::of(&site);
    for (event, times) in [("deviceauth.ok", 3), ("enroll.sent", 2), ("auth.accept", 1)] {
        assert_eq!(ledger.count(event, "dora"), times, "{event}");
    }
    ledger.keeps_none_of(&[seed, &codes[0], &codes[1], &codes[2]]);
}
