//! Questions that a person has answered beforehand, for Emergency Access (R52, R53).
//!
//! They are a token of type `qa` in the record: one at most, with at least [`QUESTIONS_MIN`] questions
//! in the words of whoever sets them, each with the hash of its answer. Case and spaces of an answer
//! do not matter ([`normalised`]). The token lets nobody in; right answers lead to a new PIN.
//!
//! Not all are asked. Which ones are is not drawn anew each time, or whoever knows some of the answers
//! would begin again until just those are asked: it is the same ones, in order, until they have been
//! answered right ([`Questions::asked`]).

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::dialogue::Kind;
use super::event::Event;
use super::failure;
use super::policy::Policy;
use super::sealed::Sealed;
use super::token_record::{Base, Token, TokenKind};
use super::user::UserRecord;
use crate::secret::SecretBytes;
use crate::time::Now;
use crate::token::TokenId;

/// Fewest questions of one person.
pub const QUESTIONS_MIN: usize = 3;

/// Most questions of one person.
pub const QUESTIONS_MAX: usize = 10;

/// Longest question, in octets: with its number in front it goes into one Reply-Message.
pub const QUESTION_OCTETS_MAX: usize = 180;

/// Shortest answer, in characters, once it is [normalised](normalised()).
const ANSWER_CHARS_MIN: usize = 3;

/// Longest answer, in octets: it goes into one User-Password.
const ANSWER_OCTETS_MAX: usize = 120;

/// What the site says of Emergency Access; whether there is any is said by the types that are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyPolicy {
    /// Questions that are asked.
    pub ask: usize,
    /// What is typed in the place of the code; empty: nothing, so that only the help desk asks.
    pub keyword: SmolStr,
    /// The sets whose people may use it at a sign-in; none: all.
    pub sets: Option<Vec<String>>,
}

/// The defaults of the manual.
impl Default for EmergencyPolicy {
    fn default() -> Self {
        Self {
            ask: 3,
            keyword: SmolStr::new_static("help"),
            sets: None,
        }
    }
}

/// A question, and the hash of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// In the words of whoever has set it.
    pub text: String,
    /// The Argon2id string, under seal.
    pub answer: Sealed,
}

/// The questions of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Questions {
    /// All of them.
    pub list: Vec<Question>,
    /// The one that is asked first next time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Questions {
    /// Those that are asked, each with its place in the list: `count` in a row, from [`Self::first`]
    /// on.
    pub fn asked(&self, count: usize) -> impl Iterator<Item = (usize, &Question)> {
        let places = (0..self.list.len()).cycle().skip(self.first);
        let places = places.take(count.min(self.list.len()));
        places.filter_map(|at| Some((at, self.list.get(at)?)))
    }
}

/// The token that holds the questions of a person.
#[must_use]
pub fn token_of(record: &UserRecord) -> Option<&Token> {
    let mut tokens = record.profile.tokens.iter();
    tokens.find(|token| token.kind == TokenKind::Qa && token.base != Base::Obsolete)
}

/// All that were asked were answered right: others are asked next time, and what was counted is
/// forgotten.
pub fn right(record: &mut UserRecord, id: TokenId, policy: &Policy) {
    let state = record.auth.token_mut(id);
    (state.soft, state.total) = (0, 0);
    // Others that are open count their questions from the old place.
    let dialogues = &mut record.auth.dialogues;
    dialogues.retain(|open| !matches!(&open.kind, Kind::Emergency(asked) if asked.token == id));
    let questions = record.token_mut(id).and_then(|it| it.questions.as_mut());
    if let Some(questions) = questions {
        let all = questions.list.len().max(1);
        questions.first = (questions.first + policy.emergency.ask) % all;
    }
}

/// One answer at least was wrong, which counts against the token.
pub fn wrong(
    record: &mut UserRecord,
    id: TokenId,
    policy: &Policy,
    now: Now,
    events: &mut Vec<Event>,
) {
    failure::count_token(record, id, policy, now, events);
}

/// An answer as it is hashed: in lower case, with one blank between words.
#[must_use]
pub fn normalised(answer: &[u8]) -> SecretBytes {
    let Ok(text) = std::str::from_utf8(answer) else {
        return SecretBytes::copy_of(answer);
    };
    // Lower case is never longer than that; growing would leave a copy behind.
    let mut plain = Vec::with_capacity(answer.len() * 3);
    for word in text.split_whitespace() {
        if !plain.is_empty() {
            plain.push(b' ');
        }
        for sign in word.chars().flat_map(char::to_lowercase) {
            plain.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    SecretBytes::new(plain)
}

/// The answers that came in one text, one a line.
pub fn answers(text: &SecretBytes) -> impl Iterator<Item = &[u8]> {
    let text = text.expose();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|octet| *octet == b'\n')
}

/// What is wrong with questions and their answers; never says more of an answer than which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Too few or too many, or not as many answers.
    #[error("there are to be from {least} to {QUESTIONS_MAX} questions, each with its answer")]
    Count {
        /// How many there have to be.
        least: usize,
    },
    /// The question of this number cannot be asked at a gateway.
    #[error(
        "question {0} is to have from 1 to {QUESTION_OCTETS_MAX} characters, all of them printable \
         ASCII: gateways show no others"
    )]
    Text(usize),
    /// It stands there twice.
    #[error("question {0} is there already")]
    Twice(usize),
    /// The answer to the question of this number is too short or too long.
    #[error(
        "the answer to question {0} is to have from {ANSWER_CHARS_MIN} characters to \
         {ANSWER_OCTETS_MAX} octets"
    )]
    Answer(usize),
    /// It answers another one as well.
    #[error("the answer to question {0} is that to another one as well")]
    SameAnswer(usize),
}

