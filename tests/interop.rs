//! The same promises, asked for by programs that other people wrote: `radclient` of FreeRADIUS,
//! `pam_radius` below `pamtester`, codes by `oathtool`.
//!
//! Debian's `pam_radius` 2.0 does not sign its requests, so that its gateways are those of the site
//! that need not.

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

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use common::daemon::{Daemon, Site};
use common::people::{PASSWORD, PIN, Person};
use common::sink::Sink;
use common::texts::Texts;
use common::tools::{Said, have, oathtool_hotp, oathtool_totp, pam_radius, run};

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

/// `radclient` in the place of a gateway.
fn radclient(daemon: &Daemon, gateway: &str, attributes: &str, command: &str) -> Said {
    let gateway = daemon.gateway(gateway);
    let server = gateway.server.to_string();
    let source = gateway.source;
    let secret = daemon.site.path("radclient-secret");
    fs::write(&secret, &gateway.secret).unwrap();
    let file = secret.display().to_string();
    let input = format!("{attributes}Message-Authenticator=0x00,Packet-Src-IP-Address={source}\n");
    let arguments = ["-x", "-t", "3", "-r", "3", "-S", &file, &server, command];
    run("radclient", &arguments, daemon.site.folder(), &input)
}

fn radclient_login(daemon: &Daemon, gateway: &str, user: &str, passcode: &str) -> bool {
    let attributes = format!("User-Name=\"{user}\",User-Password=\"{passcode}\",");
    let said = radclient(daemon, gateway, &attributes, "auth");
    let accepted = said.text.contains("Received Access-Accept");
    assert_eq!(accepted, said.success, "{}", said.text);
    assert!(
        accepted || said.text.contains("Received Access-Reject"),
        "{}",
        said.text
    );
    accepted
}

/// A PAM service that asks mfad; its file goes when the test ends.
struct Service {
    file: PathBuf,
    name: String,
}

impl Service {
    /// None: no root, or no module.
    fn new(daemon: &Daemon, gateway: &str) -> Option<Self> {
        let module = pam_radius()?;
        let gateway_of_site = daemon.gateway(gateway);
        let conf = daemon.site.path(&format!("{gateway}.conf"));
        let (server, source) = (gateway_of_site.server, gateway_of_site.source);
        let secret = &gateway_of_site.secret;
        fs::write(&conf, format!("{server} {secret} 4 {source}\n")).unwrap();
        let name = format!("mfad-test-{}-{gateway}", daemon.pid());
        let file = PathBuf::from("/etc/pam.d").join(&name);
        let (module, conf) = (module.display(), conf.display());
        let lines = format!("auth required {module} conf={conf}\naccount required pam_permit.so\n");
        match fs::write(&file, lines) {
            Ok(()) => Some(Self { file, name }),
            Err(error) => {
                assert!(std::env::var("CI").is_err(), "{}: {error}", file.display());
                println!("skipped: {}: {error}", file.display());
                None
            }
        }
    }

    /// Whether somebody who types this is let in.
    fn login(&self, user: &str, passcode: &str) -> bool {
        self.walk(user, &[passcode]).0
    }

