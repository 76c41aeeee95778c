//! Rows for one gateway: `[gateway.NAME]`, in mfad.toml or in a file of `gateways.d`.

use super::{Fallback, Key, Kind};

const SECOND: u64 = 1000;

/// Rows in the order of the manual.
pub(super) const KEYS: &[Key] = &[
    Key::new(
        "gateway.NAME.addresses",
        Kind::List,
        Fallback::Required,
        "Source addresses of the gateway, IPv4 or IPv6, or networks such as `192.0.2.0/24`. Where \
         networks overlap the most specific one counts; no address may stand twice.",
    ),
    Key::new(
        "gateway.NAME.secret_file",
        Kind::Text,
        Fallback::Unset,
        "File that holds the shared secret and nothing else. A path that is not absolute counts \
         from the folder of mfad.toml. Other users must not be able to read it. Either this or \
         `secret_credential` must be stated.",
    ),
    Key::new(
        "gateway.NAME.secret_credential",
        Kind::Text,
        Fallback::Unset,
        "Name of the systemd credential that holds the shared secret.",
    ),
    Key::new(
        "gateway.NAME.secret",
        Kind::Elsewhere,
        Fallback::Unset,
        "Refused: a secret never stands in the configuration, which is shown, copied and kept in \
         version control. Use `secret_file` or `secret_credential`.",
    ),
    Key::flag(
        "gateway.NAME.allow_weak_secret",
        "false",
        "Takes a secret of fewer than 16 characters or one that is easy to guess. One captured \
         packet is enough to try billions of such secrets a second.",
    ),
    Key::flag(
        "gateway.NAME.require_message_authenticator",
        "true",
        "Drops requests without Message-Authenticator. With false an attacker between gateway and \
         mfad can turn a Reject into an Accept (CVE-2024-3596, W031).",
    ),
    Key::new(
        "gateway.NAME.first_factor",
        Kind::Word(&["gateway", "local", "pin", "none"]),
        Fallback::Required,
        "Who checks the password. `gateway`: the gateway does, before it asks mfad; one that asks \
         mfad first, or does not wait for its own check, is `none`. `pin`: mfad, the person's PIN. \
         `local`: mfad, a password kept by mfad. `none`: nobody, the code alone lets a person in.",
    )
    .later(&["ldap", "radius"]),
    Key::new(
        "gateway.NAME.passcode",
        Kind::Word(&[
            "otp",
            "pin+otp",
            "password+otp",
            "password,otp",
            "challenge",
        ]),
        Fallback::Required,
        "What people type into the password field. `otp`: the code (first_factor gateway or none). \
         `pin+otp`: PIN, then code (pin). `password+otp` and `password,otp`: password, then code, \
         with a comma between (local). `challenge`: PIN (pin) or password (local) alone, and the code \
         is asked for in a second step; with gateway and none what is typed first is ignored.",
    ),
    Key::flag(
        "gateway.NAME.challenge",
        "true",
        "Whether the gateway can show a question and send the answer. Then an empty passcode is not \
         wrong: it is asked for. Needed for `passcode = \"challenge\"`.",
    ),
    Key::word(
        "gateway.NAME.unknown_user",
        "\"reject\"",
        &["reject", "passthrough"],
        "Answer to a name that mfad does not know. `passthrough` lets in whom the gateway has \
         checked; it goes with `first_factor = \"gateway\"` only.",
    ),
    Key::new(
        "gateway.NAME.unenrolled",
        Kind::Word(&["enroll", "reject", "passthrough"]),
        Fallback::Computed("enroll; reject without challenges or with `first_factor = \"none\"`"),
        "Answer to a person without a token that could be asked for. `enroll`: whoever is new or has \
         to replace a token is asked for the auth code once the first factor is right, and led to a \
         page of mfad-web (`web.base_url`) or asked for the first code of the token that an operator \
         has shown. `passthrough` lets in who is new, with the first factor alone.",
    ),
    Key::new(
        "gateway.NAME.allow_passthrough",
        Kind::Flag,
        Fallback::Computed("true; false with `first_factor = \"none\"`"),
        "Temporary passthroughs count here: a person who has one is let in with the first factor \
         and any code.",
    ),
    Key::new(
        "gateway.NAME.allowed_types",
        Kind::List,
        Fallback::Computed("all types"),
        "Types of token accepted here: `totp`, `hotp`, `recovery`.",
    ),
    Key::word(
        "gateway.NAME.missing_method",
        "\"reject\"",
        &["reject"],
        "Answer to a person who has no token for a group of the set.",
    ),
    Key::word(
        "gateway.NAME.reply_detail",
        "\"generic\"",
        &["generic", "helpful"],
        "`generic`: all Rejects are alike. `helpful`: a Reject says why (locked, expired, ..); \
         only where the gateway has checked the password.",
    ),
    Key::flag(
        "gateway.NAME.show_accept_message",
        "false",
        "An Accept may carry a line for the person, such as the end of a passthrough.",
    ),
    Key::new(
        "gateway.NAME.strip_domain",
        Kind::List,
        Fallback::Value("[]"),
        "Domains and realms cut off the name: with `EXAMPLE` listed, `EXAMPLE\\alice` and \
         `alice@EXAMPLE` are `alice`. Others stay as typed.",
    ),
    Key::new(
        "gateway.NAME.accept_attributes",
        Kind::Pairs,
        Fallback::Value("{}"),
        "Attributes that every Accept carries, such as `{ Class = \"OU=staff;\", Filter-Id = \
         \"vpn\" }`; a list of texts gives the attribute several times.",
    ),
    Key::span(
        "gateway.NAME.same_code_grace",
        "\"0\"",
        (0, 60 * SECOND),
        "Accepts the same code of the same person once more within this time, for gateways that \
         ask twice for one sign-in. 0: never.",
    ),
    Key::span(
        "gateway.NAME.reject_delay",
        "\"1s\"",
        (100, 5 * SECOND),
        "Time from the receipt of a request to the leaving of its Reject. It hides what was \
         checked, and slows guessing.",
    ),
    Key::word(
        "gateway.NAME.on_internal_error",
        "\"silent\"",
        &["silent", "reject"],
        "What the gateway gets when mfad cannot decide, its disk being full, say. `silent`: \
         nothing, so that it turns to its next server. `reject`: for a lone server. Never an Accept.",
    ),
];
