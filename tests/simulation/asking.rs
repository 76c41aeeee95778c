//! The model's questions, written a second time: what is asked of whom, what is kept of it, and which
//! answer goes with it.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use mfad::time::Now;

use super::judging::{Asking, Door, First};
use super::life;
use super::person::{Person, latest};
use super::traffic::put;

/// Questions that one person has open at most, that are kept in a row, and that follow each other.
const OPEN_MAX: usize = 3;
const ROW_MAX: u32 = 30;
const STRANGERS_ROW_MAX: u32 = 10;
const ROUNDS_MAX: u32 = 10;

/// What is asked for when a new PIN is due.
pub(crate) const NEW_PIN: &str = "Enter a new PIN having from 6 to 12 digits:";

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The code; by whom the first factor was checked before.
    Code(First),
    /// The passcode, of which nothing was typed; by whom the first factor is checked there.
    Passcode(First),
    /// A new PIN, once all else is right. Nobody answers it here: see the table of the domain.
    NewPin,
}

/// A question that is kept until it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialogue {
    pub(crate) about: About,
    gateway: &'static str,
    opened: i64,
    pub(crate) expires: i64,
    handle: [u8; 16],
    rounds: u32,
    row: u32,
}

/// A question as a gateway gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) words: &'static str,
    pub(crate) echo: bool,
    pub(crate) seconds: u32,
    pub(crate) state: String,
    /// It leaves when a Reject would.
    pub(crate) held: bool,
    /// It is in the record, and an answer to it counts.
    pub(crate) kept: bool,
}

/// What somebody has sent, as far as a question follows from it.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) door: &'a Door,
    pub(crate) passcode: &'a [u8],
    /// The State, if there is one: what was sent is an answer.
    pub(crate) state: Option<&'a [u8]>,
    pub(crate) digest: &'a [u8; 32],
}

impl About {
    /// Whether nothing is known of who is asked: everybody is, alike.
    pub(crate) fn is_blind(self) -> bool {
        matches!(self, Self::Passcode(_) | Self::Code(First::Nobody))
    }

    /// Whether something was shown before that not everybody has who knows the name.
    fn is_behind_something(self) -> bool {
        !self.is_blind() || matches!(self, Self::Passcode(First::Gateway))
    }

    /// By whom the first factor was checked, in the words of the configuration.
    pub(crate) const fn checked_by(self) -> &'static str {
        match self {
            Self::Code(First::Gateway) => "gateway",
            Self::Code(First::Pin) | Self::NewPin => "pin",
            Self::Code(First::Nobody) => "none",
            Self::Passcode(First::Gateway) => "gateway",
            Self::Passcode(_) => "",
        }
    }
}

impl Question {
    /// What a challenge carries (RFC 2865 s4.4, RFC 2869 s5.10).
    pub(crate) fn attributes(&self, due: &mut Vec<u8>) {
        put(due, 18, self.words.as_bytes());
        put(due, 24, self.state.as_bytes());
        put(due, 76, &u32::from(self.echo).to_be_bytes());
        put(due, 27, &self.seconds.to_be_bytes());
    }
}

impl Sent<'_> {
    /// What is asked because of it, if anything is; `answered` is what it answers.
    pub(crate) fn calls_for(&self, answered: Option<About>) -> Option<About> {
        // Nobody is asked twice for a passcode, and a code is the last that is asked for.
        let begins = self.state.is_none();
        if !begins && !matches!(answered, Some(About::Passcode(_))) {
            return None;
        }
        let empty = begins && self.passcode.is_empty();
        match (self.door.asking, self.door.first) {
            (Asking::Never, _) => None,
            (Asking::Always, First::Pin) if empty => Some(About::Passcode(First::Pin)),
            (Asking::Always, first) => Some(About::Code(first)),
            (Asking::WhenEmpty, first) => empty.then_some(About::Passcode(first)),
        }
    }

    /// A question that is not kept.
    pub(crate) fn asked(&self, about: About, left_ms: i64, now: Now) -> Question {
        let code_alone = self.door.asking == Asking::WhenEmpty && self.door.first != First::Pin;
        let (words, code) = match about {
            About::NewPin => (NEW_PIN, false),
            About::Passcode(_) if !code_alone => ("Enter your passcode:", false),
            About::Passcode(_) | About::Code(_) => ("Enter your one-time code:", true),
        };
        Question {
            words,
            echo: code,
            seconds: u32::try_from(left_ms.max(0) / 1000).unwrap(),
            state: hex(&handle(self.digest, now.wall.0)),
            held: about.is_blind(),
            kept: false,
        }
    }
}

