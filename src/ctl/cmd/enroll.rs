//! `enroll ..` and `recovery ..`.

use crate::control::reply::Link;
use crate::ctl::delivery::{NO_WAIT, WAIT};
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::{List, Shape};
use crate::ctl::output::table::{table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::secret::{ASCII, INVERT, PNG, SVG, TO_STDOUT};
use crate::ctl::verb::{Given, Kind, LIMIT, Run, Take, USER, Verb, flag, may};
use crate::ctl::{Session, change, secret};

const WHOSE: Take = may(
    "USER",
    "user",
    "login name; everybody if not stated",
    "user",
);

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
        name: "enroll email",
        method: "org.mfad.Tokens.EnrollEmail",
        about: "Send a person a mail to enrol with: a one-time link, or the QR code",
        takes: &[
            USER,
            flag(
                "token",
                "token",
                Kind::Text,
                "TOKEN",
                "if the QR code is sent and several are pending",
            )
            .completed("token"),
            WAIT,
            NO_WAIT,
        ],
        examples: &["mfactl enroll email alice"],
        more: "`enroll.email_content` says which. The page of the link asks for the login name and for \
               the auth code, which goes another way: mfactl auth-code generate.",
        run: Run::Change,
    },
    Verb {
        name: "enroll sms",
        method: "org.mfad.Tokens.EnrollSms",
        about: "Send a person a text message to enrol with: a one-time link",
        takes: &[USER, WAIT, NO_WAIT],
        examples: &["mfactl enroll sms alice"],
        more: "The page of the link asks for the login name and for the auth code, which goes another \
               way: mfactl auth-code send --via email. Without pages (`web.base_url`) it brings an \
               auth code only. The secret of a token never goes by text message.",
        run: Run::Change,
    },
    Verb {
        name: "enroll list",
        method: "org.mfad.Tokens.EnrollList",
        about: "List the one-time links that were sent and are good",
        takes: &[WHOSE, LIMIT],
        examples: &["mfactl enroll list", "mfactl enroll list alice"],
        more: "",
        run: Run::List(&Shape {
            rows: "rows",
            csv: &["user", "what", "sent_to", "created", "by", "until", "tries"],
            lines: false,
            log: false,
            show: list,
        }),
    },
    Verb {
        name: "enroll revoke",
        method: "org.mfad.Tokens.EnrollRevoke",
        about: "Void the links to the enrolment page that a person was sent",
        takes: &[USER],
        examples: &["mfactl enroll revoke alice"],
        more: "",
        run: Run::Change,
    },
    Verb {
        name: "recovery issue",
        method: "org.mfad.Tokens.RecoveryIssue",
        about: "Make a set of recovery codes; the old set is void",
        takes: &[USER, TO_STDOUT],
        examples: &["mfactl recovery issue alice"],
        more: "Each code is good once. They are shown once. A sign-in with one ends in Update \
               Credential: where a page shows a new token it offers one, which may be put off; a \
               sign-in with a token is Steady State again.",
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

fn list(screen: &mut Screen, _: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<Link> = list.read()?;
    if rows.is_empty() {
        screen.say("No link.");
        return Ok(0);
    }
    let columns = [
        words("USER"),
        words("WHAT"),
        words("SENT TO"),
        words("SENT"),
        words("BY"),
        words("UNTIL"),
        words("TRIES LEFT"),
    ];
    let line = |link: &Link| {
        vec![
            link.user.clone(),
            link.what.clone(),
            link.sent_to.clone(),
            screen.times.moment(link.created.0),
            link.by.clone(),
            screen.times.moment(link.until.0),
            link.tries.to_string(),
        ]
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    table(screen, &columns, &lines);
    if screen.legend {
        screen.say(&format!("{}.", text::count(rows.len(), "link", "links")));
    }
    Ok(0)
}

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
