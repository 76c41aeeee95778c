//! From the command of the help desk over a real mail to the login, and what a kill in between leaves.

use base64ct::{Base64, Encoding as _};
use mfad::radius::{AttributeType, Packet};
use mfad::token::{Otp, Period, base32, totp};
use serde_json::{Value, json};

use crate::common::daemon::Daemon;
use crate::common::gateway::ACCEPT;
use crate::common::people::Person;
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
    let seed = base32::decode(begun["secret"].as_str().unwrap().as_bytes()).unwrap();
    let now = mfad::sys::clock::Clock::start().now();
    let step = totp::step_at(now.wall, Period::THIRTY);
    let otp = Otp::TOTP
        .code_at(seed.expose(), step)
        .text()
        .expose()
        .clone();
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

/// S1: after a secret-key reset the next sign-in mails a device authorization code, and ends with a new
/// code to scan.
#[test]
fn a_reset_secret_ends_with_a_new_code_to_scan() {
    let Some(mailbox) = Mailbox::open(Security::StartTls) else {
        return;
    };
    let alice = Person::new("alice");
    let config = mailbox.config() + PAGES;
    let daemon = site(&[&alice], &config).start();
    let operator = daemon.operator();
    let dora = json!({"email": "dora@example.org", "trusted": true});
    operator.change("Users.Add", "dora", &dora);
    let token = json!({"kind": "totp", "trusted": true});
    operator.change("Tokens.Add", "dora", &token);
    let why = json!({"why": "lost_phone"});
    operator.change("Tokens.ResetSecret", "dora", &why);
    let mut port = daemon.gateway("gw-gateway").port();
    let mut asked = {
        let first = port.request("dora", "checked by the gateway");
        port.ask(&first)
    };
    let brings = |mail: &Value| {
        let text = mail["text"].as_str()?;
        let (_, code) = text.split_once("Your device authorization code: ")?;
        assert_eq!(
            (&mail["to"], &mail["tls"]),
            (&json!(["dora@example.org"]), &json!(true))
        );
        assert_eq!(mail["defects"], json!([]), "{mail}");
        Some(code.lines().next()?.to_owned())
    };
    until("code", || {
        mailbox.mails().iter().any(|mail| brings(mail).is_some())
    });
    let code = mailbox.mails().iter().find_map(brings).unwrap();
    let mut answer = |typed: &str| {
        let state = Packet::decode(&asked.octets).unwrap();
        let state = state.first(AttributeType::STATE).unwrap().to_vec();
        let request = port.build(|request, secret| {
            request.message_authenticator().unwrap();
            request
                .attribute(AttributeType::USER_NAME, b"dora")
                .unwrap();
            request.attribute(AttributeType::STATE, &state).unwrap();
            request.user_password(typed.as_bytes(), secret).unwrap();
        });
        asked = port.ask(&request);
        asked.clone()
    };
    let open = answer(&code);
    let packet = Packet::decode(&open.octets).unwrap();
    let words = packet.first(AttributeType::REPLY_MESSAGE).unwrap();
    let words = std::str::from_utf8(words).unwrap();
    let (_, link) = words.split_once("https://mfa.example.org/e/").unwrap();
    let link = link.split_whitespace().next().unwrap();
    let call = json!({"link": link, "user": "dora", "from": "192.0.2.9"});
    let begun = operator.call("Enrol.Begin", &call);
    let seed = base32::decode(begun["secret"].as_str().unwrap().as_bytes()).unwrap();
    let now = mfad::sys::clock::Clock::start().now();
    let step = totp::step_at(now.wall, Period::THIRTY);
    let shown = Otp::TOTP.code_at(seed.expose(), step);
    let accepted = answer(shown.text().expose());
    assert_eq!(accepted.code, ACCEPT);
    assert_eq!(operator.show("dora")["rekey"], json!(null));
    daemon.stop();
}
