//! What stands around the words of a message that brings something.

use super::{Language, Letter, minute, subject, words};
use crate::domain::message::Line;
use crate::domain::recipient::Channel;
use crate::domain::user::Profile;
use crate::time::Timestamp;

/// The letter about something that is good until then.
pub(in crate::domain::notice) fn enclosing(
    language: Language,
    channel: Channel,
    issuer: &Line,
    profile: &Profile,
    (about, body): (&str, &str),
    until: Option<Timestamp>,
) -> Letter {
    let words = words(language);
    let name = match profile.display_name.as_str() {
        "" => Line::new(&profile.name),
        name => Line::new(name),
    };
    let end = until.map(|until| format!("{} {}.", words.good_until, minute(until)));
    let text = match channel {
        Channel::Mail => {
            let end = end.map_or_else(String::new, |end| format!("\n{end}\n"));
            format!(
                "{} {name},\n\n{body}{end}\n{}\n",
                words.hello, words.not_you
            )
        }
        Channel::Sms => format!("{issuer}: {body} {}\n", end.unwrap_or_default()),
    };
    Letter {
        subject: subject(issuer, about),
        text,
    }
}
