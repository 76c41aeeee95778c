//! The words of the Reply-Messages, in each language (domain rules 3.2).
//!
//! A [`Message`] is what is told; a [`Text`] is how. Whoever runs mfad may put texts of his own in the
//! place of these. On the wire all of it is ASCII, one line, 200 octets at most, with a link at most
//! the 253 of an attribute; so German does without umlauts.
//!
//! The questions for a new PIN begin in every language with the words that RSA's servers send,
//! because gateways look for them to know what is asked.

mod menu;

use std::borrow::Cow;
use std::fmt;

use super::delivery::TypeRule;
use super::dialogue::PageLink;
use super::notice::Language;
use super::pin::{Memorized, Weakness};
use super::questions::QUESTION_OCTETS_MAX;
use super::verdict::Message;

/// A message as somebody reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What is told.
    pub message: Message,
    /// In which words.
    pub text: Cow<'static, str>,
}

impl Said {
    /// The text as the audit log keeps it: without the link that stands in it.
    #[must_use]
    pub fn recorded(&self) -> Cow<'static, str> {
        match &self.message {
            Message::OpenPage { link, .. } => {
                self.text.replace(&link.to_string(), PageLink::PLACE).into()
            }
            _ => self.text.clone(),
        }
    }
}

/// The words of a message. What stands in braces is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// The number in the manual.
    pub id: &'static str,
    /// In English.
    pub english: &'static str,
    /// In German.
    pub german: &'static str,
    /// What may be filled in, and how many octets that has at most.
    pub slots: &'static [(&'static str, usize)],
}

/// A text in the place of one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnText {
    /// Of which message.
    pub id: &'static str,
    /// For readers of this language; none: for those of all others.
    pub language: Option<Language>,
    /// The text.
    pub text: String,
}

/// What is wrong with a text of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Not on one line of printable ASCII.
    #[error("has a character that gateways may not show: one line of ASCII is allowed")]
    NotAscii,
    /// It could become longer than a reply may carry.
    #[error("is {0} octets too long")]
    TooLong(usize),
    /// A word in braces that stands for nothing here.
    #[error("has something in braces that this message does not know")]
    UnknownSlot,
    /// Without it nobody could answer.
    #[error("lacks {{{0}}}")]
    Lacking(&'static str),
}

/// Octets of a text, filled in.
const OCTETS_MAX: usize = 200;
/// The same with a link, which has to be whole.
const LINKED_OCTETS_MAX: usize = 253;
const LINK: &str = "link";
const LINK_OCTETS_MAX: usize = 163;
/// Longest address in a text. Three of them fit into a question.
const ADDRESS_OCTETS_MAX: usize = 36;
const TO: (&str, usize) = ("to", ADDRESS_OCTETS_MAX + 3);
/// Octets of what can be chosen from; four with addresses fit, in the words of this file.
const OFFERED_OCTETS_MAX: usize = 190;
const SECRET: (&str, usize) = ("secret", 8);

const fn text(id: &'static str, english: &'static str, german: &'static str) -> Text {
    let slots = &[];
    Text {
        id,
        english,
        german,
        slots,
    }
}

