//! Texts on the wire, in every language.

use super::{OwnText, Text, TextError};
use crate::domain::delivery::{TypeRule, Via};
use crate::domain::dialogue::PageLink;
use crate::domain::notice::Language;
use crate::domain::pin::{Memorized, Weakness};
use crate::domain::questions::QUESTION_OCTETS_MAX;
use crate::domain::token_record::TokenKind;
use crate::domain::verdict::Message;
use crate::time::Timestamp;
use crate::token::link::LinkSecret;

const LANGUAGES: [Language; 2] = [Language::English, Language::German];

fn own(id: &'static str, language: Option<Language>, text: &str) -> OwnText {
    let text = text.to_owned();
    OwnText { id, language, text }
}

/// Four to choose from, as many as are offered.
fn longest_menu() -> Message {
    let sent = [
        (TokenKind::Sms, Via::Sms),
        (TokenKind::Email, Via::Email),
        (TokenKind::Virtual, Via::Email),
    ];
    let address = format!("a***@{}.example", "long".repeat(20));
    Message::Methods {
        typed: vec![TokenKind::Totp, TokenKind::Hotp],
        sent: sent
            .map(|(kind, via)| (kind, via, address.clone()))
            .to_vec(),
    }
}

/// One of each, filled with the longest that can stand in it.
fn longest() -> Vec<Message> {
    let address = || format!("a***@{}.example", "long".repeat(20));
    let new = |weakness| Message::NewSecret {
        secret: Memorized::Password,
        min: 12,
        max: 120,
        digits: false,
        weakness,
    };
    let open = |later| Message::OpenPage {
        link: PageLink::new(
            &format!("https://{}", "w".repeat(92)),
            &LinkSecret::new([9; 16], &[9; 32]),
        ),
        minutes: 1440,
        later,
    };
    let end = Timestamp(1_800_000_000_000);
    vec![
        Message::Denied,
        Message::Locked,
        Message::PinBlocked,
        Message::NotActive,
        Message::Revoked,
        Message::TokenExpired,
        Message::EnrolmentRequired,
        Message::CodeUsed,
        Message::TemporaryUntil(end),
        Message::TemporaryEndsIn { hours: 999_999 },
        Message::TokenExpiresOn(end),
        Message::EnterCode,
        Message::CodeSent {
            via: Via::Email,
            to: address(),
        },
        Message::CodeSent {
            via: Via::Sms,
            to: address(),
        },
        Message::EnterAuthCode,
        open(false),
        open(true),
        new(None),
        new(Some(Weakness::Length { min: 12, max: 120 })),
        new(Some(Weakness::Charset)),
        new(Some(Weakness::Common)),
        new(Some(Weakness::Personal)),
        Message::NewSecretAgain(Memorized::Password),
        Message::NewSecretSet(Memorized::Password),
        Message::EnterNextCode,
        longest_menu(),
        Message::ConfirmUnlock,
        Message::SecretUnchanged(Memorized::Password),
        Message::NoFurtherCode,
        Message::EnterPasscode,
        Message::EnterCodeOf("x".repeat(99)),
        Message::DeviceCodeSent { to: address() },
        Message::AskForToken,
        Message::Question {
            number: 5,
            of: 5,
            text: "q".repeat(QUESTION_OCTETS_MAX),
        },
        Message::AnswersAccepted,
        Message::PinChanged,
    ]
}

/// A site that calls this type so.
fn called(kind: TokenKind, labels: &[(Option<Language>, &str)]) -> TypeRule {
    let label = |(language, text): &(Option<Language>, &str)| (*language, (*text).to_owned());
    TypeRule {
        kind,
        withdrawn: false,
        operator_enrol: true,
        labels: labels.iter().map(label).collect(),
    }
}

#[test]
fn every_message_fits_into_a_reply_in_every_language() {
    // Labels have 40 signs at most, each of which may become two on the wire.
    let longest_labels = ["\u{e4}".repeat(40), "x".repeat(40), "x".repeat(8)].map(|label| {
        let rule = |kind| called(kind, &[(None, &label)]);
        TokenKind::ALL.map(rule).to_vec()
    });
    let labels = [vec![]].into_iter().chain(longest_labels);
    for (message, types) in labels.flat_map(|types| {
        longest()
            .into_iter()
            .map(move |message| (message, types.clone()))
    }) {
        let most = match message {
            Message::OpenPage { .. } => 253,
            _ => 200,
        };
        for language in LANGUAGES {
            let said = message.clone().said(language, &[], &types);
            assert!(!said.text.is_empty(), "{message:?}");
            assert!(said.text.len() <= most, "{} {}", said.text.len(), said.text);
            let plain = |octet: u8| octet == b' ' || octet.is_ascii_graphic();
            assert!(said.text.bytes().all(plain), "{}", said.text);
            assert!(!said.text.contains(['{', '}']), "{}", said.text);
        }
    }
}

#[test]
fn every_text_is_one_that_could_be_stated_and_belongs_to_a_message() {
    let ids: Vec<&str> = longest().iter().map(Message::id).collect();
    for text in Text::ALL {
        assert!(ids.contains(&text.id), "{}", text.id);
        for language in LANGUAGES {
            assert_eq!(
                text.check(text.in_language(language)),
                Ok(()),
                "{}",
                text.id
            );
        }
    }
    for id in ids {
        assert!(Text::of(id).is_some(), "{id}");
    }
}

