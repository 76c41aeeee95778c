//! Checks of what holds for the whole site.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::checked::{KEY_CREDENTIAL, KeySource, Limits, Members, MetricsListen, Roles};
use super::keywords;
use super::problems::{Collector, Found};
use super::settings::Settings;
use super::token_types;
use super::value;
use crate::domain::auth_code::AuthCodePolicy;
use crate::domain::lockout::{HardAction, LockoutMode, LockoutPolicy, TokenRule};
use crate::domain::notice::Language;
use crate::domain::passthrough::PassthroughPolicy;
use crate::domain::pin::{AfterChange, Charset, PinPolicy};
use crate::domain::policy::{EmailContent, Policy};
use crate::domain::token_record::TokenKind;
use crate::domain::wait;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Longest name of a server, in characters.
const NODE_CHARS_MAX: usize = 64;

/// Most sockets for RADIUS.
const LISTEN_MAX: usize = 16;

pub(super) fn policy(
    settings: &Settings<'_>,
    issuer: &str,
    sets: Vec<(String, Vec<Vec<TokenKind>>)>,
    problems: &mut Collector<'_>,
) -> Policy {
    let pin = pin(settings, problems);
    let policy = Policy {
        lockout: lockout(settings, problems),
        pin_keyword: keywords::pin(settings, &pin, problems),
        pin,
        passthrough: passthrough(settings, problems),
        auth_code: AuthCodePolicy {
            always_suppress: settings.flag("auth_code.always_suppress"),
            ttl: settings.span("auth_code.ttl"),
            ttl_sms: settings.span("auth_code.ttl_sms"),
            tries: settings.count_u32("auth_code.tries"),
            self_service: settings.flag("auth_code.self_service"),
        },
        device_auth: token_types::device_auth(settings),
        hotp_look_ahead: settings.count("hotp.look_ahead"),
        hotp_resync_window: settings.count("hotp.resync_window"),
        hotp_self_resync: settings.flag("hotp.self_resync"),
        renew_before: settings.span("renew.before_expiry"),
        totp_window_steps: settings.count("totp.window"),
        totp_resync_window_steps: settings.count("totp.resync_window"),
        recovery_allow_login: settings.flag("recovery.allow_login"),
        recovery_count: settings.count_u32("recovery.count"),
        tokens_max_per_user: settings.size("tokens.max_per_user"),
        pending_ttl: settings.span("enroll.pending_ttl"),
        unlock_confirmation: settings.flag("unlock.require_confirmation"),
        challenge_ttl: settings.span("challenge.ttl"),
        seats_limit: settings.count("seats.limit"),
        issuer: issuer.to_owned(),
        enabled_kinds: token_types::enabled(settings),
        types: token_types::rules(settings, problems),
        sent_code: token_types::sent_code(settings),
        emergency: keywords::emergency(settings, &sets, &pin, problems),
        implicit_registration: settings.flag("implicit_registration"),
        sets,
        default_set: settings.text("default_set").unwrap_or_default().to_owned(),
        audit_reads: settings.flag("audit.reads"),
        audit_retain: settings.span("audit.retain"),
        pages: None,
        email_content: EmailContent::default(),
        language: settings
            .text("language")
            .and_then(Language::of)
            .unwrap_or_default(),
        texts: Vec::new(),
        notices: None,
    };
    order(
        settings,
        problems,
        ["hotp.look_ahead", "hotp.resync_window"],
        policy.hotp_look_ahead <= policy.hotp_resync_window,
    );
    order(
        settings,
        problems,
        ["totp.window", "totp.resync_window"],
        policy.totp_window_steps <= policy.totp_resync_window_steps,
    );
    if policy.issuer.contains(':') {
        let found = Found::error(settings.place(&["enroll.issuer"]), "the issuer has a colon");
        problems.add(found.label("authenticator apps cut the name there"));
    }
    policy
}

