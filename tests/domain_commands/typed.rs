//! What is typed in a row of `tables/commands.txt`: an action and its arguments.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "helpers of tests"
)]

use std::time::Duration;

use mfad::domain::action::Role;
use mfad::domain::auth_code::Delivery;
use mfad::domain::command::{
    Command, NewSent, NewToken, NewUser, PassthroughEnd, Proof, SendTo, Step, TokenEdit, TokenRef,
    UserEdit,
};
use mfad::domain::delivery::Via;
use mfad::domain::rekey::ResetWhy;
use mfad::domain::token_record::TokenKind;
use mfad::domain::update::Update;
use mfad::domain::user::UserState;
use mfad::secret::SecretBytes;
use mfad::time::Timestamp;
use mfad::token::{Otp, OtpCode};

use super::site::*;

/// What is between commas, one a line.
fn lines(text: &str) -> SecretBytes {
    SecretBytes::new(text.replace(',', "\n").into_bytes())
}

/// What is typed behind `mfactl`: the action, then its arguments.
pub(crate) fn command(line: &str) -> Command {
    let words: Vec<&str> = line.split_whitespace().collect();
    let value = |key: &str| {
        let mut values = words.iter().filter_map(|word| word.split_once('='));
        values
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    };
    let text = |key: &str| value(key).map(spaced);
    let flag = |name: &str| words.contains(&name);
    let at = |key: &str| value(key).map(instant);
    let user = user;
    let token = || token_named(words[2]);
    let force = flag("force");
    match (words[0], words.get(1).copied().unwrap_or_default()) {
        ("user", "add") => Command::UserAdd(NewUser {
            user: user(),
            display_name: text("name").unwrap_or_default(),
            email: text("email"),
            phone: text("phone"),
            set: text("set"),
            language: text("language"),
            protected: flag("protected"),
            auth_code: match (flag("send-code"), flag("text-code"), flag("show-code")) {
                (true, ..) => Some(Delivery::Email),
                (_, true, _) => Some(Delivery::Sms),
                (.., shown) => shown.then_some(Delivery::Shown),
            },
            trusted: flag("trusted"),
        }),
        ("user", "edit") => Command::UserEdit {
            user: user(),
            edit: Box::new(UserEdit {
                display_name: text("name"),
                email: text("email"),
                phone: text("phone"),
                set: text("set"),
                language: text("language"),
                role_label: text("role-label"),
                notes: text("notes"),
                protected: value("protected").map(|value| value == "on"),
                trusted: flag("trusted"),
            }),
        },
        ("user", "delete") => Command::UserDelete { user: user() },
        ("user", "lock") => Command::UserLock {
            user: user(),
            until: at("until"),
        },
        ("user", "unlock") => Command::UserUnlock {
            user: user(),
            with_pin: flag("with-pin"),
            confirm: flag("confirm"),
        },
        ("user", "set-state") => Command::UserSetState {
            user: user(),
            state: state(words[2]),
            force,
            updates: value("what").map_or_else(Vec::new, |what| {
                let names = what.split(',');
                names.map(|name| Update::by_name(name).unwrap()).collect()
            }),
            auth_code: match (flag("send-code"), flag("text-code"), flag("show-code")) {
                (true, ..) => Some(Delivery::Email),
                (_, true, _) => Some(Delivery::Sms),
                (.., shown) => shown.then_some(Delivery::Shown),
            },
        },
        ("user", "reactivate") => Command::UserReactivate { user: user() },
        ("lock", "clear-counters") => Command::CountersClear { user: user() },
        ("token", "add") if kind(words[2]).is_sent() => {
            let to = || text("to").unwrap();
            Command::TokenAddSent(Box::new(NewSent {
                user: user(),
                to: match words[2] {
                    "sms" => SendTo::Sms(to()),
                    "email" => SendTo::Email(to()),
                    _ => SendTo::Virtual(Via::by_name(value("via").unwrap()).unwrap()),
                },
                description: text("description").unwrap_or_default(),
                trusted: flag("trusted"),
            }))
        }
        ("token", "confirm") if words.len() == 3 => Command::TokenSend {
            token: token(),
            proof: Proof::Confirm,
        },
        ("token", "test") if words.len() == 3 || words[3] == "anyway" => Command::TokenSend {
            token: token(),
            proof: Proof::Test {
                anyway: flag("anyway"),
            },
        },
        ("token", "add") => Command::TokenAdd(Box::new(NewToken {
            kind: kind(words[2]),
            otp: match (words[2], flag("odd")) {
                ("hotp", false) | ("totp", true) => Otp::HOTP,
                _ => Otp::TOTP,
            },
            serial: text("serial"),
            seed: value("seed").map(|octets| SecretBytes::new(vec![7; number(octets)])),
            weak: flag("weak"),
            counter: value("counter").map_or(0, number),
            expires: at("expires"),
            description: text("description").unwrap_or_default(),
            trusted: flag("trusted"),
            confirm: value("confirm").map(code_of),
            ..new_token()
        })),
        ("token", "confirm") => Command::TokenConfirm {
            token: token(),
            code: code_of(words[3]),
        },
        ("token", "test") => Command::TokenTest {
            token: token(),
            code: code_of(words[3]),
            anyway: flag("anyway"),
        },
        ("token", "resync") => Command::TokenResync {
            token: token(),
            first: code_of(words[3]),
            second: code_of(words[4]),
        },
        ("token", "unlock") => Command::TokenUnlock { token: token() },
        ("token", "edit") => Command::TokenEdit {
            token: token(),
            edit: TokenEdit {
                description: text("description"),
                expires: value("expires").map(|at| match at {
                    "" => Timestamp::NEVER,
                    at => instant(at),
                }),
                phone: text("phone"),
                email: text("email"),
                trusted: flag("trusted"),
            },
        },
        ("token", "disable") => Command::TokenDisable {
            token: token(),
            until: at("until"),
            force,
        },
        ("token", "enable") => Command::TokenEnable { token: token() },
        ("token", "obsolete") => Command::TokenObsolete { token: token() },
        ("token", "reset-secret") => Command::TokenResetSecret {
            user: user(),
            token: value("token").map(token_named),
            why: ResetWhy::by_name(value("why").unwrap()).unwrap(),
        },
        ("token", "migrate") => Command::TokenMigrate {
            user: user(),
            from: Via::by_name(words[2]).unwrap(),
        },
        ("token", "delete") => Command::TokenDelete {
            token: token(),
            force,
        },
        ("hw", "unassign") => Command::HwUnassign {
            serial: words[2].to_owned(),
            force,
        },
        ("enroll", "qr") => Command::EnrollQr {
            user: user(),
            token: value("token").map(token_named),
            channel: value("to").unwrap_or("terminal").to_owned(),
        },
        ("enroll", "email") => Command::EnrollEmail {
            user: user(),
            token: value("token").map(token_named),
        },
        ("enroll", "sms") => Command::EnrollSms { user: user() },
        ("dialogue", "end") => Command::DialogueEnd {
            dialogue: words[2].parse().unwrap(),
        },
        ("enroll", "revoke") => Command::EnrollRevoke { user: user() },
        ("page", "begin") => page(Step::Begin {
            user: spaced(words[2]),
            code: words
                .get(3)
                .map(|code| SecretBytes::copy_of(code.as_bytes())),
        }),
        ("page", "prove") => page(Step::Prove {
            code: words.get(2).map(|code| code_of(code)),
        }),
        ("page", "recovery") => page(Step::Recovery),
        ("page", "confirm") => page(Step::Confirm),
        ("auth-code", "generate") => Command::AuthCodeGenerate {
            user: user(),
            ttl: value("ttl").map(span),
            force,
            delivery: Delivery::Shown,
        },
        ("auth-code", "send") => Command::AuthCodeGenerate {
            user: user(),
            ttl: value("ttl").map(span),
            force,
            delivery: match flag("sms") {
                true => Delivery::Sms,
                false => Delivery::Email,
            },
        },
        ("auth-code", "revoke") => Command::AuthCodeRevoke { user: user() },
        ("recovery", "issue") => Command::RecoveryIssue { user: user() },
        ("recovery", "revoke") => Command::RecoveryRevoke { user: user() },
        ("pin", "unblock") => Command::PinUnblock { user: user() },
        ("pin", "reset") => Command::PinReset {
            user: user(),
            pin: value("pin").map(|pin| SecretBytes::copy_of(pin.as_bytes())),
            keep: flag("keep"),
        },
        ("pin", "clear") => Command::PinClear { user: user() },
        ("emergency", "set") => Command::EmergencySet {
            user: user(),
            questions: text("questions")
                .unwrap()
                .split(',')
                .map(str::to_owned)
                .collect(),
            answers: lines(&text("answers").unwrap()),
        },
        ("emergency", "verify") => Command::EmergencyVerify {
            user: user(),
            answers: text("answers").as_deref().map(lines),
        },
        ("emergency", "clear") => Command::EmergencyClear { user: user() },
        ("password", "set") => Command::PasswordSet {
            user: user(),
            password: text("password").map(|text| SecretBytes::copy_of(text.as_bytes())),
        },
        ("password", "clear") => Command::PasswordClear { user: user() },
        ("passthrough", "enable") => Command::PassthroughEnable {
            user: user(),
            from: at("from"),
            end: match (value("for"), at("until")) {
                (Some(length), _) => PassthroughEnd::For(span(length)),
                (None, Some(until)) => PassthroughEnd::Until(until),
                (None, None) => PassthroughEnd::Default,
            },
            gateways: value("at").map_or_else(Vec::new, |names| {
                names.split(',').map(str::to_owned).collect()
            }),
        },
        ("passthrough", "renew") => Command::PassthroughRenew { user: user() },
        ("passthrough", "disable") => Command::PassthroughDisable { user: user() },
        other => panic!("typed {other:?}"),
    }
}

