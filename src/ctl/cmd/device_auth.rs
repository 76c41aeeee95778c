//! `device-auth status`.

use serde_json::Value;

use crate::control::reply::DeviceAuth;
use crate::ctl::errors::Trouble;
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::verb::{Given, Run, USER, Verb};

pub(super) const VERBS: &[Verb] = &[Verb {
    name: "device-auth status",
    method: "org.mfad.Tokens.DeviceAuthStatus",
    about: "Show how far the device authorization of a person is",
    takes: &[USER],
    examples: &["mfactl device-auth status alice"],
    more: "After `mfactl token reset-secret` the next sign-in mails a code to the proven main address, \
           and asks for it before it leads to a new token. An auth code (`mfactl auth-code generate`) \
           does as well.",
    run: Run::Show(show),
}];

fn show(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let status: DeviceAuth = read(answer)?;
    let user = &status.user;
    screen.strong(&match (status.asked_for, &status.address) {
        (false, _) => format!("{user}: no device authorization code is asked for"),
        (true, Some(address)) => {
            format!("{user}: a device authorization code is mailed to {address} and asked for")
        }
        (true, None) => format!("{user}: no device authorization code can be mailed"),
    });
    if let Some(unsent) = status.unsent.filter(|_| status.address.is_none()) {
        let at = screen.times.moment_and_distance(unsent.0);
        screen.say(&format!(
            "There is no proven address that mail reaches, as was found at a sign-in {at}."
        ));
    }
    match &status.code {
        None => screen.say("No code is out."),
        Some(code) => {
            let sent = screen.times.moment_and_distance(code.sent.0);
            let until = screen.times.moment(code.until.0);
            let good = match code.good {
                true => {
                    let tries = text::count(code.tries as usize, "try is", "tries are");
                    format!("good until {until}, {tries} left")
                }
                false => format!("no longer good; it was until {until}"),
            };
            screen.say(&format!("A code was mailed to {} {sent}: {good}.", code.to));
        }
    }
    if let Some(until) = status.proven_until {
        let until = screen.times.full(until.0);
        screen.say(&format!(
            "A code was right: until {until} no other is asked for, and a token can be given."
        ));
    }
    if status.asked_for {
        let (sent, most) = (status.sent_in_hour, status.most_in_hour);
        screen.say(&format!("Codes sent within the hour: {sent} of {most}."));
    }
    if let Some(next) = &status.next {
        screen.say(next);
    }
    Ok(0)
}
