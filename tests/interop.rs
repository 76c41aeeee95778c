//! The same promises, asked for by programs that other people wrote: `radclient` of FreeRADIUS,
//! `pam_radius` below `pamtester`, codes by `oathtool`.
//!
//! A dialogue is a script: what stands at the prompt, and what is typed there. Debian's `pam_radius`
//! 2.0 does not sign its requests, so that its gateways are those of the site that need not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and measures time"
)]

mod common;
#[path = "interop/pam.rs"]
mod pam;
#[path = "interop/radclient.rs"]
mod radclient;

use serde_json::json;

use common::daemon::{Daemon, Site};
use common::operator::{revealed, secret};
use common::people::{PASSWORD, PIN, Person};
use common::sink::Sink;
use common::texts::Texts;
use common::tools::{have, oathtool_app, oathtool_hotp, oathtool_totp};
use pam::{Service, have_pam};
use radclient::radclient;

const NEW_PIN: &str = "778240";
const CODE: &str = "Enter your one-time code:";
const NEW: &str = "Enter a new PIN having from 6 to 12 digits:";
const NEW_AGAIN: &str = "Please re-enter new PIN:";

/// Where people open their links.
const PAGES: &str = "\n[web]\nbase_url = \"https://mfa.example.org\"\n";

/// Somebody whose codes are computed by `oathtool`.
struct Phone {
    seed_hex: String,
    next: u64,
}

impl Phone {
    fn of(person: &Person) -> Self {
        Self {
            seed_hex: person.seed_hex(),
            next: 0,
        }
    }

    fn code(&mut self) -> String {
        self.next += 1;
        oathtool_hotp(&self.seed_hex, self.next - 1)
    }
}

/// A daemon that alice alone signs in to, and her phone.
fn with_alice(more: &str) -> (Daemon, Phone) {
    let alice = Person::new("alice");
    let daemon = Site::with(std::slice::from_ref(&alice), more).start();
    (daemon, Phone::of(&alice))
}

#[test]
fn radclient_logs_in_with_codes_of_oathtool() {
    if !have("radclient") || !have("oathtool") {
        return;
    }
    let (alice, carol) = (Person::new("alice"), Person::new("carol").with_totp());
    let daemon = Site::new(&[alice.clone(), carol.clone()]).start();
    let login = |gateway, user, passcode: &str| radclient::login(&daemon, gateway, user, passcode);
    let mut phone = Phone::of(&alice);

    assert!(
        login("gw-pin", "alice", &format!("{PIN}{}", phone.code())),
        "PIN and code"
    );
    assert!(
        login("gw-local", "alice", &format!("{PASSWORD}{}", phone.code())),
        "password and code"
    );
    assert!(login("gw-none", "alice", &phone.code()), "the code alone");
    let code = oathtool_totp(&carol.seed_hex());
    assert!(
        login("gw-pin", "carol", &format!("{PIN}{code}")),
        "PIN and time based code"
    );
    assert!(
        !login("gw-pin", "carol", &format!("{PIN}{code}")),
        "a used code"
    );
    assert!(
        !login("gw-pin", "alice", &format!("{PIN}{}", alice.wrong_code())),
        "a wrong code"
    );
    assert!(
        !login("gw-pin", "alice", &format!("733190{}", phone.code())),
        "a wrong PIN"
    );
    assert!(
        !login("gw-pin", "nobody", &format!("{PIN}{}", phone.code())),
        "nobody"
    );

    let status = radclient(&daemon, "gw-pin", "", "status");
    status.shows("Received Access-Accept");
    assert!(status.success);
    let chap = "User-Name=alice,CHAP-Password=\"123456\",";
    radclient(&daemon, "gw-pin", chap, "auth").shows("Received Access-Reject");
    for code in alice.wrong_codes().skip(100).take(5) {
        assert!(!login("gw-none", "alice", &code));
    }
    assert!(!login("gw-none", "alice", &phone.code()), "locked");
}

