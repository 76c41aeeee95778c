//! What needs a person: the warnings of `status`, with the numbers that the log and the manual use.

use std::fmt::Write as _;

use crate::access::GatewayStatistics;
use crate::config::{Gateway, SECRET_CHARS_ADVISED};
use crate::control::reply::Warning;
use crate::daemon::alarm::CrowdedOut;
use crate::daemon::reserve::OCTETS;
use crate::domain::recipient::Channel;
use crate::domain::seats;
use crate::sys::clock::Jump;
use crate::time::Timestamp;

use super::passthrough::Live;

/// Packets that must fail, all of them, before it is said that the secret is wrong.
const WRONG_MIN: u64 = 5;

/// Names listed in a sentence.
const NAMES_MAX: usize = 5;

/// What is wrong with a gateway; `failing` is the rate that its failures have passed.
pub(super) fn of_gateway(
    gateway: &Gateway,
    counts: Option<&GatewayStatistics>,
    failing: Option<u32>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    warnings.extend(failing.map(|rate| many_failures(&gateway.policy.name, rate)));
    if let Some(counts) = counts {
        warnings.extend(wrong_secret(&gateway.policy.name, counts));
        warnings.extend(unreadable(&gateway.policy.name, counts));
    }
    if !gateway.require_message_authenticator {
        warnings.push(unsigned(&gateway.policy.name, counts));
    }
    let chars = String::from_utf8_lossy(gateway.secret.expose())
        .chars()
        .count();
    if chars < SECRET_CHARS_ADVISED {
        warnings.push(short_secret(&gateway.policy.name, chars));
    }
    warnings
}

// ux 7 (5): at least 5 packets of one address, and all of them; cleared by the first good one.
fn wrong_secret(name: &str, counts: &GatewayStatistics) -> Vec<Warning> {
    let rows = counts.addresses.rows.iter();
    let wrong = rows.filter(|(_, signing)| signing.wrong.in_row >= WRONG_MIN);
    wrong
        .map(|(address, signing)| {
            let run = signing.wrong;
            let mut text = format!("{name} ({address}): the last {} packets", run.in_row);
            if let Some(since) = run.since {
                let _ = write!(text, ", since {since},");
            }
            text.push_str(" fail the secret check.");
            Warning {
                number: "W017".to_owned(),
                text,
                detail: vec![format!(
                    "Probably the wrong shared secret; nobody can log in through {name} from there."
                )],
                tries: vec![format!("mfactl gateway show {name}")],
                doing: Some("enter the same secret at both ends".to_owned()),
                since: run.since.map(Into::into),
            }
        })
        .collect()
}

fn many_failures(name: &str, rate: u32) -> Warning {
    Warning {
        number: "W041".to_owned(),
        text: format!("{name}: more than {rate} sign-ins were refused within a minute."),
        detail: vec![
            "Somebody may be trying names and codes through it, or it sends the wrong thing. \
             Nothing is muted for it."
                .to_owned(),
        ],
        tries: vec![format!("mfactl gateway show {name}")],
        doing: Some("block the source in front of the gateway".to_owned()),
        since: None,
    }
}

fn unreadable(name: &str, counts: &GatewayStatistics) -> Option<Warning> {
    let run = counts.unreadable;
    (run.in_row >= WRONG_MIN).then(|| Warning {
        number: "W018".to_owned(),
        text: format!(
            "{name}: the last {} passwords come out unreadable.",
            run.in_row
        ),
        detail: vec![
            "Probably the wrong shared secret; no Message-Authenticator was sent, so the packet \
             itself looked fine."
                .to_owned(),
        ],
        tries: vec![format!("mfactl gateway show {name}")],
        doing: Some("enter the same secret at both ends".to_owned()),
        since: run.since.map(Into::into),
    })
}

fn unsigned(name: &str, counts: Option<&GatewayStatistics>) -> Warning {
    let (signed, unsigned) = counts.map_or((0, 0), |counts| (counts.signed, counts.unsigned));
    let (detail, doing) = if unsigned == 0 && signed > 0 {
        let all = format!("It has sent one in all {signed} requests since the start.");
        (
            all,
            format!("set gateway.{name}.require_message_authenticator = true"),
        )
    } else {
        let some = match signed.saturating_add(unsigned) {
            0 => "No request came from it since the start; CVE-2024-3596 applies.".to_owned(),
            all => format!(
                "It has sent one in {signed} of {all} requests since the start; CVE-2024-3596 \
                 applies."
            ),
        };
        (some, format!("have {name} send it, then require it"))
    };
    Warning {
        number: "W031".to_owned(),
        text: format!("{name} may omit Message-Authenticator."),
        detail: vec![detail],
        tries: vec![format!("mfactl gateway show {name}")],
        doing: Some(doing),
        since: None,
    }
}

fn short_secret(name: &str, chars: usize) -> Warning {
    Warning {
        number: "W032".to_owned(),
        text: format!(
            "{name}: the shared secret has {chars} characters; {SECRET_CHARS_ADVISED} or more are \
             advised."
        ),
        doing: Some("enter a longer one at both ends".to_owned()),
        ..Warning::default()
    }
}

pub(super) fn clock_jump(ahead_ms: i64, jump: Option<Jump>) -> Warning {
    let way = if ahead_ms < 0 { "behind" } else { "ahead of" };
    Warning {
        number: "W021".to_owned(),
        text: format!(
            "The clock has jumped: it is {} s {way} the monotonic clock.",
            ahead_ms.unsigned_abs() / 1000
        ),
        detail: vec![
            "Nothing is refused for it and no code can be accepted twice; phones' codes fail until \
             the clock is right."
                .to_owned(),
        ],
        doing: Some("chronyc tracking, or timedatectl".to_owned()),
        since: jump.map(|jump| jump.at.into()),
        ..Warning::default()
    }
}

