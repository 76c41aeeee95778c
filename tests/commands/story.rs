//! One person's life at the help desk, through every command there is; once told to people, once
//! to programs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use mfad::domain::action::Action as A;
use mfad::secret::SecretBytes;
use mfad::token::{Otp, base32};

use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::CHALLENGE;
use crate::common::people::Person;
use crate::common::sink::Sink;
use crate::common::tools::{have, oathtool_hotp, oathtool_totp, run};
use crate::desk::{Desk, Form, Said};

const RULES: &str = "\n[emergency]\nenabled = true\n[lockout.token]\nmax_failures = 2\n\n\
                     [web]\nbase_url = \"https://mfa.example.org\"\n\
                     [sms]\nurl = \"http://127.0.0.1:9/send\"\nbody = \"to={to}&text={text}\"\n";
const PIN: &str = "918273";
const WRONG_PIN: &str = "550127";

/// A token as its app knows it.
struct App {
    seed: SecretBytes,
    next: u64,
}

impl App {
    fn scan(uri: &str) -> Self {
        let from = uri.split("secret=").nth(1).expect("a secret in the URI");
        let text = from.split('&').next().unwrap().trim();
        Self {
            seed: base32::decode(text.as_bytes()).unwrap(),
            next: 0,
        }
    }

    fn hex(&self) -> String {
        let octets = self.seed.expose().iter();
        octets.map(|octet| format!("{octet:02x}")).collect()
    }

    /// The next code, by the library or by somebody else's program.
    fn code(&mut self) -> String {
        self.next += 1;
        let code = Otp::HOTP.code_at(self.seed.expose(), self.next - 1);
        let code = code.text().expose().clone();
        if have("oathtool") {
            assert_eq!(oathtool_hotp(&self.hex(), self.next - 1), code);
        }
        code
    }

    /// Ten different codes, none of them near.
    fn wrong_codes(&self) -> Vec<String> {
        let mut person = Person::new("app");
        person.seed = self.seed.expose().as_slice().try_into().unwrap();
        person.next = self.next;
        person.wrong_codes().take(10).collect()
    }

    fn now(&self) -> String {
        let mut person = Person::new("app").with_totp();
        person.seed = self.seed.expose().as_slice().try_into().unwrap();
        let code = person.code();
        if have("oathtool") {
            // The step may end between the two.
            let theirs = oathtool_totp(&self.hex());
            assert!(theirs == code || theirs == person.code());
        }
        code
    }
}

#[test]
fn every_command_speaks_to_people() {
    tell(Form::People, "alice");
}

#[test]
fn every_command_speaks_to_programs() {
    tell(Form::Json, "o'neil@example.org");
}

fn tell(form: Form, user: &str) {
    let sink = Sink::open();
    let rules = format!("{RULES}{}", sink.config());
    let daemon = Site::with(&[Person::new("root-of-all")], &rules).start();
    let mut desk = Desk::new(&daemon, form);
    let mut app = arrives(&mut desk, user);
    proves(&mut desk, user, &mut app);
    time_based(&mut desk, user);
    has_a_pin(&mut desk, user);
    goes_wrong(&mut desk, &daemon, user, &mut app);
    is_locked(&mut desk, user);
    is_asked(&mut desk, &daemon);
    forgets_the_phone(&mut desk, &daemon, user);
    changes_state(&mut desk, user);
    loses_the_app(&mut desk, user);
    gets_hardware(&mut desk, user);
    desk.go(A::NotifyList, &[user]);
    leaves(&mut desk, user);
    site(&mut desk);
    assert!(
        sink.mails()
            .iter()
            .any(|mail| mail.contains("Test message"))
    );
    // What has no command of its own: a person's steps on the pages.
    for action in A::ALL.iter().filter(|action| **action != A::EnrollPage) {
        assert!(desk.met.contains(action), "{action:?} was never tried");
    }
    daemon.stop();
}

