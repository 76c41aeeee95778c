//! Checks of `token_types.*`, `sent_code.*` and `device_auth.*`.

use super::messages::by_language;
use super::problems::Collector;
use super::settings::Settings;
use crate::domain::delivery::{SentCodePolicy, TypeRule};
use crate::domain::device_auth::DeviceAuthPolicy;
use crate::domain::token_record::TokenKind;
use crate::token::Digits;

/// Longest name of a type, in characters.
const LABEL_CHARS_MAX: usize = 40;

/// The types that may be added and used.
pub(super) fn enabled(settings: &Settings<'_>) -> Vec<TokenKind> {
    let kinds = TokenKind::ALL.into_iter();
    kinds.filter(|kind| is_enabled(settings, *kind)).collect()
}

/// Whether a type is on: as stated, or as its row says.
pub(super) fn is_enabled(settings: &Settings<'_>, kind: TokenKind) -> bool {
    if kind == TokenKind::Qa {
        return settings.flag("emergency.enabled");
    }
    let key = format!("token_types.{}.enabled", kind.name());
    if kind == TokenKind::Virtual && !settings.stated(&key) {
        return settings.stated("smtp.server") || settings.stated("sms.url");
    }
    settings.flag(&key)
}

/// What else is said of each type.
pub(super) fn rules(settings: &Settings<'_>, problems: &mut Collector<'_>) -> Vec<TypeRule> {
    let rule = |kind: TokenKind| {
        let key = |name: &str| format!("token_types.{}.{name}", kind.name());
        let fits = |label: &str| match label.chars().count() {
            0..=LABEL_CHARS_MAX => Ok(()),
            _ => Err(format!("has more than {LABEL_CHARS_MAX} characters")),
        };
        TypeRule {
            kind,
            withdrawn: settings.text(&key("status")) == Some("obsolete"),
            operator_enrol: is_secondary(kind) || settings.flag(&key("operator_enrol")),
            labels: by_language(settings, &key("label"), problems, &fits),
        }
    };
    let says = |rule: &TypeRule| rule.withdrawn || !rule.operator_enrol || !rule.labels.is_empty();
    let rules = TokenKind::ALL.into_iter().map(rule);
    rules.filter(says).collect()
}

/// Types that have no rule for whether operators add them.
const fn is_secondary(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Recovery | TokenKind::Qa)
}

pub(super) fn sent_code(settings: &Settings<'_>) -> SentCodePolicy {
    SentCodePolicy {
        digits: digits(settings, "sent_code.digits"),
        ttl: settings.span("sent_code.ttl"),
        max_per_hour: settings.size("sent_code.max_per_hour"),
        max_per_dialogue: u8::try_from(settings.count("sent_code.max_per_dialogue")).unwrap_or(1),
        sms_max_unanswered: settings.count_u32("sms.max_unanswered"),
    }
}

pub(super) fn device_auth(settings: &Settings<'_>) -> DeviceAuthPolicy {
    DeviceAuthPolicy {
        ttl: settings.span("device_auth.ttl"),
        digits: digits(settings, "device_auth.digits"),
        mails_seed: settings.text("device_auth.no_web") == Some("mail_seed"),
    }
}

/// A length of codes, which its row has checked.
fn digits(settings: &Settings<'_>, key: &str) -> Digits {
    let digits = u8::try_from(settings.count(key));
    let digits = digits.ok().and_then(|digits| Digits::new(digits).ok());
    digits.unwrap_or(Digits::SIX)
}