impl Text {
    const fn with(mut self, slots: &'static [(&'static str, usize)]) -> Self {
        self.slots = slots;
        self
    }

    /// All of them, in the order of the manual.
    pub const ALL: &'static [Self] = &[
        text("M01", "Access denied.", "Zugriff verweigert."),
        text(
            "M02",
            "Account locked. Contact your help desk.",
            "Konto gesperrt. Bitte an den Helpdesk wenden.",
        ),
        text(
            "M03",
            "PIN blocked. Contact your help desk.",
            "PIN gesperrt. Bitte an den Helpdesk wenden.",
        ),
        text("M04", "Account not active.", "Konto nicht aktiv."),
        text(
            "M05",
            "Credential revoked. Contact your help desk.",
            "Berechtigung widerrufen. Bitte an den Helpdesk wenden.",
        ),
        text(
            "M06",
            "Your token has expired. Contact your help desk.",
            "Ihr Token ist abgelaufen. Bitte an den Helpdesk wenden.",
        ),
        text(
            "M07",
            "Enrolment required. Contact your help desk.",
            "Registrierung erforderlich. Bitte an den Helpdesk wenden.",
        ),
        text(
            "M08",
            "This code was already used. Wait for the next one.",
            "Dieser Code wurde schon benutzt. Bitte den naechsten abwarten.",
        ),
        text(
            "M09",
            "Temporary access until {time}.",
            "Befristeter Zugang bis {time}.",
        )
        .with(&[("time", 20)]),
        text(
            "M10",
            "Temporary access ends in {hours} hours. Please set up your token.",
            "Der befristete Zugang endet in {hours} Stunden. Bitte richten Sie Ihr Token ein.",
        )
        .with(&[("hours", 6)]),
        text(
            "M11",
            "Your token expires on {date}.",
            "Ihr Token laeuft am {date} ab.",
        )
        .with(&[("date", 10)]),
        text("M20", "Enter your one-time code:", "Einmalcode eingeben:"),
        text(
            "M21",
            "Code sent to {to}. Enter it:",
            "Code an {to} gesendet. Bitte eingeben:",
        )
        .with(&[TO]),
        text(
            "M22",
            "Code sent by SMS to {to}. Enter it:",
            "Code per SMS an {to} gesendet. Bitte eingeben:",
        )
        .with(&[TO]),
        text(
            "M23",
            "Enter your authorization code:",
            "Autorisierungscode eingeben:",
        ),
        text(
            "M24",
            "A device authorization code was sent to {to}. Enter it:",
            "Ein Code zur Geraetefreigabe ging an {to}. Bitte eingeben:",
        )
        .with(&[TO]),
        text(
            "M25",
            "Open {link} within {minutes} minutes, add the account in your app, then enter the code \
             it shows:",
            "Binnen {minutes} Minuten {link} oeffnen, das Konto in der App anlegen, deren Code \
             eingeben:",
        )
        .with(&[(LINK, LINK_OCTETS_MAX), ("minutes", 4)]),
        text(
            "M26",
            "{why}Enter a new {secret} having from {min} to {max} {signs}:",
            "{why}Enter a new {secret} having from {min} to {max} {signs} (bitte neu festlegen):",
        )
        .with(&[
            ("why", 70),
            SECRET,
            ("min", 3),
            ("max", 3),
            ("signs", 10),
        ]),
        text(
            "M27",
            "Please re-enter new {secret}:",
            "Please re-enter new {secret} (bitte wiederholen):",
        )
        .with(&[SECRET]),
        text(
            "M28",
            "{secret} Accepted. Wait for the token code to change, then enter the new passcode:",
            "{secret} Accepted. Wait for the token code to change, then enter the new passcode \
             (bitte mit dem naechsten Code neu eingeben):",
        )
        .with(&[SECRET]),
        text(
            "M29",
            "To resync your token, enter the next code:",
            "Um Ihr Token abzugleichen, den naechsten Code eingeben:",
        ),
        text(
            "M30",
            "Question {number} of {of}: {text}",
            "Frage {number} von {of}: {text}",
        )
        .with(&[("number", 1), ("of", 1), ("text", QUESTION_OCTETS_MAX)]),
        text(
            "M31",
            "Answers accepted. 1 = change PIN, 2 = cancel:",
            "Antworten angenommen. 1 = PIN aendern, 2 = abbrechen:",
        ),
        text("M33", "{offered}:", "{offered}:").with(&[("offered", OFFERED_OCTETS_MAX)]),
        text(
            "M34",
            "Your account was unlocked. Enter a one-time code to confirm:",
            "Ihr Konto wurde entsperrt. Bitte mit einem Einmalcode bestaetigen:",
        ),
        text(
            "M35",
            "Your {secret} was not changed. Please sign in again.",
            "{secret} nicht geaendert. Bitte neu anmelden.",
        )
        .with(&[SECRET]),
        text(
            "M38",
            "No further code can be sent now. Try again later.",
            "Zurzeit kann kein weiterer Code gesendet werden. Bitte spaeter versuchen.",
        ),
        text("M39", "Enter your passcode:", "Passcode eingeben:"),
        text(
            "M40",
            "Code accepted. Ask your help desk for a new QR code.",
            "Code angenommen. Bitte den Helpdesk um einen neuen QR-Code bitten.",
        ),
        text(
            "M41",
            "Open {link} within {minutes} minutes, add the account, then enter its code, or the \
             word later:",
            "Binnen {minutes} Minuten {link} oeffnen, Konto anlegen, Code eingeben, oder das \
             Wort later:",
        )
        .with(&[(LINK, LINK_OCTETS_MAX), ("minutes", 4)]),
        text(
            "M44",
            "Enter a one-time code of {token}:",
            "Einmalcode von {token} eingeben:",
        )
        .with(&[("token", ADDRESS_OCTETS_MAX + 3)]),
        text(
            "M48",
            "PIN changed. Please sign in again.",
            "PIN geaendert. Bitte neu anmelden.",
        ),
    ];

    /// The words of the message with this number.
    #[must_use]
    pub fn of(id: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|text| text.id == id)
    }

    /// Whether it is made of what a person may choose from, and not of words.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.id == "M33"
    }

    const fn in_language(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::German => self.german,
        }
    }

    /// Whether `own` can stand in its place.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, own: &str) -> Result<(), TextError> {
        if !own
            .bytes()
            .all(|octet| octet == b' ' || octet.is_ascii_graphic())
        {
            return Err(TextError::NotAscii);
        }
        let named = |name: &str| self.slots.iter().find(|(slot, _)| *slot == name);
        let mut octets = 0;
        let mut linked = false;
        for piece in pieces(own) {
            octets += match piece {
                Piece::Words(words) => words.len(),
                Piece::Slot(name) => {
                    linked |= name == LINK;
                    named(name).ok_or(TextError::UnknownSlot)?.1
                }
            };
        }
        if named(LINK).is_some() && !linked {
            return Err(TextError::Lacking(LINK));
        }
        let most = if linked {
            LINKED_OCTETS_MAX
        } else {
            OCTETS_MAX
        };
        match octets.checked_sub(most) {
            None | Some(0) => Ok(()),
            Some(over) => Err(TextError::TooLong(over)),
        }
    }
}

