//! `pin ..` and `password ..`.

use crate::ctl::errors::Trouble;
use crate::ctl::secret::{FILE, STDIN, TO_STDOUT};
use crate::ctl::verb::{Given, Kind, Run, Take, USER, Verb, flag, switch};
use crate::ctl::{Session, change, secret};

const GENERATE: Take = flag(
    "generate",
    "",
    Kind::LocalSwitch,
    "",
    "mfad makes one and it is shown once",
);

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "pin unblock",
        method: "org.mfad.Pins.Unblock",
        about: "Let a blocked PIN work again",
        takes: &[USER],
        examples: &["mfactl pin unblock alice"],
        more: "The same PIN works at once; a lock for that reason ends.",
        run: Run::Change,
    },
    Verb {
        name: "pin reset",
        method: "org.mfad.Pins.Reset",
        about: "Set a new PIN",
        takes: &[
            USER,
            GENERATE,
            STDIN,
            FILE,
            switch("keep", "keep", "it need not be changed at the next login"),
            TO_STDOUT,
        ],
        examples: &[
            "mfactl pin reset alice --generate",
            "mfactl pin reset alice",
        ],
        more: "Without --generate the PIN is asked for twice.",
        run: Run::Special(reset),
    },
    Verb {
        name: "pin clear",
        method: "org.mfad.Pins.Clear",
        about: "Remove the PIN",
        takes: &[USER],
        examples: &["mfactl pin clear alice"],
        more: "",
        run: Run::Change,
    },
    Verb {
        name: "password set",
        method: "org.mfad.Pins.PasswordSet",
        about: "Set a local password",
        takes: &[USER, GENERATE, STDIN, FILE, TO_STDOUT],
        examples: &["mfactl password set alice --generate"],
        more: "Without --generate the password is asked for twice.",
        run: Run::Special(set),
    },
    Verb {
        name: "password clear",
        method: "org.mfad.Pins.PasswordClear",
        about: "Remove the local password",
        takes: &[USER],
        examples: &["mfactl password clear alice"],
        more: "",
        run: Run::Change,
    },
];

fn reset(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    secret_change(session, given, "pin", "PIN")
}

fn set(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    secret_change(session, given, "password", "password")
}

/// A change with a secret: made by the daemon and shown, or taken in.
fn secret_change(
    session: &mut Session,
    given: &Given,
    parameter: &str,
    name: &str,
) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    let piped = given.has("stdin") || given.text("file").is_some();
    if given.has("generate") {
        if piped {
            return Err(Trouble::usage(
                "--generate and --stdin or --file exclude each other",
            ));
        }
        let sink = secret::sink_unless_trial(session, given)?;
        return change::run_with(session, given, payload, sink.as_ref());
    }
    if given.common.show_call {
        payload.set(parameter, "..");
    } else {
        let secret = secret::new_secret(session, given, name)?;
        payload.set(parameter, secret.as_str());
    }
    change::run_with(session, given, payload, None)
}