    /// Begins a sign-in in which the answers hang on what is shown.
    fn begin(&self, user: &str) -> Prompts {
        let mut child = Command::new("pamtester")
            .args([&self.name, user, "authenticate"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let shown = Arc::<Mutex<String>>::default();
        let out: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for mut out in out {
            let shown = Arc::clone(&shown);
            std::thread::spawn(move || {
                let mut piece = [0; 512];
                while let Ok(octets @ 1..) = out.read(&mut piece) {
                    let text = String::from_utf8_lossy(&piece[..octets]);
                    shown.lock().unwrap().push_str(&text);
                }
            });
        }
        Prompts { child, shown }
    }

    /// The same for one who reads the last line from a text message.
    fn walk_with_text(&self, user: &str, typed: &[&str], texts: &Texts) -> (bool, String) {
        let mut child = Command::new("pamtester")
            .args([&self.name, user, "authenticate"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        for line in typed {
            writeln!(keyboard, "{line}").unwrap();
        }
        writeln!(keyboard, "{}", texts.code(6)).unwrap();
        drop(keyboard);
        let output = child.wait_with_output().unwrap();
        let shown = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&shown).into_owned(),
        )
    }

    /// Whether somebody who types these lines, one at each prompt, is let in; and what is shown.
    fn walk(&self, user: &str, typed: &[&str]) -> (bool, String) {
        let arguments = [self.name.as_str(), user, "authenticate"];
        let lines: String = typed.iter().map(|line| format!("{line}\n")).collect();
        let said = run("pamtester", &arguments, "/".as_ref(), &lines);
        let accepted = said.text.contains("successfully authenticated");
        assert_eq!(accepted, said.success, "{}", said.text);
        assert!(
            accepted || said.text.contains("Authentication failure"),
            "{}",
            said.text
        );
        (accepted, said.text)
    }
}

/// Somebody at the prompts, who types what the last answer called for.
struct Prompts {
    child: Child,
    shown: Arc<Mutex<String>>,
}

impl Prompts {
    fn types(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until this is shown; all that is by then.
    fn reads(&self, text: &str) -> String {
        within(|| {
            let shown = self.shown.lock().unwrap();
            shown.contains(text).then(|| shown.clone())
        })
    }

    /// Whether he is let in; and what was shown.
    fn ends(mut self) -> (bool, String) {
        let success = self.child.wait().unwrap().success();
        let shown = self.shown.lock().unwrap().clone();
        (success, shown)
    }
}

/// What there is at last.
fn within<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < end, "half a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

#[test]
fn radclient_logs_in_with_codes_of_oathtool() {
    if !have("radclient") || !have("oathtool") {
        return;
    }
    let (alice, carol) = (Person::new("alice"), Person::new("carol").with_totp());
    let daemon = Site::new(&[alice.clone(), carol.clone()]).start();
    let login = |gateway, user, passcode: &str| radclient_login(&daemon, gateway, user, passcode);
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
    assert!(
        status.success && status.text.contains("Received Access-Accept"),
        "{}",
        status.text
    );
    let chap = "User-Name=alice,CHAP-Password=\"123456\",";
    let chap = radclient(&daemon, "gw-pin", chap, "auth");
    assert!(
        chap.text.contains("Received Access-Reject"),
        "{}",
        chap.text
    );
    for code in alice.wrong_codes().skip(100).take(5) {
        assert!(!login("gw-none", "alice", &code));
    }
    assert!(!login("gw-none", "alice", &phone.code()), "locked");
}

#[test]
fn pam_radius_logs_in_with_codes_of_oathtool() {
    if !have("pamtester") || !have("oathtool") {
        return;
    }
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let services = [
        Service::new(&daemon, "gw-pam"),
        Service::new(&daemon, "gw-pam-local"),
    ];
    let [Some(pin), Some(local)] = &services else {
        return;
    };
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

/// What `radclient` shows of the State it was given.
fn state_of(said: &Said) -> String {
    let line = said.text.lines().find(|line| line.contains("State = 0x"));
    let state = line.and_then(|line| line.split("0x").nth(1));
    state
        .unwrap_or_else(|| panic!("{}", said.text))
        .trim()
        .to_owned()
}

#[test]
fn radclient_signs_in_by_two_packets() {
    if !have("radclient") || !have("oathtool") {
        return;
    }
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut phone = Phone::of(&alice);
    let ask = |attributes: &str| radclient(&daemon, "gw-two", attributes, "auth");
    let first = ask(&format!("User-Name=alice,User-Password={PIN},"));
    for shown in [
        "Received Access-Challenge",
        "Reply-Message = \"Enter your one-time code:\"",
        "Prompt = Echo",
        "Session-Timeout = 300",
    ] {
        assert!(first.text.contains(shown), "{shown}: {}", first.text);
    }
    let (state, code) = (state_of(&first), phone.code());
    let second = format!("User-Name=alice,User-Password={code},State=0x{state},");
    let accepted = ask(&second);
    assert!(
        accepted.text.contains("Received Access-Accept"),
        "{}",
        accepted.text
    );
    let again = ask(&second);
    assert!(
        again.text.contains("Received Access-Reject"),
        "{}",
        again.text
    );
}

#[test]
fn pam_radius_walks_through_a_sign_in_in_two_steps() {
    if !have("pamtester") || !have("oathtool") {
        return;
    }
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let Some(two) = Service::new(&daemon, "gw-pam-two") else {
        return;
    };
    let Some(one) = Service::new(&daemon, "gw-pam") else {
        return;
    };
    let mut phone = Phone::of(&alice);
    let question = "Enter your one-time code:";

    let (let_in, shown) = two.walk("alice", &[PIN, &phone.code()]);
    assert!(let_in && shown.contains(question), "{shown}");
    let (let_in, shown) = two.walk("alice", &["733190", &phone.code()]);
    assert!(!let_in && !shown.contains(question), "a wrong PIN: {shown}");
    let (let_in, shown) = two.walk("alice", &[PIN, &alice.wrong_code()]);
    assert!(!let_in && shown.contains(question), "a wrong code: {shown}");
    let (let_in, _) = two.walk("nobody", &[PIN, &phone.code()]);
    assert!(!let_in, "nobody");
    // Whoever types nothing is asked for all of it.
    let passcode = format!("{PIN}{}", phone.code());
    let (let_in, shown) = one.walk("alice", &["", &passcode]);
    assert!(let_in && shown.contains("Enter your passcode:"), "{shown}");
    let (let_in, shown) = two.walk("alice", &["", PIN, &phone.code()]);
    assert!(let_in && shown.contains(question), "three lines: {shown}");
}

/// A new person types the auth code at the prompt of the VPN, and then the first code of the token that
/// the operator has shown.
#[test]
fn pam_radius_walks_a_new_person_from_the_auth_code_to_the_login() {
    if !have("pamtester") || !have("oathtool") {
        return;
    }
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let Some(two) = Service::new(&daemon, "gw-pam-two") else {
        return;
    };
    let operator = daemon.operator();
    operator.change("Users.Add", "dora", &json!({}));
    operator.change("Pins.Reset", "dora", &json!({"pin": PIN, "keep": true}));
    let added = operator.change("Tokens.Add", "dora", &json!({"kind": "totp"}));
    let uri = added["done"]["reveal"]["text"].as_str().unwrap();
    let (_, secret) = uri.split_once("secret=").unwrap();
    let secret = secret.split('&').next().unwrap();
    let generated = operator.change("Tokens.AuthCodeGenerate", "dora", &json!({}));
    let auth_code = generated["done"]["reveal"]["text"].as_str().unwrap();
    let said = run("oathtool", &["--totp", "-b", secret], "/".as_ref(), "");
    let code = said.text.lines().next().unwrap().to_owned();
    let question = "Enter your authorization code:";

    let (let_in, shown) = two.walk("dora", &[PIN, "AAAAA-AAAAA"]);
    assert!(!let_in && shown.contains(question), "a wrong one: {shown}");
    let (let_in, shown) = two.walk("dora", &[PIN, auth_code, &code]);
    assert!(let_in && shown.contains(question), "{shown}");
    assert!(shown.contains("Enter your one-time code:"), "{shown}");
    assert_eq!(operator.show("dora")["state"], "Steady State");
}

/// A lost phone, from the command of the help desk to a code that was scanned from the page: the person
/// types the PIN, the code of a mail, and what the app shows.
#[test]
fn pam_radius_walks_from_a_reset_secret_to_a_scanned_new_code() {
    if !have("pamtester") || !have("oathtool") {
        return;
    }
    let sink = Sink::open();
    let config = sink.config() + "\n[web]\nbase_url = \"https://mfa.example.org\"\n";
    let daemon = Site::with(&[Person::new("alice")], &config).start();
    let Some(two) = Service::new(&daemon, "gw-pam-two") else {
        return;
    };
    let operator = daemon.operator();
    let dora = json!({"email": "dora@example.org", "trusted": true});
    operator.change("Users.Add", "dora", &dora);
    operator.change("Pins.Reset", "dora", &json!({"pin": PIN, "keep": true}));
    let token = json!({"kind": "totp", "trusted": true});
    operator.change("Tokens.Add", "dora", &token);
    let why = json!({"why": "lost_phone"});
    operator.change("Tokens.ResetSecret", "dora", &why);

    let mut dialogue = two.begin("dora");
    dialogue.types(PIN);
    dialogue.reads("A device authorization code was sent to d***a@example.org. Enter it:");
    let mailed = "Your device authorization code: ";
    let code = |mail: &String| Some(mail.split_once(mailed)?.1.get(..8)?.to_owned());
    let code = within(|| sink.mails().iter().find_map(code));
    dialogue.types(&code);
    let shown = dialogue.reads("then enter the code it shows:");
    let (_, link) = shown.split_once("https://mfa.example.org/e/").unwrap();
    let link = link.split_whitespace().next().unwrap();
    let call = json!({"link": link, "user": "dora", "from": "192.0.2.9"});
    let begun = operator.call("Enrol.Begin", &call);
    let secret = begun["secret"].as_str().unwrap();
    let said = run("oathtool", &["--totp", "-b", secret], "/".as_ref(), "");
    dialogue.types(said.text.lines().next().unwrap());
    let (let_in, shown) = dialogue.ends();
    assert!(let_in, "{shown}");
    let dora = operator.show("dora");
    assert_eq!(
        (&dora["rekey"], &dora["next_sign_in"]),
        (&json!(null), &json!(null))
    );
}

#[test]
fn pam_radius_walks_through_a_new_pin_with_one_too_weak_and_one_mistyped() {
    if !have("pamtester") || !have("oathtool") {
        return;
    }
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let Some(two) = Service::new(&daemon, "gw-pam-two") else {
        return;
    };
    let mut phone = Phone::of(&alice);
    let operator = daemon.operator();
    operator.change("Pins.Reset", "alice", &json!({"pin": PIN}));
    let first = "Enter a new PIN having from 6 to 12 digits:";
    let (again, new) = ("Please re-enter new PIN:", "778240");
    let (code, weak) = (phone.code(), "Not taken: it is one of those");
    let typed = [PIN, &code, "123456", new, "778241", new, new];
    let (let_in, shown) = two.walk("alice", &typed);
    let prompts = [
        "Enter your one-time code:",
        first,
        weak,
        first,
        again,
        first,
        again,
    ];
    let mut rest = shown.as_str();
    for prompt in prompts {
        let at = rest
            .find(prompt)
            .unwrap_or_else(|| panic!("{prompt}: {shown}"));
        rest = &rest[at + prompt.len()..];
    }
    assert!(let_in && !rest.contains("Enter"), "{shown}");
    assert!(!two.login("alice", PIN), "the old one");
    let (let_in, shown) = two.walk("alice", &[new, &phone.code()]);
    assert!(let_in && !shown.contains(first), "{shown}");
}

/// Both tokens of a person are reset, and the PIN with them.
#[test]
fn pam_radius_walks_through_reset_all_credentials() {
    if !have("pamtester") || !have("oathtool") {
        return;
    }
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let Some(two) = Service::new(&daemon, "gw-pam-two") else {
        return;
    };
    let mut phone = Phone::of(&alice);
    let operator = daemon.operator();
    let spare = json!({"kind": "totp", "trusted": true, "description": "spare"});
    let added = operator.change("Tokens.Add", "alice", &spare);
    let uri = added["done"]["reveal"]["text"].as_str().unwrap();
    let (_, secret) = uri.split_once("secret=").unwrap();
    let secret = secret.split('&').next().unwrap();
    let reset = json!({"state": "reset-all"});
    operator.change("Users.SetState", "alice", &reset);
    let generated = operator.change("Tokens.AuthCodeGenerate", "alice", &json!({}));
    let auth_code = generated["done"]["reveal"]["text"].as_str().unwrap();
    let said = run("oathtool", &["--totp", "-b", secret], "/".as_ref(), "");
    let spare = said.text.lines().next().unwrap().to_owned();
    let new = "778240";

    let typed = [PIN, auth_code, new, new, &phone.code(), &spare];
    let (let_in, shown) = two.walk("alice", &typed);
    let mut rest = shown.as_str();
    for prompt in [
        "Enter your authorization code:",
        "Enter a new PIN having from 6 to 12 digits:",
        "Please re-enter new PIN:",
        "Enter your one-time code:",
        "Enter a one-time code of spare:",
    ] {
        let at = rest.find(prompt);
        let at = at.unwrap_or_else(|| panic!("{prompt}: {shown}"));
        rest = &rest[at + prompt.len()..];
    }
    assert!(let_in, "{shown}");
    assert_eq!(operator.show("alice")["state"], "Steady State");
    let (let_in, _) = two.walk("alice", &[new, &phone.code()]);
    assert!(let_in, "the new PIN");
}

/// The PIN is blocked, and the person knows the password and the answers.
#[test]
fn pam_radius_walks_through_questions_to_a_new_pin_and_lets_nobody_in_by_them() {
    if !have("pamtester") || !have("oathtool") {
        return;
    }
    let alice = Person::new("alice");
    let more = "[emergency]\nenabled = true\n";
    let daemon = Site::with(std::slice::from_ref(&alice), more).start();
    let (Some(local), Some(pam)) = (
        Service::new(&daemon, "gw-pam-local"),
        Service::new(&daemon, "gw-pam"),
    ) else {
        return;
    };
    let mut phone = Phone::of(&alice);
    let operator = daemon.operator();
    let questions = json!(["First pet?", "First street?", "First teacher?"]);
    let answers = json!({"questions": questions, "answers": "Rex\nElm Road\nMrs Hull"});
    operator.change("Pins.EmergencySet", "alice", &answers);
    for _ in 0..5 {
        assert!(!pam.login("alice", &format!("990817{}", phone.code())));
    }
    assert_eq!(operator.show("alice")["state"], "Account Lockout");

    let (help, new) = (format!("{PASSWORD}help"), "778240");
    let typed = [&*help, "rex", "elm road", "MRS HULL", "1", new, new];
    let (let_in, shown) = local.walk("alice", &typed);
    let prompts = [
        "Question 1 of 3: First pet?",
        "Question 2 of 3: First street?",
        "Question 3 of 3: First teacher?",
        "Answers accepted. 1 = change PIN, 2 = cancel:",
        "Enter a new PIN having from 6 to 12 digits:",
        "Please re-enter new PIN:",
    ];
    let mut rest = shown.as_str();
    for prompt in prompts {
        let at = rest.find(prompt);
        let at = at.unwrap_or_else(|| panic!("{prompt}: {shown}"));
        rest = &rest[at + prompt.len()..];
    }
    assert!(!let_in, "{shown}");
    assert_eq!(operator.show("alice")["state"], "Steady State");
    assert!(pam.login("alice", &format!("{new}{}", phone.code())));
}

#[test]
fn pam_radius_walks_through_the_menu_to_a_code_by_sms_and_through_two_methods() {
    if !have("pamtester") || !have("oathtool") {
        return;
    }
    let texts = Texts::open();
    let alice = Person::new("alice");
    let sets = "[sets]\ndefault = [[\"hotp\", \"sms\"]]\nboth = [[\"hotp\"], [\"sms\"]]\n";
    let rules = format!("{}{sets}", texts.config());
    let daemon = Site::with(std::slice::from_ref(&alice), &rules).start();
    let Some(two) = Service::new(&daemon, "gw-pam-two") else {
        return;
    };
    let mut phone = Phone::of(&alice);
    let operator = daemon.operator();
    let token = json!({"kind": "sms", "phone": "+491701234567", "trusted": true});
    operator.change("Tokens.Add", "alice", &token);
    let menu = "1 = app or token code, 2 = SMS to +49 *** **67:";
    let sent = "Code sent by SMS to +49 *** **67. Enter it:";

    let (let_in, shown) = two.walk_with_text("alice", &[PIN, "2"], &texts);
    assert!(
        let_in && shown.contains(menu) && shown.contains(sent),
        "{shown}"
    );
    let (let_in, shown) = two.walk("alice", &[PIN, &phone.code()]);
    assert!(
        let_in && shown.contains(menu) && !shown.contains(sent),
        "{shown}"
    );
    let (let_in, shown) = two.walk("alice", &[PIN, "2", "000000"]);
    assert!(!let_in && shown.contains(sent), "{shown}");
    texts.code(6);

    operator.change("Users.Edit", "alice", &json!({"set": "both"}));
    let typed = [PIN, &phone.code()];
    let (let_in, shown) = two.walk_with_text("alice", &typed, &texts);
    assert!(
        let_in && !shown.contains(menu) && shown.contains(sent),
        "{shown}"
    );
}

#[test]
fn what_an_operator_does_holds_for_the_next_login_of_pam_radius() {
    if !have("pamtester") || !have("oathtool") {
        return;
    }
    let people = ["alice", "bob", "carol"].map(Person::new);
    let daemon = Site::new(&people).start();
    let services = [
        Service::new(&daemon, "gw-pam"),
        Service::new(&daemon, "gw-pam-local"),
    ];
    let [Some(pin), Some(local)] = &services else {
        return;
    };
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