enum Piece<'a> {
    Words(&'a str),
    Slot(&'a str),
}

/// A text and its slots, in order. A brace that nothing closes is a word.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut left = text;
    std::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let slot = left.strip_prefix('{').and_then(|it| it.split_once('}'));
        if let Some((name, rest)) = slot {
            left = rest;
            return Some(Piece::Slot(name));
        }
        let from = usize::from(left.starts_with('{'));
        let next = left.get(from..).and_then(|it| it.find('{'));
        let (words, rest) = left.split_at(next.map_or(left.len(), |at| at + from));
        left = rest;
        Some(Piece::Words(words))
    })
}

/// An address in a text that has to stay short.
struct Cut<'a>(&'a str);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(..ADDRESS_OCTETS_MAX) {
            Some(start) if start.len() < self.0.len() => write!(f, "{start}..."),
            _ => f.write_str(self.0),
        }
    }
}

impl Message {
    /// The message in the words of this language: of `own` texts if there is one, else of these. A type
    /// of token is called what its rule says.
    #[must_use]
    pub fn said(self, language: Language, own: &[OwnText], types: &[TypeRule]) -> Said {
        let text = self.text(language, own, types);
        Said {
            message: self,
            text,
        }
    }

    fn text(&self, language: Language, own: &[OwnText], types: &[TypeRule]) -> Cow<'static, str> {
        let id = self.id();
        let of = |wanted| {
            let mut own = own.iter();
            own.find(|text| text.id == id && text.language == wanted)
        };
        let own = of(Some(language)).or_else(|| of(None));
        let built_in = Text::of(id).map_or("", |text| text.in_language(language));
        match own.map(|own| &*own.text) {
            None if !built_in.contains('{') => Cow::Borrowed(built_in),
            stated => Cow::Owned(self.filled(stated.unwrap_or(built_in), language, types)),
        }
    }

    fn filled(&self, text: &str, language: Language, types: &[TypeRule]) -> String {
        pieces(text).fold(String::new(), |mut filled, piece| {
            match piece {
                Piece::Words(words) => filled.push_str(words),
                Piece::Slot(name) => filled.push_str(&self.slot(name, language, types)),
            }
            filled
        })
    }

    /// What is filled in.
    fn slot(&self, name: &str, language: Language, types: &[TypeRule]) -> String {
        let german = language == Language::German;
        match (self, name) {
            (Self::TemporaryUntil(end), "time") => end.to_string(),
            (Self::TemporaryEndsIn { hours }, "hours") => hours.to_string(),
            (Self::TokenExpiresOn(end), "date") => end.to_string().chars().take(10).collect(),
            (Self::CodeSent { to, .. } | Self::DeviceCodeSent { to }, "to") => Cut(to).to_string(),
            (Self::OpenPage { link, .. }, "link") => link.to_string(),
            (Self::OpenPage { minutes, .. }, "minutes") => minutes.to_string(),
            (Self::NewSecret { weakness, .. }, "why") => weakness
                .map(|weakness| not_taken(weakness, language))
                .unwrap_or_default(),
            (Self::NewSecret { secret, .. } | Self::NewSecretAgain(secret), "secret") => {
                secret.noun().to_owned()
            }
            (Self::NewSecret { min, .. }, "min") => min.to_string(),
            (Self::NewSecret { max, .. }, "max") => max.to_string(),
            (Self::NewSecret { digits, .. }, "signs") => {
                (if *digits { "digits" } else { "characters" }).to_owned()
            }
            (Self::NewSecretSet(secret), "secret") => secret.title().to_owned(),
            (Self::SecretUnchanged(Memorized::Password), "secret") if german => {
                "Passwort".to_owned()
            }
            (Self::SecretUnchanged(secret), "secret") => secret.noun().to_owned(),
            (Self::EnterCodeOf(token), "token") => Cut(token).to_string(),
            (Self::Question { number, .. }, "number") => number.to_string(),
            (Self::Question { of, .. }, "of") => of.to_string(),
            (Self::Question { text, .. }, "text") => text.clone(),
            (Self::Methods { typed, sent }, "offered") => {
                menu::offered(typed, sent, language, types)
            }
            _ => String::new(),
        }
    }
}

/// In English and the words of this file.
impl From<Message> for Said {
    fn from(message: Message) -> Self {
        message.said(Language::English, &[], &[])
    }
}

/// In English, as operators read it.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Language::English, &[], &[]))
    }
}

/// What was wrong about the new PIN before.
fn not_taken(weakness: Weakness, language: Language) -> String {
    match (language, weakness) {
        (Language::English, weakness) => format!("Not taken: {weakness}. "),
        (Language::German, Weakness::Length { min, max }) => {
            format!("Nicht angenommen: {min} bis {max} Zeichen sind noetig. ")
        }
        (Language::German, Weakness::Charset) => {
            "Nicht angenommen: ein Zeichen ist nicht erlaubt. ".to_owned()
        }
        (Language::German, Weakness::Common) => "Nicht angenommen: zu leicht zu raten. ".to_owned(),
        (Language::German, Weakness::Personal) => {
            "Nicht angenommen: es steht in Ihren Daten. ".to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
