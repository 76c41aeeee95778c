//! The words of the messages, in each language.
//!
//! A letter to a person says what happened, when and from where, and what to do if it was not them.
//! Only [`Facts`] are put into it, each of which is one line.

mod admin;
mod enclosing;
mod grants;
mod tidings;

pub(super) use self::admin::to_admin;
pub(super) use self::enclosing::enclosing;
pub(super) use self::grants::reminder;
use self::tidings::{english, german};
use super::{Facts, Language, Letter, Notice};
use crate::domain::message::Line;
use crate::domain::recipient::Channel;
use crate::time::Timestamp;

/// The letter to the person; `first` gives the subject.
pub(super) fn to_user(
    language: Language,
    first: Notice,
    tidings: &[Notice],
    facts: &Facts,
) -> Letter {
    let words = words(language);
    let mut text = format!("{} {},\n\n", words.hello, facts.name);
    for notice in tidings {
        text.push_str(&format!("{}\n", (words.tell)(*notice).1));
    }
    text.push('\n');
    text.push_str(&told(words, facts));
    text.push('\n');
    if tidings.iter().any(|one| matches!(one, Notice::Locked(_))) {
        match facts.ends {
            Some(ends) => text.push_str(&format!("{} {}.\n", words.lock_ends, minute(ends))),
            None => text.push_str(&format!("{}\n", words.lock_stays)),
        }
    }
    let ending = tidings.contains(&Notice::PassthroughEnding);
    if let Some(ends) = facts.grant_ends.filter(|_| ending) {
        text.push_str(&format!("{} {}.\n", words.grant_ends, minute(ends)));
    }
    text.push_str(&format!("{}\n\n{}\n", words.not_you, words.never));
    Letter {
        subject: subject(&facts.issuer, (words.tell)(first).0),
        text,
    }
}

/// The same as a text message: what happened, and what to do if it was not them.
pub(super) fn to_phone(
    language: Language,
    first: Notice,
    tidings: &[Notice],
    facts: &Facts,
) -> Letter {
    let words = words(language);
    let sentences = tidings.iter().map(|notice| (words.tell)(*notice).1);
    let sentences: Vec<&str> = sentences.chain([words.not_you]).collect();
    Letter {
        subject: subject(&facts.issuer, (words.tell)(first).0),
        text: format!("{}: {}\n", facts.issuer, sentences.join(" ")),
    }
}

/// The letter of a test.
pub(super) fn test(language: Language, channel: Channel, issuer: &Line, at: Timestamp) -> Letter {
    let words = words(language);
    let (title, sentence) = words.test;
    Letter {
        subject: subject(issuer, title),
        text: match channel {
            Channel::Mail => format!("{sentence}\n\n{} {}\n", words.time, minute(at)),
            Channel::Sms => format!("{issuer}: {sentence}\n"),
        },
    }
}

fn subject(issuer: &Line, text: &str) -> Line {
    Line::new(&format!("[{issuer}] {text}"))
}

/// When, where, by whom.
fn told(words: &Words, facts: &Facts) -> String {
    let at = minute(facts.at);
    let mut text = format!("{} {}\n{} {at}\n", words.user, facts.user, words.time);
    for token in &facts.tokens {
        text.push_str(&format!("{} {token}\n", words.token));
    }
    let lines = [
        (words.gateway, &facts.gateway),
        (words.station, &facts.station),
        (words.operator, &facts.operator),
    ];
    for (label, line) in lines {
        if let Some(line) = line {
            text.push_str(&format!("{label} {line}\n"));
        }
    }
    text
}

/// `2026-11-23 13:09 UTC`.
pub(super) fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..16) {
        Some(minute) => format!("{} UTC", minute.replace('T', " ")),
        None => text,
    }
}

/// Everything that a language says.
struct Words {
    hello: &'static str,
    user: &'static str,
    time: &'static str,
    token: &'static str,
    gateway: &'static str,
    station: &'static str,
    operator: &'static str,
    lock_ends: &'static str,
    lock_stays: &'static str,
    not_you: &'static str,
    never: &'static str,
    is_locked: &'static str,
    has_no_address: &'static str,
    in_the_way: &'static str,
    look: &'static str,
    grant_ends: &'static str,
    until: &'static str,
    by: &'static str,
    /// Subject and sentence of a reminder.
    grants_end: (&'static str, &'static str),
    grants: (&'static str, &'static str),
    good_until: &'static str,
    test: (&'static str, &'static str),
    /// Subject and sentence.
    tell: fn(Notice) -> (&'static str, &'static str),
}

const fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

const ENGLISH: Words = Words {
    hello: "Hello",
    user: "Login name: ",
    time: "Time:       ",
    token: "Token:      ",
    gateway: "VPN gateway:",
    station: "From:       ",
    operator: "By operator:",
    lock_ends: "The lock ends by itself at",
    lock_stays: "Your help desk can unlock you.",
    not_you: "If this was not you, or you did not ask for it, tell your help desk at once.",
    never: "Nobody will ever ask you for your PIN, your password or a code: not in a message, not \
            on the phone.",
    is_locked: "is locked",
    has_no_address: "waits for a new token and has no proven e-mail address",
    in_the_way: "What stands in the way:",
    look: "See:",
    grant_ends: "It ends at",
    until: "until",
    by: "by",
    grants_end: (
        "Sign-ins without a code end soon",
        "These people can soon no longer sign in without a code:",
    ),
    grants: (
        "Sign-ins without a code",
        "These people can sign in without a code:",
    ),
    good_until: "This is good once, until",
    test: (
        "Test message",
        "This is a test. Messages to people can be sent.",
    ),
    tell: english,
};

const GERMAN: Words = Words {
    hello: "Guten Tag",
    user: "Anmeldename:",
    time: "Zeit:       ",
    token: "Token:      ",
    gateway: "VPN-Gateway:",
    station: "Von:        ",
    operator: "Durch:      ",
    lock_ends: "Die Sperre endet von selbst am",
    lock_stays: "Ihr Helpdesk kann Sie entsperren.",
    not_you: "Wenn Sie das nicht waren oder nicht darum gebeten haben, sagen Sie es sofort Ihrem \
              Helpdesk.",
    never: "Niemand wird Sie je nach Ihrer PIN, Ihrem Passwort oder einem Code fragen: nicht in \
            einer Nachricht, nicht am Telefon.",
    is_locked: "ist gesperrt",
    has_no_address: "wartet auf ein neues Token und hat keine bestätigte E-Mail-Adresse",
    in_the_way: "Was im Wege steht:",
    look: "Siehe:",
    grant_ends: "Sie endet am",
    until: "bis",
    by: "durch",
    grants_end: (
        "Anmeldungen ohne Code enden bald",
        "Diese Personen können sich bald nicht mehr ohne Code anmelden:",
    ),
    grants: (
        "Anmeldungen ohne Code",
        "Diese Personen können sich ohne Code anmelden:",
    ),
    good_until: "Das gilt einmal, bis",
    test: (
        "Testnachricht",
        "Das ist ein Test. Nachrichten an Personen können versendet werden.",
    ),
    tell: german,
};
