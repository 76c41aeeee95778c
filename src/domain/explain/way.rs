//! D9 of whoever has no token: the way to a new one, and where it ends.

use super::{Mark, Step, step};
use crate::domain::device_auth::proven;
use crate::domain::dialogue::{Shows, Way};
use crate::domain::outlook;
use crate::domain::policy::Policy;
use crate::domain::rekey::Rekey;
use crate::domain::user::UserRecord;
use crate::domain::verdict::Message;
use crate::time::Now;

/// A secret was reset, and this gateway leads nowhere.
pub(super) fn awaited(record: &UserRecord, rekey: &Rekey, now: Now) -> Step {
    let next = match proven(&record.profile, now) {
        Some(until) => {
            format!("the code that is mailed was right, no other is asked for until {until}")
        }
        None => "this gateway has no dialogue for it".to_owned(),
    };
    let reset = reset(rekey);
    let text = format!("{reset}: a new token is awaited, and {next}");
    step("D9", Mark::Ok, text)
}

fn reset(rekey: &Rekey) -> String {
    let (token, at, why) = (rekey.token, rekey.at, &rekey.why);
    format!("the secret of {token} was reset {at} ({why})")
}

/// Whoever has no token is led to one.
pub(super) fn way_to_a_token(record: &UserRecord, policy: &Policy, way: Way, now: Now) -> Step {
    let why = match &record.profile.rekey {
        Some(rekey) => reset(rekey),
        None => record.profile.state.title().to_owned(),
    };
    let mailed = || outlook::mailed(record, policy);
    let first = "the first code of a new token";
    let asked = match way.shows {
        Shows::Nothing => format!("{first} is"),
        Shows::AuthCode => format!("the auth code (M23) and {first} are"),
        Shows::DeviceCode if way.lets_in => format!("{} and {first} are", mailed()),
        Shows::DeviceCode => {
            let what = format!(
                "{why}: once the first factor is right, {} is asked for; the help desk adds the token",
                mailed()
            );
            return stops(record, policy, what, Message::AskForToken, ADD);
        }
        Shows::Unreachable => {
            let what = format!(
                "{why}: no code can be mailed, for there is no proven e-mail address that mail \
                 reaches, and no auth code is out"
            );
            return stops(record, policy, what, Message::EnrolmentRequired, EDIT);
        }
    };
    let missing = match way.shows {
        Shows::AuthCode => outlook::no_code(record, policy, now),
        _ => None,
    };
    let text = format!("{why}: once the first factor is right, {asked} asked for");
    let text = match missing {
        Some(missing) => format!("{text}. {missing}"),
        None => text,
    };
    step("D9", Mark::Ok, text)
}

/// What lifts it: before the login name, and behind it.
const ADD: [&str; 2] = ["token add", "--type totp"];
const EDIT: [&str; 2] = ["user edit", "--email ADDRESS --trusted"];

/// The way ends before the Accept, with this message.
fn stops(
    record: &UserRecord,
    policy: &Policy,
    what: String,
    told: Message,
    [verb, rest]: [&str; 2],
) -> Step {
    let said = policy.say(told, Some(&record.profile));
    let (id, text, name) = (said.message.id(), said.text, record.name());
    let lines = format!(
        "{what}\nwould be shown {id} \"{text}\"\nlifted by: mfactl {verb} {name} {rest} (operator)"
    );
    step("D9", Mark::Stop, lines)
}
