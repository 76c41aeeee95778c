//! `token ..` and `hw ..`.

use serde_json::Value;

use super::{token_add, user_show};
use crate::control::reply::{Authenticator, Hardware, Token, TokenList, TokenShow};
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::{List, Shape};
use crate::ctl::output::table::{free, numbers, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::secret::{ASCII, FILE, INVERT, PNG, STDIN, SVG, TO_STDOUT};
use crate::ctl::verb::{Given, Kind, LIMIT, Run, TOKEN, Take, USER, Verb, flag, may, must, switch};

/// What a token can be at a moment.
pub(super) const STATUSES: &[&str] = &[
    "obsolete",
    "deactivated",
    "disabled",
    "locked",
    "expired",
    "pending",
    "active",
    "registered",
];

const TYPES: &[&str] = &["totp", "hotp", "recovery"];
const FORCE: Take = switch(
    "force",
    "force",
    "even if it is the last one to log in with",
);
const SERIAL: Take = flag(
    "serial",
    "serial",
    Kind::Text,
    "S",
    "serial of a hardware token",
);
const EXPIRING: Take = flag(
    "expiring",
    "expiring_s",
    Kind::Span,
    "SPAN",
    "expires within it",
);

const ADD: &[Take] = &[
    USER,
    flag(
        "type",
        "kind",
        Kind::Words(&["totp", "hotp"]),
        "TYPE",
        "totp or hotp",
    )
    .needed(),
    flag(
        "description",
        "description",
        Kind::Text,
        "TEXT",
        "what to call it",
    ),
    SERIAL.completed("hw_serial"),
    flag(
        "seed",
        "",
        Kind::LocalSwitch,
        "",
        "ask for its seed (base32) instead of making one",
    ),
    STDIN,
    FILE,
    switch("weak", "weak", "take a seed of fewer than 16 octets"),
    flag(
        "algorithm",
        "algorithm",
        Kind::Words(&["SHA1", "SHA256", "SHA512"]),
        "A",
        "SHA1 (default), SHA256 or SHA512",
    ),
    flag("digits", "digits", Kind::Number, "N", "6 (default), 7 or 8"),
    flag(
        "period",
        "period_s",
        Kind::Span,
        "SPAN",
        "time step, 30s if not stated",
    ),
    flag(
        "counter",
        "counter",
        Kind::Number,
        "N",
        "first counter of an hotp token",
    ),
    flag(
        "expires",
        "expires",
        Kind::End,
        "T",
        "no longer counts from then on",
    ),
    flag(
        "confirm",
        "confirm",
        Kind::Code,
        "OTP",
        "the code it shows, as proof",
    ),
    switch("trusted", "trusted", "you have seen the proof"),
    PNG,
    SVG,
    TO_STDOUT,
    ASCII,
    INVERT,
];

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "token list",
        method: "org.mfad.Tokens.List",
        about: "List the tokens of one person",
        takes: &[
            USER,
            switch("all", "all", "obsolete ones as well"),
            switch(
                "authenticators",
                "authenticators",
                "password first, all statuses (support)",
            ),
        ],
        examples: &[
            "mfactl token list alice",
            "mfactl token list alice --authenticators --json",
        ],
        more: "",
        run: Run::Show(list),
    },
    Verb {
        name: "token find",
        method: "org.mfad.Tokens.Find",
        about: "Find tokens of everybody; all filters must fit",
        takes: &[
            flag(
                "type",
                "kind",
                Kind::Words(TYPES),
                "TYPE",
                "totp, hotp or recovery",
            ),
            flag(
                "status",
                "status",
                Kind::Words(STATUSES),
                "STATUS",
                "active, locked, pending, ..",
            ),
            SERIAL.completed("serial"),
            EXPIRING,
            LIMIT,
        ],
        examples: &[
            "mfactl token find --expiring 30d",
            "mfactl token find --status locked",
        ],
        more: "--json prints one object a line.",
        run: Run::List(&Shape {
            rows: "rows",
            csv: &[
                "id",
                "user",
                "kind",
                "status",
                "base",
                "description",
                "serial",
                "algorithm",
                "digits",
                "period_s",
                "counter",
                "created",
                "registered_at",
                "activated_at",
                "last_used.at",
                "last_used.gateway",
                "expires",
                "failures",
                "limit",
                "locked_at",
                "locked_until",
                "codes_left",
            ],
            lines: true,
            log: false,
            show: found,
        }),
    },
    Verb {
        name: "token show",
        method: "org.mfad.Tokens.Show",
        about: "Show one token in full",
        takes: &[TOKEN],
        examples: &["mfactl token show alice/totp"],
        more: "It ends with the commands that work now, for your role.",
        run: Run::Show(show),
    },
    Verb {
        name: "token add",
        method: "org.mfad.Tokens.Add",
        about: "Make a token for a person, show its QR code and prove it",
        takes: ADD,
        examples: &[
            "mfactl token add alice --type totp --description \"iPhone 15\"",
            "mfactl token add alice --type totp --png alice.png",
            "mfactl token add alice --type hotp --serial FT-2204417",
        ],
        more: "The QR code is shown once, on the terminal, then wiped.",
        run: Run::Special(token_add::add),
    },
    Verb {
        name: "token confirm",
        method: "org.mfad.Tokens.Confirm",
        about: "Prove a pending token with its first code",
        takes: &[
            TOKEN,
            may("OTP", "code", "the code it shows; asked for", "").read_as(Kind::Code),
        ],
        examples: &["mfactl token confirm T-9C2VR"],
        more: "",
        run: Run::Special(token_add::one_code),
    },
    Verb {
        name: "token test",
        method: "org.mfad.Tokens.Test",
        about: "Try a code without a login; a right code is used up",
        takes: &[
            TOKEN,
            may("OTP", "code", "the code it shows; asked for", "").read_as(Kind::Code),
            switch("anyway", "anyway", "disabled and locked tokens as well"),
        ],
        examples: &["mfactl token test alice/totp"],
        more: "A wrong code raises no counter.",
        run: Run::Special(token_add::one_code),
    },
    Verb {
        name: "token resync",
        method: "org.mfad.Tokens.Resync",
        about: "Bring a token back in step with two codes in a row",
        takes: &[
            TOKEN,
            may("OTP1", "first", "the code shown first; asked for", "").read_as(Kind::Code),
            may("OTP2", "second", "the code shown next; asked for", "").read_as(Kind::Code),
        ],
        examples: &["mfactl token resync alice/hotp"],
        more: "It only looks forward; failure counts and the token's lock go.",
        run: Run::Special(token_add::two_codes),
    },
    Verb {
        name: "token unlock",
        method: "org.mfad.Tokens.Unlock",
        about: "End the lock of one token",
        takes: &[TOKEN],
        examples: &["mfactl token unlock T-8F3K2"],
        more: "",
        run: Run::Change,
    },
    Verb {
        name: "token disable",
        method: "org.mfad.Tokens.Disable",
        about: "Switch a token off",
        takes: &[
            TOKEN,
            flag("until", "until", Kind::End, "T", "on again by itself then"),
            FORCE,
        ],
        examples: &["mfactl token disable alice/totp --until 18:00 -r \"seen in two countries\""],
        more: "",
        run: Run::Change,
    },
    Verb {
        name: "token enable",
        method: "org.mfad.Tokens.Enable",
        about: "Switch a disabled token on again",
        takes: &[TOKEN],
        examples: &["mfactl token enable T-8F3K2"],
        more: "",
        run: Run::Change,
    },
    Verb {
        name: "token delete",
        method: "org.mfad.Tokens.Delete",
        about: "Remove a token and its secret",
        takes: &[TOKEN, FORCE],
        examples: &["mfactl token delete T-8F3K2 -r \"old phone\""],
        more: "Cannot be undone.",
        run: Run::Change,
    },
    Verb {
        name: "hw list",
        method: "org.mfad.Tokens.HwList",
        about: "List hardware tokens without an owner",
        takes: &[
            flag(
                "serial",
                "serial",
                Kind::Text,
                "S",
                "serial, or its beginning",
            )
            .completed("hw_serial"),
            LIMIT,
        ],
        examples: &["mfactl hw list --serial FT-22"],
        more: "",
        run: Run::List(&Shape {
            rows: "rows",
            csv: &[
                "serial",
                "kind",
                "algorithm",
                "digits",
                "period_s",
                "expires",
                "created",
            ],
            lines: false,
            log: false,
            show: pool,
        }),
    },
    Verb {
        name: "hw unassign",
        method: "org.mfad.Tokens.HwUnassign",
        about: "Take a hardware token from its owner",
        takes: &[must("SERIAL", "serial", "printed on it", "serial"), FORCE],
        examples: &["mfactl hw unassign FT-2204417"],
        more: "",
        run: Run::Change,
    },
];