fn lockout(settings: &Settings<'_>, problems: &mut Collector<'_>) -> LockoutPolicy {
    let lockout = LockoutPolicy {
        mode: match settings.text("lockout.mode") {
            Some("wait") => LockoutMode::Wait,
            _ => LockoutMode::Lock,
        },
        user_max_failures: settings.count_u32("lockout.user.max_failures"),
        user_duration: settings.span("lockout.user.duration"),
        user_window: settings.span("lockout.user.window"),
        token_max_failures: settings.count_u32("lockout.token.max_failures"),
        token_duration: settings.span("lockout.token.duration"),
        totp: token_rule(settings, TokenKind::Totp),
        hotp: token_rule(settings, TokenKind::Hotp),
        virtual_: token_rule(settings, TokenKind::Virtual),
        email: token_rule(settings, TokenKind::Email),
        sms: token_rule(settings, TokenKind::Sms),
        qa_max_failures: settings.count_u32("emergency.max_failures"),
        hard_cap: settings.count_u32("lockout.hard_cap"),
        hard_action: match settings.text("lockout.hard_action") {
            Some("obsolete") => HardAction::Obsolete,
            _ => HardAction::Lock,
        },
        inactive: DAY * settings.count_u32("lockout.inactive_days"),
    };
    match lockout.mode {
        LockoutMode::Lock => lock_ends_soon(settings, &lockout, problems),
        LockoutMode::Wait => {
            without_effect(settings, problems);
            count_ends_soon(settings, &lockout, problems);
        }
    }
    lockout
}

/// What is stated for a type of token in place of `lockout.token`.
fn token_rule(settings: &Settings<'_>, kind: TokenKind) -> TokenRule {
    let path = |key: &str| format!("token_types.{}.{key}", kind.name());
    let (failures, duration) = (path("max_failures"), path("duration"));
    TokenRule {
        max_failures: settings
            .stated(&failures)
            .then(|| settings.count_u32(&failures)),
        duration: settings.stated(&duration).then(|| settings.span(&duration)),
    }
}

/// Guesses that a stranger has in a day, over the cap: failures x day / duration >= cap.
fn lock_ends_soon(settings: &Settings<'_>, lockout: &LockoutPolicy, problems: &mut Collector<'_>) {
    let guesses = DAY.as_millis() * u128::from(lockout.user_max_failures);
    let needed = lockout.user_duration.as_millis() * u128::from(lockout.hard_cap);
    if !lockout.user_duration.is_zero() && lockout.user_max_failures > 0 && guesses >= needed {
        let place = settings.line(&["lockout.user.duration", "lockout.hard_cap"]);
        let text = "a stranger can end people's tokens in under a day";
        problems.add(Found::warning("W034", place, text).label(format!(
            "{} guesses for each such time, {} are the end",
            lockout.user_max_failures, lockout.hard_cap
        )));
    }
}

/// What locks only is stated beside the wait.
fn without_effect(settings: &Settings<'_>, problems: &mut Collector<'_>) {
    let locking = [
        "lockout.user.max_failures",
        "lockout.user.duration",
        "lockout.token.max_failures",
        "lockout.token.duration",
        "token_types.totp.max_failures",
        "token_types.totp.duration",
        "token_types.hotp.max_failures",
        "token_types.hotp.duration",
        "token_types.virtual.max_failures",
        "token_types.virtual.duration",
        "token_types.email.max_failures",
        "token_types.email.duration",
        "token_types.sms.max_failures",
        "token_types.sms.duration",
    ];
    for key in locking.into_iter().filter(|key| settings.stated(key)) {
        let text = format!("{key} is not used with lockout.mode = \"wait\"");
        let found = Found::warning("W042", settings.line(&[key]), text);
        problems.add(found.label("here failures lock nobody"));
    }
}

/// As [`lock_ends_soon`]: a stranger who rests for the window whenever waiting has become slower has
/// the first guesses again, which are quick.
fn count_ends_soon(settings: &Settings<'_>, lockout: &LockoutPolicy, problems: &mut Collector<'_>) {
    let window = lockout.user_window;
    let mut round = window;
    let rounds = (1..=lockout.hard_cap).map(|guesses| {
        round += wait::span(guesses.saturating_sub(1));
        (guesses, round)
    });
    let soon = |(guesses, round): &(u32, Duration)| {
        DAY.as_millis() * u128::from(*guesses) >= round.as_millis() * u128::from(lockout.hard_cap)
    };
    let mut rounds = rounds.filter(soon);
    if let Some((guesses, _)) = rounds.next().filter(|_| !window.is_zero()) {
        let place = settings.line(&["lockout.user.window", "lockout.hard_cap"]);
        let text = "a stranger can end people's tokens in under a day";
        problems.add(Found::warning("W034", place, text).label(format!(
            "{guesses} quick guesses after each such time, {} are the end",
            lockout.hard_cap
        )));
    }
}