#[test]
fn pam_radius_logs_in_with_codes_of_oathtool() {
    if !have_pam() {
        return;
    }
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let pin = Service::new(&daemon, "gw-pam");
    let local = Service::new(&daemon, "gw-pam-local");
    let mut phone = Phone::of(&alice);

    let code = phone.code();
    assert!(pin.login("alice", &format!("{PIN}{code}")), "PIN and code");
    assert!(!pin.login("alice", &format!("{PIN}{code}")), "a used code");
    assert!(
        local.login("alice", &format!("{PASSWORD}{}", phone.code())),
        "password and code"
    );
    assert!(
        !pin.login("alice", &format!("{PIN}{}", alice.wrong_code())),
        "a wrong code"
    );
    assert!(
        !pin.login("alice", &format!("733190{}", phone.code())),
        "a wrong PIN"
    );
    assert!(
        pin.login("alice", &format!("{PIN}{}", phone.code())),
        "PIN and code again"
    );
    for code in alice.wrong_codes().skip(100).take(5) {
        assert!(!pin.login("alice", &format!("{PIN}{code}")));
    }
    assert!(
        !pin.login("alice", &format!("{PIN}{}", phone.code())),
        "locked"
    );
    assert!(
        !local.login("alice", &format!("{PASSWORD}{}", phone.code())),
        "locked"
    );
}

#[test]
fn radclient_signs_in_by_two_packets() {
    if !have("radclient") || !have("oathtool") {
        return;
    }
    let (daemon, mut phone) = with_alice("");
    let ask = |attributes: &str| radclient(&daemon, "gw-two", attributes, "auth");
    let first = ask(&format!("User-Name=alice,User-Password={PIN},"));
    for shown in [
        "Received Access-Challenge",
        &format!("Reply-Message = \"{CODE}\""),
        "Prompt = Echo",
        "Session-Timeout = 300",
    ] {
        first.shows(shown);
    }
    let (state, code) = (first.state(), phone.code());
    let second = format!("User-Name=alice,User-Password={code},State=0x{state},");
    ask(&second).shows("Received Access-Accept");
    ask(&second).shows("Received Access-Reject");
}

#[test]
fn pam_radius_walks_through_a_sign_in_in_two_steps() {
    if !have_pam() {
        return;
    }
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let two = Service::new(&daemon, "gw-pam-two");
    let mut phone = Phone::of(&alice);

    two.begin("alice", PIN)
        .through(&[(CODE, &phone.code())])
        .ends_let_in();
    two.begin("alice", "733190").ends_kept_out();
    two.begin("alice", PIN)
        .through(&[(CODE, &alice.wrong_code())])
        .ends_kept_out();
    two.begin("nobody", PIN).ends_kept_out();
    // Whoever types nothing is asked for all of it.
    let passcode = format!("{PIN}{}", phone.code());
    let one = Service::new(&daemon, "gw-pam");
    one.begin("alice", "")
        .through(&[("Enter your passcode:", &passcode)])
        .ends_let_in();
    two.begin("alice", "")
        .through(&[("Enter your passcode:", PIN), (CODE, &phone.code())])
        .ends_let_in();
}

/// A new person types the auth code at the prompt of the VPN, and then the first code of the token that
/// the operator has shown.
#[test]
fn pam_radius_walks_a_new_person_from_the_auth_code_to_the_login() {
    if !have_pam() {
        return;
    }
    let (daemon, _) = with_alice("");
    let two = Service::new(&daemon, "gw-pam-two");
    let operator = daemon.operator();
    operator.change("Users.Add", "dora", &json!({}));
    operator.change("Pins.Reset", "dora", &json!({"pin": PIN, "keep": true}));
    let added = operator.change("Tokens.Add", "dora", &json!({"kind": "totp"}));
    let auth_code = operator.auth_code("dora");
    let asked = "Enter your authorization code:";

    two.begin("dora", PIN)
        .through(&[(asked, "AAAAA-AAAAA")])
        .ends_kept_out();
    two.begin("dora", PIN)
        .through(&[(asked, &auth_code), (CODE, &oathtool_app(secret(&added)))])
        .ends_let_in();
    assert_eq!(operator.show("dora")["state"], "Steady State");
}