fn list(screen: &mut Screen, given: &Given, answer: &Value) -> Result<u8, Trouble> {
    let list: TokenList = read(answer)?;
    screen.strong(&format!("{}  {}", list.user, list.state));
    if given.has("authenticators") {
        authenticators(screen, &list.authenticators);
    } else if list.tokens.is_empty() {
        screen.say("No token.");
    } else {
        user_show::tokens(screen, &list.tokens);
    }
    Ok(0)
}

fn authenticators(screen: &mut Screen, all: &[Authenticator]) {
    let columns = [
        words("TYPE"),
        words("TOKEN"),
        words("STATUS"),
        words("LAST SUCCESS"),
        words("AT"),
        words("LAST FAILURE"),
        words("REGISTERED"),
        words("LOCK ENDS"),
        free("DEVICE"),
    ];
    let none = || "-".to_owned();
    let rows = all.iter().map(|one| {
        let at = |at: Option<crate::control::reply::Instant>| {
            at.map_or_else(none, |at| screen.times.day(at.0))
        };
        vec![
            one.kind.clone(),
            one.id.clone().unwrap_or_else(none),
            one.status.to_uppercase(),
            at(one.last_success),
            one.last_application.clone().unwrap_or_else(none),
            at(one.last_failure),
            at(one.registered_at),
            at(one.locked_until),
            one.last_device.clone().unwrap_or_else(none),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    table(screen, &columns, &rows);
}

fn found(screen: &mut Screen, _: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<Token> = list.read()?;
    if rows.is_empty() {
        screen.say("No token matches.");
        return Ok(0);
    }
    let columns = [
        words("TOKEN"),
        words("USER"),
        words("TYPE"),
        words("STATUS"),
        words("LAST USED"),
        words("EXPIRES"),
        free("DESCRIPTION"),
    ];
    let none = || "-".to_owned();
    let lines = rows.iter().map(|token| {
        vec![
            token.id.clone(),
            token.user.clone(),
            token.kind.clone(),
            token.status.to_uppercase(),
            token
                .last_used
                .as_ref()
                .map_or_else(none, |used| screen.times.day(used.at.0)),
            token.expires.map_or_else(none, |at| screen.times.day(at.0)),
            user_show::description(token),
        ]
    });
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
    if screen.legend {
        let more = if list.cut {
            " There are more: --limit N."
        } else {
            ""
        };
        screen.say(&format!(
            "{}.{more}",
            text::count(rows.len(), "token", "tokens")
        ));
    }
    Ok(0)
}

fn pool(screen: &mut Screen, _: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<Hardware> = list.read()?;
    if rows.is_empty() {
        screen.say("No hardware token is without an owner.");
        return Ok(0);
    }
    let columns = [
        words("SERIAL"),
        words("TYPE"),
        words("ALGORITHM"),
        numbers("DIGITS"),
        words("EXPIRES"),
        words("SINCE"),
    ];
    let lines = rows.iter().map(|one| {
        vec![
            one.serial.clone(),
            one.kind.clone(),
            one.algorithm.clone(),
            one.digits.to_string(),
            one.expires
                .map_or_else(|| "-".to_owned(), |at| screen.times.day(at.0)),
            screen.times.day(one.created.0),
        ]
    });
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
    if screen.legend {
        screen.say(&format!(
            "{} without an owner.",
            text::count(rows.len(), "token", "tokens")
        ));
    }
    Ok(0)
}

fn show(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let show: TokenShow = read(answer)?;
    screen.times.set_now(show.now.0);
    let token = &show.token;
    let status = token.status.to_uppercase();
    screen.strong(&format!(
        "{}  {} of {}  {status}",
        token.id, token.label, token.user
    ));
    for (label, words) in facts(screen, token) {
        screen.say_after(&text::left(label, 13), &words);
    }
    if token.locked_at.is_some() || token.failures > 0 || token.total > 0 {
        let words = format!(
            "{} of {} in a row, {} of {} in all",
            token.failures, token.limit, token.total, token.hard_cap
        );
        screen.say_after(&text::left("Failures", 13), &words);
    }
    if show.last_one {
        screen.say(&format!(
            "It is the only token {} can log in with.",
            token.user
        ));
    }
    user_show::actions(screen, &show.actions);
    Ok(0)
}

fn facts(screen: &Screen, token: &Token) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut fact = |label, words: Option<String>| {
        if let Some(words) = words.filter(|words| !words.is_empty()) {
            facts.push((label, words));
        }
    };
    let at = |at: crate::control::reply::Instant| screen.times.moment(at.0);
    fact("Description", Some(token.description.clone()));
    fact("Serial", token.serial.clone());
    let form = token.algorithm.as_ref().map(|algorithm| {
        let digits = token.digits.unwrap_or_default();
        let period = token
            .period_s
            .map(|period| format!(", {period} s"))
            .unwrap_or_default();
        format!("{algorithm}, {digits} digits{period}")
    });
    fact("Form", form);
    fact("Counter", token.counter.map(text::number));
    fact(
        "Drift",
        token.drift_steps.map(|steps| format!("{steps} steps")),
    );
    fact(
        "Seed",
        token.weak.then(|| "shorter than it should be".to_owned()),
    );
    fact(
        "Created",
        Some(format!("{} by {}", at(token.created), token.created_by)),
    );
    fact("Registered", token.registered_at.map(at));
    fact("Activated", token.activated_at.map(at));
    let used = token.last_used.as_ref().map(|used| {
        let from = if used.station.is_empty() {
            String::new()
        } else {
            format!(" from {}", used.station)
        };
        format!("{} {}{from}", at(used.at), used.gateway)
    });
    fact("Last used", used);
    fact("Last failed", token.last_failed.map(at));
    fact("Last tested", token.last_tested.map(at));
    fact("Expires", token.expires.map(|at| screen.times.full(at.0)));
    fact(
        "Disabled",
        token
            .disabled_until
            .map(|at| format!("until {}", screen.times.full(at.0))),
    );
    fact("Obsolete", token.obsolete_reason.clone());
    let locked = token.locked_at.map(|since| match token.locked_until {
        Some(until) => format!("since {}, until {}", at(since), screen.times.full(until.0)),
        None => format!("since {}, until someone unlocks", at(since)),
    });
    fact("Locked", locked);
    fact("Codes left", token.codes_left.map(|left| left.to_string()));
    let resync = token
        .resync_required
        .then(|| "two codes in a row are needed".to_owned());
    fact("Resync", resync);
    facts
}
