//! `enroll qr` and `recovery ..`.

use crate::ctl::errors::Trouble;
use crate::ctl::secret::{ASCII, INVERT, PNG, SVG, TO_STDOUT};
use crate::ctl::verb::{Given, Kind, Run, USER, Verb, flag};
use crate::ctl::{Session, change, secret};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "enroll qr",
        method: "org.mfad.Tokens.EnrollQr",
        about: "Show the QR code of a token that is not yet proven",
        takes: &[
            USER,
            flag(
                "token",
                "token",
                Kind::Text,
                "TOKEN",
                "if several are pending",
            )
            .completed("token"),
            PNG,
            SVG,
            TO_STDOUT,
            ASCII,
            INVERT,
        ],
        examples: &[
            "mfactl enroll qr alice",
            "mfactl enroll qr alice --png alice.png",
        ],
        more: "On the terminal only, then wiped; files are for you alone (0600).",
        run: Run::Special(qr),
    },
    Verb {
        name: "recovery issue",
        method: "org.mfad.Tokens.RecoveryIssue",
        about: "Make a set of recovery codes; the old set is void",
        takes: &[USER, TO_STDOUT],
        examples: &["mfactl recovery issue alice"],
        more: "Each code is good once. They are shown once.",
        run: Run::Special(issue),
    },
    Verb {
        name: "recovery revoke",
        method: "org.mfad.Tokens.RecoveryRevoke",
        about: "Void a person's recovery codes",
        takes: &[USER],
        examples: &["mfactl recovery revoke alice"],
        more: "",
        run: Run::Change,
    },
];

fn qr(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    let sink = secret::sink_unless_trial(session, given)?;
    if let Some(sink) = &sink {
        payload.set("channel", sink.channel());
    }
    change::run_with(session, given, payload, sink.as_ref())
}

fn issue(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let payload = given.payload(&session.screen.times)?;
    let sink = secret::sink_unless_trial(session, given)?;
    change::run_with(session, given, payload, sink.as_ref())
}