/// What the app shows of somebody who opens the link that was shown.
fn scanned(daemon: &Daemon, user: &str, shown: &str) -> String {
    let (_, link) = shown.split_once("https://mfa.example.org/e/").unwrap();
    let link = link.split_whitespace().next().unwrap();
    let call = json!({"link": link, "user": user, "from": "192.0.2.9"});
    let begun = daemon.operator().call("Enrol.Begin", &call);
    oathtool_app(begun["secret"].as_str().unwrap())
}

/// A lost phone, from the command of the help desk to a code that was scanned from the page: the person
/// types the PIN, the code of a mail, and what the app shows.
#[test]
fn pam_radius_walks_from_a_reset_secret_to_a_scanned_new_code() {
    if !have_pam() {
        return;
    }
    let sink = Sink::open();
    let (daemon, _) = with_alice(&format!("{}{PAGES}", sink.config()));
    let two = Service::new(&daemon, "gw-pam-two");
    let operator = daemon.operator();
    let dora = json!({"email": "dora@example.org", "trusted": true});
    operator.change("Users.Add", "dora", &dora);
    operator.change("Pins.Reset", "dora", &json!({"pin": PIN, "keep": true}));
    let token = json!({"kind": "totp", "trusted": true});
    operator.change("Tokens.Add", "dora", &token);
    let why = json!({"why": "lost_phone"});
    operator.change("Tokens.ResetSecret", "dora", &why);

    let mut walk = two.begin("dora", PIN);
    walk.asks("A device authorization code was sent to d***a@example.org. Enter it:");
    walk.types(&sink.brought("Your device authorization code: ", 0));
    let shown = walk.asks("then enter the code it shows:");
    walk.types(&scanned(&daemon, "dora", &shown));
    walk.ends_let_in();
    let dora = operator.show("dora");
    assert_eq!(
        (&dora["rekey"], &dora["next_sign_in"]),
        (&json!(null), &json!(null))
    );
}

/// Whoever signs in with a recovery code may have lost the phone, and is offered a new token: not
/// today, and with the next one yes.
#[test]
fn pam_radius_walks_from_recovery_codes_to_a_new_token() {
    if !have_pam() {
        return;
    }
    let (daemon, mut phone) = with_alice(PAGES);
    let two = Service::new(&daemon, "gw-pam-two");
    let operator = daemon.operator();
    let issued = operator.change("Tokens.RecoveryIssue", "alice", &json!({}));
    let codes: Vec<&str> = revealed(&issued).split_whitespace().collect();
    let offered = "or the word later:";

    two.begin("alice", PIN)
        .through(&[(CODE, codes[0]), (offered, "later")])
        .ends_let_in();
    assert_eq!(operator.show("alice")["state"], "Update Credential");
    let mut walk = two.begin("alice", PIN).through(&[(CODE, codes[1])]);
    let shown = walk.asks(offered);
    walk.types(&scanned(&daemon, "alice", &shown));
    walk.ends_let_in();
    assert_eq!(operator.show("alice")["state"], "Steady State");
    two.begin("alice", PIN)
        .through(&[(CODE, codes[0])])
        .ends_kept_out();
    two.begin("alice", PIN)
        .through(&[(CODE, &phone.code())])
        .ends_let_in();
}

/// A token near its end leads to the next one, which takes its place.
#[test]
fn pam_radius_walks_through_renew_credential() {
    if !have_pam() {
        return;
    }
    let (daemon, mut phone) = with_alice(PAGES);
    let two = Service::new(&daemon, "gw-pam-two");
    daemon.operator().set_state("alice", "renew");
    let mut walk = two.begin("alice", PIN).through(&[(CODE, &phone.code())]);
    let shown = walk.asks("then enter the code it shows:");
    walk.types(&scanned(&daemon, "alice", &shown));
    walk.ends_let_in();
    assert_eq!(daemon.operator().show("alice")["state"], "Steady State");
    let old = phone.code();
    two.begin("alice", PIN)
        .through(&[(CODE, &old)])
        .ends_kept_out();
}

