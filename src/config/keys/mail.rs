//! Rows for messages to people.

use super::{Fallback, Key, Kind};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;

/// Rows in the order of the manual.
pub(super) const KEYS: &[Key] = &[
    Key::new(
        "smtp.server",
        Kind::Text,
        Fallback::Unset,
        "Name or address of the mail server through which people are told of changes to their \
         account. Without it nobody is told, and no message is made. The unit file needs the network \
         profile for it.",
    )
    .at_start(),
    Key::new(
        "smtp.port",
        Kind::Count { min: 1, max: 65_535 },
        Fallback::Computed("587, with `tls` 465, with `none` 25"),
        "Its TCP port. The process gives up every other one, but for the one of `sms.url`.",
    )
    .at_start(),
    Key::word(
        "smtp.security",
        "\"starttls\"",
        &["starttls", "tls", "none"],
        "What protects the connection. `starttls`: TLS before anything else is said; a server that \
         does not offer it is not used. `tls`: TLS from the first octet. `none`: nothing, for a \
         server on `localhost` only.",
    )
    .at_start(),
    Key::new(
        "smtp.user",
        Kind::Text,
        Fallback::Unset,
        "User name at the mail server, if it wants one.",
    )
    .at_start(),
    Key::new(
        "smtp.password_file",
        Kind::Text,
        Fallback::Unset,
        "File that holds the password and nothing else. A path that is not absolute counts from the \
         folder of this file. Other users must not be able to read it.",
    )
    .at_start(),
    Key::new(
        "smtp.password_credential",
        Kind::Text,
        Fallback::Unset,
        "Name of the systemd credential that holds the password.",
    )
    .at_start(),
    Key::new(
        "smtp.password",
        Kind::Elsewhere,
        Fallback::Unset,
        "Refused: a password never stands in the configuration. Use `password_file` or \
         `password_credential`.",
    ),
    Key::new(
        "smtp.from",
        Kind::Text,
        Fallback::Unset,
        "Address that messages come from. Must be stated if `smtp.server` is.",
    )
    .at_start(),
    Key::new(
        "smtp.ca",
        Kind::Text,
        Fallback::Value("\"/etc/ssl/certs/ca-certificates.crt\""),
        "File with the certificates of the authorities that may vouch for the mail server, in PEM.",
    )
    .at_start(),
    Key::span(
        "smtp.timeout",
        "\"1m\"",
        (SECOND, 10 * MINUTE),
        "How long one message may take, from the connection to the server's word that it has it. \
         One that takes longer is tried again later.",
    )
    .at_start(),
    Key::new(
        "sms.url",
        Kind::Text,
        Fallback::Unset,
        "Where an SMS gateway takes messages: a URL with https, or with http on `localhost`. In it, in \
         `body` and in `headers` stand for what a message has: `{to}` the number as + and digits, \
         `{digits}` the same without +, `{text}` the text, `{id}` a name that is the same whenever \
         the message is tried, `{secret}` the secret. What is filled in is escaped for its place. \
         Without this key no text message is sent. The unit file needs the network profile for it.",
    )
    .at_start(),
    Key::word(
        "sms.method",
        "\"POST\"",
        &["POST", "PUT", "GET"],
        "Method of the request.",
    )
    .at_start(),
    Key::new(
        "sms.headers",
        Kind::Pairs,
        Fallback::Unset,
        "Headers of the request, such as `Authorization = \"Bearer {secret}\"`. A header that proves \
         who asks has `{secret}` in it.",
    )
    .at_start(),
    Key::new(
        "sms.body",
        Kind::Text,
        Fallback::Unset,
        "What the request carries: JSON if it begins with `{` or `[`, else the fields of a form such \
         as `to={to}&text={text}`.",
    )
    .at_start(),
    Key::new(
        "sms.success",
        Kind::Text,
        Fallback::Unset,
        "What must stand in the answer of a gateway that says 200 to everything. Not set: a status \
         from 200 to 299 is enough. Redirects are never followed.",
    )
    .at_start(),
    Key::new(
        "sms.secret_file",
        Kind::Text,
        Fallback::Unset,
        "File that holds the secret and nothing else. A path that is not absolute counts from the \
         folder of this file. Other users must not be able to read it.",
    )
    .at_start(),
    Key::new(
        "sms.secret_credential",
        Kind::Text,
        Fallback::Unset,
        "Name of the systemd credential that holds the secret.",
    )
    .at_start(),
    Key::new(
        "sms.secret",
        Kind::Elsewhere,
        Fallback::Unset,
        "Refused: a secret never stands in the configuration. Use `secret_file` or \
         `secret_credential`.",
    ),
    Key::count(
        "sms.max_unanswered",
        "10",
        (1, 100),
        "Codes that one person is sent by SMS without a sign-in in between. Then none is sent for a \
         sign-in, until one succeeds in another way, or an operator tests the token.",
    ),
    Key::new(
        "sms.ca",
        Kind::Text,
        Fallback::Value("\"/etc/ssl/certs/ca-certificates.crt\""),
        "File with the certificates of the authorities that may vouch for the SMS gateway, in PEM.",
    )
    .at_start(),
    Key::span(
        "sms.timeout",
        "\"30s\"",
        (SECOND, 10 * MINUTE),
        "How long one message may take, from the connection to the answer. One that takes longer is \
         tried again later.",
    )
    .at_start(),
    Key::new(
        "notify.admins",
        Kind::List,
        Fallback::Value("[]"),
        "E-mail addresses that are told of every lock, of passthroughs that end soon, and once a day \
         of all that there are.",
    ),
];