fn pin(settings: &Settings<'_>, problems: &mut Collector<'_>) -> PinPolicy {
    let pin = PinPolicy {
        max_failures: settings.count_u32("pin.max_failures"),
        block_duration: settings.span("pin.block_duration"),
        block_locks_account: settings.flag("pin.block_locks_account"),
        min_length: settings.size("pin.min_length"),
        max_length: settings.size("pin.max_length"),
        charset: match settings.text("pin.charset") {
            Some("alphanumeric") => Charset::Alphanumeric,
            Some("printable") => Charset::Printable,
            _ => Charset::Digits,
        },
        admin_reset_must_change: settings.flag("pin.admin_reset_must_change"),
        after_change: match settings.text("pin.after_change") {
            Some("reauth") => AfterChange::Reauth,
            _ => AfterChange::Accept,
        },
    };
    order(
        settings,
        problems,
        ["pin.min_length", "pin.max_length"],
        pin.min_length <= pin.max_length,
    );
    pin
}

fn passthrough(settings: &Settings<'_>, problems: &mut Collector<'_>) -> PassthroughPolicy {
    let passthrough = PassthroughPolicy {
        duration: settings.span("passthrough.duration"),
        max_duration: settings.span("passthrough.max_duration"),
        max_renewals: settings.count_u32("passthrough.max_renewals"),
        warn_before: settings.span("passthrough.warn_before"),
        end_on_enrol: settings.flag("passthrough.end_on_enrol"),
        end_on_token_use: settings.text("passthrough.on_token_use") == Some("end"),
    };
    order(
        settings,
        problems,
        ["passthrough.duration", "passthrough.max_duration"],
        passthrough.duration <= passthrough.max_duration,
    );
    passthrough
}

/// Complains if the first of two keys is greater than the second.
fn order(
    settings: &Settings<'_>,
    problems: &mut Collector<'_>,
    [less, more]: [&str; 2],
    in_order: bool,
) {
    let shown = |name| settings.value(name).map_or_else(String::new, value::show);
    if !in_order {
        let text = format!("`{less}` is greater than `{more}`");
        let label = format!("{} against {}", shown(less), shown(more));
        problems.add(Found::error(settings.place(&[less, more]), text).label(label));
    }
}

pub(super) fn limits(settings: &Settings<'_>, problems: &mut Collector<'_>) -> Limits {
    let size = |name: &str| settings.size(&format!("limits.{name}"));
    let limits = Limits {
        duplicate_cache_entries: size("duplicate_cache_entries"),
        duplicate_cache_per_gateway: size("duplicate_cache_per_gateway"),
        reject_wheel: size("reject_wheel"),
        verify_queue: size("verify_queue"),
        pin_queue: size("pin_queue"),
        pin_threads: Some(size("pin_threads")).filter(|threads| *threads > 0),
        pin_memory_entries: size("pin_memory_entries"),
        pin_memory_ttl: settings.span("limits.pin_memory_ttl"),
        control_connections: size("control_connections"),
        user_cache_entries: size("user_cache_entries"),
    };
    order(
        settings,
        problems,
        [
            "limits.duplicate_cache_per_gateway",
            "limits.duplicate_cache_entries",
        ],
        limits.duplicate_cache_per_gateway <= limits.duplicate_cache_entries,
    );
    limits
}

pub(super) fn roles(settings: &Settings<'_>, problems: &mut Collector<'_>) -> Roles {
    let mut names = |path: String| {
        for item in settings.items(&path) {
            if item
                .text
                .contains(|sign: char| sign.is_whitespace() || ":,/".contains(sign))
            {
                let text = format!("\"{}\" is no name of this host", item.text);
                problems.add(Found::error(item.place, text));
            }
        }
        settings.texts(&path)
    };
    let mut members = |role: &str| Members {
        users: names(format!("roles.{role}.users")),
        groups: names(format!("roles.{role}.groups")),
    };
    Roles {
        admin: members("admin"),
        operator: members("operator"),
        support: members("support"),
        viewer: members("viewer"),
        web: members("web"),
    }
}