#[test]
fn pam_radius_walks_through_a_new_pin_with_one_too_weak_and_one_mistyped() {
    if !have_pam() {
        return;
    }
    let (daemon, mut phone) = with_alice("");
    let two = Service::new(&daemon, "gw-pam-two");
    let set = json!({"pin": PIN});
    daemon.operator().change("Pins.Reset", "alice", &set);
    let weak = format!("Not taken: it is one of those that everybody tries first. {NEW}");
    two.begin("alice", PIN)
        .through(&[
            (CODE, &phone.code()),
            (NEW, "123456"),
            (&weak, NEW_PIN),
            (NEW_AGAIN, "778241"),
            (NEW, NEW_PIN),
            (NEW_AGAIN, NEW_PIN),
        ])
        .ends_let_in();
    two.begin("alice", PIN).ends_kept_out();
    two.begin("alice", NEW_PIN)
        .through(&[(CODE, &phone.code())])
        .ends_let_in();
}

/// Without a PIN the code alone opens the dialogue; here the new PIN has to be typed once more.
#[test]
fn pam_radius_walks_from_a_cleared_pin_to_a_new_one_that_is_proven() {
    if !have_pam() {
        return;
    }
    let (daemon, mut phone) = with_alice("[pin]\nafter_change = \"reauth\"\n");
    let two = Service::new(&daemon, "gw-pam-two");
    let one = Service::new(&daemon, "gw-pam");
    assert!(one.login("alice", &format!("{PIN}{}", phone.code())));
    daemon.operator().change("Pins.Clear", "alice", &json!({}));
    let proven = "PIN Accepted. Wait for the token code to change, then enter the new passcode:";
    let (code, passcode) = (phone.code(), format!("{NEW_PIN}{}", phone.code()));
    let script = [(NEW, NEW_PIN), (NEW_AGAIN, NEW_PIN), (proven, &passcode)];
    two.begin("alice", &code).through(&script).ends_let_in();
    two.begin("alice", NEW_PIN)
        .through(&[(CODE, &phone.code())])
        .ends_let_in();
}

/// A PIN that is changed because its owner wants another.
#[test]
fn pam_radius_walks_from_the_keyword_to_a_new_pin() {
    if !have_pam() {
        return;
    }
    let (daemon, mut phone) = with_alice("[self_service]\npin_keyword = \"newpin\"\n");
    let one = Service::new(&daemon, "gw-pam");
    one.begin("alice", "newpin")
        .through(&[
            ("Enter your passcode:", &format!("{PIN}{}", phone.code())),
            (NEW, NEW_PIN),
            (NEW_AGAIN, NEW_PIN),
        ])
        .ends_let_in();
    assert!(!one.login("alice", &format!("{PIN}{}", phone.code())));
    assert!(one.login("alice", &format!("{NEW_PIN}{}", phone.code())));
}

#[test]
fn pam_radius_walks_through_a_new_password() {
    if !have_pam() {
        return;
    }
    let (daemon, mut phone) = with_alice("");
    let local = Service::new(&daemon, "gw-pam-local");
    let update = json!({"state": "update", "what": "password"});
    daemon.operator().change("Users.SetState", "alice", &update);
    let (new, asked) = (
        "mountain lakes 7",
        "Enter a new password having from 12 to 120 characters:",
    );
    let weak = format!("Not taken: it must have from 12 to 120 characters. {asked}");
    let again = "Please re-enter new password:";
    local
        .begin("alice", &format!("{PASSWORD}{}", phone.code()))
        .through(&[(asked, "mountain"), (&weak, new), (again, new)])
        .ends_let_in();
    assert!(!local.login("alice", &format!("{PASSWORD}{}", phone.code())));
    assert!(local.login("alice", &format!("{new}{}", phone.code())));
}