pub(super) fn unhardened(steps: &[String]) -> Option<Warning> {
    (!steps.is_empty()).then(|| Warning {
        number: "W022".to_owned(),
        text: format!("Part of the sandbox is not in force: {}.", steps.join("; ")),
        tries: vec!["mfactl explain W022".to_owned()],
        ..Warning::default()
    })
}

pub(super) fn ending_grants(ending: &[Live], within_s: u64) -> Option<Warning> {
    if ending.is_empty() {
        return None;
    }
    let mut names: Vec<&str> = ending
        .iter()
        .take(NAMES_MAX)
        .map(|live| live.grant.user.as_str())
        .collect();
    if ending.len() > NAMES_MAX {
        names.push("..");
    }
    let hours = within_s / 3600;
    let end = if ending.len() == 1 {
        "1 grant of passthrough ends"
    } else {
        ""
    };
    let count = ending.len();
    let what = if end.is_empty() {
        format!("{count} grants of passthrough end")
    } else {
        end.into()
    };
    let stranded = ending.iter().filter(|live| !live.has_token);
    let stranded: Vec<&str> = stranded
        .take(NAMES_MAX)
        .map(|live| live.grant.user.as_str())
        .collect();
    let detail =
        (!stranded.is_empty()).then(|| format!("Without another token: {}.", stranded.join(", ")));
    Some(Warning {
        number: "W024".to_owned(),
        text: format!("{what} within {hours} h ({}).", names.join(", ")),
        detail: detail.into_iter().collect(),
        tries: vec![format!("mfactl passthrough list --expiring {hours}h")],
        ..Warning::default()
    })
}

pub(super) fn mass_lock(count: usize) -> Warning {
    Warning {
        number: "W040".to_owned(),
        text: format!("Mass lock: {count} users were locked or made to wait within a minute."),
        detail: vec!["Somebody may be trying names and passwords.".to_owned()],
        tries: vec![
            "mfactl user find --locked".to_owned(),
            "mfactl user find --waiting".to_owned(),
            "mfactl gateway list".to_owned(),
        ],
        ..Warning::default()
    }
}

pub(super) fn few_seats(taken: u64, limit: u64) -> Option<Warning> {
    seats::scarce(limit, taken).then(|| Warning {
        number: "W045".to_owned(),
        text: format!("{taken} of {limit} seats are taken."),
        detail: vec!["Who is there signs in; nobody can be added when all are.".to_owned()],
        tries: vec!["mfactl seats".to_owned()],
        doing: Some("deactivate who no longer signs in, or raise seats.limit".to_owned()),
        ..Warning::default()
    })
}

pub(super) fn sealed(why: &str) -> Warning {
    Warning {
        number: "E020".to_owned(),
        text: format!("Sealed: {why}."),
        detail: vec!["The control socket is up, RADIUS is silent.".to_owned()],
        doing: Some("restore the master key; never start with a new key".to_owned()),
        ..Warning::default()
    }
}

pub(super) fn store_fails(error: &str, path: &str) -> Warning {
    Warning {
        number: "E011".to_owned(),
        text: format!("The store cannot commit: {error}."),
        detail: vec![
            "No login is answered; gateways turn to their next server. Nothing was accepted."
                .to_owned(),
        ],
        doing: Some(format!("free space at {path}; mfad retries by itself")),
        ..Warning::default()
    }
}

pub(super) fn little_room(free_octets: u64, reserve: bool, path: &str) -> Option<Warning> {
    let detail = if reserve {
        "Sign-ins go on as long as they can be recorded."
    } else {
        "The reserve for `mfactl audit archive` on a full disk is not there."
    };
    (free_octets < OCTETS || !reserve).then(|| Warning {
        number: "W023".to_owned(),
        text: format!("The disk of {path} has {} MiB left.", free_octets >> 20),
        detail: vec![detail.to_owned()],
        tries: vec!["mfactl explain W023".to_owned()],
        doing: Some(format!("free space at {path}")),
        ..Warning::default()
    })
}

pub(super) fn undelivered(channel: Channel, why: String) -> Warning {
    let (what, server) = match channel {
        Channel::Mail => ("Mail", "mail server"),
        Channel::Sms => ("Text messages", "SMS gateway"),
    };
    Warning {
        number: number_of(channel).to_owned(),
        text: format!("{what} cannot be sent; what waits is tried again."),
        detail: vec![why],
        tries: vec![format!("mfactl explain {}", number_of(channel))],
        doing: Some(format!("mend the {server}, or what is said about it")),
        ..Warning::default()
    }
}

pub(super) fn crowded_out(lost: &CrowdedOut) -> Warning {
    let count = match lost.messages {
        1 => "1 message was".to_owned(),
        many => format!("{many} messages were"),
    };
    Warning {
        number: "W046".to_owned(),
        text: format!("{count} given up: the outbox was full."),
        detail: vec!["Codes that were on their way may be among them.".to_owned()],
        tries: vec!["mfactl audit log --event notify.failed".to_owned()],
        doing: Some("send codes anew to whoever waits for one".to_owned()),
        since: Some(lost.since.into()),
    }
}

/// What `mfactl explain` says of a server that cannot be used.
pub(super) const fn number_of(channel: Channel) -> &'static str {
    match channel {
        Channel::Mail => "W043",
        Channel::Sms => "W044",
    }
}

pub(super) fn damaged_log(checked: Timestamp) -> Warning {
    Warning {
        number: "E030".to_owned(),
        text: format!("The audit log was found damaged at {checked}."),
        tries: vec!["mfactl audit verify".to_owned()],
        doing: Some("keep the disk as it is".to_owned()),
        since: Some(checked.into()),
        ..Warning::default()
    }
}
