//! What a person may choose from (M33).

use super::{Cut, OFFERED_OCTETS_MAX};
use crate::domain::delivery::{TypeRule, Via};
use crate::domain::notice::Language;
use crate::domain::token_record::TokenKind;

/// What can be chosen, with its numbers: types of tokens by the names that the site has for them,
/// unless that becomes too long for a question.
pub(super) fn offered(
    typed: &[TokenKind],
    sent: &[(TokenKind, Via, String)],
    language: Language,
    types: &[TypeRule],
) -> String {
    let own = |kind: TokenKind| {
        let rule = types.iter().find(|rule| rule.kind == kind);
        rule.and_then(|rule| plain(rule.label(language)?))
    };
    let named = menu(typed, sent, language, &own);
    match named.len() {
        0..=OFFERED_OCTETS_MAX => named,
        _ => menu(typed, sent, language, &|_| None),
    }
}

fn menu(
    typed: &[TokenKind],
    sent: &[(TokenKind, Via, String)],
    language: Language,
    own: &dyn Fn(TokenKind) -> Option<String>,
) -> String {
    let (app, or, to, mail) = match language {
        Language::English => ("app or token code", " or ", "to", "e-mail"),
        Language::German => ("App- oder Token-Code", " oder ", "an", "E-Mail"),
    };
    let names: Option<Vec<String>> = typed.iter().map(|kind| own(*kind)).collect();
    let names = names.map_or_else(|| app.to_owned(), |names| names.join(or));
    let typed = (!typed.is_empty()).then_some(names);
    let sent = sent.iter().map(|(kind, via, address)| {
        let by = own(*kind).unwrap_or_else(|| match via {
            Via::Email => mail.to_owned(),
            Via::Sms => "SMS".to_owned(),
        });
        format!("{by} {to} {}", Cut(address))
    });
    let offered = (1..).zip(typed.into_iter().chain(sent));
    let offered: Vec<String> = offered.map(|(n, what)| format!("{n} = {what}")).collect();
    offered.join(", ")
}

/// A name as it can stand on the wire, umlauts written out; none: it cannot.
fn plain(name: &str) -> Option<String> {
    name.chars().try_fold(String::new(), |mut plain, sign| {
        match sign {
            '\u{e4}' => plain.push_str("ae"),
            '\u{f6}' => plain.push_str("oe"),
            '\u{fc}' => plain.push_str("ue"),
            '\u{c4}' => plain.push_str("Ae"),
            '\u{d6}' => plain.push_str("Oe"),
            '\u{dc}' => plain.push_str("Ue"),
            '\u{df}' => plain.push_str("ss"),
            ' '..='~' => plain.push(sign),
            _ => return None,
        }
        Some(plain)
    })
}
