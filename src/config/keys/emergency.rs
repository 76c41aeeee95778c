//! Rows for Emergency Access.

use super::{Fallback, Key, Kind};

/// Rows in the order of the manual.
pub(super) const KEYS: &[Key] = &[
    Key::flag(
        "emergency.enabled",
        "false",
        "Emergency Access: people who have answered questions beforehand are given a new PIN for the \
         right answers. Answers can be found out or guessed; they let nobody in, and are off unless \
         that is wanted.",
    ),
    Key::new(
        "emergency.keyword",
        Kind::Text,
        Fallback::Value("\"help\""),
        "What is typed in the place of the code, in any case, to be asked the questions: where the \
         gateway can ask and the first factor is checked by the gateway or is a local password.",
    ),
    Key::new(
        "emergency.sets",
        Kind::List,
        Fallback::Computed("all of them"),
        "The authentication sets whose people may use it at a sign-in.",
    ),
    Key::count(
        "emergency.ask",
        "3",
        (2, 5),
        "How many of a person's questions are asked. All have to be answered right; nobody is told \
         which was not.",
    ),
    Key::count(
        "emergency.max_failures",
        "3",
        (1, 10),
        "Tries with a wrong answer in a row that lock a person's questions until \
         `mfactl token unlock`.",
    ),
];
