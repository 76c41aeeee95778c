//! Rows for Emergency Access.

use super::Key;

/// Rows in the order of the manual.
pub(super) const KEYS: &[Key] = &[
    Key::flag(
        "emergency.enabled",
        "false",
        "Emergency Access: people who have answered questions beforehand are given a new PIN for the \
         right answers. Answers can be found out or guessed; they let nobody in, and are off unless \
         that is wanted.",
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
