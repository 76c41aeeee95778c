//! `token ..`.

use super::{token_add, token_migrate, token_show};
use crate::ctl::delivery::{NO_WAIT, WAIT};
use crate::ctl::output::list::Shape;
use crate::ctl::secret::{ASCII, FILE, INVERT, PNG, STDIN, SVG, TO_STDOUT};
use crate::ctl::verb::{Kind, LIMIT, Run, TOKEN, Take, USER, Verb, flag, may, switch};

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

/// Types of token.
pub(super) const TYPES: &[&str] = &["totp", "hotp", "recovery", "virtual", "email", "sms", "qa"];
const PHONE: Take = flag(
    "phone",
    "phone",
    Kind::Text,
    "NUMBER",
    "where codes go, of type sms",
);
const EMAIL: Take = flag(
    "email",
    "email",
    Kind::Text,
    "ADDRESS",
    "where codes go, of type email",
);
/// Overrides the rule about the last token.
pub(super) const FORCE: Take = switch(
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
const DESCRIPTION: Take = flag(
    "description",
    "description",
    Kind::Text,
    "TEXT",
    "what to call it",
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
        Kind::Words(&["totp", "hotp", "virtual", "email", "sms"]),
        "TYPE",
        "totp, hotp, virtual, email or sms",
    )
    .needed(),
    DESCRIPTION,
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
    flag(
        "via",
        "via",
        Kind::Words(&["email", "sms"]),
        "VIA",
        "email or sms: by what a virtual token sends",
    ),
    EMAIL,
    PHONE,
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
            flag(
                "view",
                "view",
                Kind::Words(&["tokens", "authenticators"]),
                "VIEW",
                "authenticators: password first, all statuses (support)",
            ),
        ],
        examples: &[
            "mfactl token list alice",
            "mfactl token list alice --view authenticators --json",
        ],
        more: "",
        run: Run::Show(token_show::list),
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
                "totp, hotp, virtual, ..",
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
            show: token_show::found,
        }),
    },
    Verb {
        name: "token show",
        method: "org.mfad.Tokens.Show",
        about: "Show one token in full",
        takes: &[TOKEN],
        examples: &["mfactl token show alice/totp"],
        more: "It ends with the commands that work now, for your role.",
        run: Run::Show(token_show::show),
    },
    Verb {
        name: "token types",
        method: "org.mfad.Tokens.Types",
        about: "Show the types of token: names, which are on, who may add one",
        takes: &[],
        examples: &["mfactl token types"],
        more: "",
        run: Run::Show(token_show::types),
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
            "mfactl token add alice --type virtual --via email",
        ],
        more: "The QR code is shown once, on the terminal, then wiped. A token whose codes are sent \
               (virtual, email, sms) waits for its proof: token confirm sends one. At a sign-in they \
               are sent once the first factor is right, by gateways that ask questions.",
        run: Run::Special(token_add::add),
    },
    Verb {
        name: "token confirm",
        method: "org.mfad.Tokens.Confirm",
        about: "Prove a pending token with its first code",
        takes: &[
            TOKEN,
            may("OTP", "code", "the code it shows; asked for", "").read_as(Kind::Code),
            WAIT,
            NO_WAIT,
        ],
        examples: &["mfactl token confirm T-9C2VR"],
        more: "To a token whose codes are sent, one is sent first.",
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
            WAIT,
            NO_WAIT,
        ],
        examples: &["mfactl token test alice/totp"],
        more: "A wrong code raises no counter. To a token whose codes are sent, one is sent first.",
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
        name: "token edit",
        method: "org.mfad.Tokens.Edit",
        about: "Change what is stated; an empty text removes it",
        takes: &[
            TOKEN,
            DESCRIPTION,
            flag(
                "expires",
                "expires",
                Kind::NewEnd,
                "T",
                "no longer counts from then on",
            ),
            EMAIL,
            PHONE,
            switch(
                "trusted",
                "trusted",
                "you have seen that what is sent there arrives",
            ),
        ],
        examples: &[
            "mfactl token edit alice/totp --description \"iPhone 17\"",
            "mfactl token edit FT-2204417 --expires 2029-12-31",
        ],
        more: "--expires is an admin's. With another address the token waits for its proof again.",
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
        name: "token obsolete",
        method: "org.mfad.Tokens.Obsolete",
        about: "Void a token for good: it may be in strange hands",
        takes: &[TOKEN],
        examples: &["mfactl token obsolete FT-2204417 -r \"left in a taxi\""],
        more: "Its secret is erased at once, and no token of its serial is ever added again. Cannot be \
               undone.",
        run: Run::Change,
    },
    Verb {
        name: "token reset-secret",
        method: "org.mfad.Tokens.ResetSecret",
        about: "Void the secret of a token: its owner needs a new one",
        takes: &[
            USER,
            flag(
                "token",
                "token",
                Kind::Text,
                "TOKEN",
                "which, if there are several",
            )
            .completed("token"),
            flag(
                "why",
                "why",
                Kind::Words(&["lost_phone", "app_deleted", "compromised", "other"]),
                "WHY",
                "lost_phone, app_deleted, compromised or other",
            )
            .needed(),
        ],
        examples: &[
            "mfactl token reset-secret alice --why lost_phone",
            "mfactl token reset-secret alice --token T-8F3K2 --why compromised",
        ],
        more: "The token is obsolete at once, and a lock stays. The next sign-in without another \
               token asks for an auth code, or for a code that is mailed, where the gateway can ask; \
               elsewhere it is refused until a new token is proven: token add. The answer says which. \
               Cannot be undone.",
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
    token_migrate::VERB,
];
