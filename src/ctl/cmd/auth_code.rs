//! `auth-code ..`, and the commands that hand one out beside what they do.

use crate::control::reply::DoneReply;
use crate::ctl::client::Payload;
use crate::ctl::delivery::{NO_WAIT, WAIT};
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

/// Makes none.
pub(super) const NO_CODE: Take = flag(
    "no-code",
    "",
    Kind::LocalSwitch,
    "",
    "make no auth code, even if the next sign-in asks for one",
);

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "auth-code generate",
        method: "org.mfad.Tokens.AuthCodeGenerate",
        about: "Make the code that an enrolment or a reset asks for; the one before is void",
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
            WAIT,
            NO_WAIT,
        ],
        examples: &[
            "mfactl auth-code generate alice --show",
            "mfactl auth-code generate alice --ttl 2h",
            "mfactl auth-code generate alice --send sms",
        ],
        more: "It is shown once, and good once. A sign-in that leads to a new token or through a \
               reset asks for it, and so does the enrolment page of a one-time link. The person's \
               state stays as it is.",
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
            WAIT,
            NO_WAIT,
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

/// `user add`, `user set-state`: with an auth code if one is wished for, or if the next sign-in asks
/// for one and it can be shown here.
pub(super) fn beside(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    let (shown, none) = (given.has("show-code"), given.has("no-code"));
    let sent = given.text("send-code").is_some();
    if u8::from(shown) + u8::from(none) + u8::from(sent) > 1 {
        return Err(Trouble::usage(
            "--show-code, --send-code and --no-code exclude each other",
        ));
    }
    if !shown && (none || sent || !is_missing(session, given, &mut payload)?) {
        return change::run_with(session, given, payload, None);
    }
    payload.set("auth_code", true);
    let sink = secret::sink_unless_trial(session, given)?;
    change::run_with(session, given, payload, sink.as_ref())
}

/// Whether the next sign-in would ask for an auth code that nobody has, and one could be shown here.
fn is_missing(
    session: &mut Session,
    given: &Given,
    payload: &mut Payload,
) -> Result<bool, Trouble> {
    let trial = given.common.dry_run || given.common.show_call;
    if trial || secret::sink(session, given).is_err() {
        return Ok(false);
    }
    change::reason(session, given, payload)?;
    payload.set("dry_run", true);
    // What is wrong with it is said by the change itself.
    let answer: Result<DoneReply, Trouble> = session.call(given, payload);
    payload.0.remove("dry_run");
    Ok(answer.is_ok_and(|it| it.done.data.contains_key("auth_code_missing")))
}