impl Person {
    /// Questions that nobody has answered in time are over.
    pub(crate) fn end_dialogues(&mut self, now: Now) {
        self.dialogues.retain(|open| latest(now) < open.expires);
    }

    /// Which of the open questions `sent` answers.
    pub(crate) fn answered(&self, sent: &Sent<'_>, now: Now) -> Option<usize> {
        let state = sent.state?;
        let own = |it: &Dialogue| {
            let checked = match it.about {
                About::Code(by) => by == sent.door.first,
                About::Passcode(First::Gateway) => sent.door.first == First::Gateway,
                About::Passcode(_) => true,
                About::NewPin => sent.door.first == First::Pin,
            };
            hex(&it.handle).as_bytes() == state
                && it.gateway == sent.door.name
                && latest(now) < it.expires
                && checked
        };
        self.dialogues.iter().position(own)
    }

    /// The question is over. A datagram that was judged twice in one instant has asked it twice.
    pub(crate) fn take_question(&mut self, at: usize) -> Dialogue {
        let answered = self.dialogues.remove(at);
        self.dialogues.retain(|it| it.handle != answered.handle);
        answered
    }

    /// Keeps the next question; none if there were too many.
    pub(crate) fn keep_question(
        &mut self,
        sent: &Sent<'_>,
        about: About,
        answered: Option<&Dialogue>,
        ttl_ms: i64,
        now: Now,
    ) -> Option<Question> {
        let shown = about.is_behind_something();
        let alike = |open: &&Dialogue| open.about.is_behind_something() == shown;
        let rows = self.dialogues.iter().filter(alike).map(|open| open.row);
        let new_row = 1 + rows.max().unwrap_or(0);
        let next = match answered {
            Some(before) => Dialogue {
                rounds: before.rounds + 1,
                row: if alike(&before) { before.row } else { new_row },
                ..before.clone()
            },
            None => Dialogue {
                about,
                gateway: sent.door.name,
                opened: now.wall.0,
                expires: latest(now) + ttl_ms,
                handle: [0; 16],
                rounds: 1,
                row: new_row,
            },
        };
        let most = if shown { ROW_MAX } else { STRANGERS_ROW_MAX };
        if next.rounds > ROUNDS_MAX || next.row > most {
            return None;
        }
        if self.dialogues.len() == OPEN_MAX {
            // Strangers make room first, and take none from the others.
            let stranger = self
                .dialogues
                .iter()
                .position(|open| !open.about.is_behind_something());
            self.dialogues
                .remove(stranger.or_else(|| shown.then_some(0))?);
        }
        let left_ms = next.expires - latest(now);
        self.dialogues.push(Dialogue {
            about,
            handle: handle(sent.digest, now.wall.0),
            ..next
        });
        Some(Question {
            kept: true,
            ..sent.asked(about, left_ms, now)
        })
    }
}

/// The handle of what is asked at this moment in answer to the datagram with this digest: 128 bits of
/// an HMAC that nobody else can compute.
pub(crate) fn handle(digest: &[u8; 32], wall: i64) -> [u8; 16] {
    let keys = life::keys();
    let mut mac = Hmac::<Sha256>::new_from_slice(keys.dialogue_key().expose()).unwrap();
    mac.update(digest);
    mac.update(&wall.to_be_bytes());
    mac.finalize().into_bytes()[..16].try_into().unwrap()
}

impl Dialogue {
    /// What is stored of it, as a line.
    pub(crate) fn facts(&self, text: &mut String) {
        let name = match self.about {
            About::Code(_) => "code",
            About::Passcode(_) => "passcode",
            About::NewPin => "new_pin",
        };
        let _ = writeln!(
            text,
            "asked {name} {} at {} {}..{} {} round={} row={}",
            self.about.checked_by(),
            self.gateway,
            self.opened,
            self.expires,
            hex(&Sha256::digest(self.handle)),
            self.rounds,
            self.row,
        );
    }
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