#[test]
fn gateways_know_the_questions_for_a_new_pin_in_every_language() {
    let new = Message::NewSecret {
        secret: Memorized::Pin,
        min: 6,
        max: 12,
        digits: true,
        weakness: None,
    };
    for (message, start) in [
        (new, "Enter a new PIN having from 6 to 12 digits"),
        (
            Message::NewSecretAgain(Memorized::Pin),
            "Please re-enter new PIN",
        ),
        (
            Message::NewSecretSet(Memorized::Pin),
            "PIN Accepted. Wait for the token code to change, then enter the new passcode",
        ),
    ] {
        for language in LANGUAGES {
            let said = message.clone().said(language, &[], &[]);
            assert!(said.text.starts_with(start), "{}", said.text);
        }
    }
}

#[test]
fn own_words_come_before_these_and_those_of_a_language_first() {
    let texts = [
        own("M02", None, "Locked. Call 4711."),
        own(
            "M02",
            Some(Language::German),
            "Gesperrt. Bitte 4711 anrufen.",
        ),
        own("M21", Some(Language::English), "Mail to {to}:"),
    ];
    let said = |message: Message, language| message.said(language, &texts, &[]).text.into_owned();
    assert_eq!(
        said(Message::Locked, Language::English),
        "Locked. Call 4711."
    );
    assert_eq!(
        said(Message::Locked, Language::German),
        "Gesperrt. Bitte 4711 anrufen."
    );
    let sent = || Message::CodeSent {
        via: Via::Email,
        to: "a***@example.org".to_owned(),
    };
    assert_eq!(said(sent(), Language::English), "Mail to a***@example.org:");
    assert_eq!(
        said(sent(), Language::German),
        "Code an a***@example.org gesendet. Bitte eingeben:"
    );
    assert_eq!(
        said(Message::PinBlocked, Language::English),
        "PIN blocked. Contact your help desk."
    );
}

#[test]
fn the_menu_calls_types_what_the_site_calls_them() {
    let menu = |typed: &[TokenKind], language, types: &[TypeRule]| {
        let sent = vec![
            (TokenKind::Sms, Via::Sms, "+49 *** **67".to_owned()),
            (
                TokenKind::Virtual,
                Via::Email,
                "a***e@example.org".to_owned(),
            ),
        ];
        let typed = typed.to_vec();
        let message = Message::Methods { typed, sent };
        message.said(language, &[], types).text.into_owned()
    };
    let totp = called(
        TokenKind::Totp,
        &[
            (Some(Language::English), "Company app"),
            (Some(Language::German), "Ger\u{e4}te-App"),
        ],
    );
    let sms = called(TokenKind::Sms, &[(None, "Text")]);
    let types = [totp, sms];
    assert_eq!(
        menu(&[TokenKind::Totp], Language::English, &types),
        "1 = Company app, 2 = Text to +49 *** **67, 3 = e-mail to a***e@example.org:"
    );
    assert_eq!(
        menu(&[TokenKind::Totp], Language::German, &types),
        "1 = Geraete-App, 2 = Text an +49 *** **67, 3 = E-Mail an a***e@example.org:"
    );
    // Where one of the types has no name the words for all of them stand there.
    let both = [TokenKind::Totp, TokenKind::Hotp];
    assert!(menu(&both, Language::English, &types).starts_with("1 = app or token code, "));
    let hotp = called(TokenKind::Hotp, &[(None, "Key fob")]);
    let types = [types, [hotp, called(TokenKind::Virtual, &[])]].concat();
    assert!(menu(&both, Language::German, &types).starts_with("1 = Geraete-App oder Key fob, "));
    assert!(menu(&[], Language::English, &types).starts_with("1 = Text to "));
    // What gateways cannot show, or what is too long with everything else, is called as ever.
    for label in ["\u{1f511}", &"x".repeat(150)] {
        let types = [called(TokenKind::Totp, &[(None, label)])];
        let said = menu(&[TokenKind::Totp], Language::English, &types);
        assert!(
            said.starts_with("1 = app or token code, 2 = SMS to "),
            "{said}"
        );
    }
}

#[test]
fn what_could_not_be_shown_is_refused() {
    let check = |id: &str, text: &str| Text::of(id).map(|it| it.check(text));
    assert_eq!(check("M02", "Bitte 4711 anrufen {jetzt"), Some(Ok(())));
    for (id, text, error) in [
        ("M02", "Gesperrt f\u{fc}r Sie", TextError::NotAscii),
        ("M02", "one line\nand another", TextError::NotAscii),
        ("M02", "until {time}", TextError::UnknownSlot),
        ("M25", "Open the page:", TextError::Lacking("link")),
        ("M02", &"x".repeat(203), TextError::TooLong(3)),
        (
            "M21",
            &format!("{{to}}{}", "x".repeat(162)),
            TextError::TooLong(1),
        ),
        (
            "M25",
            &format!("{{link}}{}", "x".repeat(91)),
            TextError::TooLong(1),
        ),
    ] {
        assert_eq!(check(id, text), Some(Err(error)), "{id} {text}");
    }
}

#[test]
fn the_audit_log_gets_no_link() {
    let link = PageLink::new(
        "https://mfa.example.org",
        &LinkSecret::new([7; 16], &[7; 32]),
    );
    let message = Message::OpenPage {
        link,
        minutes: 10,
        later: false,
    };
    for language in LANGUAGES {
        let said = message.clone().said(language, &[], &[]);
        assert!(said.text.contains("https://mfa.example.org"));
        assert!(!said.recorded().contains("https://mfa.example.org"));
        assert!(said.recorded().contains(PageLink::PLACE));
    }
}
