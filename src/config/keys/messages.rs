//! Rows for Reply-Messages in words of one's own.

use super::{Fallback, Key, Kind};

/// Rows in the order of the manual.
pub(super) const KEYS: &[Key] = &[
    text(
        "messages.M01",
        "Reply-Messages in words of one's own, by the numbers of the manual; what stands in \
         braces is filled in. M01 is the one Reject; it is the same for everybody, in the \
         language of `language`.",
        "Access denied.",
    ),
    text(
        "messages.M02",
        "Of an account that is locked, where the gateway may tell.",
        "Account locked. Contact your help desk.",
    ),
    text(
        "messages.M03",
        "Of a PIN that is blocked, where the gateway may tell.",
        "PIN blocked. Contact your help desk.",
    ),
    text(
        "messages.M04",
        "Of an account that is deactivated, where the gateway may tell.",
        "Account not active.",
    ),
    text(
        "messages.M05",
        "Of a credential that was revoked, where the gateway may tell.",
        "Credential revoked. Contact your help desk.",
    ),
    text(
        "messages.M06",
        "Of a token that has expired, where the gateway may tell.",
        "Your token has expired. Contact your help desk.",
    ),
    text(
        "messages.M07",
        "To somebody who has no token yet and is not led to one.",
        "Enrolment required. Contact your help desk.",
    ),
    text(
        "messages.M08",
        "Of a code that was used before.",
        "This code was already used. Wait for the next one.",
    ),
    text(
        "messages.M09",
        "To somebody whom a temporary passthrough lets in.",
        "Temporary access until {time}.",
    ),
    text(
        "messages.M10",
        "To somebody whose passthrough ends soon.",
        "Temporary access ends in {hours} hours. Please set up your token.",
    ),
    text(
        "messages.M11",
        "Of a token that expires within a month.",
        "Your token expires on {date}.",
    ),
    text(
        "messages.M20",
        "Asks for a code.",
        "Enter your one-time code:",
    ),
    text(
        "messages.M21",
        "Asks for a code that went by e-mail.",
        "Code sent to {to}. Enter it:",
    ),
    text(
        "messages.M22",
        "Asks for a code that went by SMS.",
        "Code sent by SMS to {to}. Enter it:",
    ),
    text(
        "messages.M23",
        "Asks for the auth code.",
        "Enter your authorization code:",
    ),
    text(
        "messages.M24",
        "Asks for the device authorization code.",
        "A device authorization code was sent to {to}. Enter it:",
    ),
    text(
        "messages.M25",
        "Leads to the page with a new token, and asks for its first code.",
        "Open {link} within {minutes} minutes, add the account in your app, then enter the code \
         it shows:",
    ),
    text(
        "messages.M26",
        "Asks for a new PIN or password. Gateways look for the words it begins with.",
        "{why}Enter a new {secret} having from {min} to {max} {signs}:",
    ),
    text(
        "messages.M27",
        "Asks for it once more.",
        "Please re-enter new {secret}:",
    ),
    text(
        "messages.M28",
        "Asks for a sign-in with it.",
        "{secret} Accepted. Wait for the token code to change, then enter the new passcode:",
    ),
    text(
        "messages.M29",
        "Asks for the code behind one that was far ahead.",
        "To resync your token, enter the next code:",
    ),
    text(
        "messages.M30",
        "Asks a question of the person's own.",
        "Question {number} of {of}: {text}",
    ),
    text(
        "messages.M31",
        "Asks what is to be done after right answers.",
        "Answers accepted. 1 = change PIN, 2 = cancel:",
    ),
    text(
        "messages.M34",
        "Asks for a code after an unlock.",
        "Your account was unlocked. Enter a one-time code to confirm:",
    ),
    text(
        "messages.M35",
        "When no new PIN or password was agreed on.",
        "Your {secret} was not changed. Please sign in again.",
    ),
    text(
        "messages.M38",
        "When no further code is sent for now.",
        "No further code can be sent now. Try again later.",
    ),
    text(
        "messages.M39",
        "Asks for a passcode.",
        "Enter your passcode:",
    ),
    text(
        "messages.M40",
        "Sends to the help desk for the token, after the device authorization code.",
        "Code accepted. Ask your help desk for a new QR code.",
    ),
    text(
        "messages.M41",
        "Offers a new token after a recovery code. It is to name the word `later`, which puts it off.",
        "Open {link} within {minutes} minutes, add the account, then enter its code, or the word \
         later:",
    ),
    text(
        "messages.M44",
        "Asks for the code of one of several tokens.",
        "Enter a one-time code of {token}:",
    ),
    text(
        "messages.M48",
        "When questions have led to a new PIN.",
        "PIN changed. Please sign in again.",
    ),
];

const fn text(path: &'static str, doc: &'static str, english: &'static str) -> Key {
    Key::new(path, Kind::Label, Fallback::Computed(english), doc)
}

#[cfg(test)]
mod tests {
    use super::{Fallback, KEYS};
    use crate::domain::wording::Text;

    #[test]
    fn every_message_has_a_row_that_shows_its_text() {
        let rows = KEYS.iter().map(|key| (key.path, key.fallback));
        let texts = Text::ALL.iter().filter(|text| !text.is_list());
        let texts: Vec<_> = texts
            .map(|text| (format!("messages.{}", text.id), text))
            .collect();
        let expected = texts
            .iter()
            .map(|(path, text)| (path.as_str(), Fallback::Computed(text.english)));
        assert!(rows.eq(expected));
    }
}