pub(super) fn listen(settings: &Settings<'_>, problems: &mut Collector<'_>) -> Vec<SocketAddr> {
    let mut sockets: Vec<SocketAddr> = Vec::new();
    let items = settings.items("radius.listen");
    if items.is_empty() || items.len() > LISTEN_MAX {
        let place = settings.place(&["radius.listen"]);
        let text = format!("`radius.listen` needs from 1 to {LISTEN_MAX} addresses");
        problems.add(Found::error(place, text));
    }
    for item in items {
        match item.text.parse() {
            Ok(socket) if sockets.contains(&socket) => {
                let text = format!("\"{}\" stands twice", item.text);
                problems.add(Found::error(item.place, text));
            }
            Ok(socket) => sockets.push(socket),
            Err(_) => {
                let text = format!("\"{}\" is no address with a port", item.text);
                let label = "like 192.0.2.1:1812 or [2001:db8::1]:1812";
                problems.add(Found::error(item.place, text).label(label));
            }
        }
    }
    sockets
}

pub(super) fn key(
    settings: &Settings<'_>,
    folder: &Path,
    problems: &mut Collector<'_>,
) -> KeySource {
    if settings.stated("key.file") && settings.stated("key.credential") {
        let found = Found::error(
            settings.line(&["key.file"]),
            "`key.file` and `key.credential` are both stated",
        );
        problems.add(found.label("the key has one place"));
    }
    match settings.text("key.file") {
        Some(file) => KeySource::File(folder.join(file)),
        None => {
            let name = settings.text("key.credential").unwrap_or(KEY_CREDENTIAL);
            credential_name(name, settings, "key.credential", problems);
            KeySource::Credential(name.to_owned())
        }
    }
}

/// Complains about the name of a credential that would lead out of the folder of credentials.
pub(super) fn credential_name(
    name: &str,
    settings: &Settings<'_>,
    key: &str,
    problems: &mut Collector<'_>,
) {
    if name.contains('/') || name.starts_with('.') {
        let text = format!("\"{name}\" is no name of a credential");
        let found = Found::error(settings.place(&[key]), text);
        problems.add(found.label("a name as in LoadCredential=, without a folder"));
    }
}

pub(super) fn metrics(
    settings: &Settings<'_>,
    problems: &mut Collector<'_>,
) -> Option<MetricsListen> {
    let text = settings
        .text("metrics.listen")
        .filter(|text| *text != "off")?;
    if text.starts_with('/') {
        return Some(MetricsListen::Unix(PathBuf::from(text)));
    }
    if let Ok(socket) = text.parse() {
        return Some(MetricsListen::Tcp(socket));
    }
    let found = Found::error(
        settings.place(&["metrics.listen"]),
        format!("\"{text}\" is nothing to listen on"),
    );
    problems.add(found.label("\"off\", the absolute path of a socket, or 127.0.0.1:9812"));
    None
}

pub(super) fn absolute(
    settings: &Settings<'_>,
    name: &str,
    problems: &mut Collector<'_>,
) -> PathBuf {
    let path = settings.path(name);
    if !path.is_absolute() {
        let text = format!("`{name}` must be an absolute path");
        problems.add(Found::error(settings.place(&[name]), text).label("beginning with /"));
    }
    path
}

pub(super) fn node(
    settings: &Settings<'_>,
    hostname: &str,
    problems: &mut Collector<'_>,
) -> Arc<str> {
    let node = settings.text("node").unwrap_or(hostname);
    let belongs = |sign: char| sign.is_ascii_alphanumeric() || "-_.".contains(sign);
    let right = (1..=NODE_CHARS_MAX).contains(&node.len()) && node.chars().all(belongs);
    if settings.stated("node") && !right {
        let text = format!("\"{node}\" is no name for a server");
        let label = format!("up to {NODE_CHARS_MAX} letters, digits, -, _ and .");
        problems.add(Found::error(settings.place(&["node"]), text).label(label));
    }
    node.into()
}
