//! `user ..`.

use super::auth_code::{self, NO_CODE, SEND_CODE, SHOW_CODE};
use super::{user_find, user_import, user_show};
use crate::ctl::delivery::{NO_WAIT, WAIT};
use crate::ctl::secret::TO_STDOUT;
use crate::ctl::verb::{Kind, Run, Take, USER, Verb, flag, must, switch};

/// Lifecycle states as they are typed.
pub(super) const STATES: &[&str] = &[
    "new",
    "steady",
    "update",
    "replace",
    "revoke",
    "reset",
    "reset-all",
    "renew",
    "deactivated",
];

const NAME: Take = flag(
    "name",
    "display_name",
    Kind::Text,
    "NAME",
    "name of the person",
);
const EMAIL: Take = flag("email", "email", Kind::Text, "ADDRESS", "e-mail address");
const PHONE: Take = flag(
    "phone",
    "phone",
    Kind::Text,
    "NUMBER",
    "phone number, as +49..",
);
pub(super) const SET: Take =
    flag("set", "set", Kind::Text, "SET", "authentication set").completed("set");
const LANGUAGE: Take = flag(
    "language",
    "language",
    Kind::Text,
    "TAG",
    "language, such as de",
);
const PROTECTED: Take = flag(
    "protected",
    "protected",
    Kind::OnOff,
    "on|off",
    "only an admin may weaken the sign-in",
);

pub(super) const TRUSTED: Take = switch(
    "trusted",
    "trusted",
    "you have seen that the address is the person's",
);

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "user show",
        method: "org.mfad.Users.Show",
        about: "Show everything known about a person but the secrets",
        takes: &[USER],
        examples: &["mfactl user show alice"],
        more: "It ends with the commands that work now, for your role.",
        run: Run::Show(user_show::show),
    },
    Verb {
        name: "user find",
        method: "org.mfad.Users.Find",
        about: "Find people by text and filters; all filters must fit",
        takes: user_find::TAKES,
        examples: &[
            "mfactl user find --locked",
            "mfactl user find example.org --state new,replace",
            "mfactl user find --set staff --columns user,last_login --sort last_login",
        ],
        more: "--json prints one object a line. --sort reads all who fit before it shows the first; \
               without it the list is in order of login names.",
        run: Run::List(user_find::SHAPE),
    },
    Verb {
        name: "user export",
        method: "org.mfad.Users.Export",
        about: "Print people for a file, which the audit log keeps; all filters must fit",
        takes: user_find::EXPORT_TAKES,
        examples: &[
            "mfactl user export --state new > new.csv",
            "mfactl user export --never-logged-in --format json > left.json",
        ],
        more: "CSV, or --format json for one object a line. No secret is in it, and addresses are \
               masked as your role asks. A cell that a spreadsheet would calculate begins with an \
               apostrophe.",
        run: Run::File(user_find::SHAPE),
    },
    Verb {
        name: "user add",
        method: "org.mfad.Users.Add",
        about: "Add a person in state New Credential",
        takes: &[
            USER_NEW, NAME, EMAIL, PHONE, SET, LANGUAGE, PROTECTED, TRUSTED, SHOW_CODE, SEND_CODE,
            WAIT, NO_WAIT, NO_CODE, TO_STDOUT,
        ],
        examples: &[
            "mfactl user add alice --email alice@example.org",
            "mfactl user add alice --phone +491701234567 --trusted --send-code sms",
        ],
        more: "Takes one seat. On a terminal it shows an auth code if the first sign-in asks for one.",
        run: Run::Special(auth_code::beside),
    },
    user_import::VERB,
    Verb {
        name: "user edit",
        method: "org.mfad.Users.Edit",
        about: "Change what is stated; an empty text removes it",
        takes: &[
            USER,
            NAME,
            EMAIL,
            PHONE,
            SET,
            LANGUAGE,
            flag(
                "role-label",
                "role_label",
                Kind::Text,
                "LABEL",
                "label for lists",
            ),
            flag("notes", "notes", Kind::Text, "TEXT", "free text"),
            PROTECTED,
            TRUSTED,
        ],
        examples: &["mfactl user edit alice --phone +491701234567"],
        more: "--protected is an admin's.",
        run: Run::Change,
    },
    Verb {
        name: "user delete",
        method: "org.mfad.Users.Delete",
        about: "Remove a person; only the audit log remembers",
        takes: &[USER],
        examples: &[
            "mfactl user delete alice -r \"left the company\"",
            "mfactl user delete alice -r \"left\" --yes --expect alice",
        ],
        more: "Tokens, PIN and codes are erased, and the seat comes back. Cannot be undone.",
        run: Run::Change,
    },
    Verb {
        name: "user lock",
        method: "org.mfad.Users.Lock",
        about: "Refuse a person until unlocked",
        takes: &[
            USER,
            flag("until", "until", Kind::End, "T", "ends by itself then"),
        ],
        examples: &[
            "mfactl user lock gina -r \"on leave\" --until 2026-12-31",
            "mfactl user lock alice -r \"laptop stolen\"",
        ],
        more: "",
        run: Run::Change,
    },
    Verb {
        name: "user unlock",
        method: "org.mfad.Users.Unlock",
        about: "Unlock a user; the next login is judged normally",
        takes: &[
            must(
                "USER",
                "user",
                "login name (TAB completes, locked users first)",
                "locked_user",
            ),
            switch(
                "with-pin",
                "with_pin",
                "also lift a PIN block (the old PIN works again)",
            ),
            switch(
                "confirm",
                "confirm",
                "have it confirmed with one more code at the next sign-in",
            ),
        ],
        examples: &[
            "mfactl user unlock alice",
            "mfactl user unlock alice -r \"phone clock fixed, ticket 4711\"",
        ],
        more: "Clears the lock and the failure counts; not the hard cap, not a PIN block.",
        run: Run::Change,
    },
    Verb {
        name: "user set-state",
        method: "org.mfad.Users.SetState",
        about: "Set the lifecycle state",
        takes: &[
            USER,
            must(
                "STATE",
                "state",
                "new, steady, update, replace, ..",
                "state",
            )
            .read_as(Kind::Words(STATES)),
            switch("force", "force", "steady even without a usable token"),
            flag(
                "what",
                "what",
                Kind::Text,
                "WHAT",
                "what update changes: pin, password, token, or several with commas between; without \
                 it the PIN if there is one, else the password, else a token",
            ),
            SHOW_CODE,
            SEND_CODE,
            WAIT,
            NO_WAIT,
            NO_CODE,
            TO_STDOUT,
        ],
        examples: &[
            "mfactl user set-state alice replace -r \"phone stolen\"",
            "mfactl user set-state alice update --what pin -r \"seen by a colleague\"",
        ],
        more: "`deactivated` and `revoke` are an admin's. With new, replace, reset and \
               reset-all an auth code is shown on a terminal if the next sign-in asks for one. Reset \
               and reset-all keep the tokens: at a gateway with questions \
               the person is asked for the auth code, a new PIN and a code, of reset-all of each \
               token.",
        run: Run::Special(auth_code::beside),
    },
    Verb {
        name: "user reactivate",
        method: "org.mfad.Users.Reactivate",
        about: "Bring a deactivated person back, if a seat is free",
        takes: &[USER],
        examples: &["mfactl user reactivate alice"],
        more: "",
        run: Run::Change,
    },
];

const USER_NEW: Take = must("USER", "user", "login name", "");
