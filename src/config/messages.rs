//! Checks of `messages.*`, and of any text that may be stated for each language.

use super::problems::{Collector, Found};
use super::raw::Value;
use super::settings::Settings;
use crate::domain::notice::Language;
use crate::domain::wording::{OwnText, Text};

/// Reply-Messages in words of one's own.
pub(super) fn texts(settings: &Settings<'_>, problems: &mut Collector<'_>) -> Vec<OwnText> {
    let mut own = Vec::new();
    for text in Text::ALL.iter().filter(|text| !text.is_list()) {
        let key = format!("messages.{}", text.id);
        let check = |own: &str| text.check(own).map_err(|error| error.to_string());
        let stated = by_language(settings, &key, problems, &check);
        own.extend(stated.into_iter().map(|(language, words)| OwnText {
            id: text.id,
            language,
            text: words,
        }));
    }
    own
}

/// What is stated for `key`, as one text or as one for each language; `check` says what is wrong with
/// a text.
pub(super) fn by_language(
    settings: &Settings<'_>,
    key: &str,
    problems: &mut Collector<'_>,
    check: &dyn Fn(&str) -> Result<(), String>,
) -> Vec<(Option<Language>, String)> {
    let Some(Value::Pairs(pairs)) = settings.value(key) else {
        return Vec::new();
    };
    let mut texts = Vec::new();
    for (tag, text) in pairs {
        let language = Language::of(&tag.text).filter(|_| tag.text.len() == 2);
        if !tag.text.is_empty() && language.is_none() {
            let what = format!("`{key}`: there are no texts in \"{}\"", tag.text);
            problems.add(Found::error(tag.place, what).label("one of en, de"));
        } else if let Err(wrong) = check(&text.text) {
            problems.add(Found::error(text.place, format!("`{key}` {wrong}")));
        } else {
            texts.push((language, text.text.clone()));
        }
    }
    texts
}