/// The button was pressed in the pocket: two codes in a row tell where the token is.
#[test]
fn pam_radius_walks_through_the_resync_of_a_token_that_is_ahead() {
    if !have_pam() {
        return;
    }
    let (daemon, mut phone) = with_alice("[hotp]\nself_resync = true\n");
    let two = Service::new(&daemon, "gw-pam-two");
    phone.next = 400;
    let next = "To resync your token, enter the next code:";
    two.begin("alice", PIN)
        .through(&[(CODE, &phone.code()), (next, &phone.code())])
        .ends_let_in();
    two.begin("alice", PIN)
        .through(&[(CODE, &phone.code())])
        .ends_let_in();
}

#[test]
fn pam_radius_walks_through_the_confirmation_of_an_unlock() {
    if !have_pam() {
        return;
    }
    let (daemon, mut phone) = with_alice("");
    let two = Service::new(&daemon, "gw-pam-two");
    let operator = daemon.operator();
    operator.change("Users.Lock", "alice", &json!({}));
    operator.change("Users.Unlock", "alice", &json!({"confirm": true}));
    let confirm = "Your account was unlocked. Enter a one-time code to confirm:";
    let code = phone.code();
    two.begin("alice", PIN)
        .through(&[(CODE, &code), (confirm, &code)])
        .ends_kept_out();
    two.begin("alice", PIN)
        .through(&[(CODE, &phone.code()), (confirm, &phone.code())])
        .ends_let_in();
    two.begin("alice", PIN)
        .through(&[(CODE, &phone.code())])
        .ends_let_in();
}

/// Both tokens of a person are reset, and the PIN with them.
#[test]
fn pam_radius_walks_through_reset_all_credentials() {
    if !have_pam() {
        return;
    }
    let (daemon, mut phone) = with_alice("");
    let two = Service::new(&daemon, "gw-pam-two");
    let operator = daemon.operator();
    let spare = json!({"kind": "totp", "trusted": true, "description": "spare"});
    let spare = operator.change("Tokens.Add", "alice", &spare);
    operator.set_state("alice", "reset-all");
    two.begin("alice", PIN)
        .through(&[
            (
                "Enter your authorization code:",
                &operator.auth_code("alice"),
            ),
            (NEW, NEW_PIN),
            (NEW_AGAIN, NEW_PIN),
            (CODE, &phone.code()),
            (
                "Enter a one-time code of spare:",
                &oathtool_app(secret(&spare)),
            ),
        ])
        .ends_let_in();
    assert_eq!(operator.show("alice")["state"], "Steady State");
    two.begin("alice", NEW_PIN)
        .through(&[(CODE, &phone.code())])
        .ends_let_in();
}

/// The PIN is blocked, and the person knows the password and the answers.
#[test]
fn pam_radius_walks_through_questions_to_a_new_pin_and_lets_nobody_in_by_them() {
    if !have_pam() {
        return;
    }
    let (daemon, mut phone) = with_alice("[emergency]\nenabled = true\n");
    let local = Service::new(&daemon, "gw-pam-local");
    let pam = Service::new(&daemon, "gw-pam");
    let operator = daemon.operator();
    let questions = json!(["First pet?", "First street?", "First teacher?"]);
    let answers = json!({"questions": questions, "answers": "Rex\nElm Road\nMrs Hull"});
    operator.change("Pins.EmergencySet", "alice", &answers);
    for _ in 0..5 {
        assert!(!pam.login("alice", &format!("990817{}", phone.code())));
    }
    assert_eq!(operator.show("alice")["state"], "Account Lockout");

    local
        .begin("alice", &format!("{PASSWORD}help"))
        .through(&[
            ("Question 1 of 3: First pet?", "rex"),
            ("Question 2 of 3: First street?", "elm road"),
            ("Question 3 of 3: First teacher?", "MRS HULL"),
            ("Answers accepted. 1 = change PIN, 2 = cancel:", "1"),
            (NEW, NEW_PIN),
            (NEW_AGAIN, NEW_PIN),
        ])
        .ends_kept_out();
    assert_eq!(operator.show("alice")["state"], "Steady State");
    assert!(pam.login("alice", &format!("{NEW_PIN}{}", phone.code())));
}