/// Somebody signs in in two steps and does not come to the second.
fn is_asked(desk: &mut Desk<'_>, daemon: &Daemon) {
    let mut port = daemon.gateway("gw-two").port();
    let request = port.request("root-of-all", crate::common::people::PIN);
    assert_eq!(port.ask(&request).code, CHALLENGE);
    desk.go(A::DialogueList, &[]);
    let listed = daemon.operator().call("Auth.DialogueList", &json!({}));
    let id = listed["rows"][0]["id"].as_str().unwrap();
    desk.go(A::DialogueEnd, &[id]);
}

fn uri(desk: &Desk<'_>, said: &Said) -> String {
    match desk.form {
        Form::Json => said.json()["done"]["reveal"]["text"]
            .as_str()
            .unwrap()
            .to_owned(),
        Form::People => said.out.lines().next().unwrap().to_owned(),
    }
}

fn arrives(desk: &mut Desk<'_>, user: &str) -> App {
    desk.go(A::UserAdd, &[user, "--name", "Alice Example"]);
    desk.go(
        A::UserEdit,
        &[
            user,
            "--phone",
            "+491701234567",
            "--email",
            "alice@example.org",
        ],
    );
    desk.go(A::EnrollEmail, &[user]);
    desk.go(A::EnrollList, &[]);
    desk.go(A::EnrollList, &[user]);
    desk.go(A::EnrollSms, &[user]);
    desk.go(A::EnrollList, &[user]);
    desk.go(A::EnrollRevoke, &[user]);
    desk.go(A::UserEdit, &[user, "--trusted"]);
    desk.go(A::AuthCodeSend, &[user, "--via", "email"]);
    let file = desk.daemon.site.path("people.csv");
    fs::write(&file, "one-more,,one@example.net,de\n").unwrap();
    desk.go(A::UserImport, &[file.to_str().unwrap()]);
    desk.go(A::UserShow, &[user]);
    desk.go(A::UserFind, &["example"]);
    desk.go(A::UserFind, &["--never-logged-in"]);
    // All its columns are more than a line holds.
    let columns: &[&str] = match desk.form {
        Form::People => &["--columns", "user,state"],
        Form::Json => &[],
    };
    desk.go(A::UserExport, columns);
    desk.go(A::SetList, &[]);
    desk.go(A::SetShow, &["default"]);
    desk.go(A::Why, &[user]);
    let added = desk.go(A::TokenAdd, &[user, "--type", "hotp", "--to-stdout"]);
    let app = App::scan(&uri(desk, &added));
    let id = desk.token(user, "hotp");
    let png = desk.daemon.site.path("qr.png");
    let file = png.to_str().unwrap();
    desk.go(A::EnrollQr, &[user, "--token", &id, "--png", file]);
    let again = desk.go(A::EnrollQr, &[user, "--token", &id, "--to-stdout"]);
    assert_eq!(uri(desk, &again), uri(desk, &added));
    if have("zbarimg") {
        let read = run(
            "zbarimg",
            &["--raw", "--quiet", "--nodbus", file],
            desk.daemon.site.folder(),
            "",
        );
        // The first line: what follows on standard error is about the machine.
        assert_eq!(read.text.lines().next(), Some(uri(desk, &added).as_str()));
    }
    app
}

fn proves(desk: &mut Desk<'_>, user: &str, app: &mut App) {
    let id = desk.token(user, "hotp");
    let typed = format!("{user}/hotp");
    let code = app.code();
    let (one, two) = code.split_at(3);
    desk.go(A::TokenConfirm, &[&id, &format!("{one} {two}")]);
    desk.go(A::TokenTest, &[&typed, &app.code()]);
    app.next += 40;
    let (first, second) = (app.code(), app.code());
    desk.go(A::TokenResync, &[&id, &first, &second]);
    desk.go(A::TokenTypes, &[]);
    desk.go(A::TokenMigrate, &["--from", "sms", "--to", "virtual"]);
    desk.go(A::TokenList, &[user]);
    desk.go(A::TokenList, &[user, "--view", "authenticators"]);
    desk.go(A::TokenFind, &["--type", "hotp"]);
    desk.go(A::TokenShow, &[&typed]);
    desk.go(A::TokenDisable, &[&id, "--force"]);
    desk.go(A::UserShow, &[user]);
    desk.go(A::Why, &[user]);
    desk.go(A::TokenEnable, &[&id]);
    desk.go(A::AuthCodeGenerate, &[user, "--force", "--to-stdout"]);
    desk.go(A::UserShow, &[user]);
    desk.go(A::AuthCodeRevoke, &[user]);
    desk.go(A::RecoveryIssue, &[user, "--to-stdout"]);
    desk.go(A::RecoveryRevoke, &[user]);
}

