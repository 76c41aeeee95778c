//! Rows for the types of tokens, which codes of them are looked for, and for codes that are sent.

use std::time::Duration;

use super::{Fallback, Key, Kind};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const YEAR: u64 = 365 * 24 * HOUR;

/// Rows in the order of the manual.
pub(super) const KEYS: &[Key] = &[
    Key::count(
        "hotp.look_ahead",
        "10",
        (1, 100),
        "Counters looked at ahead of the stored one. Each makes guessing easier.",
    ),
    Key::count(
        "hotp.resync_window",
        "1000",
        (10, 10_000),
        "Counters searched for two codes in a row by a resync.",
    ),
    Key::flag(
        "hotp.self_resync",
        "false",
        "A code that is ahead of hotp.look_ahead and within hotp.resync_window asks for the next one \
         at the sign-in, where questions can be asked, once since the last sign-in.",
    ),
    Key::count(
        "totp.window",
        "1",
        (0, 10),
        "Steps before and after the present one whose codes are good. Each makes guessing easier.",
    ),
    Key::count(
        "totp.resync_window",
        "20",
        (1, 1000),
        "Steps before and after the present one searched by a resync.",
    ),
    Key::span(
        "renew.before_expiry",
        "\"0\"",
        (0, YEAR),
        "So long before a token expires its owner is in Renew Credential. 0: an operator says so.",
    ),
    Key::flag(
        "token_types.totp.enabled",
        "true",
        "Time based codes (RFC 6238) may be added and used.",
    ),
    label("token_types.totp.label"),
    status("token_types.totp.status"),
    operator_enrol("token_types.totp.operator_enrol"),
    own_failures("token_types.totp.max_failures"),
    own_duration("token_types.totp.duration"),
    Key::flag(
        "token_types.hotp.enabled",
        "true",
        "Counter based codes (RFC 4226) may be added and used.",
    ),
    label("token_types.hotp.label"),
    status("token_types.hotp.status"),
    operator_enrol("token_types.hotp.operator_enrol"),
    own_failures("token_types.hotp.max_failures"),
    own_duration("token_types.hotp.duration"),
    Key::flag(
        "token_types.recovery.enabled",
        "true",
        "Recovery codes may be issued and used.",
    ),
    label("token_types.recovery.label"),
    label("token_types.qa.label"),
    Key::new(
        "token_types.virtual.enabled",
        Kind::Flag,
        Fallback::Computed("true where `smtp.server` or `sms.url` is stated"),
        "Tokens whose codes are sent to the main address of their owner may be added.",
    ),
    label("token_types.virtual.label"),
    status("token_types.virtual.status"),
    operator_enrol("token_types.virtual.operator_enrol"),
    own_failures("token_types.virtual.max_failures"),
    own_duration("token_types.virtual.duration"),
    Key::flag(
        "token_types.email.enabled",
        "false",
        "Tokens with an e-mail address of their own may be added. Who reads the mail has the codes: \
         off unless that is wanted.",
    ),
    label("token_types.email.label"),
    status("token_types.email.status"),
    operator_enrol("token_types.email.operator_enrol"),
    own_failures("token_types.email.max_failures"),
    own_duration("token_types.email.duration"),
    Key::flag(
        "token_types.sms.enabled",
        "false",
        "Tokens with a phone number of their own may be added. Each code costs, and a number can be \
         taken over: off unless that is wanted.",
    ),
    label("token_types.sms.label"),
    status("token_types.sms.status"),
    operator_enrol("token_types.sms.operator_enrol"),
    own_failures("token_types.sms.max_failures"),
    own_duration("token_types.sms.duration"),
    Key::span(
        "device_auth.ttl",
        "\"15m\"",
        (MINUTE, HOUR),
        "How long a device authorization code is good. It is mailed at the next sign-in after `mfactl \
         token reset-secret`, at a gateway with `unenrolled = \"enroll\"`, and with \
         `auth_code.always_suppress` also in Replace Credential. A person is mailed one, and three \
         more in an hour at the answer `resend`.",
    ),
    Key::count("device_auth.digits", "8", (6, 8), "Its length."),
    Key::word(
        "device_auth.no_web",
        "\"reject\"",
        &["reject", "mail_seed"],
        "What follows on it where `web.base_url` is not set: the help desk, which adds the token; or a \
         new token in a mail, as a picture to scan, whose first code is asked for. The mailbox then \
         has both the code and the secret: whoever reads it and has the password has the token \
         (W038).",
    ),
    Key::count(
        "sent_code.digits",
        "6",
        (6, 8),
        "Length of a code that is sent.",
    ),
    Key::span(
        "sent_code.ttl",
        "\"5m\"",
        (MINUTE, 10 * MINUTE),
        "How long a code that was sent is good.",
    ),
    Key::count(
        "sent_code.max_per_hour",
        "5",
        (1, 60),
        "Codes that one person may be sent in an hour.",
    ),
    Key::count(
        "sent_code.max_per_dialogue",
        "3",
        (1, 9),
        "Codes that are sent for one question: the first, and those after the answer `send`.",
    ),
];

const fn label(path: &'static str) -> Key {
    let doc = "What this type is called on screens, in mails and where a sign-in offers several: one \
               text, or one for each language as in { en = \"..\", de = \"..\" }. A sign-in shows \
               plain letters only, umlauts as ae, oe, ue, and its own words where these would be \
               too long.";
    Key::new(
        path,
        Kind::Label,
        Fallback::Computed("`mfactl token types` shows it"),
        doc,
    )
}

const fn status(path: &'static str) -> Key {
    let doc = "`obsolete`: none of this type is added any more, those that are there are OBSOLETE and \
               let nobody in.";
    Key::word(path, "\"active\"", &["active", "obsolete"], doc)
}

const fn operator_enrol(path: &'static str) -> Key {
    Key::flag(path, "true", "Operators may add one for somebody.")
}

const fn own_failures(path: &'static str) -> Key {
    let kind = Kind::Count { min: 1, max: 100 };
    let doc = "In place of `lockout.token.max_failures` for tokens of this type.";
    Key::new(
        path,
        kind,
        Fallback::Computed("`lockout.token.max_failures`"),
        doc,
    )
}

const fn own_duration(path: &'static str) -> Key {
    let kind = Kind::Span {
        min: Duration::ZERO,
        max: Duration::from_millis(YEAR),
    };
    let doc = "In place of `lockout.token.duration` for tokens of this type.";
    Key::new(
        path,
        kind,
        Fallback::Computed("`lockout.token.duration`"),
        doc,
    )
}