#[test]
fn pam_radius_walks_through_the_menu_to_a_code_by_sms_and_through_two_methods() {
    if !have_pam() {
        return;
    }
    let texts = Texts::open();
    let sets = "[sets]\ndefault = [[\"hotp\", \"sms\"]]\nboth = [[\"hotp\"], [\"sms\"]]\n";
    let (daemon, mut phone) = with_alice(&format!("{}{sets}", texts.config()));
    let two = Service::new(&daemon, "gw-pam-two");
    let operator = daemon.operator();
    let token = json!({"kind": "sms", "phone": "+491701234567", "trusted": true});
    operator.change("Tokens.Add", "alice", &token);
    let menu = "1 = app or token code, 2 = SMS to +49 *** **67:";
    let sent = "Code sent by SMS to +49 *** **67. Enter it:";

    let mut walk = two.begin("alice", PIN).through(&[(menu, "2")]);
    walk.asks(sent);
    walk.types(&texts.code(6));
    walk.ends_let_in();
    two.begin("alice", PIN)
        .through(&[(menu, &phone.code())])
        .ends_let_in();
    two.begin("alice", PIN)
        .through(&[(menu, "2"), (sent, "000000")])
        .ends_kept_out();
    texts.code(6);

    operator.change("Users.Edit", "alice", &json!({"set": "both"}));
    let mut walk = two.begin("alice", PIN).through(&[(CODE, &phone.code())]);
    walk.asks(sent);
    walk.types(&texts.code(6));
    walk.ends_let_in();
}

#[test]
fn what_an_operator_does_holds_for_the_next_login_of_pam_radius() {
    if !have_pam() {
        return;
    }
    let people = ["alice", "bob", "carol"].map(Person::new);
    let daemon = Site::new(&people).start();
    let pin = Service::new(&daemon, "gw-pam");
    let local = Service::new(&daemon, "gw-pam-local");
    let [mut alice, mut bob, mut carol] = people.each_ref().map(Phone::of);
    let operator = daemon.operator();

    assert!(pin.login("alice", &format!("{PIN}{}", alice.code())));
    operator.set_state("alice", "deactivated");
    assert!(
        !pin.login("alice", &format!("{PIN}{}", alice.code())),
        "deactivated"
    );

    assert!(pin.login("bob", &format!("{PIN}{}", bob.code())));
    operator.set_state("bob", "revoke");
    assert!(
        !pin.login("bob", &format!("{PIN}{}", bob.code())),
        "revoked"
    );

    assert!(!pin.login("carol", PIN), "no passthrough yet");
    operator.change("Passthrough.Enable", "carol", &json!({}));
    assert!(pin.login("carol", PIN), "passthrough: PIN alone");
    assert!(
        local.login("carol", PASSWORD),
        "passthrough: password alone"
    );
    assert!(!pin.login("carol", "733190"), "passthrough: a wrong PIN");
    operator.change("Passthrough.Disable", "carol", &json!({}));
    assert!(!pin.login("carol", PIN), "passthrough over");
    assert!(pin.login("carol", &format!("{PIN}{}", carol.code())));

    for last in 0..5 {
        assert!(!pin.login("carol", &format!("73319{last}{}", carol.code())));
    }
    assert!(
        !pin.login("carol", &format!("{PIN}{}", carol.code())),
        "PIN blocked"
    );
    operator.change("Pins.Unblock", "carol", &json!({}));
    assert!(
        pin.login("carol", &format!("{PIN}{}", carol.code())),
        "the old PIN again"
    );
}
