//! Checks of the words that are typed in the place of a passcode, and of what else `emergency.*` says.

use smol_str::SmolStr;

use super::problems::{Collector, Found};
use super::settings::Settings;
use crate::domain::pin::{PASSWORD_LENGTH_MIN, PinPolicy, check_pin};
use crate::domain::questions::EmergencyPolicy;
use crate::domain::token_record::TokenKind;
use crate::domain::user::Profile;

const PIN: &str = "self_service.pin_keyword";
const EMERGENCY: &str = "emergency.keyword";
const SETS: &str = "emergency.sets";

/// The word for a new PIN.
pub(super) fn pin(
    settings: &Settings<'_>,
    pin: &PinPolicy,
    problems: &mut Collector<'_>,
) -> SmolStr {
    keyword(settings, PIN, pin, problems)
}

/// Emergency Access: its word is looked at only where it means something.
pub(super) fn emergency(
    settings: &Settings<'_>,
    sets: &[(String, Vec<Vec<TokenKind>>)],
    pin: &PinPolicy,
    problems: &mut Collector<'_>,
) -> EmergencyPolicy {
    let mut word = SmolStr::new(settings.text(EMERGENCY).unwrap_or_default());
    if settings.flag("emergency.enabled") {
        word = keyword(settings, EMERGENCY, pin, problems);
        let other = settings.text(PIN).unwrap_or_default();
        // What is typed before the word is a password: one that ends in the other would be both.
        let (one, two) = (word.to_ascii_lowercase(), other.to_ascii_lowercase());
        let both = two.ends_with(&*one) || one.ends_with(&*two);
        if !word.is_empty() && !other.is_empty() && both {
            let place = settings.line(&[EMERGENCY, PIN]);
            let text = format!("one of `{EMERGENCY}` and `{PIN}` ends in the other");
            problems.add(Found::error(place, text));
        }
    }
    for item in settings.items(SETS) {
        if !sets.iter().any(|(name, _)| *name == item.text) {
            let text = format!("`{SETS}`: there is no set \"{}\"", item.text);
            problems.add(Found::error(item.place, text));
        }
    }
    EmergencyPolicy {
        ask: settings.size("emergency.ask"),
        keyword: word,
        sets: settings.stated(SETS).then(|| settings.texts(SETS)),
    }
}

/// A word that somebody could have as a PIN, password or code is none.
fn keyword(
    settings: &Settings<'_>,
    key: &str,
    pin: &PinPolicy,
    problems: &mut Collector<'_>,
) -> SmolStr {
    let Some(word) = settings.text(key) else {
        return SmolStr::default();
    };
    let wrong = if !word.bytes().all(|octet| octet.is_ascii_graphic()) {
        "has a character that is not typed everywhere"
    } else if word.bytes().all(|octet| octet.is_ascii_digit()) {
        "could be somebody's code"
    } else if check_pin(pin, &Profile::default(), word.as_bytes()).is_ok() {
        "could be somebody's PIN"
    } else if word.len() >= PASSWORD_LENGTH_MIN {
        "could be somebody's password"
    } else {
        return SmolStr::new(word);
    };
    problems.add(Found::error(
        settings.place(&[key, "emergency.enabled"]),
        format!("`{key}` {wrong}"),
    ));
    SmolStr::default()
}
