//! `auth-code ..`, and the commands that hand one out beside what they do.

use crate::ctl::errors::Trouble;
use crate::ctl::secret::TO_STDOUT;
use crate::ctl::verb::{Given, Kind, Run, Take, USER, Verb, flag, switch};
use crate::ctl::{Session, change, secret};

/// The ways in which an auth code is sent.
const VIA: &[&str] = &["email", "sms"];

/// Makes an auth code and sends it.
pub(super) const SEND_CODE: Take = flag(
    "send-code",
    "send_code",
    Kind::Words(VIA),
    "WAY",
    "make an auth code and send it: email or sms",
);

/// Makes an auth code and shows it.
pub(super) const SHOW_CODE: Take = flag(
    "show-code",
    "",
    Kind::LocalSwitch,
    "",
    "make an auth code and show it",
);

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "auth-code generate",
        method: "org.mfad.Tokens.AuthCodeGenerate",
        about: "Make the code that an enrolment asks for; the one before is void",
        takes: &[
            USER,
            flag("show", "", Kind::LocalSwitch, "", "show it here, once"),
            flag(
                "send",
                "send",
                Kind::Words(VIA),
                "WAY",
                "send it instead: email or sms",
            ),
            flag(
                "ttl",
                "ttl_s",
                Kind::Span,
                "SPAN",
                "good for so long (1m to 7d)",
            ),
            switch("force", "force", "even if nothing waits for one"),
            TO_STDOUT,
        ],
        examples: &[
            "mfactl auth-code generate alice --show",
            "mfactl auth-code generate alice --ttl 2h",
            "mfactl auth-code generate alice --send sms",
        ],
        more: "It is shown once, and good once. The enrolment page of a one-time link asks for it. The \
               person's state stays as it is.",
        run: Run::Special(generate),
    },
    Verb {
        name: "auth-code send",
        method: "org.mfad.Tokens.AuthCodeSend",
        about: "Make an auth code and send it to a proven address or number",
        takes: &[
            USER,
            flag("via", "via", Kind::Words(VIA), "WAY", "email or sms").needed(),
            flag(
                "ttl",
                "ttl_s",
                Kind::Span,
                "SPAN",
                "good for so long (1m to 7d)",
            ),
            switch("force", "force", "even if nothing waits for one"),
        ],
        examples: &[
            "mfactl auth-code send alice --via email",
            "mfactl auth-code send alice --via sms",
        ],
        more: "The one before is void. A code never goes the way that a link went. By text message it \
               is good for `auth_code.ttl_sms`.",
        run: Run::Change,
    },
    Verb {
        name: "auth-code revoke",
        method: "org.mfad.Tokens.AuthCodeRevoke",
        about: "Void a person's auth code",
        takes: &[USER],
        examples: &["mfactl auth-code revoke alice"],
        more: "",
        run: Run::Change,
    },
];

fn generate(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let payload = given.payload(&session.screen.times)?;
    if given.text("send").is_some() {
        if given.has("show") {
            return Err(Trouble::usage("--show and --send exclude each other"));
        }
        return change::run_with(session, given, payload, None);
    }
    let sink = secret::sink_unless_trial(session, given)?;
    change::run_with(session, given, payload, sink.as_ref())
}

/// `user add`, `user set-state`: with an auth code if one is wished for.
pub(super) fn beside(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    if !given.has("show-code") {
        return change::run_with(session, given, payload, None);
    }
    payload.set("auth_code", true);
    let sink = secret::sink_unless_trial(session, given)?;
    change::run_with(session, given, payload, sink.as_ref())
}
