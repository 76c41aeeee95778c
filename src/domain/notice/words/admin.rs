//! The letter to an administrator.

use super::super::{Facts, Language, Letter, Notice};
use super::{minute, subject, told, words};

/// The letter to an administrator about a lock, or about somebody who cannot be reached.
pub(in crate::domain::notice) fn to_admin(
    language: Language,
    notice: Notice,
    facts: &Facts,
) -> Letter {
    let words = words(language);
    let what = match notice {
        Notice::Locked(reason) => {
            format!("{} {}: {}", facts.user, words.is_locked, reason.name())
        }
        _ => format!("{} {}", facts.user, words.has_no_address),
    };
    let mut text = format!("{what}\n\n{}", told(words, facts));
    if let Some(ends) = facts.ends {
        text.push_str(&format!("\n{} {}.\n", words.lock_ends, minute(ends)));
    }
    text.push_str(&format!(
        "\n{} mfactl why {}\n",
        words.in_the_way, facts.user
    ));
    Letter {
        subject: subject(&facts.issuer, &what),
        text,
    }
}