/// Whether these may be set where `ask` are asked.
///
/// # Errors
/// The first [`Flaw`].
pub fn check(questions: &[String], given: &SecretBytes, ask: usize) -> Result<(), Flaw> {
    let least = ask.max(QUESTIONS_MIN);
    let plain: Vec<SecretBytes> = answers(given).map(normalised).collect();
    if !(least..=QUESTIONS_MAX).contains(&questions.len()) || plain.len() != questions.len() {
        return Err(Flaw::Count { least });
    }
    let same = |one: &str, other: &str| one.trim().eq_ignore_ascii_case(other.trim());
    for (at, (question, answer)) in questions.iter().zip(&plain).enumerate() {
        let (texts, before) = (questions.iter().take(at), plain.iter().take(at));
        let shown = |octet: u8| octet.is_ascii_graphic() || octet == b' ';
        let number = at + 1;
        let fits = (1..=QUESTION_OCTETS_MAX).contains(&question.len());
        if question.trim().is_empty() || !fits || !question.bytes().all(shown) {
            return Err(Flaw::Text(number));
        }
        if texts.into_iter().any(|other| same(other, question)) {
            return Err(Flaw::Twice(number));
        }
        let octets = answer.expose();
        let chars = std::str::from_utf8(octets).map_or(0, |text| text.chars().count());
        if chars < ANSWER_CHARS_MIN || octets.len() > ANSWER_OCTETS_MAX {
            return Err(Flaw::Answer(number));
        }
        if before.into_iter().any(|other| other.expose() == octets) {
            return Err(Flaw::SameAnswer(number));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn checked(questions: &[&str], given: &str) -> Result<(), Flaw> {
        let given = SecretBytes::copy_of(given.as_bytes());
        check(&texts(questions), &given, 3)
    }

    #[test]
    fn case_and_spaces_of_an_answer_do_not_matter() {
        let plain = |text: &str| normalised(text.as_bytes()).expose().to_vec();
        assert_eq!(plain("  Sankt\tPeter  "), b"sankt peter");
        assert_eq!(plain("SANKT PETER"), b"sankt peter");
        assert_eq!(plain("\u{c4}rger"), "\u{e4}rger".as_bytes());
        assert_ne!(plain("sanktpeter"), plain("sankt peter"));
        assert_eq!(*normalised(&[0xff, b'A']).expose(), [0xff, b'A']);
    }

    #[test]
    fn questions_are_such_that_gateways_can_show_them() {
        let good = ["First pet?", "Street as a child?", "First teacher?"];
        assert_eq!(checked(&good, "Rex\nElm Road\nMrs Hull"), Ok(()));
        assert_eq!(checked(&good, "Rex\nElm Road\nMrs Hull\n"), Ok(()));
        let long = "x".repeat(181);
        for bad in ["", "  ", "Stra\u{df}e?", "a\tb", &long] {
            let questions = [good[0], bad, good[2]];
            assert_eq!(
                checked(&questions, "Rex\nElm\nHull"),
                Err(Flaw::Text(2)),
                "{bad}"
            );
        }
        let twice = [good[0], good[1], "FIRST pet? "];
        assert_eq!(checked(&twice, "Rex\nElm\nHull"), Err(Flaw::Twice(3)));
    }

    #[test]
    fn each_question_has_an_answer_of_its_own() {
        let good = ["First pet?", "Street as a child?", "First teacher?"];
        let few = Err(Flaw::Count { least: 3 });
        assert_eq!(checked(&good[..2], "Rex\nElm"), few);
        assert_eq!(checked(&good, "Rex\nElm"), few);
        assert_eq!(checked(&good, "Rex\nElm\nHull\nmore"), few);
        assert_eq!(checked(&good, "Rex\n e  \nHull"), Err(Flaw::Answer(2)));
        let long = format!("Rex\nElm\n{}", "x".repeat(121));
        assert_eq!(checked(&good, &long), Err(Flaw::Answer(3)));
        assert_eq!(
            checked(&good, "Elm Road\nelm  road\nHull"),
            Err(Flaw::SameAnswer(2))
        );
        let given = SecretBytes::copy_of(b"Rex\nElm\nHull");
        assert_eq!(
            check(&texts(&good), &given, 4),
            Err(Flaw::Count { least: 4 })
        );
    }

    #[test]
    fn the_same_ones_are_asked_until_they_were_right() {
        let question = |text: &str| Question {
            text: text.to_owned(),
            answer: Sealed::default(),
        };
        let mut questions = Questions {
            list: ["a", "b", "c", "d"].map(question).to_vec(),
            first: 0,
        };
        let asked = |questions: &Questions, count| -> Vec<usize> {
            questions.asked(count).map(|(at, _)| at).collect()
        };
        assert_eq!(asked(&questions, 3), [0, 1, 2]);
        questions.first = 3;
        assert_eq!(asked(&questions, 3), [3, 0, 1]);
        assert_eq!(asked(&questions, 9), [3, 0, 1, 2], "none twice");
        questions.list.clear();
        assert!(asked(&questions, 3).is_empty());
    }
}
