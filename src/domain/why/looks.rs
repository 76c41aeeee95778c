//! The fixed list of what failures can look like, each with its advice.

use std::time::Duration;

use super::super::action::Role;
use super::super::command::words;
use super::super::verdict::Reason;
use super::{PastAttempt, since_accept};

/// Wrong codes in a row from which a gateway that never had a right one is suspected.
const GARBAGE_ATTEMPTS_MIN: usize = 3;

/// What the attempts look like, beside what the state of the person says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Codes of another time: the phone's clock is ahead by so much, below zero behind.
    Clock {
        /// Seconds.
        ahead_s: i64,
    },
    /// Codes of a counter that has run ahead.
    CounterAhead {
        /// How far.
        by: i64,
    },
    /// Codes of a token that does not count.
    OtherToken,
    /// The code fits, the PIN or password does not.
    WrongFirstFactor,
    /// The PIN without a code, or a code without a PIN.
    HalfMissing,
    /// One code twice within a login.
    UsedTwice,
    /// The gateway uses a method in which no code can be checked.
    Method,
    /// A dialogue that is no longer open.
    RanOut,
    /// Nothing but wrong codes through one gateway, each another one.
    OnlyGuesses,
    /// The attempts do not tell.
    NotEnough,
    /// What was asked last has had no answer.
    Unanswered,
    /// No packet of this person arrives.
    NoPacket,
}

impl Looks {
    /// The line after "What it looks like:".
    #[must_use]
    pub fn text(self) -> String {
        let text = match self {
            Self::Clock { ahead_s } => {
                let way = if ahead_s.is_negative() {
                    "SLOW"
                } else {
                    "FAST"
                };
                let span = words::minutes(Duration::from_secs(ahead_s.unsigned_abs()));
                return format!("the phone's clock is about {span} {way}");
            }
            Self::CounterAhead { by } => {
                return format!(
                    "the counter of the token is {by} ahead: codes were made and not used"
                );
            }
            Self::OtherToken => "codes of a token that does not count",
            Self::WrongFirstFactor => "right code, wrong PIN or password",
            Self::HalfMissing => {
                "half of the passcode is missing: a PIN without a code or a code without a PIN"
            }
            Self::UsedTwice => {
                "the same code used twice for one login, as by a portal and a gateway"
            }
            Self::Method => {
                "the gateway does not send PAP, and no code can be checked in what it sends"
            }
            Self::RanOut => "the dialogue ran out before it was answered",
            Self::OnlyGuesses => {
                "wrong codes only, each another one: a clock that is off, another token, \
                 a wrong shared secret, or guesses"
            }
            Self::NotEnough => "not enough to tell",
            Self::Unanswered => "mfad has asked a question, and no answer to it has arrived",
            Self::NoPacket => "no packet from any gateway: the problem is before mfad",
        };
        text.to_owned()
    }

    /// What to do about it; `token` is the one to try a code of, if there is one.
    #[must_use]
    pub fn advice(self, name: &str, token: Option<&str>) -> Vec<String> {
        let lines: &[&str] = match self {
            Self::Clock { .. } => &[
                "have the phone's date and time set to automatic, then a new code waited for",
                "mfactl token test TOKEN        with the code that is read to you",
            ],
            Self::CounterAhead { .. } => {
                &["mfactl token resync TOKEN        with two codes, one after the other"]
            }
            Self::OtherToken => &[
                "have a code of a token that counts typed",
                "mfactl token show TOKEN        says why this one does not",
            ],
            Self::WrongFirstFactor => &[
                "ask which PIN is typed, and whether Caps Lock is on",
                "mfactl pin reset NAME --generate        if it is forgotten",
            ],
            Self::HalfMissing => {
                &["have PIN and code typed in one, the PIN first, with nothing between"]
            }
            Self::UsedTwice => &[
                "have the next code waited for before a second try",
                "set same_code_grace at the gateway if it asks twice for one login",
            ],
            Self::Method => &[
                "set the gateway to PAP; CHAP and MS-CHAPv2 cannot carry a code that mfad can check",
            ],
            Self::RanOut => &["have it tried again, and answered within the time"],
            Self::OnlyGuesses => &[
                "have the phone's date and time set to automatic, then a new code",
                "mfactl token test TOKEN        with the code that is read to you",
            ],
            Self::NotEnough => &[
                "mfactl token test TOKEN        with the code that is read to you",
                "mfactl auth log NAME --follow        while it is tried again",
            ],
            Self::Unanswered => &[
                "ask whether the VPN client shows a question, and have it answered there",
                "set challenge = false at the gateway if its clients cannot show one",
                "mfactl auth log NAME --follow        while it is tried again",
            ],
            Self::NoPacket => &[
                "look at the VPN client or the gateway",
                "mfactl auth log NAME --follow        while it is tried again",
            ],
        };
        lines
            .iter()
            .filter(|line| token.is_some() || !line.contains("TOKEN"))
            .map(|line| line.replace("TOKEN", token.unwrap_or_default()))
            .map(|line| line.replace("NAME", name))
            .collect()
    }
}

/// What the failures since the last Accept look like; `unanswered` is that a question came after them.
pub(super) fn looks(
    attempts: &[PastAttempt],
    unanswered: bool,
    role: Role,
    can_log_in: bool,
) -> Option<Looks> {
    if attempts.is_empty() && !unanswered {
        return can_log_in.then_some(Looks::NoPacket);
    }
    let failed: Vec<Reason> = since_accept(attempts)
        .iter()
        .filter(|attempt| !attempt.repeated && attempt.of_device())
        .filter_map(|attempt| attempt.refused)
        .filter(|reason| !matches!(reason, Reason::Locked | Reason::Waiting))
        .collect();
    let all = |wanted: &[Reason]| failed.iter().all(|reason| wanted.contains(reason));
    let found = match failed.as_slice() {
        [.., Reason::UnsupportedAuth] => Looks::Method,
        [.., Reason::DialogueExpired] => Looks::RanOut,
        [.., Reason::Replay] if all(&[Reason::Replay]) => Looks::UsedTwice,
        [.., Reason::NoPin] => Looks::HalfMissing,
        [.., Reason::BadPin | Reason::BadPassword] => Looks::WrongFirstFactor,
        [.., Reason::Replay]
            if failed
                .iter()
                .any(|r| matches!(r, Reason::BadPin | Reason::BadPassword)) =>
        {
            Looks::WrongFirstFactor
        }
        many if many.len() >= GARBAGE_ATTEMPTS_MIN && all(&[Reason::BadCode]) => Looks::OnlyGuesses,
        [.., Reason::BadCode | Reason::Replay] => Looks::NotEnough,
        _ => return unanswered.then_some(Looks::Unanswered),
    };
    let tells_half = matches!(found, Looks::HalfMissing | Looks::WrongFirstFactor);
    Some(if tells_half && role == Role::Viewer {
        Looks::NotEnough
    } else {
        found
    })
}