/// `1`, `totp` for `alice/totp`, or `FT-1`.
fn token_named(word: &str) -> TokenRef {
    if let Ok(number) = word.parse() {
        return t(number);
    }
    match TokenKind::by_name(word) {
        Some(kind) => TokenRef::OfUser(user(), kind),
        None => TokenRef::Serial(word.to_owned()),
    }
}

/// `now`, `now+7` and `now-7` for steps, `at40` for a counter, or six digits.
fn code_of(word: &str) -> OtpCode {
    if let Some(counter) = word.strip_prefix("at") {
        return Otp::HOTP.code_at(SEED, number(counter));
    }
    match word.strip_prefix("now") {
        Some("") => code(0),
        Some(steps) => code(steps.parse().unwrap()),
        None => OtpCode::parse(word.as_bytes()).unwrap(),
    }
}

pub(crate) fn now_step() -> u64 {
    mfad::token::totp::step_at(WALL, mfad::token::Period::THIRTY)
}

pub(crate) fn role(name: &str) -> Role {
    Role::ALL
        .into_iter()
        .find(|role| role.name() == name)
        .unwrap()
}

pub(crate) fn state(name: &str) -> UserState {
    UserState::by_name(name).unwrap()
}

pub(crate) fn kind(name: &str) -> TokenKind {
    TokenKind::by_name(name).unwrap()
}

pub(crate) fn kinds(names: &str) -> Vec<TokenKind> {
    names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(kind)
        .collect()
}

pub(crate) fn number<N: std::str::FromStr>(text: &str) -> N {
    text.parse().unwrap_or_else(|_| panic!("number {text}"))
}

/// `Alice_Doe` is two words, `x*200` many letters, `\n` a new line, `\t` a tab, `\0` no text.
pub(crate) fn spaced(text: &str) -> String {
    if let Some((letter, times)) = text.split_once('*') {
        return letter.repeat(number(times));
    }
    let text = text.replace('_', " ").replace("\\n", "\n");
    text.replace("\\t", "\t").replace("\\0", "\0")
}

/// `5s`, `90m`, `36h`, `7d`.
pub(crate) fn span(text: &str) -> Duration {
    let (count, unit) = text.split_at(text.len() - 1);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        other => panic!("unit {other}"),
    };
    Duration::from_secs(number::<u64>(count) * seconds)
}

/// `+1d` from now, `-1d`, `+0s`.
pub(crate) fn instant(text: &str) -> Timestamp {
    match text.split_at(1) {
        ("-", before) => WALL - span(before),
        (_, after) => WALL + span(after),
    }
}
