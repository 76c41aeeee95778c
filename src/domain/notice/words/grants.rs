//! The letter about several passthroughs, to those who answer for them.

use super::{minute, subject, words};
use crate::domain::message::Line;
use crate::domain::notice::reminder::{Reminder, Standing};
use crate::domain::notice::{Language, Letter};

/// The letter about `shown`, of `all` grants.
pub(in crate::domain::notice) fn reminder(
    language: Language,
    reminder: Reminder,
    issuer: &Line,
    shown: &[Standing],
    all: usize,
) -> Letter {
    let words = words(language);
    let (title, sentence) = match reminder {
        Reminder::Ending => words.grants_end,
        Reminder::Summary => words.grants,
    };
    let mut text = format!("{sentence}\n\n");
    for Standing {
        user,
        id,
        until,
        by,
    } in shown
    {
        let (until, by) = (minute(*until), [words.by, by.as_str()].join(" "));
        text.push_str(&format!("{user}: P-{id} {} {until} {by}\n", words.until));
    }
    if all > shown.len() {
        text.push_str(&format!("... +{}\n", all - shown.len()));
    }
    text.push_str(&format!("\n{} mfactl passthrough list\n", words.look));
    Letter {
        subject: subject(issuer, title),
        text,
    }
}