fn time_based(desk: &mut Desk<'_>, user: &str) {
    let added = desk.go(A::TokenAdd, &[user, "--type", "totp", "--to-stdout"]);
    let app = App::scan(&uri(desk, &added));
    desk.go(A::TokenConfirm, &[&desk.token(user, "totp"), &app.now()]);
    desk.go(A::TokenDelete, &[&format!("{user}/totp")]);
}

fn has_a_pin(desk: &mut Desk<'_>, user: &str) {
    desk.go(A::PasswordSet, &[user, "--generate", "--to-stdout"]);
    desk.go_with(
        A::PasswordSet,
        &[user, "--stdin"],
        "a rather 7 long password\n",
    );
    desk.go(A::PasswordClear, &[user]);
    let questions = "First pet?\nRex\nFirst street?\nElm Road\nFirst teacher?\nMrs Hull\n";
    desk.go_with(A::EmergencySet, &[user, "--stdin"], questions);
    let answers = "rex\nELM  road\nmrs hull\n";
    desk.go_with(A::EmergencyVerify, &[user, "--stdin"], answers);
    desk.go(A::TokenShow, &[&format!("{user}/qa")]);
    desk.go(A::EmergencyClear, &[user]);
    desk.go(A::PinReset, &[user, "--generate", "--to-stdout"]);
    desk.go(A::PinClear, &[user]);
    desk.go_with(
        A::PinReset,
        &[user, "--stdin", "--keep"],
        &format!("{PIN}\n"),
    );
}

fn goes_wrong(desk: &mut Desk<'_>, daemon: &Daemon, user: &str, app: &mut App) {
    let gateway = daemon.gateway("gw-pin");
    gateway.lets_in(user, &format!("{PIN}{}", app.code()));
    gateway.keeps_out(user, &format!("{PIN}{}", app.wrong_codes()[9]));
    desk.go(A::LockShow, &[user]);
    desk.go(A::LockClearCounters, &[user]);
    let wrong = app.wrong_codes();
    for code in wrong.iter().take(2) {
        gateway.keeps_out(user, &format!("{PIN}{code}"));
    }
    desk.go(A::Why, &[user]);
    desk.go(A::TokenShow, &[&format!("{user}/hotp")]);
    desk.go(A::TokenUnlock, &[&format!("{user}/hotp")]);
    gateway.lets_in(user, &format!("{PIN}{}", app.code()));
    for _ in 0..5 {
        gateway.keeps_out(user, &format!("{WRONG_PIN}{}", app.code()));
    }
    desk.go(A::UserShow, &[user]);
    desk.go(A::Why, &[user]);
    desk.go(A::UserFind, &["--locked"]);
    desk.go(A::PinUnblock, &[user]);
    gateway.lets_in(user, &format!("{PIN}{}", app.code()));
    desk.go(A::AuthExplain, &[user, "--gateway", "gw-pin"]);
    desk.go(A::AuthLog, &[user]);
    desk.go(A::AuthLog, &["--stages"]);
    let log = desk.mfactl(&["auth", "log", user, "--json"], "").json();
    let attempt = log["rows"][0]["id"].as_str().unwrap().to_owned();
    desk.go(A::AuthShow, &[&attempt]);
}

fn is_locked(desk: &mut Desk<'_>, user: &str) {
    desk.go(A::UserLock, &[user]);
    desk.go(A::UserShow, &[user]);
    desk.go(A::Why, &[user]);
    desk.go(A::AuthExplain, &[user, "--gateway", "gw-pin"]);
    desk.go(A::UserFind, &["--locked"]);
    desk.go(A::UserUnlock, &[user]);
}

