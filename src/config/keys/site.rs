//! Rows for the whole site. Top-level keys come first: in TOML they must stand before any table.

use super::{Fallback, Key, Kind};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// Rows in the order of the manual.
pub(super) const KEYS: &[Key] = &[
    Key::new(
        "node",
        Kind::Text,
        Fallback::Computed("the host name"),
        "Name of this server in audit records and in `mfactl status`: letters, digits, `-`, `_` \
         and `.`.",
    )
    .at_start(),
    Key::word(
        "language",
        "\"en\"",
        &["en", "de"],
        "Language of messages to `notify.admins`, and to people who have none of their own: `en` or \
         `de`. At the gateway everybody is spoken to in it as long as nothing is proven.",
    ),
    Key::new(
        "default_set",
        Kind::Text,
        Fallback::Value("\"default\""),
        "Name of the authentication set of a user who names none.",
    ),
    Key::flag(
        "implicit_registration",
        "false",
        "A token of type sms or email is proven once its address is a proven one of its owner. A \
         virtual one always is.",
    ),
    Key::new(
        "sets.NAME",
        Kind::Groups,
        Fallback::Value("[[\"totp\", \"hotp\", \"virtual\"]]"),
        "An authentication set: groups of token types. All groups are asked for, one after another, \
         and any type of a group will do; more than one group needs a gateway with `challenge`. \
         Without any set stated there is one named `default` with the value shown.",
    ),
    Key::new(
        "radius.listen",
        Kind::List,
        Fallback::Value("[\"0.0.0.0:1812\", \"[::]:1812\"]"),
        "Addresses and UDP ports on which requests are awaited, unless systemd passes sockets.",
    )
    .at_start(),
    Key::new(
        "control.socket",
        Kind::Text,
        Fallback::Value("\"/run/mfad/control\""),
        "Unix socket for `mfactl`, an absolute path, unless systemd passes it.",
    )
    .at_start(),
    Key::new(
        "store.folder",
        Kind::Text,
        Fallback::Value("\"/var/lib/mfad\""),
        "Folder of the store, an absolute path. mfad creates `mfad.db` in it.",
    )
    .at_start(),
    Key::new(
        "key.credential",
        Kind::Text,
        Fallback::Computed("\"mfad.key\", unless `key.file` is stated"),
        "Name of the systemd credential that holds the master key.",
    )
    .at_start(),
    Key::new(
        "key.file",
        Kind::Text,
        Fallback::Unset,
        "File that holds the master key, mode 0600, where there is no systemd credential. A path \
         that is not absolute counts from the folder of this file.",
    )
    .at_start(),
    Key::new(
        "metrics.listen",
        Kind::Text,
        Fallback::Value("\"off\""),
        "Where numbers are served in the OpenMetrics form: `off`, the absolute path of a Unix \
         socket, or an address and TCP port. Whoever reaches it can read it.",
    )
    .at_start(),
    role("roles.admin.users", ROLE_ADMIN),
    role("roles.admin.groups", ROLE_GROUPS),
    role("roles.operator.users", ROLE_OPERATOR),
    role("roles.operator.groups", ROLE_GROUPS),
    role("roles.support.users", ROLE_SUPPORT),
    role("roles.support.groups", ROLE_GROUPS),
    role("roles.viewer.users", ROLE_VIEWER),
    role("roles.viewer.groups", ROLE_GROUPS),
    role("roles.web.users", ROLE_WEB),
    role("roles.web.groups", ROLE_GROUPS),
    Key::count(
        "lockout.user.max_failures",
        "5",
        (0, 100),
        "Failures in a row after which a person is locked: the one that reaches the number locks. \
         0: never. Not used with `lockout.mode = \"wait\"`.",
    ),
    Key::span(
        "lockout.user.duration",
        "\"0\"",
        (0, YEAR),
        "How long such a lock lasts. 0: until somebody else unlocks. Any other value lets a \
         stranger go on guessing; W034 tells when he would reach `lockout.hard_cap` in under a day.",
    ),
    Key::span(
        "lockout.user.window",
        "\"0\"",
        (0, YEAR),
        "Time without a failure after which the count starts anew. 0: failures are only forgotten \
         by a complete sign-in or an unlock.",
    ),
    Key::count(
        "lockout.token.max_failures",
        "10",
        (1, 100),
        "Wrong codes in a row, all of them this token's, after which it is locked.",
    ),
    Key::span(
        "lockout.token.duration",
        "\"15m\"",
        (0, YEAR),
        "How long the lock of a token lasts. 0: until an operator acts.",
    ),
    Key::count(
        "lockout.hard_cap",
        "100",
        (10, 100),
        "Wrong codes in a row after which a token is ended for good. Neither time nor an unlock \
         makes this count smaller, only a sign-in with the token. It cannot be switched off.",
    ),
    Key::word(
        "lockout.hard_action",
        "\"lock\"",
        &["lock", "obsolete"],
        "What the hard cap does to a token: `lock` keeps it, locked for good; `obsolete` erases \
         its secret.",
    ),
    Key::word(
        "lockout.mode",
        "\"lock\"",
        &["lock", "wait"],
        "What failures bring about. `lock`: the numbers under `lockout.user` and `lockout.token` \
         lock; whoever knows a person's name can lock that person out. `wait`: from the third \
         failure on the next attempt is refused for 2 s, 4 s, 8 s and so on up to an hour, its \
         passcode not looked at; stations (Calling-Station-Id) from which the person signed in \
         through the same gateway within 30 days are counted apart, so no stranger keeps anybody \
         out. `lockout.hard_cap` holds in both. Best in both: let the gateway check the password \
         first.",
    ),
    Key::count(
        "lockout.inactive_days",
        "0",
        (0, 3650),
        "Days without a sign-in after which a person is locked (reason Inactivity), counted from the \
         last sign-in, or from when the person was added, came into the present state or was \
         unlocked, if that is later. Looked at when the person signs in, and once a day for everybody. \
         Before you set it ask `mfactl config diff` how many it would lock. 0: never.",
    ),
    Key::count(
        "pin.max_failures",
        "5",
        (1, 100),
        "Wrong PINs in a row, each with a right code, after which the PIN is blocked.",
    ),
    Key::span(
        "pin.block_duration",
        "\"0\"",
        (0, YEAR),
        "How long a block lasts. 0: until somebody unblocks.",
    ),
    Key::flag(
        "pin.block_locks_account",
        "true",
        "A blocked PIN locks the person, not only the PIN.",
    ),
    Key::count(
        "pin.min_length",
        "6",
        (4, 32),
        "Shortest PIN, in characters.",
    ),
    Key::count(
        "pin.max_length",
        "12",
        (4, 64),
        "Longest PIN, in characters.",
    ),
    Key::word(
        "pin.charset",
        "\"digits\"",
        &["digits", "alphanumeric", "printable"],
        "Characters a PIN may have.",
    ),
    Key::flag(
        "pin.admin_reset_must_change",
        "true",
        "A PIN that an operator has set is to be changed by the person.",
    ),
    Key::word(
        "pin.after_change",
        "\"accept\"",
        &["accept", "reauth"],
        "What follows when a person has set a new PIN or password in a sign-in: the Accept, or a \
         sign-in with the new one and the next code.",
    ),
    Key::new(
        "self_service.pin_keyword",
        Kind::Text,
        Fallback::Unset,
        "What a person types in the place of a passcode to set a new PIN or password: it is asked for \
         after the sign-in that follows. At gateways with `challenge`, where one is typed. Nothing \
         that could be somebody's PIN, password or code.",
    ),
    Key::span(
        "passthrough.duration",
        "\"7d\"",
        (MINUTE, YEAR),
        "Length of a passthrough if none is stated.",
    ),
    Key::span(
        "passthrough.max_duration",
        "\"7d\"",
        (MINUTE, YEAR),
        "Longest passthrough that somebody below admin may grant.",
    ),
    Key::count(
        "passthrough.max_renewals",
        "3",
        (0, 100),
        "Renewals in an unbroken chain before only an admin may renew.",
    ),
    Key::span(
        "passthrough.warn_before",
        "\"1d\"",
        (0, 30 * DAY),
        "How long before its end the person and the operator who gave it are warned; one that is no \
         longer than this is not warned of. 0: nobody is warned.",
    ),
    Key::flag(
        "passthrough.end_on_enrol",
        "true",
        "The first sign-in with a token after an enrolment ends the passthrough.",
    ),
    Key::word(
        "passthrough.on_token_use",
        "\"keep\"",
        &["keep", "end"],
        "What any sign-in with a token does to a passthrough.",
    ),
    Key::flag(
        "auth_code.always_suppress",
        "false",
        "No auth codes are made, and no page asks for one: whoever gets the message with the link \
         can enrol. At a sign-in who is to replace a token, or is reset, shows a device \
         authorization code instead, which is mailed (W037).",
    ),
    Key::span(
        "auth_code.ttl",
        "\"1d\"",
        (MINUTE, 7 * DAY),
        "How long an auth code is good if none is stated.",
    ),
    Key::span(
        "auth_code.ttl_sms",
        "\"10m\"",
        (MINUTE, 7 * DAY),
        "The same for a code that goes by text message.",
    ),
    Key::count(
        "auth_code.tries",
        "5",
        (1, 10),
        "Wrong auth codes that void the right one; of device authorization codes as many.",
    ),
    Key::flag(
        "auth_code.self_service",
        "false",
        "Whoever is asked for the auth code at a sign-in may answer `send`: then one is mailed to the \
         proven main address, at most four in an hour, and the one before is void. A password and the \
         mailbox lead to a token then.",
    ),
    Key::span(
        "enroll.pending_ttl",
        "\"7d\"",
        (0, YEAR),
        "How long a token waits for its proof before it is deleted: its QR code may lie about. 0: for \
         ever. A token with a serial waits for ever, its secret was not shown.",
    ),
    Key::new(
        "enroll.issuer",
        Kind::Text,
        Fallback::Computed("the host name"),
        "Name that authenticator apps show above the code, without a colon.",
    ),
    Key::new(
        "enroll.email_content",
        Kind::Word(&["link", "seed"]),
        Fallback::Computed("`link` if `web.base_url` is stated, else `seed`"),
        "What the mail of `mfactl enroll email` brings. `link`: a one-time link to the enrolment page, \
         which asks for the auth code as well. `seed`: the QR code of the token itself; whoever reads \
         the mail can make the codes.",
    ),
    Key::new(
        "web.base_url",
        Kind::Text,
        Fallback::Unset,
        "Where the pages of mfad-web are, as people's browsers reach them: an address that begins with \
         `https://`. Links in messages lead there.",
    ),
    Key::flag(
        "unlock.require_confirmation",
        "false",
        "Whoever is unlocked by an operator confirms it at the next sign-in with one more code, \
         where questions can be asked and a token of theirs shows codes.",
    ),
    Key::span(
        "challenge.ttl",
        "\"5m\"",
        (30 * SECOND, 15 * MINUTE),
        "How long a question at the sign-in waits for its answer.",
    ),
    Key::count(
        "tokens.max_per_user",
        "10",
        (1, 100),
        "Tokens a person may have, obsolete ones not counted.",
    ),
    Key::flag(
        "recovery.allow_login",
        "true",
        "A recovery code may stand in for any token at a sign-in, which ends in Update Credential: at \
         a gateway that leads to a token, and where a page shows one, a new one is offered.",
    ),
    Key::count(
        "recovery.count",
        "10",
        (1, 50),
        "Codes in a set of recovery codes.",
    ),
    Key::count(
        "seats.limit",
        "0",
        (0, 10_000_000),
        "Counted users allowed. 0: no limit.",
    ),
    Key::count(
        "alert.locks_per_minute",
        "10",
        (0, 100_000),
        "More people than this, locked or made to wait within a minute, raise W040. 0: never.",
    ),
    Key::count(
        "alert.failures_per_minute",
        "100",
        (0, 100_000),
        "More refused sign-ins than this within a minute through one gateway raise W041, which \
         names it. Nothing is muted for it. 0: never.",
    ),
    Key::flag(
        "audit.reads",
        "false",
        "Reading another person's log is itself recorded. Advised: it tells who looked at whom.",
    ),
    Key::span(
        "audit.retain",
        "\"0\"",
        (0, 10 * YEAR),
        "How long audit records stay in the store. What is older goes into signed segments in \
         `audit/` of the store's folder, unasked, when a tenth of the time (30 days at most) has \
         passed since. 0: they stay until `mfactl audit archive`.",
    ),
    limit(
        "limits.duplicate_cache_entries",
        "65536",
        (1024, 1_048_576),
        "Requests remembered for 30 s so that a repetition gets the same answer, all gateways \
         together.",
    ),
    limit(
        "limits.duplicate_cache_per_gateway",
        "8192",
        (128, 1_048_576),
        "The share of it that one gateway can use.",
    ),
    limit(
        "limits.reject_wheel",
        "65536",
        (1024, 1_048_576),
        "Rejects that wait for their time to leave. What comes when it is full is dropped and \
         counted, never sent early.",
    ),
    limit(
        "limits.verify_queue",
        "1024",
        (16, 65_536),
        "Requests that wait for the store. What comes when it is full is not answered. Half of it is \
         the most that one gateway takes.",
    ),
    limit(
        "limits.pin_queue",
        "64",
        (1, 4096),
        "PINs and passwords that wait to be hashed. What comes when it is full is not answered; nor \
         is what has waited for three quarters of `reject_delay`, at least 500 ms: its Reject \
         would be late.",
    ),
    limit(
        "limits.pin_threads",
        "0",
        (0, 256),
        "Threads that hash PINs and passwords, 19 MiB of memory each. 0: one less than the \
         machine has cores, at least one.",
    ),
    limit(
        "limits.pin_memory_entries",
        "10000",
        (0, 1_000_000),
        "PINs whose last good check is remembered under a key in memory, so that the next sign-in \
         takes microseconds. 0: none, every PIN is hashed every time.",
    ),
    Key::span(
        "limits.pin_memory_ttl",
        "\"12h\"",
        (MINUTE, 7 * DAY),
        "How long such a memory lasts.",
    )
    .at_start(),
    limit(
        "limits.control_connections",
        "32",
        (8, 1024),
        "Connections on the control socket; 4 of them are kept for admins.",
    ),
    limit(
        "limits.user_cache_entries",
        "50000",
        (100, 10_000_000),
        "Users kept in memory, about 2 KiB each.",
    ),
];

const ROLE_ADMIN: &str = "Users of this host, by name or uid, who may do everything. root and the user \
     of the service always may.";
const ROLE_OPERATOR: &str =
    "Users who may add, disable and delete tokens and set most states, too.";
const ROLE_SUPPORT: &str = "The help desk: users who may unlock, unblock, test and grant a \
     passthrough, too.";
const ROLE_VIEWER: &str = "Users who may list, find, show, export and read the audit log.";
const ROLE_WEB: &str =
    "The user of mfad-web: may take the steps of people who have a link, and nothing else.";
const ROLE_GROUPS: &str = "Groups of this host, by name or gid, with the same right.";

const fn role(path: &'static str, doc: &'static str) -> Key {
    Key::new(path, Kind::List, Fallback::Value("[]"), doc)
}

const fn limit(
    path: &'static str,
    default: &'static str,
    range: (u64, u64),
    doc: &'static str,
) -> Key {
    Key::count(path, default, range, doc).at_start()
}