fn forgets_the_phone(desk: &mut Desk<'_>, daemon: &Daemon, user: &str) {
    desk.go(A::PassthroughList, &[]);
    desk.go(A::PassthroughEnable, &[user, "--for", "1d"]);
    daemon.gateway("gw-pin").lets_in(user, PIN);
    desk.go(A::PassthroughRenew, &[user]);
    desk.go(A::PassthroughList, &[]);
    desk.go(A::PassthroughUses, &[user]);
    desk.go(A::Status, &[]);
    desk.go(A::Why, &[user]);
    desk.go(A::PassthroughDisable, &[user]);
}

fn changes_state(desk: &mut Desk<'_>, user: &str) {
    for state in [
        "update",
        "renew",
        "reset",
        "reset-all",
        "new",
        "steady",
        "deactivated",
    ] {
        desk.go(A::UserSetState, &[user, state, "--force"]);
        desk.go(A::UserShow, &[user]);
        desk.go(A::Why, &[user]);
    }
    desk.go(A::UserReactivate, &[user]);
    for state in ["steady", "replace", "steady", "revoke", "replace"] {
        desk.go(A::UserSetState, &[user, state, "--force"]);
        desk.go(A::UserShow, &[user]);
    }
}

fn gets_hardware(desk: &mut Desk<'_>, user: &str) {
    let device = ["--type", "hotp", "--serial", "FT-2204417", "--trusted"];
    let mut words = vec![user];
    words.extend(device);
    let mut with_seed = words.clone();
    with_seed.extend(["--seed", "--stdin"]);
    desk.go_with(
        A::TokenAdd,
        &with_seed,
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n",
    );
    let file = desk.daemon.site.path("vendor.csv");
    fs::write(
        &file,
        "FT-1,3132333435363738393031323334353637383930,hotp\n",
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    desk.go(A::HwImport, &[file.to_str().unwrap()]);
    desk.go(A::HwList, &[]);
    desk.go(A::HwUnassign, &["FT-2204417", "--force"]);
    desk.go(A::HwList, &[]);
    desk.go(A::TokenAdd, &words);
    let card = [
        "FT-2204417",
        "--description",
        "card",
        "--expires",
        "2099-12-31",
    ];
    desk.go(A::TokenEdit, &card);
    desk.go(A::TokenObsolete, &["FT-2204417"]);
    desk.go(A::TokenDelete, &["FT-2204417"]);
    desk.go(A::HwList, &[]);
}

fn loses_the_app(desk: &mut Desk<'_>, user: &str) {
    desk.go(A::TokenAdd, &[user, "--type", "totp", "--to-stdout"]);
    desk.go(A::TokenResetSecret, &[user, "--why", "app_deleted"]);
    desk.go(A::DeviceAuthStatus, &[user]);
    desk.go(A::UserShow, &[user]);
    desk.go(A::Why, &[user]);
}

fn leaves(desk: &mut Desk<'_>, user: &str) {
    desk.go(A::UserDelete, &[user]);
    desk.go(A::AuditLog, &[user]);
}

fn site(desk: &mut Desk<'_>) {
    for action in [
        A::GatewayList,
        A::Seats,
        A::AuditLog,
        A::AuditVerify,
        A::Status,
        A::Whoami,
        A::ConfigCheck,
        A::ConfigDiff,
        A::ConfigReload,
    ] {
        desk.go(action, &[]);
    }
    desk.go(A::Whoami, &["--can", "token delete"]);
    desk.go(A::GatewayShow, &["gw-pin"]);
    desk.go(A::GatewayShow, &["gw-pam"]);
    desk.go(A::ConfigGet, &["lockout.token.max_failures"]);
    desk.go(A::AuditArchive, &["--before", "2025-01-01"]);
    desk.go(A::NotifyTest, &[]);
    desk.go(A::NotifyTest, &["--to", "alice@example.org"]);
    desk.go(A::Backup, &["a-test"]);
    assert!(desk.daemon.site.path("state").join("backup").is_dir());
}
